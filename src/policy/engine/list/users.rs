//! The subjects of one form that are in a relation of an object.
//!
//! The walk goes down from the object and collects the subjects of that form that the tuples name: behind `and` and
//! `but not` on every side, because a wildcard on one side and a name on the other make a subject worth naming. OpenFGA's
//! answer is set algebra and no expansion: `user:*` stands for itself, those it covers are not listed. A userset filter
//! lists the usersets met, the object's own relation among them.

use rustc_hash::FxHashMap;

use super::frontier::{Frontier, Place, Reached};
use super::{Listed, Window, take};
use crate::policy::engine::budget::Budget;
use crate::policy::engine::check::{CheckError, Checker, counts, named, object_type};
use crate::policy::engine::graph::{Graph, NodeId, SubjectId, Subjects, Symbol};
use crate::policy::engine::program::{Gate, Op, Program, RelationIndex, RelationProgram, Shape};
use crate::policy::engine::relationship::{Circumstances, Relationship};
use crate::policy::engine::tuple::{Object, Subject};

/// Which form of subject to list.
#[derive(Clone, Copy, Debug)]
pub struct UsersFilter<'a> {
    /// Its type.
    pub type_name: &'a str,
    /// For usersets their relation; without it objects and the wildcard are listed.
    pub relation: Option<&'a str>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct UsersQuestion<'a> {
    /// Of what.
    pub object: &'a Object,
    /// Which relation.
    pub relation: &'a str,
    /// Whom to list.
    pub filter: UsersFilter<'a>,
    /// What tuples are held against.
    pub circumstances: Circumstances<'a>,
}

/// Lists the subjects, sorted by their text; the window's `after` is such a text.
///
/// The contextual tuples must be admitted by the model (`admit`).
pub fn list_users(
    program: &Program,
    graph: &Graph,
    contextual: &[Relationship],
    question: UsersQuestion<'_>,
    window: Window<'_>,
) -> Result<Listed<Subject>, CheckError> {
    let filter = Wanted::of(program, question.filter)?;
    let (type_symbol, target) = named(program, question.object.type_name(), question.relation)?;
    let found = graph.find(type_symbol, question.object.id());
    if let (Some(node), []) = (found, contextual) {
        return collect((program, graph), filter, (node, target), question, window);
    }
    let mut graph = graph.with(contextual)?;
    let node = graph.intern_node(type_symbol, question.object.id())?;
    collect((program, &graph), filter, (node, target), question, window)
}

/// The filter in numbers.
#[derive(Clone, Copy)]
struct Wanted {
    type_symbol: Symbol,
    userset: Option<RelationIndex>,
    shape: Shape,
}

impl Wanted {
    fn of(program: &Program, filter: UsersFilter<'_>) -> Result<Self, CheckError> {
        let (type_symbol, shape) = object_type(program, filter.type_name)?;
        let Some(relation) = filter.relation else {
            return Ok(Self {
                type_symbol,
                userset: None,
                shape,
            });
        };
        let (_, index) = named(program, filter.type_name, relation)?;
        Ok(Self {
            type_symbol,
            userset: Some(index),
            shape: program.userset_shape(index),
        })
    }
}

fn collect(
    (program, graph): (&Program, &Graph),
    wanted: Wanted,
    start: Place,
    question: UsersQuestion<'_>,
    window: Window<'_>,
) -> Result<Listed<Subject>, CheckError> {
    let mut walk = Walk {
        program,
        graph,
        wanted,
        circumstances: question.circumstances,
        frontier: Frontier::new(),
        found: FxHashMap::default(),
        budget: Budget::new(question.circumstances.patience),
    };
    walk.run(start)?;
    let subject = |node: NodeId| {
        let filter = question.filter;
        let id = graph.id_of(node)?;
        let object = || Object::from_parts(filter.type_name, id);
        Some(match filter.relation {
            Some(relation) => Subject::Userset(object(), relation.to_owned()),
            None if id == "*" => Subject::Wildcard(filter.type_name.to_owned()),
            None => Subject::Object(object()),
        })
    };
    let mut candidates: Vec<(String, Subject, bool)> = walk
        .found
        .iter()
        .filter_map(|(node, is_certain)| {
            let subject = subject(*node)?;
            let text = subject.to_string();
            (window.after.is_none_or(|after| *text > *after)).then_some((
                text,
                subject,
                *is_certain,
            ))
        })
        .collect();
    candidates.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let mut budget = walk.budget;
    let (entries, has_more) = take(candidates, window.limit, |(_, subject, is_certain)| {
        if is_certain {
            return Ok(Some(subject));
        }
        let who = (&subject, question.circumstances);
        let Some(mut checker) = Checker::new(program, graph, who, budget)? else {
            return Ok(None);
        };
        let is_in = checker.decide(start.0, start.1)?;
        budget = checker.budget();
        Ok(is_in.then_some(subject))
    })?;
    Ok(Listed {
        entries,
        has_more,
        steps: budget.steps(),
    })
}

