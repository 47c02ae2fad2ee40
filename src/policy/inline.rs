//! Whether conditions may stand in tuples (`$expression`): OpenFGA has them behind an experimental flag, Tessera behind
//! `policy.inline_expressions`.
//!
//! The key is about what is written. What stands in a store is evaluated whatever the key says.

use super::engine::condition::INLINE;
use super::engine::model::Model;
use super::engine::relationship::Relationship;
use super::error::PolicyError;
use crate::config::Config;

/// Refuses a model that names `$expression` unless the configuration allows it.
pub fn allow_model(config: &Config, model: &Model) -> Result<(), PolicyError> {
    let uses = model
        .types
        .iter()
        .flat_map(|definition| definition.relations.values())
        .flat_map(|relation| &relation.restrictions)
        .any(|restriction| restriction.condition.as_deref() == Some(INLINE));
    allow(config.policy_inline_expressions, uses)
}

/// Refuses tuples with a condition of their own unless the configuration allows them.
pub fn allow_tuples(config: &Config, tuples: &[Relationship]) -> Result<(), PolicyError> {
    let uses = tuples
        .iter()
        .any(|relationship| relationship.limits.is_inline());
    allow(config.policy_inline_expressions, uses)
}

/// Refuses a use that is not switched on.
pub(super) const fn allow(is_on: bool, uses: bool) -> Result<(), PolicyError> {
    if uses && !is_on {
        return Err(PolicyError::InlineExpressions);
    }
    Ok(())
}
