//! Rows of the catalogue about administrators who do things at the same time.

use http::StatusCode;
use serde_json::{Value, json};
use tessera::policy::system::{self, Role};

use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client};
use crate::oauth::Party;
use crate::oauth::party::Answer;
use crate::web::alice;

/// Times that the race is run; one that writes what it read undoes the other's change in most of them.
const ROUNDS: usize = 25;

async fn change(url: &str, token: &str, body: Value) -> Answer {
    Answer::of(client().patch(url).bearer_auth(token).json(&body)).await
}

/// Row 21: who writes back what was read undoes what another changed in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_writes_back_what_it_read() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let boss = Party::register(&t, "boss", |_| {}).await;
        let form = [("grant_type", "client_credentials")];
        let token = boss.token(&form).await.tokens().access;
        let mut tx = t.app.db.write().await.unwrap();
        let now = t.clock.now();
        let written = system::assign_role(&mut tx, "client:boss", Role::Admin, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        t.app.policy.committed(&written, now).await;
        let url = format!("{}/admin/api/users/{id}", t.url);
        let rounds = if engine == Engine::Postgres {
            ROUNDS
        } else {
            5
        };
        for round in 0..rounds {
            let (name, nickname) = (format!("A {round}"), format!("n{round}"));
            let address = format!("a{round}@example.com");
            let (named, told, addressed, verified) = tokio::join!(
                change(&url, &token, json!({ "name": name })),
                change(&url, &token, json!({ "profile": { "nickname": nickname } })),
                change(&url, &token, json!({ "email": address })),
                // Of whichever address there is: this never brings the one before back.
                change(&url, &token, json!({ "email_verified": true })),
            );
            assert_eq!(
                (named.status, told.status),
                (StatusCode::OK, StatusCode::OK)
            );
            for answer in [&addressed, &verified] {
                let fits = [StatusCode::OK, StatusCode::CONFLICT].contains(&answer.status);
                assert!(fits, "{engine:?} {answer:?}");
            }
            let user = Answer::of(client().get(&url).bearer_auth(&token))
                .await
                .json;
            let found = (&user["name"], &user["profile"]["nickname"]);
            assert_eq!(
                found,
                (&json!(name), &json!(nickname)),
                "{engine:?} {round}"
            );
            if addressed.status == StatusCode::OK {
                assert_eq!(user["email"], json!(address), "{engine:?} {round}");
            }
        }
    }
}
