//! Conditions as tables: parameters, an expression, a context, what comes out.

mod compile;
mod context;
mod evaluate;
mod hostile;
mod inline;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{CompiledCondition, ConditionError, ConditionFault};
use crate::policy::engine::model::{Condition, Origin, ParameterType};
use crate::policy::engine::relationship::Context;

/// A condition of these parameters, written as `x: int, tags: list<string>`.
fn condition(parameters: &str, expression: &str) -> Condition {
    let parameters = parameters
        .split(", ")
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let (name, kind) = parameter.split_once(": ").expect("name: type");
            (name.to_owned(), kind_of(kind))
        })
        .collect();
    Condition {
        parameters,
        expression: expression.to_owned(),
        origin: Origin::default(),
    }
}

fn kind_of(text: &str) -> ParameterType {
    let (name, inner) = match text.split_once('<') {
        Some((name, rest)) => (name, rest.strip_suffix('>').map(kind_of)),
        None => (text, None),
    };
    ParameterType::parse(name, inner).expect("a type")
}

fn context(json: &str) -> Context {
    match serde_json::from_str(json).expect("JSON") {
        Json::Object(entries) => entries,
        other => panic!("{other} is no object"),
    }
}

fn compile(parameters: &str, expression: &str) -> Result<CompiledCondition, ConditionFault> {
    CompiledCondition::compile("c", &condition(parameters, expression))
}

fn evaluate(parameters: &str, expression: &str, request: &str) -> Result<bool, ConditionError> {
    compile(parameters, expression)
        .unwrap_or_else(|fault| panic!("{expression}: {fault}"))
        .evaluate(&Context::new(), &context(request))
}

/// Runs on a stack as small as a worker's may be left with.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn a_condition_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<CompiledCondition>();
    shared::<BTreeMap<String, CompiledCondition>>();
}
