//! Back from numbers to the texts that people and tuples know.

use super::{Graph, NodeId, SubjectId, Symbol};
use crate::policy::engine::tuple::Tuple;

impl Graph {
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