struct Walk<'a> {
    program: &'a Program,
    graph: &'a Graph,
    wanted: Wanted,
    circumstances: Circumstances<'a>,
    frontier: Frontier,
    /// The objects in the subjects that were met, and whether they are known to be in the list.
    found: FxHashMap<NodeId, bool>,
    budget: Budget<'a>,
}

impl Walk<'_> {
    fn run(&mut self, start: Place) -> Result<(), CheckError> {
        let program = self.program;
        self.frontier.start(start, true);
        while let Some(((node, index), reached)) = self.frontier.next() {
            self.step()?;
            let Some(relation) = program
                .relation(index)
                .filter(|relation| relation.reaches(self.wanted.shape))
            else {
                continue;
            };
            if self.wanted.userset == Some(index) {
                self.meet(node, reached);
            }
            self.op(&relation.op, (node, relation), reached)?;
        }
        Ok(())
    }

    fn op(
        &mut self,
        op: &Op,
        at: (NodeId, &RelationProgram),
        reached: Reached,
    ) -> Result<(), CheckError> {
        let graph = self.graph;
        match op {
            Op::This => self.this(at, reached)?,
            Op::Computed(index) => self.frontier.beside((at.0, *index), reached),
            Op::TupleToUserset { tupleset, parents } => {
                let Some(subjects) = graph.subjects(at.0, *tupleset) else {
                    return Ok(());
                };
                for parent in subjects.direct.iter().map(SubjectId::from_set) {
                    self.step()?;
                    let to = parents
                        .iter()
                        .find(|to| to.type_symbol == parent.type_symbol());
                    if let Some(to) = to
                        && self.counts(subjects, parent, &to.gate)?
                    {
                        self.frontier.beyond((parent.node(), to.index), reached);
                    }
                }
            }
            Op::Union(children) => {
                for child in children {
                    self.op(child, at, reached)?;
                }
            }
            Op::Intersection(children) => {
                for child in children {
                    self.op(child, at, doubtful(reached))?;
                }
            }
            Op::Exclusion(sides) => {
                self.op(&sides.0, at, doubtful(reached))?;
                self.op(&sides.1, at, doubtful(reached))?;
            }
        }
        Ok(())
    }

    /// The tuples written on a relation itself, as far as the model admits them (still).
    fn this<'p>(
        &mut self,
        (node, relation): (NodeId, &'p RelationProgram),
        reached: Reached,
    ) -> Result<(), CheckError> {
        let graph = self.graph;
        let Some(subjects) = graph.subjects(node, relation.symbol) else {
            return Ok(());
        };
        if self.wanted.userset.is_none() {
            let wanted = self.wanted.type_symbol;
            let wildcard = graph.find(wanted, "*");
            let gate = |admitted: &'p [(Symbol, Gate)]| {
                let found = admitted.iter().find(|(symbol, _)| *symbol == wanted);
                found.map(|(_, gate)| gate)
            };
            let objects = gate(&relation.direct.objects);
            let wildcards = gate(&relation.direct.wildcards);
            for subject in subjects.direct.iter().map(SubjectId::from_set) {
                self.step()?;
                let is_wildcard = Some(subject.node()) == wildcard;
                let gate = if is_wildcard { wildcards } else { objects };
                if let Some(gate) = gate.filter(|_| subject.type_symbol() == wanted)
                    && self.counts(subjects, subject, gate)?
                {
                    self.meet(subject.node(), reached);
                }
            }
        }
        for userset in subjects.usersets.iter().map(SubjectId::from_set) {
            self.step()?;
            if let Some(to) = relation.admits_userset(userset)
                && self.counts(subjects, userset, &to.gate)?
            {
                self.frontier.beyond((userset.node(), to.index), reached);
            }
        }
        Ok(())
    }

    /// Whether a tuple counts. Where that cannot be told there is no list, even if checks would find another way to everyone
    /// behind the tuple: whether a list can be had must not depend on who happens to stand there. OpenFGA answers the same.
    fn counts(
        &mut self,
        subjects: &Subjects,
        subject: SubjectId,
        gate: &Gate,
    ) -> Result<bool, CheckError> {
        let limits = subjects.limits(subject);
        let asked = (self.program, self.circumstances);
        Ok(counts(asked, limits, gate, &mut self.budget)??)
    }

    fn meet(&mut self, node: NodeId, reached: Reached) {
        *self.found.entry(node).or_insert(false) |= reached.is_certain;
    }

    fn step(&mut self) -> Result<(), CheckError> {
        self.budget.step()
    }
}

const fn doubtful(reached: Reached) -> Reached {
    Reached {
        is_certain: false,
        ..reached
    }
}
