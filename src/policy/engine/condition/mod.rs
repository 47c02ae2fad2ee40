//! Conditions on tuples. None compiles yet, so no model has one and every tuple that names one is refused.

use super::model::Condition;
use super::relationship::Context;

/// A condition that compiled.
#[derive(Debug)]
pub struct CompiledCondition(std::convert::Infallible);

/// Why a condition does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("condition `{0}` cannot be compiled")]
pub struct ConditionFault(String);

/// Why what a tuple fixes does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the context does not fit the condition")]
pub struct ContextError;

/// Why a condition could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition could not be evaluated")]
pub struct ConditionError;

impl CompiledCondition {
    /// Compiles a condition.
    pub fn compile(name: &str, _: &Condition) -> Result<Self, ConditionFault> {
        Err(ConditionFault(name.to_owned()))
    }

    /// Whether a tuple's values fit.
    pub fn admit_context(&self, _: &Context) -> Result<(), ContextError> {
        match self.0 {}
    }

    /// Whether it holds.
    pub fn evaluate(&self, _: &Context, _: &Context) -> Result<bool, ConditionError> {
        match self.0 {}
    }
}
