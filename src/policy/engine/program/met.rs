//! Whether the condition of a tuple is met, as far as the model still admits it.

use super::{Gate, Program};
use crate::policy::engine::budget::Budget;
use crate::policy::engine::check::CheckError;
use crate::policy::engine::condition::{ConditionError, INLINE};
use crate::policy::engine::relationship::{Context, TupleCondition};

impl Program {
    /// Whether a tuple's condition is met; `None` if the model does not admit the tuple with it (any more). What it costs is
    /// spent.
    pub(in crate::policy::engine) fn is_met(
        &self,
        (named, gate): (&TupleCondition, &Gate),
        request: &Context,
        budget: &mut Budget<'_>,
    ) -> Result<Result<Option<bool>, ConditionError>, CheckError> {
        if !gate.conditions.contains(&named.name) {
            return Ok(Ok(None));
        }
        if named.name == INLINE {
            budget.parsed()?;
            let condition = match self.inline.get(&named.context) {
                Ok(condition) => condition,
                Err(error) => return Ok(Err(ConditionError::Inline(error))),
            };
            let evaluated = condition.evaluate_counted(&Context::new(), request);
            budget.evaluated(&evaluated)?;
            return Ok(evaluated.outcome.map(Some));
        }
        let Some(condition) = self
            .conditions
            .get(&named.name)
            .filter(|condition| condition.declares_all(&named.context))
        else {
            return Ok(Ok(None));
        };
        let evaluated = condition.evaluate_counted(&named.context, request);
        budget.evaluated(&evaluated)?;
        Ok(match evaluated.outcome {
            // The model has changed under the tuple.
            Err(_) if condition.admit_context(&named.context).is_err() => Ok(None),
            outcome => outcome.map(Some),
        })
    }
}
