//! Why a check allows or denies: the derivation over the fewest tuples (one used twice counts twice), or the branches that
//! were tried and how each ended.
//!
//! | Step | File |
//! |---|---|
//! | every question that the answer can depend on | `gather` |
//! | which of them hold, and at what cost | `value` |
//! | the tree that people read | `tree` |
//! | single tuples that would have allowed it | `suggest` |
//! | the tree as JSON, and as text | `json`, [`draw`] |
//!
//! It evaluates by itself, all branches instead of the first that decides, so that it can compare them; `oracle` holds its
//! verdict against that of [`check`]. A question that `check` answers within its bounds may be past them here.

pub mod draw;

mod gather;
mod json;
mod suggest;
mod tree;
mod value;

use super::check::asked::{Who, relation_of, type_of};
use super::check::{CheckError, Question, check};
use super::graph::Graph;
use super::program::Program;
use super::relationship::Circumstances;
use super::tuple::Tuple;
use crate::base::time::Timestamp;

/// Most tuples that are suggested.
pub const SUGGESTIONS: usize = 10;

/// Why a check was decided as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the subject has the relation.
    pub allowed: bool,
    /// The derivation, or what was tried.
    pub root: Step,
    /// If allowed: the tuples of the derivation, each once.
    pub tuples: Vec<Tuple>,
    /// If denied: tuples each of which alone, written, would allow it; nearest first, at most [`SUGGESTIONS`].
    pub would_allow: Vec<Tuple>,
}

/// One step of a derivation or of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was looked at.
    pub what: What,
    /// How it ended.
    pub outcome: Outcome,
    /// What it depended on.
    pub children: Vec<Step>,
}

/// What a step looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A relation of an object: `doc:plan#viewer`.
    Relation {
        /// The object.
        object: String,
        /// The relation.
        relation: String,
    },
    /// The tuples written on the relation itself.
    Direct,
    /// A relation of the objects behind this one: the name of the tupleset.
    From(String),
    /// `or`
    Union,
    /// `and`
    Intersection,
    /// `but not`: the base, then what is subtracted.
    Exclusion,
    /// A tuple.
    Tuple(Tuple),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Fails(Reason),
}

/// Why a step does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no tuple that could lead anywhere.
    NoTuple,
    /// By the model, no subject of this form can be in the relation.
    Unreachable,
    /// The tuple has expired.
    Expired(Timestamp),
    /// The condition of that name is not met.
    ConditionNotMet(String),
    /// The condition could not be evaluated.
    ConditionFailed {
        /// Its name.
        name: String,
        /// Why not.
        message: String,
    },
    /// The model does not admit the tuple (any more).
    NotAdmitted,
    /// What is subtracted holds: this.
    Excluded(String),
    /// It only leads back to a question that is being answered.
    Cycle,
    /// It is further away than a check looks.
    TooDeep,
    /// None of what it depends on holds, or not all of it.
    Parts,
    /// Told further up.
    ToldAbove,
    /// The tree is large enough without it.
    LeftOut,
}

impl Step {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.outcome == Outcome::Holds
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Relation { object, relation } => write!(f, "{object}#{relation}"),
            Self::Direct => f.write_str("direct"),
            Self::From(tupleset) => write!(f, "from {tupleset}"),
            Self::Union => f.write_str("or"),
            Self::Intersection => f.write_str("and"),
            Self::Exclusion => f.write_str("but not"),
            Self::Tuple(tuple) => write!(f, "tuple {tuple}"),
        }
    }
}

impl Reason {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoTuple => "no_tuple",
            Self::Unreachable => "unreachable",
            Self::Expired(_) => "expired",
            Self::ConditionNotMet(_) => "condition_not_met",
            Self::ConditionFailed { .. } => "condition_failed",
            Self::NotAdmitted => "not_admitted",
            Self::Excluded(_) => "excluded",
            Self::Cycle => "cycle",
            Self::TooDeep => "too_deep",
            Self::Parts => "parts",
            Self::ToldAbove => "told_above",
            Self::LeftOut => "left_out",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoTuple => f.write_str("no tuple"),
            Self::Unreachable => f.write_str("not reachable by type"),
            Self::Expired(at) => write!(f, "expired at {}", at.rfc3339()),
            Self::ConditionNotMet(name) => write!(f, "condition `{name}` not met"),
            Self::ConditionFailed { name, message } => {
                write!(f, "condition `{name}` could not be evaluated: {message}")
            }
            Self::NotAdmitted => f.write_str("not admitted by the model"),
            Self::Excluded(by) => write!(f, "excluded by {by}"),
            Self::Cycle => f.write_str("leads back to itself"),
            Self::TooDeep => f.write_str("further away than a check looks"),
            Self::Parts => f.write_str("not met"),
            Self::ToldAbove => f.write_str("told above"),
            Self::LeftOut => f.write_str("left out, the tree is large already"),
        }
    }
}

/// Explains a check over the stored tuples (for contextual ones: over a clone of the graph that has them).
///
/// Errors are those of [`check`]; also [`CheckError::Exhausted`] if comparing all branches takes too many steps.
pub fn explain(
    program: &Program,
    graph: &Graph,
    question: Question<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Explanation, CheckError> {
    // What has no answer has no explanation either.
    check(program, graph, question, circumstances)?;
    let object_type = type_of(program, question.object.type_name())?;
    let index = relation_of(program, question.object.type_name(), question.relation)?;
    let who = Who::of(program, question.subject)?;
    let mut graph = graph.clone();
    let object = graph.intern_node(object_type, question.object.id())?;
    let subject = graph.intern_node(who.type_symbol, who.id)?;
    let asked = who.asked(&graph, subject);
    let nodes =
        gather::Gatherer::new(program, &graph, &asked, circumstances).gather(object, index)?;
    let values = value::Values::of(&nodes, circumstances.patience)?;
    let allowed = values.question(0) == Some(true);
    let (root, tuples) = tree::Teller::new(&graph, &nodes, &values).tell();
    let would_allow = if allowed {
        Vec::new()
    } else {
        let candidates = suggest::candidates(program, &graph, &nodes, &asked);
        suggest::verified(program, &graph, candidates, question, circumstances)?
    };
    Ok(Explanation {
        allowed,
        root,
        tuples: if allowed { tuples } else { Vec::new() },
        would_allow,
    })
}

#[cfg(test)]
mod tests;
