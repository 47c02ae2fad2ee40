//! Many questions about one subject: what one of them finds out, the others know.

use super::asked::{Who, relation_of, type_of};
use super::{CheckError, Run};
use crate::policy::engine::budget::Budget;
use crate::policy::engine::graph::{Graph, NodeId, SubjectId, Symbol};
use crate::policy::engine::program::{Program, RelationIndex, Shape};
use crate::policy::engine::relationship::Circumstances;
use crate::policy::engine::tuple::Subject;

/// Decides whether one subject has relations of several objects, within the steps of one question.
pub(in crate::policy::engine) struct Checker<'a>(Run<'a>);

/// The subject of a [`Checker`] in numbers.
#[derive(Clone, Copy)]
pub(in crate::policy::engine) struct Numbered {
    pub(in crate::policy::engine) subject: SubjectId,
    /// The wildcard that covers it, if some tuple names it.
    pub(in crate::policy::engine) wildcard: Option<SubjectId>,
    pub(in crate::policy::engine) is_wildcard: bool,
    pub(in crate::policy::engine) shape: Shape,
}

impl<'a> Checker<'a> {
    /// `None` when the graph does not know the subject ([`introduce`]). What was spent so far counts.
    pub(in crate::policy::engine) fn new(
        program: &'a Program,
        graph: &'a Graph,
        (subject, circumstances): (&Subject, Circumstances<'a>),
        budget: Budget<'a>,
    ) -> Result<Option<Self>, CheckError> {
        let who = Who::of(program, subject)?;
        let Some(node) = graph.find(who.type_symbol, who.id) else {
            return Ok(None);
        };
        let mut run = Run::new(program, graph, who.asked(graph, node), circumstances);
        run.budget = budget;
        Ok(Some(Self(run)))
    }

    /// The subject in the graph's numbers.
    pub(in crate::policy::engine) fn numbered(&self) -> Numbered {
        let asked = &self.0.asked;
        Numbered {
            subject: asked.subject,
            wildcard: asked.wildcard,
            is_wildcard: asked.is_wildcard,
            shape: asked.shape,
        }
    }

    /// Whether the subject has a relation of an object.
    pub(in crate::policy::engine) fn decide(
        &mut self,
        node: NodeId,
        relation: RelationIndex,
    ) -> Result<bool, CheckError> {
        let decision = self.0.decide(node, relation)?;
        // What stayed unknown did so from where this question began: the next one looks again.
        self.0.pass += 1;
        Ok(decision.allowed)
    }

    /// One more step outside the questions.
    pub(in crate::policy::engine) fn step(&mut self) -> Result<(), CheckError> {
        self.0.step()
    }

    /// To spend from.
    pub(in crate::policy::engine) const fn budget_mut(&mut self) -> &mut Budget<'a> {
        &mut self.0.budget
    }

    /// What it has cost so far.
    pub(in crate::policy::engine) const fn budget(&self) -> Budget<'a> {
        self.0.budget
    }
}

/// Gives the subject a number in a copy of the graph, if it has none.
pub(in crate::policy::engine) fn introduce(
    program: &Program,
    graph: &mut Graph,
    subject: &Subject,
) -> Result<(), CheckError> {
    let who = Who::of(program, subject)?;
    graph.intern_node(who.type_symbol, who.id)?;
    Ok(())
}

/// The type and the relation of a name, or what is unknown of it.
pub(in crate::policy::engine) fn named(
    program: &Program,
    type_name: &str,
    relation: &str,
) -> Result<(Symbol, RelationIndex), CheckError> {
    let type_symbol = type_of(program, type_name)?;
    Ok((type_symbol, relation_of(program, type_name, relation)?))
}

/// The number of a type, and the shape of its objects.
pub(in crate::policy::engine) fn object_type(
    program: &Program,
    type_name: &str,
) -> Result<(Symbol, Shape), CheckError> {
    let unknown = || CheckError::UnknownType(type_name.to_owned());
    let shape = program.object_shape(type_name).ok_or_else(unknown)?;
    Ok((type_of(program, type_name)?, shape))
}
