//! Conditions that lack a parameter: never permitted, never a failure of the request, and the answer says what is missing.

use serde_json::{Value, json};

use super::scenario::{Scenario, asked, entity};
use crate::harness::database::engines;
use crate::policy::key;

const MODEL: &str = "
model
  schema 1.1
type user
type doc
  relations
    define owner: [user]
    define guest: [user with at_home, user]
    define banned: [user with at_home]
    define view: owner or guest
    define print: (owner or guest) but not banned
    define delete: owner
condition at_home(place: string) {
  place == 'home'
}
";

async fn scenarios() -> Vec<Scenario> {
    let at_home = |tuple| {
        let mut tuple = key(tuple);
        tuple["condition"] = json!({"name": "at_home"});
        tuple
    };
    let tuples = [
        key(("user:ann", "owner", "doc:plan")),
        at_home(("user:bob", "guest", "doc:plan")),
        at_home(("user:ann", "banned", "doc:plan")),
        key(("user:bob", "guest", "doc:open")),
    ];
    let mut all = Vec::new();
    for engine in engines() {
        all.push(Scenario::start(engine, MODEL, &tuples).await);
    }
    all
}

fn question(user: &str, action: &str) -> Value {
    asked(entity("user", user), action, entity("doc", "plan"))
}

fn at(place: &str, mut request: Value) -> Value {
    request["context"] = json!({"place": place});
    request
}

#[track_caller]
fn says_what_is_missing(answer: &Value) {
    let error = &answer["context"]["error"];
    assert_eq!(error["status"], 400, "{answer}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("place"), "{answer}");
}

#[tokio::test]
async fn an_evaluation_that_cannot_be_decided_is_a_denial() {
    for scenario in scenarios().await {
        // Bob is a guest if at home; Ann may print unless at home, for she is banned there.
        for (user, action, home, away) in
            [("bob", "view", true, false), ("ann", "print", false, true)]
        {
            let request = question(user, action);
            let reply = scenario.ask("evaluation", &request).await;
            assert_eq!(
                (reply.status, &reply.body["decision"]),
                (200, &json!(false))
            );
            says_what_is_missing(&reply.body);
            assert_eq!(scenario.permits(&at("home", request.clone())).await, home);
            assert_eq!(scenario.permits(&at("away", request)).await, away);
        }
        // What another way decides needs no context.
        assert!(scenario.permits(&question("ann", "view")).await);
    }
}

#[tokio::test]
async fn among_evaluations_only_the_one_that_cannot_be_decided_is_denied() {
    for scenario in scenarios().await {
        let items = json!([
            question("ann", "view"),
            question("bob", "view"),
            at("home", question("bob", "view")),
        ]);
        let reply = scenario
            .ask("evaluations", &json!({"evaluations": items}))
            .await;
        assert_eq!(reply.status, 200);
        let found = &reply.body["evaluations"];
        assert_eq!(found[0], json!({"decision": true}));
        assert_eq!(found[1]["decision"], false);
        says_what_is_missing(&found[1]);
        assert_eq!(found[2], json!({"decision": true}));
        // A denial like any other for the semantics that end early.
        let ends = json!({"evaluations_semantic": "deny_on_first_deny"});
        let request = json!({"evaluations": items, "options": ends});
        let reply = scenario.ask("evaluations", &request).await;
        assert_eq!(reply.body["evaluations"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_search_that_cannot_be_decided_finds_nothing_and_says_why() {
    for scenario in scenarios().await {
        let who = asked(json!({"type": "user"}), "view", entity("doc", "plan"));
        let what = asked(entity("user", "bob"), "view", json!({"type": "doc"}));
        for (kind, request, at_home) in [
            ("subject", who, &["ann", "bob"]),
            ("resource", what, &["open", "plan"]),
        ] {
            let reply = scenario.ask(&format!("search/{kind}"), &request).await;
            assert_eq!(reply.status, 200);
            assert_eq!(reply.body["results"], json!([]), "{reply:?}");
            assert_eq!(reply.body["page"]["next_token"], "");
            says_what_is_missing(&reply.body);
            let found = scenario
                .finds(kind, "id", &at("home", request.clone()))
                .await;
            assert_eq!(found, at_home);
            let found = scenario.finds(kind, "id", &at("away", request)).await;
            assert_eq!(found, at_home[..1]);
        }
    }
}

#[tokio::test]
async fn a_search_for_actions_leaves_out_those_that_cannot_be_decided() {
    for scenario in scenarios().await {
        for (user, nowhere, home) in [
            ("ann", &["delete", "view"][..], &["delete", "view"][..]),
            ("bob", &[], &["print", "view"]),
        ] {
            let request =
                json!({"subject": entity("user", user), "resource": entity("doc", "plan")});
            let found = scenario.finds("action", "name", &request).await;
            assert_eq!(found, nowhere, "{user}");
            let found = scenario.finds("action", "name", &at("home", request)).await;
            assert_eq!(found, home, "{user}");
        }
    }
}

#[tokio::test]
async fn a_search_for_actions_past_a_bound_is_an_error_and_no_short_list() {
    let model = "
model
  schema 1.1
type user
type folder
  relations
    define parent: [folder]
    define owner: [user]
    define view: owner or view from parent
";
    let mut tuples = vec![key(("user:ann", "owner", "folder:0"))];
    for n in 0..40 {
        let parent = format!("folder:{}", n + 1);
        tuples.push(key((&parent, "parent", &format!("folder:{n}"))));
    }
    for engine in engines() {
        let scenario = Scenario::start(engine, model, &tuples).await;
        let request =
            |user| json!({"subject": entity("user", user), "resource": entity("folder", "0")});
        let found = scenario.finds("action", "name", &request("ann")).await;
        assert_eq!(found, ["view"], "what is near is found: {engine:?}");
        let reply = scenario.ask("search/action", &request("bob")).await;
        let error = &reply.body["context"]["error"]["message"];
        assert!(
            error.as_str().unwrap().contains("25"),
            "{engine:?} {reply:?}"
        );
    }
}
