//! OpenFGA's API as its clients see it: bodies, statuses, codes, pages.

use serde_json::{Value, json};

use super::{Api, DOCS, key, keys};
use crate::harness::database::{Engine, engines};

const OWNER: (&str, &str, &str) = ("user:alice", "owner", "doc:plan");

#[tokio::test]
async fn stores_are_made_listed_shown_and_deleted() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let mut made = Vec::new();
        for n in 0..3 {
            let reply = api
                .post("/stores", json!({"name": format!("store {n}")}))
                .await;
            assert_eq!(reply.status, 201);
            assert!(reply.body["created_at"].as_str().unwrap().ends_with('Z'));
            made.push(reply.body["id"].as_str().unwrap().to_owned());
        }
        // The system store is among them.
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = api
                .get(&format!("/stores?page_size=1&continuation_token={token}"))
                .await;
            seen.extend(
                page.body["stores"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|store| store["id"].as_str().unwrap().to_owned()),
            );
            token = page.body["continuation_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), 4);
        assert!(made.iter().all(|id| seen.contains(id)));
        let named = api.get("/stores?name=store%201").await;
        assert_eq!(named.body["stores"].as_array().unwrap().len(), 1);
        let path = format!("/stores/{}", made[0]);
        assert_eq!(api.get(&path).await.body["deleted_at"], Value::Null);
        for _ in 0..2 {
            assert_eq!(api.call("DELETE", &path, &Value::Null).await.status, 204);
        }
        api.get(&path).await.is_error(404, "store_id_not_found");
        api.write(&path, &[OWNER])
            .await
            .is_error(404, "store_id_not_found");
        api.post(&format!("{path}/check"), json!({"tuple_key": key(OWNER)}))
            .await
            .is_error(404, "store_id_not_found");
    }
}

#[tokio::test]
async fn models_are_immutable_and_the_newest_decides() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        api.write(&store, &[OWNER]).await;
        let models = format!("{store}/authorization-models");
        let first = api.get(&models).await.body["authorization_models"][0].clone();
        assert_eq!(
            first["type_definitions"][1]["relations"]["editor"]["union"]["child"][1]["computedUserset"]
                ["relation"],
            "owner"
        );
        assert!(
            api.allowed(&store, ("user:alice", "viewer", "doc:plan"))
                .await
        );
        let newer = json!({"schema_version": "1.1", "type_definitions": [{"type": "user"}, {"type": "doc",
            "relations": {"viewer": {"this": {}}},
            "metadata": {"relations": {"viewer": {"directly_related_user_types": [{"type": "user"}]}}}}]});
        let written = api.post(&models, newer).await;
        let newest = written.body["authorization_model_id"].as_str().unwrap();
        assert!(
            !api.allowed(&store, ("user:alice", "viewer", "doc:plan"))
                .await
        );
        let check = |model: &Value| json!({"tuple_key": key(("user:alice", "viewer", "doc:plan")), "authorization_model_id": model});
        let pinned = api
            .post(&format!("{store}/check"), check(&first["id"]))
            .await;
        assert_eq!(pinned.body["allowed"], true);
        assert_eq!(
            pinned.header("openfga-authorization-model-id"),
            first["id"].as_str().unwrap()
        );
        let list = api.get(&format!("{models}?page_size=1")).await.body;
        assert_eq!(list["authorization_models"][0]["id"], newest);
        let token = list["continuation_token"].as_str().unwrap();
        let second = api
            .get(&format!("{models}?page_size=1&continuation_token={token}"))
            .await
            .body;
        assert_eq!(second["authorization_models"][0]["id"], first["id"]);
        assert_eq!(second["continuation_token"], "");
        let shown = api.get(&format!("{models}/{newest}")).await.body;
        assert_eq!(shown["authorization_model"]["id"], newest);
        // What an older model knew can still be taken away.
        let gone = api
            .post(
                &format!("{store}/write"),
                json!({"deletes": {"tuple_keys": keys(&[OWNER])}}),
            )
            .await;
        assert_eq!(gone.status, 200, "{gone:?}");
    }
}

