//! Cases in the `fga` tool's store-test format: each runs against the engine, and over HTTP on every database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tessera::policy::engine::admit::admit;
use tessera::policy::engine::check::{Question, check_with};
use tessera::policy::engine::graph::Graph;
use tessera::policy::engine::program::Program;
use tessera::policy::engine::relationship::{
    Circumstances, Context, Limits, Relationship, TupleCondition,
};
use tessera::policy::engine::tuple::Tuple;
use tessera::policy::engine::validate::validate;
use tessera::policy::engine::{dsl, json as model_json};

use super::{Api, key};
use crate::harness::database::{START, engines};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    name: String,
    model: Option<String>,
    model_file: Option<String>,
    tuples: Vec<Key>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    tuples: Vec<Key>,
    check: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    user: String,
    object: String,
    #[serde(default)]
    context: Context,
    assertions: BTreeMap<String, bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    user: String,
    relation: String,
    object: String,
    condition: Option<Condition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    name: String,
    #[serde(default)]
    context: Context,
}

impl Key {
    fn json(&self) -> Value {
        let mut shown = key((&self.user, &self.relation, &self.object));
        if let Some(condition) = &self.condition {
            shown["condition"] = json!({"name": condition.name, "context": condition.context});
        }
        shown
    }

    fn relationship(&self) -> Relationship {
        let condition = self.condition.as_ref().map(|condition| TupleCondition {
            name: condition.name.clone(),
            context: condition.context.clone(),
        });
        Relationship {
            tuple: Tuple::parse(&self.object, &self.relation, &self.user).unwrap(),
            limits: Limits {
                condition,
                expires_at: None,
            },
        }
    }
}

/// Every file of cases, with the text of its model.
fn all() -> Vec<(PathBuf, Cases, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for directory in ["policies", "policies/examples", "tests/policies"] {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let cases: Cases = serde_norway::from_str(&std::fs::read_to_string(&path).unwrap())
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
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
        let model = Arc::new(dsl::parse(&text).unwrap_or_else(|error| panic!("{at}: {error}")));
        assert_eq!(validate(&model), Ok(()), "{at}");
        assert_eq!(
            model_json::parse(&model_json::emit(&model)).unwrap(),
            *model,
            "{at}"
        );
        assert_eq!(dsl::parse(&dsl::print(&model)).unwrap(), *model, "{at}");
        let mut graph = Graph::default();
        let program = Program::compile(&model, graph.symbols()).unwrap();
        for key in &cases.tuples {
            let relationship = key.relationship();
            let tuple = &relationship.tuple;
            assert_eq!(admit(&model, &relationship), Ok(()), "{at}: {tuple}");
            graph.insert(&relationship).unwrap();
        }
        for case in &cases.tests {
            let contextual: Vec<Relationship> = case.tuples.iter().map(Key::relationship).collect();
            for check in &case.check {
                for (relation, expected) in &check.assertions {
                    let asked = Tuple::parse(&check.object, relation, &check.user).unwrap();
                    let question = Question {
                        object: &asked.object,
                        relation,
                        subject: &asked.subject,
                    };
                    let circumstances = Circumstances::at(&check.context, START);
                    let found =
                        check_with(&program, &graph, &contextual, question, circumstances).unwrap();
                    assert_eq!(
                        found.allowed, *expected,
                        "{at}: {}, {}: {asked}",
                        cases.name, case.name
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn the_server_answers_every_case_with_tuples_stored_and_contextual() {
    for engine in engines() {
        let api = Api::start(engine).await;
        for (path, cases, text) in all() {
            let at = path.display();
            let (stored, bare) = (api.store(&text).await, api.store(&text).await);
            let tuples: Vec<Value> = cases.tuples.iter().map(Key::json).collect();
            let body = json!({"writes": {"tuple_keys": tuples}});
            let written = api.post(&format!("{stored}/write"), body).await;
            assert_eq!(written.status, 200, "{at}: {written:?}");
            for case in &cases.tests {
                let own: Vec<Value> = case.tuples.iter().map(Key::json).collect();
                // Of two that are the same tuple the first counts.
                let all: Vec<Value> = own.iter().chain(&tuples).cloned().collect();
                for (store, contextual) in [(&stored, &own), (&bare, &all)] {
                    for check in &case.check {
                        for (relation, expected) in &check.assertions {
                            let asked = (
                                check.user.as_str(),
                                relation.as_str(),
                                check.object.as_str(),
                            );
                            let body = json!({"tuple_key": key(asked), "contextual_tuples": {"tuple_keys": contextual}, "context": check.context});
                            let reply = api.post(&format!("{store}/check"), body).await;
                            assert_eq!(
                                reply.body["allowed"].as_bool(),
                                Some(*expected),
                                "{at}: {}: {asked:?}: {reply:?}",
                                case.name
                            );
                        }
                    }
                }
            }
        }
    }
}
