//! The tree that people read: the cheapest derivation of what holds, every attempt of what does not.

use std::collections::BTreeSet;

use super::gather::{Counting, Edge, Node, Part};
use super::value::Values;
use super::{Outcome, Reason, Step, What};
use crate::policy::engine::graph::{Graph, NodeId, Symbol};
use crate::policy::engine::tuple::Tuple;

/// Most steps of a denial that are shown; what is further off is left out.
const STEPS_SHOWN: usize = 500;

/// Tells a tree from the values.
pub(super) struct Teller<'a> {
    graph: &'a Graph,
    nodes: &'a [Node],
    values: &'a Values<'a>,
    /// The questions being told, and those already told: each is unfolded once.
    open: Vec<usize>,
    told: BTreeSet<usize>,
    tuples: Vec<Tuple>,
    shown: usize,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(graph: &'a Graph, nodes: &'a [Node], values: &'a Values) -> Self {
        Self {
            graph,
            nodes,
            values,
            open: Vec::new(),
            told: BTreeSet::new(),
            tuples: Vec::new(),
            shown: 0,
        }
    }

    /// The tree of the first question, and the tuples that were used for what holds.
    pub(super) fn tell(mut self) -> (Step, Vec<Tuple>) {
        let root = self.question(0);
        let mut seen = BTreeSet::new();
        self.tuples.retain(|tuple| seen.insert(tuple.clone()));
        (root, self.tuples)
    }

    fn question(&mut self, at: usize) -> Step {
        self.shown += 1;
        let Some(node) = self.nodes.get(at) else {
            return step(What::Direct, Outcome::Fails(Reason::NoTuple), Vec::new());
        };
        let what = What::Relation {
            object: self.graph.object_text(node.object).unwrap_or_default(),
            relation: self.name(node.relation),
        };
        let holds = self.values.question(at) == Some(true);
        if !holds && self.open.contains(&at) {
            return step(what, Outcome::Fails(Reason::Cycle), Vec::new());
        }
        let leaf = match &node.part {
            Part::Itself => Some(Outcome::Holds),
            Part::Unreachable => Some(Outcome::Fails(Reason::Unreachable)),
            Part::TooDeep => Some(Outcome::Fails(Reason::TooDeep)),
            _ if holds && self.told.contains(&at) => Some(Outcome::Holds),
            _ if self.told.contains(&at) => Some(Outcome::Fails(Reason::ToldAbove)),
            _ if self.full(holds) => Some(Outcome::Fails(Reason::LeftOut)),
            _ => None,
        };
        if let Some(outcome) = leaf {
            return step(what, outcome, Vec::new());
        }
        self.told.insert(at);
        self.open.push(at);
        let below = self.part(node, &node.part);
        self.open.pop();
        let outcome = if holds {
            Outcome::Holds
        } else {
            match &below.outcome {
                // A relation that is nothing but its tuples ends as they do.
                Outcome::Fails(reason @ (Reason::NoTuple | Reason::Excluded(_))) => {
                    Outcome::Fails(reason.clone())
                }
                Outcome::Fails(_) | Outcome::Holds => Outcome::Fails(Reason::Parts),
            }
        };
        step(what, outcome, vec![below])
    }

    const fn full(&self, holds: bool) -> bool {
        !holds && self.shown >= STEPS_SHOWN
    }

    fn name(&self, symbol: Symbol) -> String {
        self.graph.symbols().name(symbol).unwrap_or_default()
    }

    fn part(&mut self, node: &Node, part: &Part) -> Step {
        self.shown += 1;
        let holds = self.values.part(part) == Some(true);
        match part {
            Part::Itself => step(What::Direct, Outcome::Holds, Vec::new()),
            Part::Unreachable => step(
                What::Direct,
                Outcome::Fails(Reason::Unreachable),
                Vec::new(),
            ),
            Part::TooDeep => step(What::Direct, Outcome::Fails(Reason::TooDeep), Vec::new()),
            Part::This(edges) => self.edges(node.object, What::Direct, edges),
            Part::From { tupleset, edges } => {
                let what = What::From(self.name(*tupleset));
                self.edges(node.object, what, edges)
            }
            Part::Computed(at) => self.question(*at),
            Part::Union(parts) => {
                if holds {
                    return match parts
                        .iter()
                        .filter_map(|part| Some((self.values.cost(part)?, part)))
                        .min_by_key(|(cost, _)| *cost)
                    {
                        Some((_, cheapest)) => self.part(node, cheapest),
                        None => step(What::Union, Outcome::Holds, Vec::new()),
                    };
                }
                self.all(node, What::Union, parts, holds)
            }
            Part::Intersection(parts) => self.all(node, What::Intersection, parts, holds),
            Part::Exclusion(sides) => self.exclusion(node, sides, holds),
        }
    }

    fn all(&mut self, node: &Node, what: What, parts: &[Part], holds: bool) -> Step {
        let children = parts.iter().map(|part| self.part(node, part)).collect();
        step(what, ended(holds), children)
    }

    fn exclusion(&mut self, node: &Node, sides: &(Part, Part), holds: bool) -> Step {
        let base = self.part(node, &sides.0);
        if !holds && !base.holds() {
            return step(What::Exclusion, Outcome::Fails(Reason::Parts), vec![base]);
        }
        if holds {
            let fact = self.fact(node, &sides.1);
            return step(What::Exclusion, Outcome::Holds, vec![base, fact]);
        }
        let subtract = self.part(node, &sides.1);
        let outcome = if subtract.holds() {
            Outcome::Fails(Reason::Excluded(subtract.what.to_string()))
        } else {
            Outcome::Fails(Reason::Parts)
        };
        step(What::Exclusion, outcome, vec![base, subtract])
    }

    /// That something subtracted does not hold, without the attempts: no tuple is part of it.
    fn fact(&self, node: &Node, part: &Part) -> Step {
        let what = match part {
            Part::Itself | Part::Unreachable | Part::TooDeep | Part::This(_) => What::Direct,
            Part::From { tupleset, .. } => What::From(self.name(*tupleset)),
            Part::Computed(at) => {
                let relation = self.nodes.get(*at).unwrap_or(node).relation;
                What::Relation {
                    object: self.graph.object_text(node.object).unwrap_or_default(),
                    relation: self.name(relation),
                }
            }
            Part::Union(_) => What::Union,
            Part::Intersection(_) => What::Intersection,
            Part::Exclusion(_) => What::Exclusion,
        };
        step(what, ended(false), Vec::new())
    }

    fn edges(&mut self, object: NodeId, what: What, edges: &[Edge]) -> Step {
        let cheapest = edges
            .iter()
            .filter_map(|edge| Some((self.values.edge_cost(edge)?, edge)))
            .min_by_key(|(cost, _)| *cost);
        if let Some((_, edge)) = cheapest {
            let child = self.edge(object, edge);
            return step(what, Outcome::Holds, child.into_iter().collect());
        }
        let mut children = Vec::new();
        for edge in edges {
            if self.full(false) {
                children.push(step(
                    What::Direct,
                    Outcome::Fails(Reason::LeftOut),
                    Vec::new(),
                ));
                break;
            }
            children.extend(self.edge(object, edge));
        }
        let reason = if edges.is_empty() {
            Reason::NoTuple
        } else {
            Reason::Parts
        };
        step(what, Outcome::Fails(reason), children)
    }

    fn edge(&mut self, object: NodeId, edge: &Edge) -> Option<Step> {
        self.shown += 1;
        let tuple = self.graph.tuple(object, edge.relation, edge.subject)?;
        let what = What::Tuple(tuple.clone());
        let outcome = match &edge.counting {
            Counting::Counts if self.values.edge(edge) == Some(true) => {
                self.tuples.push(tuple);
                Outcome::Holds
            }
            Counting::Counts => Outcome::Fails(Reason::Parts),
            Counting::Expired(at) => Outcome::Fails(Reason::Expired(*at)),
            Counting::NotMet(name) => Outcome::Fails(Reason::ConditionNotMet(name.clone())),
            Counting::NotEvaluated(name, message) => Outcome::Fails(Reason::ConditionFailed {
                name: name.clone(),
                message: message.clone(),
            }),
            Counting::NotAdmitted => Outcome::Fails(Reason::NotAdmitted),
        };
        let children = edge.to.map(|to| self.question(to)).into_iter().collect();
        Some(step(what, outcome, children))
    }
}

const fn step(what: What, outcome: Outcome, children: Vec<Step>) -> Step {
    Step {
        what,
        outcome,
        children,
    }
}

const fn ended(holds: bool) -> Outcome {
    if holds {
        Outcome::Holds
    } else {
        Outcome::Fails(Reason::Parts)
    }
}
