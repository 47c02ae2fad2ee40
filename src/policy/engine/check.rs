//! May this subject do that: one relation of one object, decided from a program and a graph.
//!
//! The value of a relation is the least fixpoint, in Kleene's three-valued logic, of the model's equations over the
//! tuples: a question that only leads back to itself is `Unknown`, `but not` of `Unknown` is `Unknown`, and `Unknown` at
//! the top means no. That is how OpenFGA treats cycles (false; inside `but not` the whole exclusion is false), made
//! independent of the order in which branches are tried: a value of true or false found anywhere holds everywhere, so it
//! is kept for the whole request; `Unknown` holds for one pass only, and passes repeat while they learn something.
//!
//! A tuple whose condition cannot be evaluated is an error that an answer found elsewhere beats: true in an `or`, false in
//! an `and`. It says more than `Unknown`: once nothing more gets true or false, passes go on while they find errors.
//!
//! INVARIANT: past a bound (depth, steps) the answer is an error, never an allow and never a deny.

pub(super) mod asked;
mod several;
mod value;
mod written;

use rustc_hash::FxHashMap;

pub(super) use self::several::{Checker, Numbered, introduce, named, object_type};
pub(super) use self::written::counts;

use self::asked::{Asked, Who, relation_of, type_of};
use self::value::Value;
use super::budget::Budget;
pub use super::budget::STEPS;
use super::condition::ConditionError;
use super::graph::{Graph, GraphFull, NodeId, SubjectId};
use super::program::{Op, Program, RelationIndex, RelationProgram};
use super::relationship::{Circumstances, Relationship};
use super::tuple::{Object, Subject};

/// Hops through tuples that one question may take.
pub const DEPTH_HOPS: u32 = 25;

/// Operators and relations in one another that one question may enter. A model's relations can be computed from one another
/// without any tuple between them, which [`DEPTH_HOPS`] does not see and the thread's stack does.
const LEVELS: u32 = 600;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Of what.
    pub object: &'a Object,
    /// Which relation.
    pub relation: &'a str,
    /// Who.
    pub subject: &'a Subject,
}

/// A decision and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the subject has the relation.
    pub allowed: bool,
    /// Relations and tuples looked at.
    pub steps: u32,
}

/// Why there is no decision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The model has no such type.
    #[error("type '{0}' not found")]
    UnknownType(String),
    /// The type has no such relation.
    #[error("relation '{type_name}#{relation}' not found")]
    UnknownRelation {
        /// The type.
        type_name: String,
        /// What was asked of it.
        relation: String,
    },
    /// More than [`DEPTH_HOPS`] hops, or relations computed from one another without end.
    #[error(
        "the relations are nested more than {DEPTH_HOPS} hops deep; flatten the groups or parents involved"
    )]
    TooDeep,
    /// More than [`STEPS`] steps.
    #[error(
        "the question needs more than {STEPS} steps; narrow the relation or flatten the groups involved"
    )]
    Exhausted,
    /// The asker's patience ended first.
    #[error(
        "the question could not be answered in time; narrow the relation, flatten the groups involved or simplify the conditions"
    )]
    OutOfTime,
    /// A condition that the answer depends on could not be evaluated.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The graph is out of numbers.
    #[error(transparent)]
    Full(#[from] GraphFull),
}