#[tokio::test]
async fn a_write_is_all_or_nothing() {
    // SECURITY row 61.
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let first = api.write(&store, &[OWNER]).await;
        assert_eq!((first.status, &first.body), (200, &json!({})));
        let second = ("user:bob", "viewer", "doc:plan");
        let again = api.write(&store, &[second, OWNER]).await;
        again.is_error(400, "write_failed_due_to_invalid_input");
        assert!(
            again.body["message"]
                .as_str()
                .unwrap()
                .starts_with("cannot write a tuple which already exists: user: 'user:alice'")
        );
        assert!(!api.allowed(&store, second).await);
        let write = format!("{store}/write");
        let missing = json!({"writes": {"tuple_keys": keys(&[second])}, "deletes": {"tuple_keys": keys(&[("user:x", "viewer", "doc:plan")])}});
        api.post(&write, missing.clone())
            .await
            .is_error(400, "write_failed_due_to_invalid_input");
        assert!(!api.allowed(&store, second).await);
        let before = api.get(&format!("{store}/changes")).await.body;
        assert_eq!(
            before["changes"].as_array().unwrap().len(),
            1,
            "nothing of the failed ones is in the log"
        );
        let mut ignored = missing;
        ignored["deletes"]["on_missing"] = json!("ignore");
        ignored["writes"]["on_duplicate"] = json!("ignore");
        ignored["writes"]["tuple_keys"] = json!(keys(&[second, OWNER]));
        assert_eq!(api.post(&write, ignored).await.status, 200);
        assert!(api.allowed(&store, second).await);
        let after = api.get(&format!("{store}/changes")).await.body;
        assert_eq!(
            after["changes"].as_array().unwrap().len(),
            2,
            "ignored rows make no entries"
        );
    }
}

