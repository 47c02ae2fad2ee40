//! No question takes longer than it may: past its time the answer is an error, whatever was found until then.

use std::time::Duration;

use serde_json::{Value, json};
use tessera::policy::engine::check::CheckError;
use tessera::policy::engine::dsl;
use tessera::policy::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use tessera::policy::engine::tuple::{Object, Subject, Tuple};
use tessera::policy::{Changes, CheckRequest, Consistency, Policy, PolicyError, PolicyLimits};

use super::{Api, LIMITS, Reply, key};
use crate::harness::database::{Engine, START, engines};

/// Who may what depends on a list that the request brings along.
const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user, user with listed]
condition listed(names: list<string>) {
  names.size() > 0
}
";
const ANNE: (&str, &str, &str) = ("user:anne", "viewer", "doc:plan");
const BOB: (&str, &str, &str) = ("user:bob", "viewer", "doc:plan");

/// Too much to read within a millisecond.
fn long() -> Value {
    json!({"names": vec!["x"; 40_000]})
}

/// A store where anne's tuple has a condition and bob's has none; its id. Written without asking anybody, as the server of
/// these tests has hardly time to answer.
async fn store(policy: &Policy) -> String {
    let store = policy.create_store("docs", START).await.unwrap().id;
    let model = dsl::parse(MODEL).unwrap();
    policy.write_model(&store, &model, START).await.unwrap();
    let tuple = |(user, relation, object)| Tuple::parse(object, relation, user).unwrap();
    let limits = Limits {
        condition: Some(TupleCondition {
            name: "listed".to_owned(),
            context: Context::new(),
        }),
        expires_at: None,
    };
    let changes = Changes {
        writes: vec![
            Relationship {
                tuple: tuple(ANNE),
                limits,
            },
            tuple(BOB).into(),
        ],
        ..Changes::default()
    };
    policy.write(&store, "", &changes, START).await.unwrap();
    store
}

/// Every kind of question, about the tuple with the condition: path and body.
fn questions(store: &str) -> Vec<(String, Value)> {
    let (user, relation, _) = ANNE;
    let ask = |path: &str, body: Value| {
        let mut body = body;
        body["context"] = long();
        (format!("/stores/{store}/{path}"), body)
    };
    let subject = json!({"type": "user", "id": "anne"});
    let resource = json!({"type": "doc", "id": "plan"});
    let action = json!({"name": relation});
    vec![
        ask("check", json!({"tuple_key": key(ANNE)})),
        ask("check", json!({"tuple_key": key(ANNE), "explain": true})),
        ask(
            "list-objects",
            json!({"type": "doc", "relation": relation, "user": user}),
        ),
        ask(
            "list-users",
            json!({"object": {"type": "doc", "id": "plan"}, "relation": relation, "user_filters": [{"type": "user"}]}),
        ),
        ask(
            "access/v1/evaluation",
            json!({"subject": subject, "action": action, "resource": resource}),
        ),
        ask(
            "access/v1/search/subject",
            json!({"subject": {"type": "user"}, "action": action, "resource": resource}),
        ),
        ask(
            "access/v1/search/resource",
            json!({"subject": subject, "action": action, "resource": {"type": "doc"}}),
        ),
        ask(
            "access/v1/search/action",
            json!({"subject": subject, "resource": resource}),
        ),
    ]
}

fn batch() -> Value {
    let checks = json!([
        {"tuple_key": key(ANNE), "correlation_id": "long", "context": long()},
        {"tuple_key": key(BOB), "correlation_id": "late"},
    ]);
    json!({"checks": checks})
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_an_error() {
    for engine in engines() {
        let api = Api::start_with(engine, |config| config.policy_decision_timeout_ms = 1).await;
        let store = store(&api.t.app.policy).await;
        for (path, body) in questions(&store) {
            let reply = api.post(&path, body).await;
            assert_eq!(reply.status, 500, "{path} {reply:?}");
            assert!(
                reply.body.to_string().contains("in time"),
                "{path} {reply:?}"
            );
            if !path.contains("/access/") {
                reply.is_error(500, "deadline_exceeded");
            }
        }
        // The first question of the batch used up the time of the second. Whoever asks may hardly be let in within a
        // millisecond, on a machine that has more to do.
        let mut reply = Reply {
            status: 0,
            body: Value::Null,
            headers: reqwest::header::HeaderMap::new(),
        };
        for _ in 0..50 {
            reply = api
                .post(&format!("/stores/{store}/batch-check"), batch())
                .await;
            if reply.status == 200 {
                break;
            }
        }
        for id in ["long", "late"] {
            let error = &reply.body["result"][id]["error"];
            assert_eq!(error["internal_error"], "deadline_exceeded", "{reply:?}");
        }
    }
}

#[tokio::test]
async fn within_its_time_the_same_question_has_an_answer() {
    for engine in engines() {
        let api =
            Api::start_with(engine, |config| config.policy_decision_timeout_ms = 60_000).await;
        let store = store(&api.t.app.policy).await;
        for (path, body) in questions(&store) {
            let reply = api.post(&path, body).await;
            assert_eq!(reply.status, 200, "{path} {reply:?}");
            assert!(
                !reply.body.to_string().contains("error"),
                "{path} {reply:?}"
            );
        }
        let reply = api
            .post(&format!("/stores/{store}/batch-check"), batch())
            .await;
        for id in ["long", "late"] {
            assert_eq!(reply.body["result"][id]["allowed"], true, "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_request_without_time_left_asks_nothing_more() {
    let t = crate::harness::database::TestDb::open(Engine::Sqlite).await;
    let open = |decision_time| {
        let limits = PolicyLimits {
            decision_time,
            ..LIMITS
        };
        Policy::open(t.db.clone(), &t.sealer, limits, START)
    };
    let (hurried, patient) = (
        open(Duration::ZERO).await.unwrap(),
        open(Duration::MAX).await.unwrap(),
    );
    let store = store(&patient).await;
    let (object, subject) = (
        Object::parse("doc:plan").unwrap(),
        Subject::parse("user:bob").unwrap(),
    );
    let request = CheckRequest {
        model_id: "",
        object: &object,
        relation: "viewer",
        subject: &subject,
        contextual: &[],
        context: &Context::new(),
    };
    let full = Consistency::Full;
    let answer = patient.check(&store, &request, &full, START).await.unwrap();
    assert!(answer.allowed);
    let refused = hurried.check(&store, &request, &full, START).await;
    assert!(matches!(
        refused,
        Err(PolicyError::Check(CheckError::OutOfTime))
    ));
}