/// Decides a question over the stored tuples.
pub fn check(
    program: &Program,
    graph: &Graph,
    question: Question<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Decision, CheckError> {
    let object_type = type_of(program, question.object.type_name())?;
    let relation = relation_of(program, question.object.type_name(), question.relation)?;
    let who = Who::of(program, question.subject)?;
    let found = (
        graph.find(object_type, question.object.id()),
        graph.find(who.type_symbol, who.id),
    );
    if let (Some(node), Some(subject)) = found {
        let asked = who.asked(graph, subject);
        return Run::new(program, graph, asked, circumstances).decide(node, relation);
    }
    // What no tuple names gets a number in a copy of the graph, which costs a few small nodes.
    let mut copy = graph.clone();
    let node = copy.intern_node(object_type, question.object.id())?;
    let subject = copy.intern_node(who.type_symbol, who.id)?;
    let asked = who.asked(&copy, subject);
    Run::new(program, &copy, asked, circumstances).decide(node, relation)
}

/// Decides a question over the stored tuples and some that exist for this request only.
///
/// The contextual tuples must be admitted by the model (`admit`).
pub fn check_with(
    program: &Program,
    graph: &Graph,
    contextual: &[Relationship],
    question: Question<'_>,
    circumstances: Circumstances<'_>,
) -> Result<Decision, CheckError> {
    if contextual.is_empty() {
        return check(program, graph, question, circumstances);
    }
    check(program, &graph.with(contextual)?, question, circumstances)
}

#[derive(Clone, Copy, Debug)]
enum Memo {
    /// True or false: holds for the whole request.
    Known(bool),
    /// Neither, as far as one pass found.
    Open(Open),
}

/// What one pass found of a question, or that it is being answered.
#[derive(Clone, Copy, Debug)]
struct Open {
    pass: u32,
    /// Unknown, too deep or failed.
    value: Value,
    /// Too deep from this many hops on.
    hops: u32,
    /// Whether it failed in some pass: it is at least that in all that follow, also where it leads back to itself.
    has_failed: bool,
}

impl Open {
    /// The question's value, if this pass has it already.
    fn in_pass(self, pass: u32, hops: u32) -> Option<Value> {
        match self.value {
            _ if self.pass != pass => None,
            Value::TooDeep if hops < self.hops => None,
            Value::Unknown if self.has_failed => Some(Value::Failed),
            value => Some(value),
        }
    }
}

struct Run<'a> {
    program: &'a Program,
    graph: &'a Graph,
    asked: Asked,
    circumstances: Circumstances<'a>,
    /// The first condition that could not be evaluated.
    failure: Option<ConditionError>,
    memo: FxHashMap<(u32, u32), Memo>,
    pass: u32,
    learned: u32,
    /// Whether all that can be true or false is known: only then is what failed known to fail.
    is_settled: bool,
    budget: Budget<'a>,
    /// Operators and relations that are being answered, each for the one before.
    nested: u32,
}

impl<'a> Run<'a> {
    fn new(
        program: &'a Program,
        graph: &'a Graph,
        asked: Asked,
        circumstances: Circumstances<'a>,
    ) -> Self {
        Self {
            program,
            graph,
            asked,
            circumstances,
            failure: None,
            memo: FxHashMap::default(),
            pass: 0,
            learned: 0,
            is_settled: false,
            budget: Budget::new(circumstances.patience),
            nested: 0,
        }
    }

    fn decide(&mut self, node: NodeId, relation: RelationIndex) -> Result<Decision, CheckError> {
        self.is_settled = false;
        loop {
            self.learned = 0;
            let allowed = match self.relation(node, relation, 0)? {
                Value::True => true,
                Value::False => false,
                Value::TooDeep => return Err(CheckError::TooDeep),
                // A pass that learned nothing would be followed by its own repetition: the fixpoint is reached.
                Value::Unknown | Value::Failed
                    if self.learned == 0 && !self.is_settled && self.failure.is_some() =>
                {
                    self.is_settled = true;
                    self.pass += 1;
                    continue;
                }
                Value::Unknown if self.learned == 0 => false,
                Value::Failed if self.learned == 0 => {
                    return match self.failure.take() {
                        Some(failure) => Err(failure.into()),
                        None => Err(CheckError::TooDeep),
                    };
                }
                Value::Unknown | Value::Failed => {
                    self.pass += 1;
                    continue;
                }
            };
            return Ok(Decision {
                allowed,
                steps: self.budget.steps(),
            });
        }
    }

