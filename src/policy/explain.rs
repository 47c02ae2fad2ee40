//! Why a check was decided as it was, and what a change would make of it, over one view of a store.

use super::engine::explain::{Explanation, explain};
use super::engine::what_if::Hypothesis;
use super::error::PolicyError;
use super::service::{CheckRequest, View};

impl View {
    /// Explains a check. Contextual tuples are held against the model as strictly as written ones.
    pub fn explain(&self, request: &CheckRequest<'_>) -> Result<Explanation, PolicyError> {
        self.in_time()?;
        self.admit_all(request.contextual)?;
        let graph = self
            .graph()
            .with(request.contextual)
            .map_err(|full| PolicyError::Check(full.into()))?;
        let circumstances = self.circumstances(request.context);
        Ok(explain(
            self.program(),
            &graph,
            request.question(),
            circumstances,
        )?)
    }

    /// The view as it would be after a change, whose tuples to add are held against the model.
    pub fn changed(&self, hypothesis: Hypothesis<'_>) -> Result<Self, PolicyError> {
        self.admit_all(hypothesis.writes)?;
        Ok(self.with_graph(hypothesis.applied_to(self.graph())?))
    }
}
