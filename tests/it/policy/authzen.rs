//! OpenID AuthZEN Authorization API 1.0, rule by rule of its certification.

mod certification;
mod interop;
mod records;
mod scenario;
mod search;
mod undecided;

use serde_json::{Value, json};
use tessera::base::time::Seconds;

use super::{Api, Reply, token_with};
use crate::harness::database::{Engine, engines};

const MODEL: &str = "
model
  schema 1.1
type user
type client
type doc
  relations
    define owner: [user, client]
    define can_view: [user] or owner
";
const STORE: &str = "decisions";

/// A server whose default store is the one made here, by its name.
async fn served(engine: Engine) -> (Api, String) {
    let api = Api::start_with(engine, |config| {
        config.policy_default_store = Some("test store".to_owned());
    })
    .await;
    let store = api.store(MODEL).await;
    let written = api
        .write(
            &store,
            &[
                ("user:ann@example.com", "owner", "doc:plan"),
                ("user:mailto%3Abob", "owner", "doc:a%20b"),
                ("client:policy", "owner", "doc:plan"),
            ],
        )
        .await;
    assert_eq!(written.status, 200, "{written:?}");
    (api, store)
}

fn question(user: &str, action: &str, doc: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": user},
        "action": {"name": action},
        "resource": {"type": "doc", "id": doc},
    })
}

async fn ask(api: &Api, store: &str, body: Value) -> Reply {
    api.post(&format!("{store}/access/v1/evaluation"), body)
        .await
}

#[track_caller]
fn decides(reply: &Reply, expect: bool) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body, json!({"decision": expect}), "{reply:?}");
}

#[track_caller]
fn denies_with_error(decision: &Value) {
    assert_eq!(decision["decision"], false, "{decision}");
    let message = decision["context"]["error"]["message"].as_str();
    assert!(message.is_some_and(|text| text.len() > 5), "{decision}");
}

fn decisions(reply: &Reply) -> Vec<bool> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let all = reply.body["evaluations"].as_array().unwrap();
    all.iter()
        .map(|one| one["decision"].as_bool().unwrap())
        .collect()
}

#[tokio::test]
async fn an_evaluation_is_a_decision_at_the_root_and_under_the_store() {
    for engine in engines() {
        let (api, store) = served(engine).await;
        for base in ["", store.as_str()] {
            let ann = question("ann@example.com", "can_view", "plan");
            decides(&ask(&api, base, ann).await, true);
            let odd = question("mailto:bob", "can_view", "a b");
            decides(&ask(&api, base, odd).await, true);
            for (user, doc) in [("bob", "plan"), ("*", "plan"), ("ann@example.com", "none")] {
                decides(&ask(&api, base, question(user, "owner", doc)).await, false);
            }
        }
        let mut more = question("ann@example.com", "owner", "plan");
        more["unknown"] = json!({"field": 1});
        more["subject"]["properties"] = json!({"department": "sales"});
        decides(&ask(&api, &store, more).await, true);
    }
}

#[tokio::test]
async fn what_asks_nothing_is_a_bad_request() {
    let (api, store) = served(Engine::Sqlite).await;
    let path = format!("{store}/access/v1/evaluation");
    let whole = question("ann@example.com", "owner", "plan");
    for (entity, field) in [
        ("subject", "type"),
        ("subject", "id"),
        ("action", "name"),
        ("resource", "type"),
        ("resource", "id"),
    ] {
        let mut body = whole.clone();
        body[entity].as_object_mut().unwrap().remove(field);
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
        let mut body = whole.clone();
        body[entity][field] = json!(7);
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(entity);
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
        let mut body = whole.clone();
        body[entity] = json!("text");
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
    }
    for body in [json!([]), json!("text"), json!({})] {
        api.post(&path, body)
            .await
            .is_error(400, "validation_error");
    }
    let http = reqwest::Client::new();
    let token = token_with(
        &api.t,
        "raw",
        Some(tessera::policy::system::Role::PolicyManager),
    )
    .await;
    for (media, text) in [
        ("application/json", ""),
        ("application/json", "{"),
        ("text/plain", &*whole.to_string()),
    ] {
        let sent = http
            .post(format!("{}{path}", api.t.url))
            .bearer_auth(&token)
            .header("content-type", media)
            .body(text.to_owned());
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{media} {text}");
    }
}

