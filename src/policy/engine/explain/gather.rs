//! Every question that an answer can depend on, with the tuples between them: an and-or graph, gathered breadth first.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::base::time::Timestamp;
use crate::policy::engine::budget::Budget;
use crate::policy::engine::check::asked::Asked;
use crate::policy::engine::check::{CheckError, DEPTH_HOPS};
use crate::policy::engine::graph::{Graph, NodeId, SubjectId, Subjects, Symbol};
use crate::policy::engine::program::{Gate, Op, Program, RelationIndex, RelationProgram};
use crate::policy::engine::relationship::Circumstances;

/// A relation of an object, for the subject asked about.
pub(super) struct Node {
    pub(super) object: NodeId,
    pub(super) index: RelationIndex,
    pub(super) relation: Symbol,
    pub(super) part: Part,
}

/// What a relation, or a part of its rewrite, comes down to.
pub(super) enum Part {
    /// `o#r` is in `r` of `o`, whatever the tuples.
    Itself,
    /// By the model alone, no subject of this form can be in it.
    Unreachable,
    /// Past the depth, not looked into.
    TooDeep,
    /// The tuples of the relation itself.
    This(Vec<Edge>),
    /// Another relation of the same object.
    Computed(usize),
    /// A relation of the objects that a tupleset leads to.
    From {
        tupleset: Symbol,
        edges: Vec<Edge>,
    },
    Union(Vec<Part>),
    Intersection(Vec<Part>),
    Exclusion(Box<(Part, Part)>),
}

/// A tuple on the way.
pub(super) struct Edge {
    pub(super) relation: Symbol,
    pub(super) subject: SubjectId,
    pub(super) counting: Counting,
    /// The question that it leads to; `None` if it names the subject, or does not count.
    pub(super) to: Option<usize>,
}

/// Whether a tuple counts.
pub(super) enum Counting {
    Counts,
    Expired(Timestamp),
    NotMet(String),
    NotEvaluated(String, String),
    NotAdmitted,
}

/// Gathers the questions below one.
pub(super) struct Gatherer<'a> {
    pub(super) program: &'a Program,
    pub(super) graph: &'a Graph,
    pub(super) asked: &'a Asked,
    pub(super) circumstances: Circumstances<'a>,
    known: FxHashMap<(u32, u32), usize>,
    waiting: VecDeque<(NodeId, RelationIndex, u32)>,
    next: usize,
    budget: Budget<'a>,
}

