//! Between numbers and the texts that people and tuples know.

use super::{Graph, NodeId, SubjectId, Symbol};
use crate::policy::engine::tuple::{Subject, Tuple};

impl Graph {
    /// A tuple's object, relation and subject, if some tuple names each.
    pub(in crate::policy::engine) fn locate(
        &self,
        tuple: &Tuple,
    ) -> Option<(NodeId, Symbol, SubjectId)> {
        let node = self.find(
            self.symbols.find(tuple.object.type_name())?,
            tuple.object.id(),
        )?;
        let relation = self.symbols.find(&tuple.relation)?;
        let type_symbol = self.symbols.find(tuple.subject.type_name())?;
        let subject = match &tuple.subject {
            Subject::Object(object) => {
                SubjectId::object(self.find(type_symbol, object.id())?, type_symbol)
            }
            Subject::Wildcard(_) => SubjectId::object(self.find(type_symbol, "*")?, type_symbol),
            Subject::Userset(object, relation) => SubjectId::userset(
                self.find(type_symbol, object.id())?,
                type_symbol,
                self.symbols.find(relation)?,
            ),
        };
        Some((node, relation, subject))
    }

    /// `type:id`, as tuples name the object.
    pub(in crate::policy::engine) fn object_text(&self, node: NodeId) -> Option<String> {
        let node = self.nodes.get(u64::from(node.0))?;
        let type_name = self.symbols.name(node.type_symbol)?;
        Some(format!("{type_name}:{}", node.id))
    }

    /// A tuple by its numbers.
    pub(in crate::policy::engine) fn tuple(
        &self,
        node: NodeId,
        relation: Symbol,
        subject: SubjectId,
    ) -> Option<Tuple> {
        let object = self.object_text(subject.node())?;
        let subject = match subject.relation() {
            None => object,
            Some(relation) => format!("{object}#{}", self.symbols.name(relation)?),
        };
        let (object, relation) = (self.object_text(node)?, self.symbols.name(relation)?);
        Tuple::parse(&object, &relation, &subject).ok()
    }
}
