//! `/admin/api/outbox`.

use http::{Method, StatusCode};
use serde_json::Value;
use tessera::base::id::{SessionId, UserId};
use tessera::events::outbox::{HOLD_SECONDS, Letter, MOST_ATTEMPTS, post, take};
use tessera::policy::system::Role;

use super::{Operator, pages, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;

/// `count` letters that were given up.
async fn dead(t: &TestApp, count: usize) {
    let now = t.clock.now();
    let mut tx = t.app.db.write().await.unwrap();
    for _ in 0..count {
        let letter = Letter::BackchannelLogout {
            client_id: "web".to_owned(),
            user_id: UserId::new(now),
            session_id: SessionId::new(now),
        };
        post(&mut tx, &letter, "https://app.example/out", now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    for _ in 0..MOST_ATTEMPTS {
        assert_eq!(take(&t.app.db, t.clock.now()).await.unwrap().len(), count);
        t.clock.advance(HOLD_SECONDS);
    }
    assert!(take(&t.app.db, t.clock.now()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_messages_are_listed_sent_again_and_removed() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        dead(&t, 3).await;
        // After the clock has moved: its token is young.
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let (items, count) = pages(&admin, "/outbox", 2).await;
        assert_eq!((items.len(), count), (3, 2), "{engine:?}");
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        assert_eq!(items[0]["kind"], "backchannel_logout");
        assert_eq!(items[0]["destination"], "https://app.example/out");
        assert_eq!(items[0]["attempts"], MOST_ATTEMPTS);
        assert!(items[0].get("body").is_none());

        let again = format!("/outbox/{}", id(&items[0]));
        let retried = admin.order(Method::POST, &format!("{again}/retry")).await;
        assert_eq!(retried.json["state"], "pending", "{retried:?}");
        assert_eq!(retried.json["attempts"], 0);
        assert_eq!(admin.get(&again).await.json, retried.json);
        let twice = admin.order(Method::POST, &format!("{again}/retry")).await;
        refused(&twice, StatusCode::NOT_FOUND, "given up");
        let live = admin.order(Method::DELETE, &again).await;
        refused(&live, StatusCode::NOT_FOUND, "given up");

        let gone = format!("/outbox/{}", id(&items[1]));
        let removed = admin.order(Method::DELETE, &gone).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
        refused(&admin.get(&gone).await, StatusCode::NOT_FOUND, "no message");
        for (state, expect) in [("dead", 1), ("pending", 1)] {
            let list = admin.get(&format!("/outbox?state={state}")).await;
            assert_eq!(list.json["items"].as_array().unwrap().len(), expect);
        }
        let unknown = admin.get("/outbox?state=lost").await;
        refused(&unknown, StatusCode::BAD_REQUEST, "`state`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_and_changes_nothing() {
    let t = TestApp::start(crate::harness::database::Engine::Sqlite).await;
    dead(&t, 1).await;
    let auditor = Operator::with(&t, "eye", &[Role::Auditor]).await;
    let list = auditor.get("/outbox").await;
    let id = list.json["items"][0]["id"].as_str().unwrap();
    for (method, path) in [
        (Method::DELETE, format!("/outbox/{id}")),
        (Method::POST, format!("/outbox/{id}/retry")),
    ] {
        let answer = auditor.order(method, &path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}
