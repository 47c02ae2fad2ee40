//! Conditions that stand in tuples (`$expression`), over HTTP.

use serde_json::{Value, json};

use super::{Api, key};
use crate::harness::database::engines;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, user with $expression]
type doc
  relations
    define blocked: [user with $expression]
    define viewer: [user with $expression, group#member with $expression] but not blocked
";

const ANNE: (&str, &str, &str) = ("user:anne", "viewer", "doc:plan");

fn with(tuple: (&str, &str, &str), context: &Value) -> Value {
    let mut key = key(tuple);
    key["condition"] = json!({"name": "$expression", "context": context});
    key
}

fn channel() -> Value {
    json!({"expression": "channel == 'x'", "parameters": {"channel": "string"}})
}

fn asked(channel: &str) -> Value {
    json!({"tuple_key": key(ANNE), "context": {"channel": channel}})
}

#[tokio::test]
async fn neither_a_model_nor_a_tuple_names_it_unless_it_is_switched_on() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let model = tessera::policy::engine::dsl::parse(MODEL).unwrap();
        let model = tessera::policy::engine::json::emit(&model);
        let store = api.store(super::DOCS).await;
        let path = format!("{store}/authorization-models");
        let reply = api.post(&path, model).await;
        assert!(
            reply.body["message"]
                .as_str()
                .unwrap()
                .contains("policy.inline_expressions")
        );
        reply.is_error(400, "validation_error");
        let body = json!({"writes": {"tuple_keys": [with(ANNE, &channel())]}});
        let reply = api.post(&format!("{store}/write"), body).await;
        assert!(
            reply.body["message"]
                .as_str()
                .unwrap()
                .contains("policy.inline_expressions")
        );
        reply.is_error(400, "validation_error");
    }
}

#[tokio::test]
async fn every_answer_counts_a_tuple_by_the_condition_in_it() {
    for engine in engines() {
        let api = Api::start_with(engine, |config| config.policy_inline_expressions = true).await;
        let store = api.store(MODEL).await;
        let body = json!({"writes": {"tuple_keys": [with(ANNE, &channel())]}});
        assert_eq!(api.post(&format!("{store}/write"), body).await.status, 200);
        let path = format!("{store}/check");
        let check = |body: Value| api.post(&path, body);
        assert_eq!(check(asked("x")).await.body["allowed"], json!(true));
        assert_eq!(check(asked("y")).await.body["allowed"], json!(false));
        check(json!({"tuple_key": key(ANNE)}))
            .await
            .is_error(400, "validation_error");

        for (channel, objects, users) in [("x", json!(["doc:plan"]), 1), ("y", json!([]), 0)] {
            let context = json!({"channel": channel});
            let body = json!({"type": "doc", "relation": "viewer", "user": "user:anne", "context": context});
            let listed = api.post(&format!("{store}/list-objects"), body).await;
            assert_eq!(listed.body["objects"], objects);
            let body = json!({
                "object": {"type": "doc", "id": "plan"}, "relation": "viewer",
                "user_filters": [{"type": "user"}], "context": context,
            });
            let listed = api.post(&format!("{store}/list-users"), body).await;
            assert_eq!(
                listed.body["users"].as_array().unwrap().len(),
                users,
                "{listed:?}"
            );
        }

        let read = api.post(&format!("{store}/read"), json!({})).await;
        let condition = json!({"name": "$expression", "context": channel()});
        assert_eq!(read.body["tuples"][0]["key"]["condition"], condition);
        let changes = api.get(&format!("{store}/changes")).await;
        assert_eq!(
            changes.body["changes"][0]["tuple_key"]["condition"],
            condition
        );
        let body = json!({"tuple_key": {"relation": "viewer", "object": "doc:plan"}});
        let tree = api.post(&format!("{store}/expand"), body).await;
        assert!(tree.body.to_string().contains("user:anne"), "{tree:?}");

        let mut body = asked("y");
        body["explain"] = json!(true);
        let why = check(body).await.body["explanation"].to_string();
        assert!(why.contains("$expression"), "{why}");

        // A tuple that is sent along takes the stored one's place.
        let mut body = asked("y");
        body["contextual_tuples"] =
            json!({"tuple_keys": [with(ANNE, &json!({"expression": "channel == 'y'"}))]});
        assert_eq!(check(body).await.body["allowed"], json!(true));
    }
}

#[tokio::test]
async fn a_condition_that_does_not_compile_is_not_written() {
    for engine in engines() {
        let api = Api::start_with(engine, |config| config.policy_inline_expressions = true).await;
        let store = api.store(MODEL).await;
        for (tuple, context, reason) in [
            (ANNE, json!({}), "`expression` must be a non-empty string"),
            (ANNE, json!({"expression": "x =="}), "failed to compile"),
            (ANNE, json!({"expression": "x > 1"}), "no matching overload"),
            (
                ("user:anne", "member", "group:g"),
                json!({"expression": "x", "parameters": {"x": "text"}}),
                "parameter `x`",
            ),
            (
                ("group:g#member", "blocked", "doc:plan"),
                channel(),
                "not an allowed type restriction",
            ),
        ] {
            let tuple = with(tuple, &context);
            let body = json!({"writes": {"tuple_keys": [tuple]}});
            let reply = api.post(&format!("{store}/write"), body).await;
            assert!(
                reply.body["message"].as_str().unwrap().contains(reason),
                "{reply:?}"
            );
            reply.is_error(400, "validation_error");
            let mut body = asked("x");
            body["contextual_tuples"] = json!({"tuple_keys": [tuple]});
            let reply = api.post(&format!("{store}/check"), body).await;
            reply.is_error(400, "invalid_tuple");
        }
    }
}
