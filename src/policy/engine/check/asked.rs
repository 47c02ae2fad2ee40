//! Who is asked about, in the model's and in the graph's numbers.

use super::CheckError;
use crate::policy::engine::graph::{Graph, NodeId, SubjectId, Symbol};
use crate::policy::engine::program::{Program, RelationIndex, Shape};
use crate::policy::engine::tuple::Subject;

/// The subject as the model knows it.
pub(in crate::policy::engine) struct Who<'a> {
    pub(in crate::policy::engine) type_symbol: Symbol,
    pub(in crate::policy::engine) id: &'a str,
    pub(in crate::policy::engine) relation: Option<Symbol>,
    pub(in crate::policy::engine) is_wildcard: bool,
    pub(in crate::policy::engine) shape: Shape,
}

/// The subject as the graph knows it.
pub(in crate::policy::engine) struct Asked {
    pub(in crate::policy::engine) subject: SubjectId,
    /// The wildcard that covers the subject, if some tuple names it.
    pub(in crate::policy::engine) wildcard: Option<SubjectId>,
    pub(in crate::policy::engine) is_wildcard: bool,
    pub(in crate::policy::engine) shape: Shape,
}

impl<'a> Who<'a> {
    pub(in crate::policy::engine) fn of(
        program: &Program,
        subject: &'a Subject,
    ) -> Result<Self, CheckError> {
        let type_name = subject.type_name();
        let type_symbol = type_of(program, type_name)?;
        let unknown = || CheckError::UnknownType(type_name.to_owned());
        let (id, relation, shape) = match subject {
            Subject::Object(object) => (object.id(), None, program.object_shape(type_name)),
            Subject::Wildcard(_) => ("*", None, program.wildcard_shape(type_name)),
            Subject::Userset(object, relation) => {
                let index = relation_of(program, type_name, relation)?;
                let relation = program.relation(index).map(|relation| relation.symbol);
                (object.id(), relation, Some(program.userset_shape(index)))
            }
        };
        Ok(Self {
            type_symbol,
            id,
            relation,
            is_wildcard: matches!(subject, Subject::Wildcard(_)),
            shape: shape.ok_or_else(unknown)?,
        })
    }

    pub(in crate::policy::engine) fn asked(&self, graph: &Graph, node: NodeId) -> Asked {
        let object = |node| SubjectId::object(node, self.type_symbol);
        let (subject, wildcard) = match self.relation {
            Some(relation) => (SubjectId::userset(node, self.type_symbol, relation), None),
            None if self.is_wildcard => (object(node), None),
            None => (object(node), graph.find(self.type_symbol, "*").map(object)),
        };
        Asked {
            subject,
            wildcard,
            is_wildcard: self.is_wildcard,
            shape: self.shape,
        }
    }
}

pub(in crate::policy::engine) fn type_of(
    program: &Program,
    name: &str,
) -> Result<Symbol, CheckError> {
    program
        .type_symbol(name)
        .ok_or_else(|| CheckError::UnknownType(name.to_owned()))
}

pub(in crate::policy::engine) fn relation_of(
    program: &Program,
    type_name: &str,
    relation: &str,
) -> Result<RelationIndex, CheckError> {
    program
        .relation_index(type_name, relation)
        .ok_or_else(|| CheckError::UnknownRelation {
            type_name: type_name.to_owned(),
            relation: relation.to_owned(),
        })
}
