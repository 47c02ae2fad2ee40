//! Why a check was decided as it was, and which answers a change would change, over one view of a store.

use super::engine::explain::{Explanation, explain};
use super::engine::what_if::{Difference, Hypothesis, what_if};
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

    /// Which of these answers a change would change. The tuples to add are held against the model; contextual tuples are
    /// not looked at.
    pub fn what_if(
        &self,
        hypothesis: Hypothesis<'_>,
        requests: &[CheckRequest<'_>],
    ) -> Result<Vec<Difference>, PolicyError> {
        self.admit_all(hypothesis.writes)?;
        let questions: Vec<_> = requests
            .iter()
            .map(|request| (request.question(), self.circumstances(request.context)))
            .collect();
        Ok(what_if(
            self.program(),
            self.graph(),
            hypothesis,
            &questions,
        )?)
    }
}