    fn step(&mut self) -> Result<(), CheckError> {
        self.budget.step()
    }

    fn relation(
        &mut self,
        node: NodeId,
        index: RelationIndex,
        hops: u32,
    ) -> Result<Value, CheckError> {
        self.step()?;
        let program = self.program;
        let Some(relation) = program.relation(index) else {
            return Ok(Value::False);
        };
        // OpenFGA: `check(o#r, r, o)` is true, whatever the tuples.
        if self.asked.subject.relation() == Some(relation.symbol)
            && self.asked.subject.node() == node
        {
            return Ok(Value::True);
        }
        if !relation.reaches(self.asked.shape) {
            return Ok(Value::False);
        }
        let key = (node.number(), index.number());
        let mut has_failed = false;
        if !relation.is_flat {
            match self.memo.get(&key) {
                Some(Memo::Known(value)) => return Ok(Value::known(*value)),
                Some(Memo::Open(open)) => match open.in_pass(self.pass, hops) {
                    Some(value) => return Ok(value),
                    None => has_failed = open.has_failed,
                },
                None => {}
            }
        }
        if hops >= DEPTH_HOPS || self.nested >= LEVELS {
            return Ok(Value::TooDeep);
        }
        let frame = Frame {
            node,
            relation,
            hops,
        };
        if relation.is_flat {
            return self.op(&relation.op, frame);
        }
        let open = Open {
            pass: self.pass,
            value: Value::Unknown,
            hops,
            has_failed,
        };
        self.memo.insert(key, Memo::Open(open));
        self.nested += relation.levels;
        let value = self.op(&relation.op, frame)?;
        self.nested -= relation.levels;
        let memo = match value {
            Value::True | Value::False => {
                self.learned += 1;
                Memo::Known(value == Value::True)
            }
            Value::Unknown | Value::TooDeep => Memo::Open(Open { value, ..open }),
            Value::Failed => {
                self.learned += u32::from(self.is_settled && !has_failed);
                Memo::Open(Open {
                    value,
                    has_failed: has_failed || self.is_settled,
                    ..open
                })
            }
        };
        self.memo.insert(key, memo);
        Ok(value)
    }

    fn op(&mut self, op: &Op, frame: Frame<'_>) -> Result<Value, CheckError> {
        match op {
            Op::This => self.this(frame),
            Op::Computed(index) => self.relation(frame.node, *index, frame.hops),
            Op::TupleToUserset { tupleset, parents } => {
                let graph = self.graph;
                let Some(subjects) = graph.subjects(frame.node, *tupleset) else {
                    return Ok(Value::False);
                };
                let mut value = Value::False;
                for parent in subjects.direct.iter().map(SubjectId::from_set) {
                    self.step()?;
                    let Some(to) = parents
                        .iter()
                        .find(|to| to.type_symbol == parent.type_symbol())
                    else {
                        continue;
                    };
                    value = value.or(self.through(subjects, parent, to, frame.hops)?);
                    if value == Value::True {
                        break;
                    }
                }
                Ok(value)
            }
            Op::Union(children) => {
                let mut value = Value::False;
                for child in children {
                    value = value.or(self.op(child, frame)?);
                    if value == Value::True {
                        break;
                    }
                }
                Ok(value)
            }
            Op::Intersection(children) => {
                let mut value = Value::True;
                for child in children {
                    value = value.and(self.op(child, frame)?);
                    if value == Value::False {
                        break;
                    }
                }
                Ok(value)
            }
            Op::Exclusion(sides) => {
                let base = self.op(&sides.0, frame)?;
                if base == Value::False {
                    return Ok(Value::False);
                }
                Ok(base.and(self.op(&sides.1, frame)?.not()))
            }
        }
    }
}

/// Where an operator is evaluated.
#[derive(Clone, Copy)]
struct Frame<'p> {
    node: NodeId,
    relation: &'p RelationProgram,
    hops: u32,
}

#[cfg(test)]
mod tests;
