//! `/admin/api/resource-servers` and `/admin/api/authorization-details-types`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::policy::system::Role;

use super::{Operator, pages, refused};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

/// The list, a full entry, the member that identifies it, and a faulty entry with what is said of it.
fn kinds() -> [(&'static str, Value, &'static str, Value, &'static str); 2] {
    [
        (
            "/resource-servers",
            json!({
                "identifier": "https://ledger.example/", "name": "Ledger", "access_token_format": "jwt",
                "scope": "read write", "access_token_ttl_seconds": 60, "access_token_signing_alg": "PS256",
                "introspection_clients": ["ledger"],
            }),
            "identifier",
            json!({"identifier": "relative", "access_token_format": "xml"}),
            "access_token_format: ",
        ),
        (
            "/authorization-details-types",
            json!({
                "type": "https://bank.example/payment", "name": "Payment",
                "schema": {"required": ["amount"], "properties": {"amount": {"type": "string"}}},
            }),
            "type",
            json!({"type": "", "schema": {"type": "nonsense"}}),
            "schema: ",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_can_be_sent_back_and_changed_but_for_its_name() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::ClientManager]).await;
        for (list, full, identity, faulty, says) in kinds() {
            let made = admin.post(list, &full).await;
            assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
            let one = made.header("location").strip_prefix("/admin/api").unwrap();
            let read = admin.get(one).await.json;
            assert_eq!(read, made.json);
            for (name, value) in full.as_object().unwrap() {
                assert_eq!(&read[name], value, "{name}");
            }
            t.clock.advance(Seconds::new(60));
            let same = admin.put(one, &read).await;
            assert_eq!(
                (same.status, &same.json),
                (StatusCode::OK, &read),
                "{engine:?}"
            );

            let mut changed = read.clone();
            changed["name"] = json!("Another name");
            let answer = admin.put(one, &changed).await;
            assert_eq!(answer.json["name"], "Another name");
            assert_ne!(answer.json["updated_at"], read["updated_at"]);
            assert_eq!(admin.get(one).await.json, answer.json);
            // What is left out has its default.
            let bare = json!({ identity: full[identity] });
            let answer = admin.put(one, &bare).await;
            assert_eq!(answer.json["name"], full[identity]);
            assert!(answer.json.get("scope").is_none(), "{answer:?}");

            let moved = admin.put(one, &json!({ identity: "urn:other" })).await;
            refused(&moved, StatusCode::UNPROCESSABLE_ENTITY, "must stay");
            let unknown = admin
                .put(one, &json!({ identity: full[identity], "aud": 1 }))
                .await;
            refused(&unknown, StatusCode::UNPROCESSABLE_ENTITY, "`aud`");
            let twice = admin.post(list, &full).await;
            refused(&twice, StatusCode::CONFLICT, "exists already");
            let answer = admin.post(list, &faulty).await;
            refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, says);
            refused(
                &answer,
                StatusCode::UNPROCESSABLE_ENTITY,
                &format!("{identity}: "),
            );

            assert_eq!(
                admin.order(Method::DELETE, one).await.status,
                StatusCode::NO_CONTENT
            );
            for answer in [
                admin.get(one).await,
                admin.put(one, &full).await,
                admin.order(Method::DELETE, one).await,
                admin.get(&format!("{list}/nonsense")).await,
            ] {
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_in_pages() {
    let t = TestApp::start(Engine::Sqlite).await;
    let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
    for (list, _, identity, ..) in kinds() {
        for n in 0..3 {
            let made = admin
                .post(list, &json!({ identity: format!("urn:{n}") }))
                .await;
            assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        }
        let (found, count) = pages(&admin, list, 2).await;
        assert_eq!((found.len(), count), (3, 2), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_and_a_user_manager_does_not() {
    let t = TestApp::start(Engine::Sqlite).await;
    let auditor = Operator::with(&t, "auditor", &[Role::Auditor]).await;
    let other = Operator::with(&t, "other", &[Role::UserManager]).await;
    for (list, full, ..) in kinds() {
        assert_eq!(auditor.get(list).await.status, StatusCode::OK);
        let answer = auditor.post(list, &full).await;
        refused(
            &answer,
            StatusCode::FORBIDDEN,
            "can_manage_resource_servers",
        );
        let answer = other.get(list).await;
        refused(&answer, StatusCode::FORBIDDEN, "can_read_resource_servers");
    }
}
