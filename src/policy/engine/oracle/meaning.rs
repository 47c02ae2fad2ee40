//! The conditions of the random models, and what each says of the values given: no expression is evaluated here.

use serde_json::{Value, json};

use super::{Context, Origin, Random, Truth};
use crate::policy::engine::model::{Condition, ParameterType};
use crate::policy::engine::relationship::TupleCondition;

/// The names of all conditions; a model has some.
pub(super) const CONDITIONS: [&str; 4] = ["small", "ratio", "list", "given"];

/// A condition as a model has it.
pub(super) fn definition(name: &str) -> Condition {
    let (parameters, expression): (&[(&str, ParameterType)], _) = match name {
        "small" => (&[("x", ParameterType::Int)], "x < 10"),
        "ratio" => (
            &[("x", ParameterType::Int), ("d", ParameterType::Int)],
            "x / d < 10",
        ),
        "list" => (
            &[("l", ParameterType::List(Box::new(ParameterType::Int)))],
            "l.all(i, i < 10)",
        ),
        _ => (&[("v", ParameterType::Any)], "v != null"),
    };
    Condition {
        parameters: parameters
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.clone()))
            .collect(),
        expression: expression.to_owned(),
        origin: Origin::default(),
    }
}

fn parameters(name: &str) -> &'static [&'static str] {
    match name {
        "small" => &["x"],
        "ratio" => &["x", "d"],
        "list" => &["l"],
        _ => &["v"],
    }
}

/// Whether a value is of the parameter's type; null is a value of `any`.
fn fits(parameter: &str, value: &Value) -> bool {
    match parameter {
        "v" => true,
        "l" => value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_i64)),
        _ => value.is_i64(),
    }
}

/// Whether a tuple may fix these values.
pub(super) fn admits(name: &str, stored: &Context) -> bool {
    stored
        .iter()
        .all(|(key, value)| parameters(name).contains(&key.as_str()) && fits(key, value))
}

/// What the tuple fixes wins; what neither gives, or what does not fit, is a failure even where it would not matter. A
/// tuple that fixes what it must not does not count at all.
pub(super) fn of(name: &str, stored: &Context, request: &Context) -> Truth {
    if !admits(name, stored) {
        return Truth::No;
    }
    let mut values = Vec::new();
    for parameter in parameters(name) {
        match stored.get(*parameter).or_else(|| request.get(*parameter)) {
            Some(value) if fits(parameter, value) => values.push(value),
            Some(_) | None => return Truth::Failed,
        }
    }
    let int = |value: &Value| value.as_i64().unwrap();
    match name {
        "small" => Truth::known(int(values[0]) < 10),
        "ratio" if int(values[1]) == 0 => Truth::Failed,
        "ratio" => Truth::known(int(values[0]) / int(values[1]) < 10),
        // Each element costs some steps.
        "list" if values[0].as_array().unwrap().len() > 50 => Truth::Failed,
        "list" => Truth::known(
            values[0]
                .as_array()
                .unwrap()
                .iter()
                .all(|one| int(one) < 10),
        ),
        _ => Truth::known(!values[0].is_null()),
    }
}

/// Values that a tuple fixes: mostly some of the right type.
pub(super) fn random_condition(random: &mut Random, name: &str) -> TupleCondition {
    let mut context = Context::new();
    for parameter in parameters(name) {
        if random.below(4) > 0 {
            context.insert((*parameter).to_owned(), random_value(random, parameter, 24));
        }
    }
    if random.below(24) == 0 {
        context.insert("other".to_owned(), json!(1));
    }
    TupleCondition {
        name: name.to_owned(),
        context,
    }
}

/// Values of a request: every other one gives all, of the right types.
pub(super) fn random_request(random: &mut Random) -> Context {
    let is_whole = random.below(2) == 0;
    let mut context = Context::new();
    for parameter in ["x", "d", "l", "v", "other"] {
        if is_whole || random.below(2) == 0 {
            let odd = if is_whole { usize::MAX } else { 4 };
            let value = random_value(random, parameter, odd);
            context.insert(parameter.to_owned(), value);
        }
    }
    context
}

/// One in `odd` is of another type.
fn random_value(random: &mut Random, parameter: &str, odd: usize) -> Value {
    if random.below(odd) == 0 {
        return [json!("text"), json!(null), json!(1.5), json!(["text"])][random.below(4)].clone();
    }
    match parameter {
        "d" => json!([0, 1, 1, 1][random.below(4)]),
        "l" => [
            json!([]),
            json!([1, 2]),
            json!([1, 50]),
            json!(vec![1; 120]),
        ][random.below(4)]
        .clone(),
        "v" => [json!(null), json!(0), json!("text"), json!({"a": [1]})][random.below(4)].clone(),
        _ => json!([0, 5, 9, 10][random.below(4)]),
    }
}
