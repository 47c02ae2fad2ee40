//! Searches: what is found, in which pages, and what a search refuses.

use serde_json::{Value, json};

use super::scenario::{Scenario, asked, entity};
use super::{question, served};
use crate::harness::database::{Engine, engines};
use crate::policy::{Api, key};

/// Everything that a search finds, page by page.
async fn found(api: &Api, path: &str, mut body: Value, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        body["page"]["limit"] = json!(limit);
        let reply = api.post(path, body.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let results = reply.body["results"].as_array().unwrap();
        assert!(results.len() <= limit);
        all.extend(results.iter().cloned());
        let token = reply.body["page"]["next_token"].as_str().unwrap();
        if token.is_empty() {
            return all;
        }
        body["page"]["token"] = json!(token);
    }
}

#[tokio::test]
async fn searches_find_subjects_resources_and_actions_in_pages() {
    for engine in engines() {
        let (api, store) = served(engine).await;
        let more = [
            ("user:mailto%3Abob", "can_view", "doc:plan"),
            ("user:*", "can_view", "doc:open"),
        ];
        // The model takes no wildcard: the second is refused, so the first is written alone.
        assert_eq!(api.write(&store, &more).await.status, 400);
        assert_eq!(api.write(&store, &more[..1]).await.status, 200);
        for base in ["", store.as_str()] {
            let search = |kind: &str| format!("{base}/access/v1/search/{kind}");
            for limit in [1, 10] {
                let mut who = question("ignored", "can_view", "plan");
                let users = found(&api, &search("subject"), who.clone(), limit).await;
                let user = |id: &str| json!({"type": "user", "id": id});
                assert_eq!(users, [user("ann@example.com"), user("mailto:bob")]);
                who["subject"].as_object_mut().unwrap().remove("id");
                assert_eq!(found(&api, &search("subject"), who, limit).await, users);
                let mut what = question("mailto:bob", "can_view", "x");
                what["resource"].as_object_mut().unwrap().remove("id");
                let docs = found(&api, &search("resource"), what, limit).await;
                let doc = |id: &str| json!({"type": "doc", "id": id});
                assert_eq!(docs, [doc("a b"), doc("plan")]);
                let mut how = question("mailto:bob", "x", "plan");
                how.as_object_mut().unwrap().remove("action");
                let actions = found(&api, &search("action"), how, limit).await;
                assert_eq!(actions, [json!({"name": "can_view"})]);
            }
        }
    }
}

#[tokio::test]
async fn a_search_for_what_nobody_knows_finds_nothing() {
    let (api, store) = served(Engine::Sqlite).await;
    for kind in ["subject", "resource", "action"] {
        let path = format!("{store}/access/v1/search/{kind}");
        for (entity, field, value) in [
            ("subject", "type", "ghost"),
            ("resource", "type", "ghost"),
            ("resource", "type", "a b"),
        ] {
            let mut body = question("ann@example.com", "can_view", "plan");
            body[entity][field] = json!(value);
            let reply = api.post(&path, body).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let nothing = json!({"page": {"next_token": "", "count": 0}, "results": []});
            assert_eq!(reply.body, nothing, "{kind} {entity} {value}");
        }
    }
    let path = format!("{store}/access/v1/search/resource");
    let mut forged = question("x", "can_view", "plan");
    forged["subject"] = json!({"type": "access_token", "id": "forged"});
    let reply = api.post(&path, forged).await;
    assert_eq!(reply.body["results"], json!([]));
    assert!(reply.body["context"]["reason"].is_string(), "{reply:?}");
    let mut owner = question("x", "can_view", "plan");
    owner["subject"] = json!({"type": "access_token", "id": api.token});
    let reply = api.post(&path, owner).await;
    let plan = json!([{"type": "doc", "id": "plan"}]);
    assert_eq!(reply.body["results"], plan);
}

#[tokio::test]
async fn malformed_searches_are_a_bad_request() {
    let (api, store) = served(Engine::Sqlite).await;
    for (kind, entity) in [
        ("subject", "subject"),
        ("subject", "action"),
        ("resource", "resource"),
        ("action", "subject"),
    ] {
        let path = format!("{store}/access/v1/search/{kind}");
        let whole = question("ann@example.com", "can_view", "plan");
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(entity);
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
        for page in [
            json!([]),
            json!({"limit": -1}),
            json!({"limit": 1.5}),
            json!({"limit": "1"}),
            json!({"token": 1}),
        ] {
            let mut body = whole.clone();
            body["page"] = page;
            api.post(&path, body)
                .await
                .is_error(400, "validation_error");
        }
        let mut body = whole.clone();
        body["page"] = json!({"token": "nonsense"});
        api.post(&path, body)
            .await
            .is_error(400, "invalid_continuation_token");
    }
}

#[tokio::test]
async fn an_empty_page_may_be_asked_for_and_gone_on_from() {
    let (api, store) = served(Engine::Sqlite).await;
    for (kind, expect) in [
        (
            "subject",
            json!([{"type": "user", "id": "ann@example.com"}]),
        ),
        ("resource", json!([{"type": "doc", "id": "plan"}])),
        ("action", json!([{"name": "can_view"}])),
    ] {
        let path = format!("{store}/access/v1/search/{kind}");
        let mut body = question("ann@example.com", "can_view", "plan");
        body["page"] = json!({"limit": 0});
        // Twice: an empty page after an empty page is where that one was.
        for _ in 0..2 {
            let reply = api.post(&path, body.clone()).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.body["results"], json!([]));
            assert_eq!(reply.body["page"]["count"], 0);
            let token = &reply.body["page"]["next_token"];
            assert_ne!(token, "", "{kind}");
            body["page"]["token"] = token.clone();
        }
        body["page"]["limit"] = json!(10);
        let reply = api.post(&path, body.clone()).await;
        assert_eq!(reply.body["results"], expect, "{kind}");
        assert_eq!(reply.body["page"]["next_token"], "");
        // Of an empty list there is no more.
        let mut nothing = question("nobody", "can_view", "none");
        nothing["page"] = json!({"limit": 0});
        let reply = api.post(&path, nothing).await;
        assert_eq!(reply.body["page"]["next_token"], "", "{kind}");
    }
}

#[tokio::test]
async fn an_empty_page_in_the_middle_stays_there() {
    let tuples = [
        key(("user:ann", "owner", "doc:a")),
        key(("user:ann", "owner", "doc:b")),
        key(("user:bob", "owner", "doc:a")),
    ];
    let model = "
model
  schema 1.1
type user
type doc
  relations
    define owner: [user]
    define edit: owner
    define view: owner
";
    let scenario = Scenario::start(Engine::Sqlite, model, &tuples).await;
    for (kind, request) in [
        (
            "subject",
            asked(json!({"type": "user"}), "view", entity("doc", "a")),
        ),
        (
            "resource",
            asked(entity("user", "ann"), "view", json!({"type": "doc"})),
        ),
        (
            "action",
            json!({"subject": entity("user", "ann"), "resource": entity("doc", "a")}),
        ),
    ] {
        let mut request = request;
        let mut counts = Vec::new();
        for limit in [1, 0, 10] {
            request["page"]["limit"] = json!(limit);
            let reply = scenario.ask(&format!("search/{kind}"), &request).await;
            counts.push(reply.body["page"]["count"].as_u64().unwrap());
            request["page"]["token"] = reply.body["page"]["next_token"].clone();
        }
        assert_eq!(counts, [1, 0, 1], "{kind}");
    }
}
