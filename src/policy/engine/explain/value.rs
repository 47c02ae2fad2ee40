//! What holds, and what it costs: the least fixpoint over the gathered questions, then the cheapest derivation of each.

use super::gather::{Counting, Edge, Node, Part};
use crate::policy::engine::budget::{Budget, Patience};
use crate::policy::engine::check::CheckError;

/// Tuples, then questions: by the second, a derivation costs more than each of its parts, so none can contain itself.
pub(super) type Cost = (u32, u32);

/// The values and costs of the gathered questions.
pub(super) struct Values<'a> {
    held: Vec<Option<bool>>,
    costs: Vec<Option<Cost>>,
    budget: Budget<'a>,
}

impl<'a> Values<'a> {
    /// Computes both. `None` as a value is unknown: a cycle, the depth, or a condition that cannot be evaluated.
    pub(super) fn of(
        nodes: &[Node],
        patience: Option<&'a dyn Patience>,
    ) -> Result<Self, CheckError> {
        let mut values = Self {
            held: vec![None; nodes.len()],
            costs: vec![None; nodes.len()],
            budget: Budget::new(patience),
        };
        // True and false, once found, stay; the questions furthest off come first, so that few rounds are needed.
        values.settle(nodes, |values, at, node| {
            let value = values.part(&node.part);
            let changed = value.is_some() && values.question(at).is_none();
            if let Some(slot) = values.held.get_mut(at).filter(|_| changed) {
                *slot = value;
            }
            changed
        })?;
        values.settle(nodes, |values, at, node| {
            let Some((tuples, steps)) = values.cost(&node.part) else {
                return false;
            };
            let cost = (tuples, steps.saturating_add(1));
            match values.costs.get_mut(at) {
                Some(slot) if slot.is_none_or(|known| cost < known) => {
                    *slot = Some(cost);
                    true
                }
                Some(_) | None => false,
            }
        })?;
        Ok(values)
    }

    fn settle(
        &mut self,
        nodes: &[Node],
        update: impl Fn(&mut Self, usize, &Node) -> bool,
    ) -> Result<(), CheckError> {
        loop {
            let mut changed = false;
            for (at, node) in nodes.iter().enumerate().rev() {
                self.budget.step()?;
                changed |= update(self, at, node);
            }
            if !changed {
                return Ok(());
            }
        }
    }

    /// Whether a question holds.
    pub(super) fn question(&self, at: usize) -> Option<bool> {
        self.held.get(at).copied().flatten()
    }

    /// Whether a part holds.
    pub(super) fn part(&self, part: &Part) -> Option<bool> {
        match part {
            Part::Itself => Some(true),
            Part::Unreachable => Some(false),
            Part::TooDeep => None,
            Part::This(edges) | Part::From { edges, .. } => {
                any(edges.iter().map(|edge| self.edge(edge)))
            }
            Part::Computed(at) => self.question(*at),
            Part::Union(parts) => any(parts.iter().map(|part| self.part(part))),
            Part::Intersection(parts) => not(any(parts.iter().map(|part| not(self.part(part))))),
            Part::Exclusion(sides) => not(any(
                [not(self.part(&sides.0)), self.part(&sides.1)].into_iter()
            )),
        }
    }

    /// Whether a tuple leads to what holds.
    pub(super) fn edge(&self, edge: &Edge) -> Option<bool> {
        match edge.counting {
            Counting::Counts => edge.to.map_or(Some(true), |to| self.question(to)),
            Counting::NotEvaluated(..) => None,
            Counting::Expired(_) | Counting::NotMet(_) | Counting::NotAdmitted => Some(false),
        }
    }

    /// What it takes to derive a part; `None` if it does not hold, or is not known to yet.
    pub(super) fn cost(&self, part: &Part) -> Option<Cost> {
        match part {
            Part::Itself => Some((0, 0)),
            Part::Unreachable | Part::TooDeep => None,
            Part::This(edges) | Part::From { edges, .. } => {
                edges.iter().filter_map(|edge| self.edge_cost(edge)).min()
            }
            Part::Computed(at) => self.costs.get(*at).copied().flatten(),
            Part::Union(parts) => parts.iter().filter_map(|part| self.cost(part)).min(),
            Part::Intersection(parts) => parts.iter().try_fold((0, 0), |sum, part| {
                self.cost(part).map(|cost| add(sum, cost))
            }),
            Part::Exclusion(sides) => {
                let base = self.cost(&sides.0)?;
                (self.part(&sides.1) == Some(false)).then_some(base)
            }
        }
    }

    /// What it takes to derive something through a tuple.
    pub(super) fn edge_cost(&self, edge: &Edge) -> Option<Cost> {
        if !matches!(edge.counting, Counting::Counts) {
            return None;
        }
        let rest = match edge.to {
            None => (0, 0),
            Some(to) => self.costs.get(to).copied().flatten()?,
        };
        Some(add((1, 0), rest))
    }
}

const fn add(a: Cost, b: Cost) -> Cost {
    (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
}

fn any(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(false);
    for value in values {
        match value {
            Some(true) => return Some(true),
            None => result = None,
            Some(false) => {}
        }
    }
    result
}

fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}
