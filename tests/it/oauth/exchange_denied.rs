//! Exchanges that are refused (RFC 8693 section 2.2.2) stand in the events: who asked, for whom, who would have acted, and why not.

use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::policy::system::ActingRight;
use tessera::store::q;

use super::exchange::{ACCESS, Bench, FILES, exchange, own, service};
use super::party::Party;
use crate::harness::database::engines;
use crate::harness::server::TestApp;

/// What is recorded of exchanges that were refused, oldest first.
async fn denials(t: &TestApp) -> Vec<Value> {
    let mut conn = t.app.db.read().await.unwrap();
    let bodies: Vec<String> = conn
        .all(q(
            "SELECT body FROM events WHERE kind = 'token.exchange_denied' ORDER BY id",
        ))
        .await
        .unwrap();
    let read = |body: &String| serde_json::from_str(body).unwrap();
    bodies.iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_exchange_is_recorded_with_who_asked_for_whom_and_why() {
    for engine in engines() {
        let mut bench = Bench::new(engine).await;
        let thief = Party::register(&bench.t, "thief", |new| {
            service(new, "https://thief.example", &[FILES]);
        })
        .await;
        let token = bench.token().await;
        let actor = own(&bench.api).await;
        let files = [("resource", FILES)];
        let acting = [
            files[0],
            ("actor_token", actor.as_str()),
            ("actor_token_type", ACCESS),
        ];
        let odd = [("resource", "https://a-secret.example")];
        exchange(&bench.api, &token, &files).await;
        // One after the other, so that their events have an order.
        bench.t.clock.advance(Seconds::new(1));
        exchange(&bench.api, &token, &acting).await;
        bench.t.clock.advance(Seconds::new(1));
        exchange(&thief, &token, &files).await;
        bench.give(ActingRight::Impersonator, "client:api").await;
        bench.t.clock.advance(Seconds::new(1));
        exchange(&bench.api, &token, &odd).await;
        // Of a token that is none there is nobody to tell of.
        exchange(&bench.api, "x", &files).await;
        exchange(&bench.api, &token, &files).await.tokens();
        let told = denials(&bench.t).await;
        let expect = [
            ("api", Value::Null, "unauthorized_client", "can_impersonate"),
            ("api", json!("client:api"), "access_denied", "can_act_for"),
            (
                "thief",
                Value::Null,
                "invalid_request",
                "neither issued to this client",
            ),
            ("api", Value::Null, "invalid_target", ""),
        ];
        assert_eq!(told.len(), expect.len(), "{engine:?} {told:?}");
        for (body, (client, actor, error, reason)) in told.iter().zip(expect) {
            assert_eq!(body["client_id"], client);
            assert_eq!(body["user_id"], json!(bench.alice));
            assert_eq!(body["subject_client_id"], "web");
            assert_eq!((&body["actor"], &body["error"]), (&actor, &json!(error)));
            match body["reason"].as_str() {
                Some(told) => assert!(!reason.is_empty() && told.contains(reason), "{told}"),
                None => assert_eq!(reason, "", "{body}"),
            }
            assert!(!body.to_string().contains("a-secret"), "{body}");
        }
    }
}
