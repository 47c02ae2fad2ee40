//! What limits tuples over HTTP: the instant they expire at, and what must be so before a write.

use serde_json::{Value, json};
use tessera::base::time::Seconds;

use super::{Api, DOCS, Reply, key};
use crate::harness::database::engines;

const ANNE: (&str, &str, &str) = ("user:anne", "viewer", "doc:plan");
const BOB: (&str, &str, &str) = ("user:bob", "viewer", "doc:plan");

fn until(tuple: (&str, &str, &str), at: &str) -> Value {
    let mut key = key(tuple);
    key["expires_at"] = json!(at);
    key
}

async fn write(api: &Api, store: &str, body: Value) -> Reply {
    api.post(&format!("{store}/write"), body).await
}

async fn read(api: &Api, store: &str) -> Vec<Value> {
    let reply = api.post(&format!("{store}/read"), json!({})).await;
    reply.body["tuples"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_tuple_ends_at_its_instant_in_every_answer() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let at = api.t.clock.now().plus(Seconds::new(60)).rfc3339();
        let body = json!({"writes": {"tuple_keys": [until(ANNE, &at), key(BOB)]}});
        assert_eq!(write(&api, &store, body).await.status, 200);
        assert!(api.allowed(&store, ANNE).await);
        assert_eq!(read(&api, &store).await[0]["key"]["expires_at"], json!(at));
        api.t.clock.advance(Seconds::new(59));
        assert!(api.allowed(&store, ANNE).await);
        api.t.clock.advance(Seconds::new(1));
        assert!(!api.allowed(&store, ANNE).await);
        assert_eq!(read(&api, &store).await.len(), 1);
        // It is as good as gone: deleting it fails, writing it succeeds.
        let gone = json!({"deletes": {"tuple_keys": [key(ANNE)]}});
        write(&api, &store, gone)
            .await
            .is_error(400, "write_failed_due_to_invalid_input");
        assert_eq!(api.write(&store, &[ANNE]).await.status, 200);
        api.t.clock.advance(Seconds::new(100));
        assert!(api.allowed(&store, ANNE).await);
    }
}

#[tokio::test]
async fn expired_tuples_are_swept_and_watchers_are_told() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let at = api.t.clock.now().plus(Seconds::new(60)).rfc3339();
        let body = json!({"writes": {"tuple_keys": [until(ANNE, &at), key(BOB)]}});
        assert_eq!(write(&api, &store, body).await.status, 200);
        let policy = &api.t.app.policy;
        assert_eq!(policy.sweep(api.t.clock.now()).await.unwrap(), 0);
        api.t.clock.advance(Seconds::new(61));
        assert_eq!(policy.sweep(api.t.clock.now()).await.unwrap(), 1);
        assert_eq!(policy.sweep(api.t.clock.now()).await.unwrap(), 0);
        let changes = api.get(&format!("{store}/changes")).await;
        let last = &changes.body["changes"][2];
        assert_eq!(last["operation"], "TUPLE_OPERATION_DELETE", "{changes:?}");
        assert_eq!(last["tuple_key"]["user"], "user:anne");
        assert!(api.allowed(&store, BOB).await);
    }
}

#[tokio::test]
async fn to_ignore_a_duplicate_is_not_to_overwrite_it() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let at = api.t.clock.now().plus(Seconds::new(60)).rfc3339();
        assert_eq!(api.write(&store, &[ANNE]).await.status, 200);
        let ignore =
            |key: Value| json!({"writes": {"tuple_keys": [key], "on_duplicate": "ignore"}});
        assert_eq!(write(&api, &store, ignore(key(ANNE))).await.status, 200);
        write(&api, &store, ignore(until(ANNE, &at)))
            .await
            .is_error(409, "Aborted");
        let wrong = write(&api, &store, ignore(until(ANNE, "tomorrow"))).await;
        wrong.is_error(400, "validation_error");
    }
}

#[tokio::test]
async fn a_write_happens_only_when_its_preconditions_hold() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let give = |preconditions: Value| json!({"writes": {"tuple_keys": [key(BOB)]}, "preconditions": preconditions});
        write(&api, &store, give(json!({"must_exist": [key(ANNE)]})))
            .await
            .is_error(409, "failed_precondition");
        assert!(!api.allowed(&store, BOB).await);
        let body = give(json!({"must_not_exist": [key(ANNE), key(BOB)]}));
        assert_eq!(write(&api, &store, body).await.status, 200);
        assert_eq!(
            read(&api, &store).await.len(),
            1,
            "a requirement leaves nothing behind"
        );
        let take = json!({"deletes": {"tuple_keys": [key(BOB)]}, "preconditions": {"must_not_exist": [key(BOB)]}});
        write(&api, &store, take)
            .await
            .is_error(409, "failed_precondition");
        assert!(api.allowed(&store, BOB).await);
        let take = json!({"deletes": {"tuple_keys": [key(BOB)]}, "preconditions": {"must_exist": [key(BOB)]}});
        assert_eq!(write(&api, &store, take).await.status, 200);
    }
}

/// Without the lock of the precondition, both would see the other's tuple missing.
#[tokio::test]
async fn of_two_that_exclude_each_other_one_wins() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        for round in 0..20 {
            let object = format!("doc:{round}");
            let body = |me, other| json!({"writes": {"tuple_keys": [key((me, "viewer", &object))]}, "preconditions": {"must_not_exist": [key((other, "viewer", &object))]}});
            let (a, b) = tokio::join!(
                write(&api, &store, body("user:a", "user:b")),
                write(&api, &store, body("user:b", "user:a")),
            );
            let won = [a.status, b.status]
                .iter()
                .filter(|status| **status == 200)
                .count();
            assert_eq!(won, 1, "{round}: {a:?} {b:?}");
        }
    }
}
