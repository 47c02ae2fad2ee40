//! Assertions of a model: kept as written, replaced as a whole, held against the model.

use serde_json::{Value, json};
use tessera::policy::Policy;
use tessera::policy::engine::dsl;
use tessera::store::policy_assertions;

use super::{Api, DOCS, LIMITS, key};
use crate::harness::database::{START, engines};
use crate::on_each_database;

const OWNER: (&str, &str, &str) = ("user:alice", "owner", "doc:plan");
const NO_MODEL: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

on_each_database!(a_list_replaces_the_one_before_it, |t| {
    let policy = Policy::open(t.db.clone(), &t.sealer, LIMITS, START)
        .await
        .unwrap();
    let store = policy.create_store("docs", START).await.unwrap().id;
    let (model, _) = policy
        .write_model(&store, &dsl::parse(DOCS).unwrap(), START)
        .await
        .unwrap();
    let mut conn = t.db.read().await.unwrap();
    let found = policy_assertions::find(&mut conn, &store, &model).await;
    assert_eq!(found.unwrap(), None);
    drop(conn);
    for body in ["[1]", "[2]"] {
        let mut tx = t.db.write().await.unwrap();
        policy_assertions::replace(&mut tx, &store, &model, body, START)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut conn = t.db.read().await.unwrap();
        let found = policy_assertions::find(&mut conn, &store, &model).await;
        assert_eq!(found.unwrap().as_deref(), Some(body));
    }
    let mut tx = t.db.write().await.unwrap();
    let orphan = policy_assertions::replace(&mut tx, &store, NO_MODEL, "[]", START).await;
    assert!(orphan.is_err(), "a list without a model");
});

/// The path of the assertions of a store's only model, and the model's id.
async fn place(api: &Api, store: &str) -> (String, String) {
    let models = api.get(&format!("{store}/authorization-models")).await;
    let id = models.body["authorization_models"][0]["id"]
        .as_str()
        .unwrap();
    (format!("{store}/assertions/{id}"), id.to_owned())
}

#[tokio::test]
async fn assertions_are_shown_as_they_were_written() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let (path, model) = place(&api, &store).await;
        let empty = api.get(&path).await;
        assert_eq!(
            empty.body,
            json!({"authorization_model_id": model, "assertions": []})
        );
        let list = json!({"assertions": [
            {"tuple_key": key(OWNER), "expectation": true},
            {"tupleKey": key(("user:bob", "viewer", "doc:plan")),
             "contextualTuples": [key(OWNER)], "context": {"n": 1}},
        ]});
        assert_eq!(api.call("PUT", &path, &list).await.status, 204);
        let read = api.get(&path).await.body;
        assert_eq!(read["assertions"][0]["tuple_key"], key(OWNER));
        assert_eq!(read["assertions"][0]["expectation"], true);
        assert_eq!(read["assertions"][1]["expectation"], false);
        assert_eq!(read["assertions"][1]["context"], json!({"n": 1}));
        let brought = &read["assertions"][1]["contextual_tuples"][0];
        assert_eq!(brought["user"], "user:alice");
        // What is shown can be written again; an empty list takes its place.
        assert_eq!(api.call("PUT", &path, &read).await.status, 204);
        assert_eq!(api.get(&path).await.body, read);
        assert_eq!(api.call("PUT", &path, &json!({})).await.status, 204);
        assert_eq!(api.get(&path).await.body["assertions"], json!([]));
    }
}

#[tokio::test]
async fn what_no_model_can_answer_is_refused() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let (path, _) = place(&api, &store).await;
        let one = |tuple| json!({"tuple_key": key(tuple), "expectation": true});
        let with = |contextual: Vec<Value>| {
            let mut one = one(OWNER);
            one["contextual_tuples"] = contextual.into();
            one
        };
        let mut large = one(OWNER);
        large["context"] = json!({"text": "a".repeat(64_000)});
        let implicit = key(("doc:plan", "owner", "doc:plan"));
        for (assertions, code) in [
            (
                vec![one(("ghost:alice", "owner", "doc:plan"))],
                "validation_error",
            ),
            (
                vec![one(("user:alice", "ghost", "doc:plan"))],
                "validation_error",
            ),
            (
                vec![one(("user:alice", "owner", "ghost:plan"))],
                "validation_error",
            ),
            (
                vec![one(("alice", "owner", "doc:plan"))],
                "validation_error",
            ),
            (vec![json!({})], "validation_error"),
            (vec![with(vec![implicit])], "validation_error"),
            (vec![with(vec![key(OWNER); 21])], "validation_error"),
            (vec![one(OWNER); 101], "validation_error"),
            (vec![large], "exceeded_entity_limit"),
        ] {
            let body = json!({"assertions": assertions});
            api.call("PUT", &path, &body).await.is_error(400, code);
        }
        assert_eq!(api.get(&path).await.body["assertions"], json!([]));
        let missing = format!("{store}/assertions/{NO_MODEL}");
        let body = json!({"assertions": []});
        for reply in [
            api.get(&missing).await,
            api.call("PUT", &missing, &body).await,
        ] {
            reply.is_error(400, "authorization_model_not_found");
        }
        let elsewhere = format!("/stores/{NO_MODEL}/assertions/{NO_MODEL}");
        api.get(&elsewhere)
            .await
            .is_error(404, "store_id_not_found");
        let system = api.t.app.policy.system_store();
        let own = format!("/stores/{system}/assertions/{NO_MODEL}");
        api.call("PUT", &own, &body)
            .await
            .is_error(403, "forbidden");
    }
}