#[tokio::test]
async fn what_has_no_answer_is_a_denial_that_says_why() {
    let (api, store) = served(Engine::Sqlite).await;
    let long = "a".repeat(300);
    for (action, doc) in [("fly", "plan"), ("a b", "plan"), ("owner", long.as_str())] {
        let reply = ask(&api, &store, question("ann@example.com", action, doc)).await;
        assert_eq!(reply.status, 200);
        denies_with_error(&reply.body);
    }
    let mut ghost = question("x", "owner", "plan");
    ghost["subject"]["type"] = json!("ghost");
    denies_with_error(&ask(&api, &store, ghost).await.body);
}

#[tokio::test]
async fn conditions_see_the_properties_and_the_context() {
    let (api, store) = served(Engine::Sqlite).await;
    let model = tessera::policy::engine::dsl::parse(MODEL).unwrap();
    let mut model = tessera::policy::engine::json::emit(&model);
    let taken = "/type_definitions/2/metadata/relations/can_view/directly_related_user_types";
    let taken = model.pointer_mut(taken).unwrap().as_array_mut().unwrap();
    taken.push(json!({"type": "user", "condition": "at_home"}));
    model["conditions"] = json!({"at_home": {"name": "at_home",
        "expression": "subject_place == 'home'",
        "parameters": {"subject_place": {"type_name": "TYPE_NAME_STRING"}}}});
    let models = format!("{store}/authorization-models");
    let written = api.post(&models, model).await;
    assert_eq!(written.status, 201, "{written:?}");
    let conditional = json!({"writes": {"tuple_keys": [{"user": "user:carl", "relation": "can_view",
        "object": "doc:plan", "condition": {"name": "at_home"}}]}});
    let written = api.post(&format!("{store}/write"), conditional).await;
    assert_eq!(written.status, 200, "{written:?}");
    let carl = question("carl", "can_view", "plan");
    denies_with_error(&ask(&api, &store, carl.clone()).await.body);
    let mut at_home = carl.clone();
    at_home["subject"]["properties"] = json!({"place": "home"});
    decides(&ask(&api, &store, at_home.clone()).await, true);
    at_home["context"] = json!({"subject_place": "work"});
    decides(&ask(&api, &store, at_home).await, false);
}

#[tokio::test]
async fn evaluations_take_defaults_and_answer_in_order() {
    for engine in engines() {
        let (api, store) = served(engine).await;
        for base in ["", store.as_str()] {
            let path = format!("{base}/access/v1/evaluations");
            let mut body = question("ann@example.com", "owner", "plan");
            body["evaluations"] = json!([
                {},
                {"resource": {"type": "doc", "id": "other"}},
                {"action": {"name": "can_view"}},
                {"subject": {"type": 7}},
                "text",
                {"resource": {"id": "other"}},
                {"subject": {"id": "ann@example.com"}, "resource": {"type": "doc"}},
            ]);
            let reply = api.post(&path, body).await;
            assert_eq!(
                decisions(&reply),
                [true, false, true, false, false, false, true]
            );
            assert_eq!(reply.body["evaluations"][0], json!({"decision": true}));
            denies_with_error(&reply.body["evaluations"][3]);
            denies_with_error(&reply.body["evaluations"][4]);
        }
    }
}

