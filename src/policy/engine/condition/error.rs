//! What can be wrong with a condition: with its text, with a tuple's context, with one evaluation.
//!
//! The wording follows OpenFGA's, whose clients match on it.

use super::inline::InlineFault;
use super::{EXPRESSION_LIMIT_BYTES, NESTING_LIMIT, PARAMETER_LIMIT};

/// Why a condition does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// The expression is longer than allowed.
    #[error(
        "failed to compile expression on condition '{condition}' - the expression has {bytes} bytes; at most {EXPRESSION_LIMIT_BYTES} are allowed"
    )]
    TooLong {
        /// The condition.
        condition: String,
        /// Its length.
        bytes: usize,
    },
    /// It has more parameters than allowed.
    #[error(
        "failed to compile expression on condition '{condition}' - it has {found} parameters; at most {PARAMETER_LIMIT} are allowed"
    )]
    TooManyParameters {
        /// The condition.
        condition: String,
        /// How many it has.
        found: usize,
    },
    /// A parameter's type has lists or maps in each other beyond the limit.
    #[error(
        "failed to compile expression on condition '{condition}' - the type of parameter '{parameter}' is nested deeper than {NESTING_LIMIT} levels"
    )]
    Nested {
        /// The condition.
        condition: String,
        /// The parameter.
        parameter: String,
    },
    /// The expression is no CEL.
    #[error("failed to compile expression on condition '{condition}' - {reason}")]
    Syntax {
        /// The condition.
        condition: String,
        /// What the parser says.
        reason: String,
    },
    /// The expression names what is not there, or applies something to values of the wrong type.
    #[error("failed to compile expression on condition '{condition}' - {reason}")]
    Type {
        /// The condition.
        condition: String,
        /// What does not fit.
        reason: String,
    },
    /// The expression gives something else than a bool.
    #[error(
        "failed to compile expression on condition '{condition}' - expected a bool condition expression output, but got '{found}'"
    )]
    NotBool {
        /// The condition.
        condition: String,
        /// The type that it gives.
        found: String,
    },
}

/// Why a tuple's stored context is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The condition has no parameter of that name.
    #[error("found invalid context parameter: {parameter}")]
    Unknown {
        /// The context's key.
        parameter: String,
    },
    /// A value is not of its parameter's type.
    #[error(
        "parameter type error on condition '{condition}' - failed to convert context parameter '{parameter}': {reason}"
    )]
    Type {
        /// The condition.
        condition: String,
        /// The parameter.
        parameter: String,
        /// What was expected and found.
        reason: String,
    },
}

/// Why a condition gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// A value is not of its parameter's type.
    #[error(
        "failed to evaluate relationship condition: parameter type error on condition '{condition}' - failed to convert context parameter '{parameter}': {reason}"
    )]
    Type {
        /// The condition.
        condition: String,
        /// The parameter.
        parameter: String,
        /// What was expected and found.
        reason: String,
    },
    /// Neither the tuple nor the request gives these parameters.
    #[error(
        "failed to evaluate relationship condition: '{condition}' - context is missing parameters '[{}]'",
        .parameters.join(" ")
    )]
    Missing {
        /// The condition.
        condition: String,
        /// The parameters, sorted.
        parameters: Vec<String>,
    },
    /// The expression fails on these values: a division by zero, a key that a map has not.
    #[error(
        "failed to evaluate relationship condition: '{condition}' - failed to evaluate condition expression: {reason}"
    )]
    Evaluation {
        /// The condition.
        condition: String,
        /// What failed.
        reason: String,
    },
    /// The condition that stands in the tuple itself is none.
    #[error("failed to evaluate relationship condition: {0}")]
    Inline(InlineFault),
    /// The expression takes too many steps on these values.
    #[error(
        "failed to evaluate relationship condition: '{condition}' - failed to evaluate condition expression: operation cancelled: actual cost limit exceeded"
    )]
    CostLimit {
        /// The condition.
        condition: String,
    },
}
