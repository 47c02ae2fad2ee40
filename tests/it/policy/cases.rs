//! Cases in the `fga` tool's store-test format: each runs against the engine, and over HTTP on every database.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tessera::policy::engine::validate::validate;
use tessera::policy::engine::{dsl, json as model_json};
use tessera::policy::store_test::{self, Expected, StoreTest, Test};
use tessera::policy::tuple_file::TupleKey;

use super::{Api, Reply, key};
use crate::harness::database::{START, engines};

/// Every file of cases, with the text of its model.
fn all() -> Vec<(PathBuf, StoreTest, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in ["policies", "policies/examples", "tests/policies"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let cases = store_test::parse(&path.display().to_string(), &text)
                    .unwrap_or_else(|error| panic!("{error}"));
                let model = match (&cases.model, &cases.model_file) {
                    (Some(model), None) => model.clone(),
                    (None, Some(file)) => {
                        std::fs::read_to_string(path.parent().unwrap().join(file)).unwrap()
                    }
                    _ => panic!("{}: needs `model` or `model_file`", path.display()),
                };
                found.push((path, cases, model));
            }
        }
    }
    assert!(found.len() >= 9, "{}", found.len());
    found
}

#[test]
fn the_engine_answers_every_case() {
    for (path, cases, text) in all() {
        let at = path.display();
        let model = dsl::parse(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(validate(&model), Ok(()), "{at}");
        assert_eq!(
            model_json::parse(&model_json::emit(&model)).unwrap(),
            model,
            "{at}"
        );
        assert_eq!(dsl::parse(&dsl::print(&model)).unwrap(), model, "{at}");
        let report = store_test::run(&path, START).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.wrong, [], "{at}");
        assert_eq!(report.tests, cases.tests.len(), "{at}");
        let answers = report.checks.all + report.list_objects.all + report.list_users.all;
        assert!(answers >= report.tests, "{at}: a test asks nothing");
    }
}

/// A question to a store, and what it must answer.
struct Question {
    endpoint: &'static str,
    body: Value,
    /// Where contextual tuples stand in the body.
    is_flat: bool,
    /// The answer, or that there is none.
    expected: Expected<Value>,
    /// The answer in a reply, as it is expected.
    read: fn(&Value) -> Value,
}

/// Every question of a test.
fn questions(test: &Test) -> Vec<Question> {
    let mut questions = Vec::new();
    for check in &test.check {
        for user in check.user.iter().chain(&check.users) {
            for object in check.object.iter().chain(&check.objects) {
                for (relation, expected) in &check.assertions {
                    questions.push(Question {
                        endpoint: "check",
                        body: json!({"tuple_key": key((user, relation, object)), "context": check.context}),
                        is_flat: false,
                        expected: expected.map(|allowed| json!(allowed)),
                        read: |body| body["allowed"].clone(),
                    });
                }
            }
        }
    }
    for list in &test.list_objects {
        for (relation, expected) in &list.assertions {
            questions.push(Question {
                endpoint: "list-objects",
                body: json!({"type": list.r#type, "relation": relation, "user": list.user, "context": list.context}),
                is_flat: false,
                expected: expected.map(|objects| sorted(objects.clone())),
                read: |body| sorted(texts(&body["objects"], |object| object)),
            });
        }
    }
    for list in &test.list_users {
        // OpenFGA takes one filter a request.
        let [filter] = &list.user_filter[..] else {
            panic!("{}: cases have one filter", test.name);
        };
        let (kind, id) = list.object.split_once(':').unwrap();
        for (relation, expected) in &list.assertions {
            questions.push(Question {
                endpoint: "list-users",
                body: json!({"object": {"type": kind, "id": id}, "relation": relation, "user_filters": [filter], "context": list.context}),
                is_flat: true,
                expected: expected.map(|users| sorted(users.users.clone())),
                read: |body| sorted(users(&body["users"])),
            });
        }
    }
    questions
}

fn sorted(mut texts: Vec<String>) -> Value {
    texts.sort();
    json!(texts)
}

fn texts(list: &Value, text: impl Fn(&Value) -> &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|one| text(one).as_str().unwrap().to_owned())
        .collect()
}

fn users(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|user| {
            let part = |kind: &str, name: &str| user[kind][name].as_str().unwrap_or_default();
            if user.get("userset").is_some() {
                let (id, relation) = (part("userset", "id"), part("userset", "relation"));
                format!("{}:{id}#{relation}", part("userset", "type"))
            } else if user.get("wildcard").is_some() {
                format!("{}:*", part("wildcard", "type"))
            } else {
                format!("{}:{}", part("object", "type"), part("object", "id"))
            }
        })
        .collect()
}

impl Question {
    async fn ask(&self, api: &Api, store: &str, contextual: &[&TupleKey]) -> Reply {
        let mut body = self.body.clone();
        body["contextual_tuples"] = if self.is_flat {
            json!(contextual)
        } else {
            json!({"tuple_keys": contextual})
        };
        api.post(&format!("{store}/{}", self.endpoint), body).await
    }

    #[track_caller]
    fn is_answered_by(&self, reply: &Reply, at: &str) {
        match &self.expected {
            Expected::Answer(expected) => {
                let found = (self.read)(&reply.body);
                assert_eq!(found, *expected, "{at}: {}: {reply:?}", self.body);
            }
            Expected::None(_) => assert_eq!(
                (reply.status, reply.body["code"].as_str()),
                (400, Some("validation_error")),
                "{at}: {}: {reply:?}",
                self.body
            ),
        }
    }
}

#[tokio::test]
async fn the_server_answers_every_case_with_tuples_stored_and_contextual() {
    for engine in engines() {
        let api = Api::start(engine).await;
        for (path, cases, text) in all() {
            let (stored, bare) = (api.store(&text).await, api.store(&text).await);
            if !cases.tuples.is_empty() {
                let body = json!({"writes": {"tuple_keys": cases.tuples}});
                let written = api.post(&format!("{stored}/write"), body).await;
                assert_eq!(written.status, 200, "{}: {written:?}", path.display());
            }
            for test in &cases.tests {
                let own: Vec<&TupleKey> = test.tuples.iter().collect();
                // Of two that are the same tuple the first counts.
                let all: Vec<&TupleKey> = test.tuples.iter().chain(&cases.tuples).collect();
                let at = format!("{}: {}", path.display(), test.name);
                for question in questions(test) {
                    for (store, contextual) in [(&stored, &own), (&bare, &all)] {
                        let reply = question.ask(&api, store, contextual).await;
                        question.is_answered_by(&reply, &at);
                    }
                }
            }
        }
    }
}
