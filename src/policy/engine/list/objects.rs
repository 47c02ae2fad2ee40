//! The objects of a type that a subject has a relation to.
//!
//! The walk starts at the tuples that name the subject, its wildcard, or (a userset) at the relation itself, and follows
//! the program's feeds, which end at the relation asked for. Tuples that do not count lead nowhere. An object that is met
//! through one whose condition cannot be evaluated is checked, and the list fails where that check does.

use super::frontier::{Frontier, Place, Reached};
use super::{Listed, Window, take};
use crate::policy::engine::budget::Budget;
use crate::policy::engine::check::{CheckError, Checker, Numbered, counts, introduce, named};
use crate::policy::engine::graph::{Graph, NodeId, SubjectId, Symbol, edge_parts};
use crate::policy::engine::program::{
    Entry, Gate, Program, RelationIndex, RelationProgram, Through,
};
use crate::policy::engine::relationship::{Circumstances, Relationship};
use crate::policy::engine::tuple::{Object, Subject};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct ObjectsQuestion<'a> {
    /// Objects of which type.
    pub type_name: &'a str,
    /// In which relation.
    pub relation: &'a str,
    /// To whom.
    pub subject: &'a Subject,
    /// What tuples are held against.
    pub circumstances: Circumstances<'a>,
}

/// Lists the objects, sorted by id; the window's `after` is an id.
///
/// The contextual tuples must be admitted by the model (`admit`).
pub fn list_objects(
    program: &Program,
    graph: &Graph,
    contextual: &[Relationship],
    question: ObjectsQuestion<'_>,
    window: Window<'_>,
) -> Result<Listed<Object>, CheckError> {
    let (_, target) = named(program, question.type_name, question.relation)?;
    let who = (question.subject, question.circumstances);
    let budget = Budget::new(question.circumstances.patience);
    if contextual.is_empty()
        && let Some(checker) = Checker::new(program, graph, who, budget)?
    {
        return collect(checker, (program, graph), target, question, window);
    }
    let mut graph = graph.with(contextual)?;
    introduce(program, &mut graph, question.subject)?;
    match Checker::new(program, &graph, who, budget)? {
        Some(checker) => collect(checker, (program, &graph), target, question, window),
        None => Err(CheckError::UnknownType(
            question.subject.type_name().to_owned(),
        )),
    }
}

fn collect(
    checker: Checker<'_>,
    (program, graph): (&Program, &Graph),
    target: RelationIndex,
    question: ObjectsQuestion<'_>,
    window: Window<'_>,
) -> Result<Listed<Object>, CheckError> {
    let mut walk = Walk {
        program,
        graph,
        target,
        circumstances: question.circumstances,
        checker,
        frontier: Frontier::new(),
        found: Vec::new(),
    };
    walk.run()?;
    let mut candidates: Vec<Candidate<'_>> = walk
        .found
        .iter()
        .filter_map(|(node, is_certain)| {
            let id = graph.id_of(*node)?;
            (window.after.is_none_or(|after| id > after)).then_some((id, *node, *is_certain))
        })
        .collect();
    candidates.sort_unstable_by(|one, other| one.0.cmp(other.0));
    let mut checker = walk.checker;
    let (entries, has_more) = take(candidates, window.limit, |(id, node, is_certain)| {
        let is_in = is_certain || checker.decide(node, target)?;
        Ok(is_in.then(|| Object::from_parts(question.type_name, id)))
    })?;
    Ok(Listed {
        entries,
        has_more,
        steps: checker.budget().steps(),
    })
}

/// An object's id, its number, and whether it is known to be in the list.
type Candidate<'a> = (&'a str, NodeId, bool);

