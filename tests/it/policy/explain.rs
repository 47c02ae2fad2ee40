//! Why a check was decided as it was, and what a change would change, over HTTP.

use serde_json::{Value, json};

use super::{Api, DOCS, key, keys};
use crate::harness::database::{Engine, engines};

const EDITOR: (&str, &str, &str) = ("user:anne", "editor", "doc:plan");
const ANNE: (&str, &str, &str) = ("user:anne", "viewer", "doc:plan");
const BOB: (&str, &str, &str) = ("user:bob", "viewer", "doc:plan");

#[tokio::test]
async fn a_check_that_asks_why_is_told() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        api.write(&store, &[EDITOR]).await;
        let ask = |tuple| json!({"tuple_key": key(tuple), "explain": true});
        let allow = api.post(&format!("{store}/check"), ask(ANNE)).await;
        assert_eq!(allow.status, 200, "{allow:?}");
        assert_eq!(allow.body["allowed"], true);
        let why = &allow.body["explanation"];
        assert_eq!(why["allowed"], true);
        assert_eq!(why["tuples"], json!([key(EDITOR)]));
        assert_eq!(why["would_allow"], json!([]));
        assert_eq!(why["tree"]["kind"], "relation");
        assert_eq!(why["tree"]["object"], "doc:plan");
        assert_eq!(why["tree"]["children"][0]["relation"], "editor");
        assert_eq!(
            why["tree"]["children"][0]["children"][0]["children"][0]["tuple_key"],
            key(EDITOR)
        );
        let deny = api.post(&format!("{store}/check"), ask(BOB)).await;
        assert_eq!(deny.body["allowed"], false);
        let why = &deny.body["explanation"];
        assert_eq!(why["tree"]["holds"], false);
        assert_eq!(why["tree"]["reason"], "parts");
        assert_eq!(why["tree"]["children"][0]["kind"], "or");
        assert_eq!(
            why["tree"]["children"][0]["children"][0]["message"],
            "no tuple"
        );
        let would: Vec<Value> = ["viewer", "editor", "owner"]
            .iter()
            .map(|relation| key(("user:bob", relation, "doc:plan")))
            .collect();
        assert_eq!(why["would_allow"], json!(would));
        let plain = api
            .post(&format!("{store}/check"), json!({"tuple_key": key(ANNE)}))
            .await;
        assert_eq!(plain.body, json!({"allowed": true, "resolution": ""}));
    }
}

#[tokio::test]
async fn a_batch_explains_only_the_checks_that_ask() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(DOCS).await;
    let contextual = json!({"tuple_keys": [key(EDITOR)]});
    let checks = json!([
        {"tuple_key": key(ANNE), "contextual_tuples": contextual, "correlation_id": "why", "explain": true},
        {"tuple_key": key(ANNE), "correlation_id": "plain"},
        {"tuple_key": key(("user:anne", "nothing", "doc:plan")), "correlation_id": "wrong", "explain": true},
        {"tuple_key": key(ANNE), "contextual_tuples": {"tuple_keys": [key(("doc:1", "editor", "doc:plan"))]},
            "correlation_id": "not-admitted", "explain": true},
    ]);
    let reply = api
        .post(&format!("{store}/batch-check"), json!({"checks": checks}))
        .await;
    let result = &reply.body["result"];
    assert_eq!(
        result["why"]["explanation"]["tuples"],
        json!([key(EDITOR)]),
        "{reply:?}"
    );
    assert_eq!(result["plain"], json!({"allowed": false}));
    assert_eq!(result["wrong"]["error"]["input_error"], "validation_error");
    assert_eq!(
        result["not-admitted"]["error"]["input_error"],
        "invalid_tuple"
    );
}

#[tokio::test]
async fn what_if_tells_the_answers_that_a_change_would_change() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        api.write(&store, &[EDITOR]).await;
        let path = format!("{store}/what-if");
        let carl = ("user:carl", "viewer", "doc:plan");
        let body = json!({
            "writes": {"tuple_keys": keys(&[BOB])},
            "deletes": {"tuple_keys": keys(&[EDITOR])},
            "checks": [
                {"tuple_key": key(ANNE)},
                {"tuple_key": key(BOB), "context": null, "contextual_tuples": null},
                {"tuple_key": key(carl)},
                // A tuple that the question brings along makes the change indifferent to it.
                {"tuple_key": key(BOB), "contextual_tuples": {"tuple_keys": keys(&[BOB])}},
            ],
        });
        let reply = api.post(&path, body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(
            reply.body,
            json!({"changes": [
                {"tuple_key": key(ANNE), "before": true, "after": false},
                {"tuple_key": key(BOB), "before": false, "after": true},
            ]})
        );
        assert!(!reply.header("tessera-revision").is_empty());
        assert!(api.allowed(&store, ANNE).await, "nothing was written");
        assert!(!api.allowed(&store, BOB).await, "nothing was written");
    }
}

#[tokio::test]
async fn what_if_refuses_what_a_write_or_a_check_would_refuse() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(DOCS).await;
    let path = format!("{store}/what-if");
    let one = json!({"tuple_keys": keys(&[BOB])});
    let check = json!({"tuple_key": key(BOB)});
    let unknown = ("user:bob", "nothing", "doc:plan");
    for body in [
        json!({"checks": [check]}),
        json!({"writes": one}),
        json!({"writes": one, "checks": vec![check.clone(); 101]}),
        json!({"writes": {"tuple_keys": vec![key(BOB); 101]}, "checks": [check]}),
        json!({"writes": one, "checks": [{"tuple_key": {"user": "bob"}}]}),
        json!({"writes": one, "checks": [{"tuple_key": key(unknown)}]}),
        json!({"writes": one, "checks": [{"tuple_key": key(BOB), "contextual_tuples": {"tuple_keys": [key(unknown)]}}]}),
        json!({"writes": {"tuple_keys": [key(unknown)]}, "checks": [check]}),
    ] {
        let reply = api.post(&path, body.clone()).await;
        assert_eq!(reply.status, 400, "{body} {reply:?}");
        let code = reply.body["code"].as_str().unwrap();
        assert!(
            [
                "validation_error",
                "write_failed_due_to_invalid_input",
                "invalid_tuple"
            ]
            .contains(&code),
            "{body} {reply:?}"
        );
    }
}