/// The place where a rewrite is looked into.
#[derive(Clone, Copy)]
struct Place<'p> {
    object: NodeId,
    relation: &'p RelationProgram,
    hops: u32,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(
        program: &'a Program,
        graph: &'a Graph,
        asked: &'a Asked,
        circumstances: Circumstances<'a>,
    ) -> Self {
        Self {
            program,
            graph,
            asked,
            circumstances,
            known: FxHashMap::default(),
            waiting: VecDeque::new(),
            next: 0,
            budget: Budget::new(circumstances.patience),
        }
    }

    /// The questions, the first asked first, nearer ones before those further off.
    pub(super) fn gather(
        mut self,
        object: NodeId,
        index: RelationIndex,
    ) -> Result<Vec<Node>, CheckError> {
        let mut nodes = Vec::new();
        self.place(object, index, 0)?;
        while let Some((object, index, hops)) = self.waiting.pop_front() {
            let Some(relation) = self.program.relation(index) else {
                continue;
            };
            let place = Place {
                object,
                relation,
                hops,
            };
            let part = self.relation(place)?;
            nodes.push(Node {
                object,
                index,
                relation: relation.symbol,
                part,
            });
        }
        Ok(nodes)
    }

    fn step(&mut self) -> Result<(), CheckError> {
        self.budget.step()
    }

    fn place(
        &mut self,
        object: NodeId,
        index: RelationIndex,
        hops: u32,
    ) -> Result<usize, CheckError> {
        self.step()?;
        let key = (object.number(), index.number());
        if let Some(at) = self.known.get(&key) {
            return Ok(*at);
        }
        let at = self.next;
        self.next += 1;
        self.known.insert(key, at);
        self.waiting.push_back((object, index, hops));
        Ok(at)
    }

    fn relation(&mut self, place: Place<'_>) -> Result<Part, CheckError> {
        let subject = self.asked.subject;
        if subject.relation() == Some(place.relation.symbol) && subject.node() == place.object {
            return Ok(Part::Itself);
        }
        if !place.relation.reaches(self.asked.shape) {
            return Ok(Part::Unreachable);
        }
        if place.hops >= DEPTH_HOPS {
            return Ok(Part::TooDeep);
        }
        self.part(&place.relation.op, place)
    }

    fn part(&mut self, op: &Op, place: Place<'_>) -> Result<Part, CheckError> {
        self.step()?;
        Ok(match op {
            Op::This => Part::This(self.this(place)?),
            Op::Computed(index) => Part::Computed(self.place(place.object, *index, place.hops)?),
            Op::TupleToUserset { tupleset, parents } => {
                let mut edges = Vec::new();
                let graph = self.graph;
                if let Some(subjects) = graph.subjects(place.object, *tupleset) {
                    for parent in subjects.direct.iter().map(SubjectId::from_set) {
                        self.step()?;
                        let Some(to) = parents
                            .iter()
                            .find(|to| to.type_symbol == parent.type_symbol())
                        else {
                            continue;
                        };
                        let counting = self.counting(subjects, parent, &to.gate)?;
                        edges.push(Edge {
                            relation: *tupleset,
                            subject: parent,
                            to: self.behind(&counting, parent, to.index, place.hops)?,
                            counting,
                        });
                    }
                }
                Part::From {
                    tupleset: *tupleset,
                    edges,
                }
            }
            Op::Union(children) => Part::Union(self.parts(children, place)?),
            Op::Intersection(children) => Part::Intersection(self.parts(children, place)?),
            Op::Exclusion(sides) => Part::Exclusion(Box::new((
                self.part(&sides.0, place)?,
                self.part(&sides.1, place)?,
            ))),
        })
    }

    fn parts(&mut self, children: &[Op], place: Place<'_>) -> Result<Vec<Part>, CheckError> {
        children
            .iter()
            .map(|child| self.part(child, place))
            .collect()
    }

    fn this(&mut self, place: Place<'_>) -> Result<Vec<Edge>, CheckError> {
        let graph = self.graph;
        let symbol = place.relation.symbol;
        let Some(subjects) = graph.subjects(place.object, symbol) else {
            return Ok(Vec::new());
        };
        let mut edges = Vec::new();
        let direct = &place.relation.direct;
        let asked = self.asked.subject;
        let (own, wildcard) = if self.asked.is_wildcard {
            (None, Some(asked))
        } else {
            (Some(asked), self.asked.wildcard)
        };
        for (subject, admitted) in [(own, &direct.objects), (wildcard, &direct.wildcards)] {
            let Some(subject) = subject.filter(|one| subjects.direct.contains(one.value())) else {
                continue;
            };
            let gate = admitted
                .iter()
                .find(|(symbol, _)| *symbol == subject.type_symbol())
                .map(|(_, gate)| gate);
            edges.push(Edge {
                relation: symbol,
                subject,
                counting: match gate {
                    Some(gate) => self.counting(subjects, subject, gate)?,
                    None => Counting::NotAdmitted,
                },
                to: None,
            });
        }
        for userset in subjects.usersets.iter().map(SubjectId::from_set) {
            self.step()?;
            let Some((_, to)) = direct.usersets.iter().find(|(relation, to)| {
                to.type_symbol == userset.type_symbol() && Some(*relation) == userset.relation()
            }) else {
                continue;
            };
            let counting = self.counting(subjects, userset, &to.gate)?;
            edges.push(Edge {
                relation: symbol,
                subject: userset,
                to: if userset == asked {
                    None
                } else {
                    self.behind(&counting, userset, to.index, place.hops)?
                },
                counting,
            });
        }
        Ok(edges)
    }

    /// The question that a tuple leads to, if it counts.
    fn behind(
        &mut self,
        counting: &Counting,
        subject: SubjectId,
        index: RelationIndex,
        hops: u32,
    ) -> Result<Option<usize>, CheckError> {
        if !matches!(counting, Counting::Counts) {
            return Ok(None);
        }
        self.place(subject.node(), index, hops + 1).map(Some)
    }

    fn counting(
        &mut self,
        subjects: &Subjects,
        subject: SubjectId,
        gate: &Gate,
    ) -> Result<Counting, CheckError> {
        let plain = if gate.plain {
            Counting::Counts
        } else {
            Counting::NotAdmitted
        };
        let Some(limits) = subjects.limits(subject) else {
            return Ok(plain);
        };
        if let Some(at) = limits
            .expires_at
            .filter(|_| limits.expired(self.circumstances.now))
        {
            return Ok(Counting::Expired(at));
        }
        let Some(named) = &limits.condition else {
            return Ok(plain);
        };
        let context = self.circumstances.context;
        let met = self
            .program
            .is_met((named, gate), context, &mut self.budget)?;
        Ok(match met {
            Ok(Some(true)) => Counting::Counts,
            Ok(Some(false)) => Counting::NotMet(named.name.clone()),
            Ok(None) => Counting::NotAdmitted,
            Err(error) => Counting::NotEvaluated(named.name.clone(), error.to_string()),
        })
    }
}