#[tokio::test]
async fn bad_requests_have_the_codes_that_clients_know() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(DOCS).await;
    let write = |tuple| json!({"writes": {"tuple_keys": [tuple]}});
    let at = |path: &str| format!("{store}/{path}");
    let many: Vec<Value> = (0..101)
        .map(|n| key(("user:a", "viewer", &format!("doc:{n}"))))
        .collect();
    let check = |tuple| json!({"tuple_key": key(tuple)});
    let cases: Vec<(String, Value, u16, &str)> = vec![
        (
            "/stores".to_owned(),
            json!({"name": "x"}),
            400,
            "validation_error",
        ),
        ("/stores".to_owned(), json!({}), 400, "validation_error"),
        (at("write"), json!({}), 400, "invalid_write_input"),
        (
            at("write"),
            write(key(("alice", "owner", "doc:1"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(key(("user:a", "owner", "doc"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(key(("user:a", "boss", "doc:1"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(key(("user:a", "owner", "file:1"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(key(("user:*", "owner", "doc:1"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(key(("user:a\u{0}", "owner", "doc:1"))),
            400,
            "validation_error",
        ),
        (
            at("write"),
            write(
                json!({"user": "user:a", "relation": "owner", "object": "doc:1", "condition": {"name": "c"}}),
            ),
            400,
            "validation_error",
        ),
        (
            at("write"),
            json!({"writes": {"tuple_keys": keys(&[OWNER, OWNER])}}),
            400,
            "cannot_allow_duplicate_tuples_in_one_request",
        ),
        (
            at("write"),
            json!({"writes": {"tuple_keys": keys(&[OWNER])}, "deletes": {"tuple_keys": keys(&[OWNER])}}),
            400,
            "cannot_allow_duplicate_tuples_in_one_request",
        ),
        (
            at("write"),
            json!({"writes": {"tuple_keys": many}}),
            400,
            "exceeded_entity_limit",
        ),
        (
            at("write"),
            json!({"writes": {"tuple_keys": keys(&[OWNER]), "on_duplicate": "maybe"}}),
            400,
            "validation_error",
        ),
        (
            at("write"),
            json!({"writes": {"tuple_keys": keys(&[OWNER])}, "authorization_model_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
            400,
            "authorization_model_not_found",
        ),
        (at("check"), json!({}), 400, "tuple_key_value_not_specified"),
        (
            at("check"),
            check(("user:a", "boss", "doc:1")),
            400,
            "validation_error",
        ),
        (
            at("check"),
            check(("robot:a", "viewer", "doc:1")),
            400,
            "validation_error",
        ),
        (
            at("check"),
            json!({"tuple_key": key(OWNER), "consistency": "SOMETIMES"}),
            400,
            "validation_error",
        ),
        (
            at("check"),
            json!({"tuple_key": key(OWNER), "contextual_tuples": {"tuple_keys": keys(&[("user:*", "owner", "doc:1")])}}),
            400,
            "invalid_tuple",
        ),
        (
            at("read"),
            json!({"tuple_key": {"object": "doc:"}}),
            400,
            "validation_error",
        ),
        (
            at("read"),
            json!({"page_size": 101}),
            400,
            "page_size_invalid",
        ),
        (
            at("read"),
            json!({"continuation_token": "AAAA"}),
            400,
            "invalid_continuation_token",
        ),
        (
            at("batch-check"),
            json!({"checks": []}),
            400,
            "validation_error",
        ),
        (
            at("authorization-models"),
            json!({"schema_version": "1.1", "type_definitions": []}),
            400,
            "type_definitions_too_few_items",
        ),
        (
            at("authorization-models"),
            json!({"schema_version": "1.1", "type_definitions": [{"type": "a", "relations": {"r": {"this": {}}}}]}),
            400,
            "invalid_authorization_model",
        ),
        (
            "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/check".to_owned(),
            check(OWNER),
            404,
            "store_id_not_found",
        ),
        (
            "/stores/short/check".to_owned(),
            check(OWNER),
            400,
            "store_id_invalid_length",
        ),
    ];
    for (path, body, status, code) in cases {
        let reply = api.post(&path, body.clone()).await;
        assert_eq!(
            (reply.status, reply.body["code"].as_str()),
            (status, Some(code)),
            "{path} {body}: {reply:?}"
        );
    }
    let empty = api.post("/stores", json!({"name": "empty"})).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    api.write(&format!("/stores/{empty}"), &[OWNER])
        .await
        .is_error(400, "latest_authorization_model_not_found");
    api.get(&at("changes?start_time=2999-01-01T00:00:00Z"))
        .await
        .is_error(400, "invalid_start_time");
}

#[tokio::test]
async fn a_batch_answers_each_question_and_keeps_errors_apart() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(DOCS).await;
    api.write(&store, &[OWNER]).await;
    let body = json!({"checks": [
        {"tuple_key": key(OWNER), "correlation_id": "yes"},
        {"tuple_key": key(("user:bob", "owner", "doc:plan")), "correlation_id": "no"},
        {"tuple_key": key(("user:bob", "owner", "doc:plan")), "correlation_id": "with", "contextual_tuples": {"tuple_keys": keys(&[("user:bob", "owner", "doc:plan")])}},
        {"tuple_key": key(("user:bob", "boss", "doc:plan")), "correlation_id": "wrong"},
    ]});
    let result = api
        .post(&format!("{store}/batch-check"), body.clone())
        .await
        .body["result"]
        .clone();
    assert_eq!(result["yes"], json!({"allowed": true}));
    assert_eq!(result["no"], json!({"allowed": false}));
    assert_eq!(result["with"], json!({"allowed": true}));
    assert_eq!(result["wrong"]["error"]["input_error"], "validation_error");
    let counted = api.t.app.metrics.text().unwrap();
    for line in ["allowed\"} 2", "denied\"} 1", "error\"} 1"] {
        let line = format!("tessera_checks_total{{outcome=\"{line}");
        assert!(counted.contains(&line), "{line}");
    }
    let mut twice = body;
    twice["checks"][1]["correlation_id"] = json!("yes");
    api.post(&format!("{store}/batch-check"), twice)
        .await
        .is_error(400, "validation_error");
}