#[tokio::test]
async fn semantics_end_the_evaluations_early() {
    let (api, store) = served(Engine::Sqlite).await;
    let path = format!("{store}/access/v1/evaluations");
    let asked = async |semantic: &str, docs: [&str; 3]| {
        let mut body = question("ann@example.com", "owner", "plan");
        body["evaluations"] = docs
            .iter()
            .map(|doc| json!({"resource": {"type": "doc", "id": doc}}))
            .collect();
        body["options"] = json!({"evaluations_semantic": semantic, "unknown": 1});
        api.post(&path, body).await
    };
    for (semantic, docs, expect) in [
        (
            "execute_all",
            ["plan", "no", "plan"],
            &[true, false, true][..],
        ),
        ("deny_on_first_deny", ["plan", "no", "plan"], &[true, false]),
        ("deny_on_first_deny", ["plan", "plan", "plan"], &[true; 3]),
        (
            "permit_on_first_permit",
            ["no", "plan", "no"],
            &[false, true],
        ),
        ("permit_on_first_permit", ["no", "no", "no"], &[false; 3]),
    ] {
        let reply = asked(semantic, docs).await;
        assert_eq!(decisions(&reply), expect, "{semantic}");
    }
    asked("other", ["a", "b", "c"])
        .await
        .is_error(400, "validation_error");
}

#[tokio::test]
async fn without_evaluations_the_request_is_one_question() {
    let (api, store) = served(Engine::Sqlite).await;
    let path = format!("{store}/access/v1/evaluations");
    let mut body = question("ann@example.com", "owner", "plan");
    decides(&api.post(&path, body.clone()).await, true);
    body["evaluations"] = json!([]);
    decides(&api.post(&path, body.clone()).await, true);
    body["subject"]["id"] = json!("bob");
    decides(&api.post(&path, body).await, false);
    let empty = api.post(&path, json!({"evaluations": []})).await;
    empty.is_error(400, "validation_error");
}

#[tokio::test]
async fn malformed_evaluations_are_a_bad_request() {
    let (api, store) = served(Engine::Sqlite).await;
    let path = format!("{store}/access/v1/evaluations");
    for (name, value) in [
        ("evaluations", json!({})),
        ("evaluations", vec![json!({}); 101].into()),
        ("options", json!([])),
        ("options", json!({"evaluations_semantic": 1})),
        ("subject", json!("text")),
        ("context", json!([])),
    ] {
        let mut body = question("ann@example.com", "owner", "plan");
        body["evaluations"] = json!([{}]);
        body[name] = value;
        let reply = api.post(&path, body).await;
        reply.is_error(400, "validation_error");
    }
}

#[tokio::test]
async fn an_access_token_stands_for_its_subject() {
    let (api, store) = served(Engine::Sqlite).await;
    // The client `policy` owns the plan; `other` is good, but owns nothing.
    let other = token_with(&api.t, "other", None).await;
    let bearer = |token: &str, audience: Option<&str>| {
        let mut body = question("x", "owner", "plan");
        body["subject"] = json!({"type": "access_token", "id": token});
        if let Some(audience) = audience {
            body["subject"]["properties"] = json!({"audience": audience});
        }
        body
    };
    let owner = api.token.clone();
    let good = ask(&api, &store, bearer(&owner, None)).await;
    let shown =
        json!({"decision": true, "context": {"subject": {"type": "client", "id": "policy"}}});
    assert_eq!(good.body, shown);
    let none = ask(&api, &store, bearer(&other, None)).await;
    assert_eq!(none.body["decision"], false);
    assert_eq!(none.body["context"]["subject"]["id"], "other");
    let issuer = api.t.url.clone();
    let meant = ask(&api, &store, bearer(&owner, Some(&issuer))).await;
    assert_eq!(meant.body["decision"], true, "{meant:?}");
    for (token, audience) in [("forged", None), (owner.as_str(), Some("https://else"))] {
        let reply = ask(&api, &store, bearer(token, audience)).await;
        assert_eq!(reply.body["decision"], false);
        assert!(reply.body["context"]["reason"].is_string(), "{reply:?}");
    }
    // A token that is revoked is good for nothing at once.
    let form = [
        ("token", other.as_str()),
        ("client_id", "other"),
        ("client_secret", super::SECRET),
    ];
    let revoked = reqwest::Client::new()
        .post(format!("{}/revoke", api.t.url))
        .form(&form);
    assert_eq!(revoked.send().await.unwrap().status(), 200);
    let gone = ask(&api, &store, bearer(&other, None)).await;
    assert!(gone.body["context"]["reason"].is_string(), "{gone:?}");
    // Nor is one that has expired; the caller's own is renewed for the question.
    api.t.clock.advance(Seconds::new(3_600));
    let caller = token_with(
        &api.t,
        "late",
        Some(tessera::policy::system::Role::PolicyManager),
    )
    .await;
    let late = reqwest::Client::new()
        .post(format!("{}{store}/access/v1/evaluation", api.t.url))
        .bearer_auth(caller)
        .json(&bearer(&owner, None));
    let late: Value = late.send().await.unwrap().json().await.unwrap();
    assert!(late["context"]["reason"].is_string(), "{late}");
}

