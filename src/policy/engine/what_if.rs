//! Which answers a change of tuples would change.

use super::check::{CheckError, Question, check};
use super::graph::Graph;
use super::program::Program;
use super::relationship::{Circumstances, Relationship};
use super::tuple::Tuple;

/// A change that is not made.
#[derive(Clone, Copy, Debug)]
pub struct Hypothesis<'a> {
    /// Tuples to add, or to limit otherwise. The model must admit them (`admit`).
    pub writes: &'a [Relationship],
    /// Tuples to take out; those that are not there are passed over.
    pub deletes: &'a [Tuple],
}

/// An answer that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which of the questions, counted from 0.
    pub question: usize,
    /// The answer now.
    pub before: bool,
    /// The answer after the change.
    pub after: bool,
}

impl Hypothesis<'_> {
    /// The tuples as they would be after the change.
    pub fn applied_to(&self, graph: &Graph) -> Result<Graph, CheckError> {
        let mut changed = graph.clone();
        for tuple in self.deletes {
            changed.remove(tuple);
        }
        for relationship in self.writes {
            changed.insert(relationship)?;
        }
        Ok(changed)
    }
}

/// Answers the questions as things are and as they would be; those whose answers differ.
pub fn what_if(
    program: &Program,
    graph: &Graph,
    hypothesis: Hypothesis<'_>,
    questions: &[(Question<'_>, Circumstances<'_>)],
) -> Result<Vec<Difference>, CheckError> {
    let changed = hypothesis.applied_to(graph)?;
    let mut differences = Vec::new();
    for (at, (question, circumstances)) in questions.iter().enumerate() {
        let before = check(program, graph, *question, *circumstances)?.allowed;
        let after = check(program, &changed, *question, *circumstances)?.allowed;
        if before != after {
            differences.push(Difference {
                question: at,
                before,
                after,
            });
        }
    }
    Ok(differences)
}
