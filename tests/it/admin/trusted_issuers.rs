//! `/admin/api/trusted-issuers`: whom an administrator lets vouch for people.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::policy::system::Role;
use tessera::store::q;

use super::{Operator, pages, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;

fn body(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": "https://build.example/keys",
        "clients": ["ci"],
        "scope": "deploy",
        "subjects": { "mapped": { "job": "client:ci" } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_trusted_read_listed_and_trusted_no_more() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let list = "/trusted-issuers";
        for name in ["a", "b"] {
            let path = format!("{list}/{name}");
            let answer = admin
                .put(&path, &body(&format!("https://{name}.example")))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!(answer.json["name"], name);
            assert_eq!(answer.json["max_age_seconds"], 300);
            assert_eq!(admin.get(&path).await.json, answer.json, "{engine:?}");
            let again = admin.put(&path, &answer.json).await;
            assert_eq!(again.json, answer.json, "what was read can be sent back");
        }
        let (items, count) = pages(&admin, list, 1).await;
        let names: Vec<&Value> = items.iter().map(|item| &item["name"]).collect();
        assert_eq!((names, count), (vec![&json!("a"), &json!("b")], 2));
        let answer = admin
            .put(&format!("{list}/c"), &body("https://a.example"))
            .await;
        refused(&answer, StatusCode::CONFLICT, "another trusted issuer");
        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
            let answer = admin.order(Method::DELETE, &format!("{list}/a")).await;
            assert_eq!(answer.status, status);
        }
        let answer = admin.get(&format!("{list}/a")).await;
        refused(&answer, StatusCode::NOT_FOUND, "no trusted issuer");
        let mut conn = t.app.db.read().await.unwrap();
        let events: i64 = conn
            .one(q(
                "SELECT COUNT(*) FROM events WHERE kind = 'trust.changed'",
            ))
            .await
            .unwrap();
        // What was sent back as it was read changed nothing.
        assert_eq!(events, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_told_all_at_once_and_managers_trust_nobody() {
    let t = TestApp::start(crate::harness::database::Engine::Sqlite).await;
    let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
    let mut faulty = body(&t.url);
    faulty["scope"] = json!("tessera:admin");
    faulty["clients"] = json!([]);
    let answer = admin.put("/trusted-issuers/x", &faulty).await;
    for says in ["issuer: is this server's own", "scope: ", "clients: "] {
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, says);
    }
    let managers = [Role::UserManager, Role::ClientManager, Role::PolicyManager];
    let manager = Operator::with(&t, "manager", &managers).await;
    let answer = manager
        .put("/trusted-issuers/x", &body("https://a.example"))
        .await;
    refused(&answer, StatusCode::FORBIDDEN, "can_manage_trust");
}
