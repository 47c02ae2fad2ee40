//! The certification scenario of the AuthZEN Authorization API 1.0 (openid/authzen, `certification`): its fixture, and every
//! request that it describes, under the numbers of its sections.

use serde_json::{Map, Value, json};

use super::scenario::{Scenario, asked, entity};
use crate::harness::database::{Engine, engines};
use crate::policy::{Reply, key};

/// What the scenario wants of an answer.
enum Wanted {
    /// 200, and this decision.
    Decision(bool),
    /// 200, and these decisions in this order; where there is none, any.
    Decisions(&'static [Option<bool>]),
    /// 200, and these among the results.
    Results(&'static [&'static str]),
    /// 200, and no results.
    Nothing,
    /// 400.
    Refusal,
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

/// The fixture's subjects, resources and rules as tuples. The conditions' own parameters are the properties of requests.
fn fixture() -> Vec<Value> {
    let conditional = |tuple, name: &str, context: Value| {
        let mut tuple = key(tuple);
        tuple["condition"] = json!({"name": name, "context": context});
        tuple
    };
    let none = json!({});
    vec![
        key(("user:alice", "reader", "record:record-1")),
        key(("user:alice", "writer", "record:record-1")),
        key(("user:bob", "reader", "record:record-1")),
        conditional(
            ("user:alice", "writer", "record:record-2"),
            "unless_archived",
            none.clone(),
        ),
        // A subject search has no properties of the subject: the fixture's role of bob is known here.
        conditional(
            ("user:bob", "writer", "record:record-2"),
            "as_admin",
            json!({"subject_role": "admin"}),
        ),
        conditional(("user:alice", "eraser", "record:record-1"), "softly", none),
    ]
}

async fn certified(engine: Engine) -> Scenario {
    let model = include_str!("../../../policies/authzen/certification.fga");
    Scenario::start(engine, model, &fixture()).await
}

fn user(id: &str) -> Value {
    entity("user", id)
}

fn record(id: &str) -> Value {
    entity("record", id)
}

fn with(mut entity: Value, properties: Value) -> Value {
    entity["properties"] = properties;
    entity
}

fn archived() -> Value {
    with(record("record-2"), json!({"status": "archived"}))
}

fn active() -> Value {
    with(record("record-1"), json!({"status": "active"}))
}

fn admin() -> Value {
    with(user("bob"), json!({"role": "admin"}))
}

fn delete(soft: bool) -> Value {
    json!({"subject": user("alice"), "resource": record("record-1"),
        "action": {"name": "delete", "properties": {"soft": soft}}})
}

/// The fixture's first question: alice reads record-1.
fn first() -> Value {
    asked(user("alice"), "read", record("record-1"))
}

/// The request with a member more, or another.
fn and(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

/// The request without a member, such as `subject` or `subject.id`.
fn without(mut request: Value, member: &str) -> Value {
    fn take(fields: &mut Value, name: &str) {
        let fields: &mut Map<String, Value> = fields.as_object_mut().unwrap();
        assert!(fields.remove(name).is_some(), "{name}");
    }
    match member.split_once('.') {
        Some((entity, field)) => take(&mut request[entity], field),
        None => take(&mut request, member),
    }
    request
}

fn evaluation() -> Vec<(&'static str, Value, Wanted)> {
    let context = json!({"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"});
    let more = json!({
        "subject": with(user("alice"), json!({"department": "Sales", "role": "manager"})),
        "action": {"name": "read", "properties": {"method": "GET"}},
        "resource": with(record("record-1"), json!({"status": "active", "owner": "bob"})),
    });
    let unknown = and(first(), "foo", json!("bar"));
    let unknown = and(unknown, "futureField", json!({"nested": true}));
    let refused = |request| ("2.4", request, Wanted::Refusal);
    let decided = |section, request, decision| (section, request, Wanted::Decision(decision));
    let mut all = vec![
        decided("2.2.1", first(), true),
        decided(
            "1.4",
            asked(user("alice"), "write", record("record-1")),
            true,
        ),
        decided("1.4", asked(user("bob"), "read", record("record-1")), true),
        decided(
            "2.2.2",
            asked(user("bob"), "write", record("record-1")),
            false,
        ),
        decided("2.2.3", and(first(), "context", context), true),
        decided("2.2.4", asked(user("alice"), "write", archived()), false),
        decided("2.2.5", asked(admin(), "write", archived()), true),
        decided("2.2.6", delete(true), true),
        decided("2.2.7", delete(false), false),
        decided("2.2.8", more, true),
        decided("2.2.9", unknown, true),
        refused(and(first(), "subject", json!("alice"))),
        refused(and(first(), "action", json!({"name": 123}))),
    ];
    for member in [
        "subject",
        "action",
        "resource",
        "subject.type",
        "subject.id",
        "action.name",
        "resource.type",
        "resource.id",
    ] {
        all.push(refused(without(first(), member)));
    }
    all
}

fn evaluations() -> Vec<(&'static str, Value, Wanted)> {
    let reads = |items: Value| json!({"subject": user("alice"), "action": {"name": "read"}, "evaluations": items});
    let writes = |items: Value| json!({"subject": user("alice"), "action": {"name": "write"}, "evaluations": items});
    let by_bob = json!([{"action": {"name": "read"}}, {"action": {"name": "write"}}]);
    let override_time = json!({"time": "2025-06-27T19:00-07:00", "source": "batch-override"});
    let inherited = reads(json!([
        {"resource": record("record-1")},
        {"resource": record("record-2"), "context": override_time},
    ]));
    let merged = json!([{"resource": without(active(), "type")}, {"resource": archived()}]);
    vec![
        (
            "3.2.1",
            reads(json!([{"resource": record("record-1")}, {"resource": record("record-2")}])),
            Wanted::Decisions(&[None, None]),
        ),
        (
            "3.2.2",
            json!({"subject": user("bob"), "resource": record("record-1"), "evaluations": by_bob}),
            Wanted::Decisions(&[YES, NO]),
        ),
        (
            "3.2.3",
            writes(json!([{"resource": active()}, {"resource": archived()}])),
            Wanted::Decisions(&[YES, NO]),
        ),
        (
            "3.2.4",
            json!({"action": {"name": "write"}, "resource": archived(),
                "evaluations": [{"subject": user("alice")}, {"subject": admin()}]}),
            Wanted::Decisions(&[NO, YES]),
        ),
        (
            "3.2.5",
            json!({"evaluations": [first(), asked(user("bob"), "write", record("record-1"))]}),
            Wanted::Decisions(&[YES, NO]),
        ),
        (
            "3.2.6",
            and(
                inherited,
                "context",
                json!({"time": "2025-06-27T18:03-07:00"}),
            ),
            Wanted::Decisions(&[YES, None]),
        ),
        (
            "3.2.7",
            and(writes(merged), "resource", json!({"type": "record"})),
            Wanted::Decisions(&[YES, NO]),
        ),
        (
            "3.4.1",
            reads(json!([{"resource": record("record-1")}, {}])),
            Wanted::Decisions(&[YES, NO]),
        ),
        ("3.4.2", first(), Wanted::Decision(true)),
        (
            "3.4.3",
            and(first(), "evaluations", json!([])),
            Wanted::Decision(true),
        ),
    ]
}

/// A search: its kind, the section, the request and what is wanted.
type Search = (&'static str, &'static str, Value, Wanted);

fn who() -> Value {
    asked(json!({"type": "user"}), "read", record("record-1"))
}

fn what() -> Value {
    asked(user("alice"), "read", json!({"type": "record"}))
}

fn how() -> Value {
    json!({"subject": user("alice"), "resource": record("record-1")})
}

fn searches() -> Vec<Search> {
    let finds = |kind, section, request, names| (kind, section, request, Wanted::Results(names));
    let nothing = |kind, request| (kind, "4.6", request, Wanted::Nothing);
    let in_context = |request| and(request, "context", json!({"ip": "192.168.1.1"}));
    let archived_by_whom = asked(json!({"type": "user"}), "write", archived());
    let written_by_admin = asked(admin(), "write", json!({"type": "record"}));
    let done_by_admin = json!({"subject": admin(), "resource": archived()});
    let first_page = and(who(), "page", json!({"limit": 1}));
    let (users, actions) = (&["alice", "bob"][..], &["read", "write"][..]);
    vec![
        finds("subject", "4.2.1", who(), users),
        finds("subject", "4.2.2", in_context(who()), users),
        finds("subject", "4.2.4", archived_by_whom, &["bob"]),
        finds("resource", "4.3.1", what(), &["record-1"]),
        finds("resource", "4.3.1", in_context(what()), &["record-1"]),
        finds("resource", "4.3.3", written_by_admin, &["record-2"]),
        finds("action", "4.4.1", how(), actions),
        finds("action", "4.4.2", in_context(how()), actions),
        finds("action", "4.4.3", done_by_admin, &["write"]),
        finds("subject", "4.5.1", first_page, &["alice"]),
        nothing("action", and(how(), "subject", user("nonexistent-user"))),
        nothing(
            "subject",
            and(who(), "subject", json!({"type": "spaceship"})),
        ),
    ]
}

fn refused_searches() -> Vec<Search> {
    let refused = |kind, request| (kind, "4.7", request, Wanted::Refusal);
    vec![
        refused("subject", without(who(), "action")),
        refused("resource", without(what(), "subject")),
        refused("action", without(how(), "resource")),
        refused("subject", without(who(), "resource.id")),
        refused("resource", without(what(), "subject.id")),
    ]
}

#[track_caller]
fn check(section: &str, request: &Value, reply: &Reply, wanted: &Wanted) {
    let told = format!("{section}: {request} {reply:?}");
    let expected = match wanted {
        Wanted::Refusal => 400,
        _ => 200,
    };
    assert_eq!(reply.status, expected, "{told}");
    assert!(reply.body.get("context").is_none_or(Value::is_object));
    match wanted {
        Wanted::Refusal => assert!(reply.body["message"].is_string(), "{told}"),
        Wanted::Decision(expect) => assert_eq!(reply.body["decision"], *expect, "{told}"),
        Wanted::Decisions(expect) => {
            assert!(reply.body.get("decision").is_none(), "{told}");
            let found = reply.body["evaluations"].as_array().unwrap();
            assert_eq!(found.len(), expect.len(), "{told}");
            for (one, expect) in found.iter().zip(*expect) {
                let decision = one["decision"].as_bool();
                assert!(decision.is_some(), "{told}");
                assert!(expect.is_none() || decision == *expect, "{told}");
            }
        }
        Wanted::Results(expect) => {
            for wanted in *expect {
                let results = reply.body["results"].as_array().unwrap();
                let is_it = |one: &Value| one["id"] == *wanted || one["name"] == *wanted;
                assert!(results.iter().any(is_it), "{told}");
            }
            assert!(reply.body["page"]["next_token"].is_string(), "{told}");
        }
        Wanted::Nothing => {
            assert_eq!(reply.body["results"], json!([]), "{told}");
            assert_eq!(reply.body["page"]["next_token"], "", "{told}");
        }
    }
}

#[tokio::test]
async fn the_fixture_is_evaluated_one_by_one_and_in_batches() {
    for engine in engines() {
        let scenario = certified(engine).await;
        // 2.6: the same again.
        for _ in 0..2 {
            for (section, request, wanted) in evaluation() {
                let reply = scenario.ask("evaluation", &request).await;
                check(section, &request, &reply, &wanted);
            }
        }
        for (section, request, wanted) in evaluations() {
            let reply = scenario.ask("evaluations", &request).await;
            check(section, &request, &reply, &wanted);
        }
    }
}

#[tokio::test]
async fn the_fixture_is_searched() {
    for engine in engines() {
        let scenario = certified(engine).await;
        for (kind, section, request, wanted) in searches().into_iter().chain(refused_searches()) {
            let reply = scenario.ask(&format!("search/{kind}"), &request).await;
            check(section, &request, &reply, &wanted);
            for one in reply.body["results"].as_array().into_iter().flatten() {
                assert!(one["name"].is_string() || one["type"] == request[kind]["type"]);
            }
        }
        // 4.5.2: the token goes on; the last page has an empty one.
        let page = and(who(), "page", json!({"limit": 1}));
        let token = scenario.ask("search/subject", &page).await.body["page"]["next_token"].clone();
        assert_ne!(token, "");
        let rest = and(who(), "page", json!({"token": token}));
        let rest = scenario.ask("search/subject", &rest).await;
        assert_eq!(rest.body["results"], json!([user("bob")]));
        assert_eq!(rest.body["page"]["next_token"], "");
    }
}

#[tokio::test]
async fn the_transport_is_as_the_scenario_wants_it() {
    let scenario = certified(Engine::Sqlite).await;
    let id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    let body = first().to_string();
    let json = "application/json";
    for endpoint in ["evaluation", "evaluations"] {
        for (media, sent, status) in [
            (json, &*body, 200),
            ("application/json; charset=utf-8", &*body, 200),
            ("text/plain", &*body, 400),
            ("application/x-www-form-urlencoded", &*body, 400),
            (json, "{\"subject\": ", 400),
            (json, "", 400),
        ] {
            let reply = scenario.send(endpoint, media, id, sent).await;
            assert_eq!(reply.status, status, "{endpoint} {media} {sent} {reply:?}");
            // Whatever the answer is.
            assert_eq!(reply.header("x-request-id"), id);
            assert_eq!(reply.header("content-type"), json);
        }
    }
    for kind in ["subject", "resource", "action"] {
        let endpoint = format!("search/{kind}");
        let reply = scenario.send(&endpoint, json, id, &body).await;
        assert_eq!((reply.status, reply.header("x-request-id")), (200, id));
        let reply = scenario.send(&endpoint, json, id, "").await;
        assert_eq!((reply.status, reply.header("x-request-id")), (400, id));
    }
}

#[tokio::test]
async fn the_metadata_is_what_discovery_certification_looks_at() {
    let scenario = certified(Engine::Sqlite).await;
    let well_known = "/.well-known/authzen-configuration";
    for base in &scenario.bases {
        // The path of the PDP comes after the well-known one (section 6.1).
        let reply = scenario.get(&format!("{well_known}{base}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), "application/json");
        let url = format!("{}{base}", scenario.url());
        assert_eq!(reply.body["policy_decision_point"], url);
        for (name, end) in [
            ("access_evaluation", "evaluation"),
            ("access_evaluations", "evaluations"),
            ("search_subject", "search/subject"),
            ("search_resource", "search/resource"),
            ("search_action", "search/action"),
        ] {
            let expect = format!("{url}/access/v1/{end}");
            assert_eq!(reply.body[format!("{name}_endpoint")], expect);
        }
        let optional = reply.body.as_object().unwrap().keys();
        assert_eq!(optional.count(), 6, "{reply:?}");
    }
}
