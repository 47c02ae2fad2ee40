//! May this subject do that: one relation of one object, decided from a program and a graph.
//!
//! The value of a relation is the least fixpoint, in Kleene's three-valued logic, of the model's equations over the
//! tuples: a question that only leads back to itself is `Unknown`, `but not` of `Unknown` is `Unknown`, and `Unknown` at
//! the top means no. That is how OpenFGA treats cycles (false; inside `but not` the whole exclusion is false), made
//! independent of the order in which branches are tried: a value of true or false found anywhere holds everywhere, so it
//! is kept for the whole request; `Unknown` holds for one pass only, and passes repeat while they learn something.
//!
//! INVARIANT: past a bound (depth, steps) the answer is an error, never an allow and never a deny.

mod asked;
mod several;
mod value;

use rustc_hash::FxHashMap;

pub(super) use self::several::{Checker, Numbered, introduce, named, object_type};

use self::asked::{Asked, Who, relation_of, type_of};
use self::value::Value;
use super::graph::{Graph, GraphFull, NodeId, SubjectId, Subjects, edge_parts};
use super::program::{Op, Program, RelationIndex, RelationProgram};
use super::tuple::{Object, Subject, Tuple};

/// Hops through tuples that one question may take.
pub const DEPTH_HOPS: u32 = 25;
/// Relations and tuples that one question may look at.
pub const STEPS: u32 = 300_000;
/// From so many usersets on, the subject's own memberships are looked at first.
const WIDE_USERSETS: usize = 8;

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
    /// More than [`DEPTH_HOPS`] hops.
    #[error(
        "the relations are nested more than {DEPTH_HOPS} hops deep; flatten the groups or parents involved"
    )]
    TooDeep,
    /// More than [`STEPS`] steps.
    #[error(
        "the question needs more than {STEPS} steps; narrow the relation or flatten the groups involved"
    )]
    Exhausted,
    /// The graph is out of numbers.
    #[error(transparent)]
    Full(#[from] GraphFull),
}

/// Decides a question over the stored tuples.
pub fn check(
    program: &Program,
    graph: &Graph,
    question: Question<'_>,
) -> Result<Decision, CheckError> {
    let object_type = type_of(program, question.object.type_name())?;
    let relation = relation_of(program, question.object.type_name(), question.relation)?;
    let who = Who::of(program, question.subject)?;
    let found = (
        graph.find(object_type, question.object.id()),
        graph.find(who.type_symbol, who.id),
    );
    if let (Some(node), Some(subject)) = found {
        return Run::new(program, graph, who.asked(graph, subject)).decide(node, relation);
    }
    // What no tuple names gets a number in a copy of the graph, which costs a few small nodes.
    let mut copy = graph.clone();
    let node = copy.intern_node(object_type, question.object.id())?;
    let subject = copy.intern_node(who.type_symbol, who.id)?;
    Run::new(program, &copy, who.asked(&copy, subject)).decide(node, relation)
}

/// Decides a question over the stored tuples and some that exist for this request only.
///
/// The contextual tuples must be admitted by the model (`admit`).
pub fn check_with(
    program: &Program,
    graph: &Graph,
    contextual: &[Tuple],
    question: Question<'_>,
) -> Result<Decision, CheckError> {
    if contextual.is_empty() {
        return check(program, graph, question);
    }
    let mut graph = graph.clone();
    for tuple in contextual {
        graph.insert(tuple)?;
    }
    check(program, &graph, question)
}

#[derive(Clone, Copy, Debug)]
enum Memo {
    /// True or false: holds for the whole request.
    Known(bool),
    /// Being answered, or found unknown, in this pass.
    Open { pass: u32 },
    /// Too deep in this pass, from this many hops on.
    TooDeep { pass: u32, hops: u32 },
}

struct Run<'a> {
    program: &'a Program,
    graph: &'a Graph,
    asked: Asked,
    memo: FxHashMap<(u32, u32), Memo>,
    pass: u32,
    learned: u32,
    steps: u32,
}

impl<'a> Run<'a> {
    fn new(program: &'a Program, graph: &'a Graph, asked: Asked) -> Self {
        Self {
            program,
            graph,
            asked,
            memo: FxHashMap::default(),
            pass: 0,
            learned: 0,
            steps: 0,
        }
    }

    fn decide(&mut self, node: NodeId, relation: RelationIndex) -> Result<Decision, CheckError> {
        loop {
            self.learned = 0;
            let allowed = match self.relation(node, relation, 0)? {
                Value::True => true,
                Value::False => false,
                Value::TooDeep => return Err(CheckError::TooDeep),
                // A pass that learned nothing would be followed by its own repetition: the fixpoint is reached.
                Value::Unknown if self.learned == 0 => false,
                Value::Unknown => {
                    self.pass += 1;
                    continue;
                }
            };
            return Ok(Decision {
                allowed,
                steps: self.steps,
            });
        }
    }