struct Walk<'a> {
    program: &'a Program,
    graph: &'a Graph,
    target: RelationIndex,
    circumstances: Circumstances<'a>,
    checker: Checker<'a>,
    frontier: Frontier,
    found: Vec<(NodeId, bool)>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), CheckError> {
        let Some(target) = self.program.relation(self.target) else {
            return Ok(());
        };
        let numbered = self.checker.numbered();
        if !target.reaches(numbered.shape) {
            return Ok(());
        }
        self.start(numbered, target)?;
        while let Some((place, reached)) = self.frontier.next() {
            self.checker.step()?;
            if place.1 == self.target {
                self.found.push((place.0, reached.is_certain));
            }
            self.follow(place, reached, target)?;
        }
        Ok(())
    }

    fn start(&mut self, numbered: Numbered, target: &RelationProgram) -> Result<(), CheckError> {
        let (graph, program) = (self.graph, self.program);
        if let Some(symbol) = numbered.subject.relation() {
            // `o#r` is in `r` of `o`; from there its tuples are met as well.
            let index = program.by_symbols(numbered.subject.type_symbol(), symbol);
            if let Some(index) = index {
                self.frontier.start((numbered.subject.node(), index), true);
            }
            return Ok(());
        }
        for (subject, is_wildcard) in [
            (Some(numbered.subject), numbered.is_wildcard),
            (numbered.wildcard, true),
        ] {
            let Some(subject) = subject else { continue };
            for edge in graph.objects(subject).iter() {
                self.checker.step()?;
                let (node, symbol) = edge_parts(edge);
                let Some(index) = graph
                    .type_of(node)
                    .and_then(|type_symbol| program.by_symbols(type_symbol, symbol))
                else {
                    continue;
                };
                let worth = program.entry(index);
                if worth == Entry::None || !leads_to(program, index, target) {
                    continue;
                }
                if let Some(gate) = gate(program, index, subject.type_symbol(), is_wildcard)
                    && let Some(is_sure) = self.counts((node, symbol), subject, gate)?
                {
                    let is_certain = worth == Entry::Certain && is_sure;
                    self.frontier.start((node, index), is_certain);
                }
            }
        }
        Ok(())
    }

    /// Goes where the members of a place come to stand in turn.
    fn follow(
        &mut self,
        (node, index): Place,
        reached: Reached,
        target: &RelationProgram,
    ) -> Result<(), CheckError> {
        let (graph, program) = (self.graph, self.program);
        let (Some(type_symbol), Some(relation)) = (graph.type_of(node), program.relation(index))
        else {
            return Ok(());
        };
        for feed in program.feeds(index) {
            if !leads_to(program, feed.to, target) {
                continue;
            }
            let reached = Reached {
                is_certain: reached.is_certain && feed.is_certain,
                ..reached
            };
            let (subject, wanted) = match feed.through {
                Through::Object => {
                    self.frontier.beside((node, feed.to), reached);
                    continue;
                }
                Through::Userset(symbol) => (
                    SubjectId::userset(node, type_symbol, relation.symbol),
                    symbol,
                ),
                Through::Tupleset(symbol) => (SubjectId::object(node, type_symbol), symbol),
            };
            for edge in graph.objects(subject).iter() {
                self.checker.step()?;
                let (object, symbol) = edge_parts(edge);
                if symbol == wanted
                    && graph.type_of(object) == Some(feed.to_type)
                    && let Some(is_sure) = self.counts((object, symbol), subject, &feed.gate)?
                {
                    let reached = Reached {
                        is_certain: reached.is_certain && is_sure,
                        ..reached
                    };
                    self.frontier.beyond((object, feed.to), reached);
                }
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Whether a tuple counts for sure; `None` if it does not. Where its condition cannot be evaluated, what comes of it is
    /// for the check to decide.
    fn counts(
        &mut self,
        (node, relation): (NodeId, Symbol),
        subject: SubjectId,
        gate: &Gate,
    ) -> Result<Option<bool>, CheckError> {
        let limits = if self.graph.has_limits() {
            self.graph
                .subjects(node, relation)
                .and_then(|subjects| subjects.limits(subject))
        } else {
            None
        };
        let asked = (self.program, self.circumstances);
        Ok(
            match counts(asked, limits, gate, self.checker.budget_mut())? {
                Ok(true) => Some(true),
                Ok(false) => None,
                Err(_) => Some(false),
            },
        )
    }
}

/// Whether members of a relation can come into the target, by the model.
fn leads_to(program: &Program, index: RelationIndex, target: &RelationProgram) -> bool {
    target.reaches(program.userset_shape(index))
}

/// Which tuples with a subject of this type the model admits (still).
fn gate(
    program: &Program,
    index: RelationIndex,
    type_symbol: Symbol,
    is_wildcard: bool,
) -> Option<&Gate> {
    let direct = &program.relation(index)?.direct;
    let admitted = if is_wildcard {
        &direct.wildcards
    } else {
        &direct.objects
    };
    admitted
        .iter()
        .find(|(symbol, _)| *symbol == type_symbol)
        .map(|(_, gate)| gate)
}
