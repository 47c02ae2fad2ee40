//! Whether the conditions of a model keep to the limits and have plain names.

use super::ModelError;
use crate::policy::engine::condition::{CompiledCondition, ConditionFault, INLINE};
use crate::policy::engine::model::{Condition, Model};
use crate::policy::engine::tuple::is_relation;

/// Most conditions in a model.
pub const CONDITIONS: usize = 25;
/// Most parameters of a condition.
pub const PARAMETERS: usize = 25;
/// Longest expression.
pub const EXPRESSION_BYTES: usize = 512;

/// A fault in one condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionFault {
    /// Its name or a parameter's.
    #[error(
        "invalid name `{0}`: use at most 50 letters, digits, `_`, `-`, and no `:`, `#`, `@` or white space"
    )]
    Name(String),
    /// The name of the conditions that stand in tuples.
    #[error("the name `{INLINE}` is taken by conditions that tuples hold themselves; use another")]
    Reserved,
    /// Nothing to compute.
    #[error("the expression is empty; write one, such as `x > 1`")]
    Empty,
    /// An expression beyond the limit.
    #[error("the expression has {0} bytes; at most {EXPRESSION_BYTES} are allowed")]
    TooLong(usize),
    /// Parameters beyond the limit.
    #[error("it has {0} parameters; at most {PARAMETERS} are allowed")]
    TooManyParameters(usize),
    /// It does not parse, or its types do not fit.
    #[error(transparent)]
    Compile(#[from] ConditionFault),
}

/// The faults of all conditions, by name.
pub(super) fn faults(model: &Model) -> Vec<ModelError> {
    let mut all = Vec::new();
    for (name, condition) in &model.conditions {
        all.extend(definition_faults(name, condition).into_iter().map(|fault| {
            ModelError::Condition {
                condition: name.clone(),
                fault,
            }
        }));
    }
    all
}

fn definition_faults(name: &str, condition: &Condition) -> Vec<DefinitionFault> {
    let mut faults: Vec<DefinitionFault> = std::iter::once(name)
        .chain(condition.parameters.keys().map(String::as_str))
        .filter(|name| !is_relation(name))
        .map(|name| DefinitionFault::Name(name.to_owned()))
        .collect();
    if name == INLINE {
        faults.push(DefinitionFault::Reserved);
    }
    if condition.expression.trim().is_empty() {
        faults.push(DefinitionFault::Empty);
    }
    if condition.expression.len() > EXPRESSION_BYTES {
        faults.push(DefinitionFault::TooLong(condition.expression.len()));
    }
    if condition.parameters.len() > PARAMETERS {
        faults.push(DefinitionFault::TooManyParameters(
            condition.parameters.len(),
        ));
    }
    if faults.is_empty()
        && let Err(fault) = CompiledCondition::compile(name, condition)
    {
        faults.push(fault.into());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::engine::dsl;
    use crate::policy::engine::validate::validate;

    #[track_caller]
    fn refuses(conditions: &str, message: &str) {
        let model = dsl::parse(&format!("model\n  schema 1.1\ntype user\n{conditions}")).unwrap();
        let faults: Vec<String> = validate(&model)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            faults.iter().any(|fault| fault.contains(message)),
            "{faults:?}"
        );
    }

    #[test]
    fn conditions_keep_to_the_limits() {
        let long = "x".repeat(EXPRESSION_BYTES + 1);
        refuses(
            &format!("condition c(x: int) {{ {long} }}"),
            "the expression has 513 bytes",
        );
        let many: Vec<String> = (0..=PARAMETERS).map(|n| format!("p{n}: int")).collect();
        let many = many.join(", ");
        refuses(
            &format!("condition c({many}) {{ true }}"),
            "it has 26 parameters",
        );
        let many: Vec<String> = (0..=CONDITIONS)
            .map(|n| format!("condition c{n}(x: int) {{ true }}"))
            .collect();
        refuses(&many.join("\n"), "the model has 26 conditions");
        refuses(
            "condition c(x: int) { x }",
            "failed to compile expression on condition 'c'",
        );
        let name = "n".repeat(51);
        refuses(
            &format!("condition {name}(x: int) {{ true }}"),
            "invalid name",
        );
        let mut model =
            dsl::parse("model\n  schema 1.1\ntype user\ncondition c(x: int) { x }").unwrap();
        model.conditions.get_mut("c").unwrap().expression = " ".to_owned();
        assert!(
            validate(&model).unwrap_err()[0]
                .to_string()
                .contains("is empty")
        );
    }
}
