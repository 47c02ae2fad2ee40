//! The tuples of one relation of one object: which count, whom they name, and where they lead.

use super::value::Value;
use super::{CheckError, DEPTH_HOPS, Frame, Run};
use crate::policy::engine::budget::Budget;
use crate::policy::engine::condition::ConditionError;
use crate::policy::engine::graph::{Set, SubjectId, Subjects, edge_parts};
use crate::policy::engine::program::{Admitted, Gate, Op, Program, RelationProgram};
use crate::policy::engine::relationship::{Circumstances, Limits};

/// From so many usersets on, the subject's own memberships are looked at first.
const WIDE_USERSETS: usize = 8;

impl Run<'_> {
    /// The tuples written on the relation itself. Those that the model does not admit (any more) are skipped.
    pub(super) fn this(&mut self, frame: Frame<'_>) -> Result<Value, CheckError> {
        let graph = self.graph;
        let Some(subjects) = graph.subjects(frame.node, frame.relation.symbol) else {
            return Ok(Value::False);
        };
        let mut value = self.stands_directly(subjects, frame.relation)?;
        if value == Value::True {
            return Ok(value);
        }
        if subjects.usersets.len() >= WIDE_USERSETS
            && let Some(found) = self.through_memberships(subjects, frame)?
        {
            return Ok(value.or(found));
        }
        for userset in subjects.usersets.iter().map(SubjectId::from_set) {
            let Some(to) = frame.relation.admits_userset(userset) else {
                self.step()?;
                continue;
            };
            value = value.or(self.through(subjects, userset, to, frame.hops)?);
            if value == Value::True {
                break;
            }
        }
        Ok(value)
    }

    /// The relation that a tuple leads to, if the tuple counts.
    pub(super) fn through(
        &mut self,
        subjects: &Subjects,
        subject: SubjectId,
        to: &Admitted,
        hops: u32,
    ) -> Result<Value, CheckError> {
        match self.counts(subjects, subject, &to.gate)? {
            Value::True => self.relation(subject.node(), to.index, hops + 1),
            other => Ok(other),
        }
    }

    /// Whether a tuple counts.
    fn counts(
        &mut self,
        subjects: &Subjects,
        subject: SubjectId,
        gate: &Gate,
    ) -> Result<Value, CheckError> {
        let asked = (self.program, self.circumstances);
        Ok(
            match counts(asked, subjects.limits(subject), gate, &mut self.budget)? {
                Ok(counts) => Value::known(counts),
                Err(error) => {
                    self.failure.get_or_insert(error);
                    Value::Failed
                }
            },
        )
    }

    /// Whether a tuple names the subject itself, or the wildcard that covers it.
    fn stands_directly(
        &mut self,
        subjects: &Subjects,
        relation: &RelationProgram,
    ) -> Result<Value, CheckError> {
        let direct = &relation.direct;
        let subject = self.asked.subject;
        let type_symbol = subject.type_symbol();
        if subject.relation().is_some() {
            return match relation.admits_userset(subject) {
                Some(to) if subjects.usersets.contains(subject.value()) => {
                    self.counts(subjects, subject, &to.gate)
                }
                Some(_) | None => Ok(Value::False),
            };
        }
        let (own, wildcard) = if self.asked.is_wildcard {
            (None, Some(subject))
        } else {
            (Some(subject), self.asked.wildcard)
        };
        let mut value = Value::False;
        for (subject, admitted) in [(own, &direct.objects), (wildcard, &direct.wildcards)] {
            let Some(subject) = subject.filter(|one| subjects.direct.contains(one.value())) else {
                continue;
            };
            if let Some((_, gate)) = admitted.iter().find(|(symbol, _)| *symbol == type_symbol) {
                value = value.or(self.counts(subjects, subject, gate)?);
            }
        }
        Ok(value)
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
        if memberships.clone().map(Set::len).sum::<usize>() >= subjects.usersets.len()
            || frame.hops + 1 >= DEPTH_HOPS
        {
            return Ok(None);
        }
        let mut failed = false;
        for membership in memberships.flat_map(Set::iter) {
            self.step()?;
            let (node, symbol) = edge_parts(membership);
            let Some(type_symbol) = graph.type_of(node) else {
                continue;
            };
            let userset = SubjectId::userset(node, type_symbol, symbol);
            let Some(to) = frame
                .relation
                .admits_userset(userset)
                .filter(|_| subjects.usersets.contains(userset.value()))
            else {
                continue;
            };
            let program = self.program;
            let Some(relation) = program
                .relation(to.index)
                .filter(|relation| relation.direct_suffices)
            else {
                continue;
            };
            let Some(members) = graph.subjects(node, symbol) else {
                continue;
            };
            let value = match self.counts(subjects, userset, &to.gate)? {
                Value::True => self.stands_directly(members, relation)?,
                other => other,
            };
            if value == Value::True {
                return Ok(Some(Value::True));
            }
            failed |= value == Value::Failed;
        }
        // If the usersets hold nothing but their own tuples, all of the subject's have been seen.
        let only_own_tuples = frame.relation.direct.usersets.iter().all(|(_, to)| {
            self.program
                .relation(to.index)
                .is_some_and(|relation| matches!(relation.op, Op::This) && relation.is_flat)
        });
        let is_object = self.asked.subject.relation().is_none();
        Ok((only_own_tuples && is_object && !failed).then_some(Value::False))
    }
}

/// Whether a tuple counts: admitted by the model, not expired, its condition met. What the condition costs is spent.
pub(in crate::policy::engine) fn counts(
    (program, circumstances): (&Program, Circumstances<'_>),
    limits: Option<&Limits>,
    gate: &Gate,
    budget: &mut Budget<'_>,
) -> Result<Result<bool, ConditionError>, CheckError> {
    let Some(limits) = limits else {
        return Ok(Ok(gate.plain));
    };
    if limits.expired(circumstances.now) {
        return Ok(Ok(false));
    }
    let Some(named) = &limits.condition else {
        return Ok(Ok(gate.plain));
    };
    let met = program.is_met((named, gate), circumstances.context, budget)?;
    Ok(met.map(|met| met == Some(true)))
}

impl RelationProgram {
    /// The relation that a userset asks, when the model allows it here.
    pub(in crate::policy::engine) fn admits_userset(
        &self,
        userset: SubjectId,
    ) -> Option<&Admitted> {
        self.direct
            .usersets
            .iter()
            .find(|(relation, to)| {
                to.type_symbol == userset.type_symbol() && Some(*relation) == userset.relation()
            })
            .map(|(_, to)| to)
    }
}