#[tokio::test]
async fn answers_name_their_revision_model_and_request() {
    let (api, store) = served(Engine::Sqlite).await;
    let path = format!("{store}/access/v1/evaluation");
    let body = question("ann@example.com", "owner", "plan");
    let headers = [("X-Request-ID", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716")];
    let reply = api.call_with("POST", &path, &body, &headers).await;
    assert_eq!(reply.header("x-request-id"), headers[0].1);
    let (revision, model) = (
        reply.header("tessera-revision").to_owned(),
        reply.header("openfga-authorization-model-id").to_owned(),
    );
    assert!(!revision.is_empty() && !model.is_empty());
    let pinned = [
        ("Tessera-At-Least", revision.as_str()),
        ("Openfga-Authorization-Model-Id", model.as_str()),
    ];
    decides(&api.call_with("POST", &path, &body, &pinned).await, true);
    let wrong = [("Tessera-At-Least", "nonsense")];
    let reply = api.call_with("POST", &path, &body, &wrong).await;
    reply.is_error(400, "validation_error");
    for (id, code) in [
        ("nonsense", "validation_error"),
        (
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "authorization_model_not_found",
        ),
    ] {
        let wrong = [("Openfga-Authorization-Model-Id", id)];
        let reply = api.call_with("POST", &path, &body, &wrong).await;
        reply.is_error(400, code);
    }
}

#[tokio::test]
async fn the_configuration_names_the_endpoints() {
    let (api, store) = served(Engine::Sqlite).await;
    let well_known = "/.well-known/authzen-configuration";
    for (path, base) in [
        (well_known.to_owned(), api.t.url.clone()),
        (
            format!("{store}{well_known}"),
            format!("{}{store}", api.t.url),
        ),
        (
            format!("{well_known}{store}"),
            format!("{}{store}", api.t.url),
        ),
    ] {
        let shown = api.get(&path).await.body;
        assert_eq!(shown["policy_decision_point"], base);
        for (name, end) in [
            ("access_evaluation", "evaluation"),
            ("access_evaluations", "evaluations"),
        ] {
            let endpoint = shown[format!("{name}_endpoint")].as_str().unwrap();
            assert_eq!(endpoint, format!("{base}/access/v1/{end}"));
        }
    }
}

#[tokio::test]
async fn without_a_default_store_the_root_says_which_key_to_set() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let body = question("ann@example.com", "owner", "plan");
    for reply in [
        ask(&api, "", body.clone()).await,
        api.post("/access/v1/evaluations", body.clone()).await,
        api.get("/.well-known/authzen-configuration").await,
    ] {
        reply.is_error(404, "undefined_endpoint");
        let message = reply.body["message"].as_str().unwrap();
        assert!(message.contains("policy.default_store"), "{message}");
    }
    decides(&ask(&api, &store, body).await, false);
}

#[tokio::test]
async fn a_default_store_is_one_store_by_its_id_or_name() {
    let api = Api::start_with(Engine::Sqlite, |config| {
        config.policy_default_store = Some(STORE.to_owned());
    })
    .await;
    let well_known = "/.well-known/authzen-configuration";
    api.get(well_known)
        .await
        .is_error(404, "undefined_endpoint");
    let made = json!({"name": STORE});
    let first = api.post("/stores", made.clone()).await;
    assert_eq!(api.get(well_known).await.status, 200);
    let id = first.body["id"].as_str().unwrap();
    let found = api.t.app.policy.find_store(id).await.unwrap();
    assert_eq!(found.as_deref(), Some(id));
    // Two of the name: neither is meant.
    api.post("/stores", made).await;
    api.get(well_known)
        .await
        .is_error(404, "undefined_endpoint");
}