    fn step(&mut self) -> Result<(), CheckError> {
        self.steps += 1;
        if self.steps > STEPS {
            return Err(CheckError::Exhausted);
        }
        Ok(())
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
        if !relation.is_flat {
            match self.memo.get(&key) {
                Some(Memo::Known(value)) => return Ok(Value::known(*value)),
                Some(Memo::Open { pass }) if *pass == self.pass => return Ok(Value::Unknown),
                Some(Memo::TooDeep { pass, hops: at }) if *pass == self.pass && hops >= *at => {
                    return Ok(Value::TooDeep);
                }
                Some(Memo::Open { .. } | Memo::TooDeep { .. }) | None => {}
            }
        }
        if hops >= DEPTH_HOPS {
            return Ok(Value::TooDeep);
        }
        if relation.is_flat {
            return self.op(
                &relation.op,
                Frame {
                    node,
                    relation,
                    hops,
                },
            );
        }
        self.memo.insert(key, Memo::Open { pass: self.pass });
        let value = self.op(
            &relation.op,
            Frame {
                node,
                relation,
                hops,
            },
        )?;
        let memo = match value {
            Value::True | Value::False => {
                self.learned += 1;
                Memo::Known(value == Value::True)
            }
            Value::Unknown => Memo::Open { pass: self.pass },
            Value::TooDeep => Memo::TooDeep {
                pass: self.pass,
                hops,
            },
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
                    let Some((_, index)) = parents
                        .iter()
                        .find(|(type_symbol, _)| *type_symbol == parent.type_symbol())
                    else {
                        continue;
                    };
                    value = value.or(self.relation(parent.node(), *index, frame.hops + 1)?);
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

    /// The tuples written on the relation itself. Those that the model does not admit (any more) are skipped.
    fn this(&mut self, frame: Frame<'_>) -> Result<Value, CheckError> {
        let graph = self.graph;
        let Some(subjects) = graph.subjects(frame.node, frame.relation.symbol) else {
            return Ok(Value::False);
        };
        if self.stands_directly(subjects, frame.relation) {
            return Ok(Value::True);
        }
        if subjects.usersets.len() >= WIDE_USERSETS
            && let Some(value) = self.through_memberships(subjects, frame)?
        {
            return Ok(value);
        }
        let mut value = Value::False;
        for userset in subjects.usersets.iter().map(SubjectId::from_set) {
            let Some(index) = frame.relation.admits_userset(userset) else {
                self.step()?;
                continue;
            };
            value = value.or(self.relation(userset.node(), index, frame.hops + 1)?);
            if value == Value::True {
                break;
            }
        }
        Ok(value)
    }

    /// Whether a tuple names the subject itself, or the wildcard that covers it.
    fn stands_directly(&self, subjects: &Subjects, relation: &RelationProgram) -> bool {
        let asked = &self.asked;
        let direct = &relation.direct;
        let type_symbol = asked.subject.type_symbol();
        if asked.subject.relation().is_some() {
            return subjects.usersets.contains(asked.subject.value())
                && relation.admits_userset(asked.subject).is_some();
        }
        if asked.is_wildcard {
            return direct.wildcards.contains(&type_symbol)
                && subjects.direct.contains(asked.subject.value());
        }
        direct.objects.contains(&type_symbol) && subjects.direct.contains(asked.subject.value())
            || direct.wildcards.contains(&type_symbol)
                && asked
                    .wildcard
                    .is_some_and(|wildcard| subjects.direct.contains(wildcard.value()))
    }

    /// Many usersets stand on the object: look from the subject's few memberships instead. `None` when that decides nothing.
    fn through_memberships(
        &mut self,
        subjects: &Subjects,
        frame: Frame<'_>,
    ) -> Result<Option<Value>, CheckError> {
        let graph = self.graph;
        let memberships = [Some(self.asked.subject), self.asked.wildcard]
            .into_iter()
            .flatten()
            .map(|subject| graph.objects(subject));
        if memberships
            .clone()
            .map(super::graph::Set::len)
            .sum::<usize>()
            >= subjects.usersets.len()
            || frame.hops + 1 >= DEPTH_HOPS
        {
            return Ok(None);
        }
        for membership in memberships.flat_map(super::graph::Set::iter) {
            self.step()?;
            let (node, symbol) = edge_parts(membership);
            let Some(type_symbol) = graph.type_of(node) else {
                continue;
            };
            let userset = SubjectId::userset(node, type_symbol, symbol);
            let admitted = subjects.usersets.contains(userset.value())
                && frame.relation.admits_userset(userset).is_some();
            let Some(relation) = self
                .program
                .by_symbols(type_symbol, symbol)
                .filter(|_| admitted)
                .and_then(|index| self.program.relation(index))
            else {
                continue;
            };
            if relation.direct_suffices
                && graph
                    .subjects(node, symbol)
                    .is_some_and(|members| self.stands_directly(members, relation))
            {
                return Ok(Some(Value::True));
            }
        }
        // If the usersets hold nothing but their own tuples, all of the subject's have been seen.
        let only_own_tuples = frame.relation.direct.usersets.iter().all(|(.., index)| {
            self.program
                .relation(*index)
                .is_some_and(|relation| matches!(relation.op, Op::This) && relation.is_flat)
        });
        let is_object = self.asked.subject.relation().is_none();
        Ok((only_own_tuples && is_object).then_some(Value::False))
    }
}

/// Where an operator is evaluated.
#[derive(Clone, Copy)]
struct Frame<'p> {
    node: NodeId,
    relation: &'p RelationProgram,
    hops: u32,
}

impl RelationProgram {
    /// The relation that a userset asks, when the model allows it here.
    pub(super) fn admits_userset(&self, userset: SubjectId) -> Option<RelationIndex> {
        self.direct
            .usersets
            .iter()
            .find(|(type_symbol, relation, _)| {
                *type_symbol == userset.type_symbol() && Some(*relation) == userset.relation()
            })
            .map(|(.., index)| *index)
    }
}

#[cfg(test)]
mod tests;
