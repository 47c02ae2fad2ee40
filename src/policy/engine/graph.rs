//! Every tuple of a store, in both directions, as numbers; a clone is a snapshot.
//!
//! Objects, types and relations are interned once, so a check compares integers and no key is ever a joined text
//! (SECURITY row 55). Two indexes: (object, relation) -> subjects, split into direct ones (objects and wildcards) and
//! usersets; and subject -> (object, relation). Built on `super::trie`: readers hold a clone and never wait, a write
//! copies a few small nodes, and request-time tuples are written to a clone that is thrown away.

mod set;
mod text;

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::FxHashMap;

pub(super) use set::Set;

use super::relationship::{Limits, Relationship};
use super::trie::Trie;
use super::tuple::{Object, Subject, Tuple};

/// The store has more names or objects than numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphFull {
    /// Types and relations, over all models that were in use since the store was loaded.
    #[error("the store's models use more than 65,534 different type and relation names")]
    Names,
    /// Objects.
    #[error("the store names more than 4,294,967,295 objects")]
    Objects,
}

/// A type's or relation's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Symbol(u16);

/// An object's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(u32);

/// A subject in one word: the object, its type, and for a userset the relation.
///
/// A wildcard is the object `type:*`: no real object has that id (`Object::parse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubjectId(u64);

/// Names of types and relations. Shared by all snapshots of a store and by the programs compiled for them; only grows.
#[derive(Debug, Default)]
pub struct Symbols(RwLock<Names>);

#[derive(Debug, Default)]
struct Names {
    numbers: FxHashMap<Box<str>, Symbol>,
    /// The names in the order of their numbers.
    list: Vec<Box<str>>,
}

/// A snapshot of all tuples of a store.
#[derive(Clone, Debug)]
pub struct Graph {
    symbols: Arc<Symbols>,
    hasher: RandomState,
    names: Trie<Named>,
    nodes: Trie<Node>,
    next_node: u32,
    subjects: Trie<Subjects>,
    objects: Trie<Set>,
    tuples: usize,
    /// Tuples that do not count always were here.
    has_limits: bool,
}

/// The objects whose names hash alike: nearly always one.
#[derive(Clone, Debug)]
enum Named {
    One(NodeId),
    Many(Arc<[NodeId]>),
}

#[derive(Clone, Debug)]
struct Node {
    type_symbol: Symbol,
    id: Arc<str>,
}

/// Who stands in one relation of one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    /// Objects and wildcards.
    pub(super) direct: Set,
    /// Usersets.
    pub(super) usersets: Set,
    /// What limits those of them that do not count always.
    limits: Trie<Arc<Limits>>,
}

impl Symbols {
    /// The number of a name, given out at first use.
    pub(super) fn intern(&self, name: &str) -> Result<Symbol, GraphFull> {
        if let Some(symbol) = self.find(name) {
            return Ok(symbol);
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(symbol) = names.numbers.get(name) {
            return Ok(*symbol);
        }
        // Zero stays free: it means "no relation" in a SubjectId.
        let next = u16::try_from(names.list.len() + 1).map_err(|_| GraphFull::Names)?;
        names.numbers.insert(name.into(), Symbol(next));
        names.list.push(name.into());
        Ok(Symbol(next))
    }

    /// The name that a number was given out for.
    pub(super) fn name(&self, symbol: Symbol) -> Option<String> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let position = usize::from(symbol.0).checked_sub(1)?;
        names.list.get(position).map(ToString::to_string)
    }

    fn find(&self, name: &str) -> Option<Symbol> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.numbers.get(name).copied()
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new(Arc::new(Symbols::default()))
    }
}

impl Graph {
    /// An empty graph over a table of names.
    pub fn new(symbols: Arc<Symbols>) -> Self {
        Self {
            symbols,
            hasher: RandomState::new(),
            names: Trie::default(),
            nodes: Trie::default(),
            next_node: 0,
            subjects: Trie::default(),
            objects: Trie::default(),
            tuples: 0,
            has_limits: false,
        }
    }

    /// Whether some tuple may not count always.
    pub(super) const fn has_limits(&self) -> bool {
        self.has_limits
    }

    /// The table of names, to compile models against.
    pub fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }

    /// How many tuples there are.
    pub const fn len(&self) -> usize {
        self.tuples
    }

    /// Whether there is no tuple.
    pub const fn is_empty(&self) -> bool {
        self.tuples == 0
    }

    /// Adds a tuple, or changes what limits it; whether it is new.
    pub fn insert(&mut self, relationship: &Relationship) -> Result<bool, GraphFull> {
        let tuple = &relationship.tuple;
        let node = self.intern(&tuple.object)?;
        let relation = self.symbols.intern(&tuple.relation)?;
        let subject = self.intern_subject(&tuple.subject)?;
        self.has_limits |= !relationship.limits.is_empty();
        let key = edge(node, relation);
        if self.subjects.get(key).is_none() {
            self.subjects.insert(key, Subjects::default());
        }
        let fresh = self
            .subjects
            .get_mut(key)
            .is_some_and(|subjects| subjects.insert(subject, &relationship.limits));
        if fresh {
            self.tuples += 1;
            if self.objects.get(subject.0).is_none() {
                self.objects.insert(subject.0, Set::Empty);
            }
            if let Some(edges) = self.objects.get_mut(subject.0) {
                edges.insert(key);
            }
        }
        Ok(fresh)
    }

    /// These tuples and others besides, which shadow stored ones. Of two others that are the same tuple the first counts.
    pub fn with(&self, others: &[Relationship]) -> Result<Self, GraphFull> {
        let mut graph = self.clone();
        for other in others.iter().rev() {
            graph.insert(other)?;
        }
        Ok(graph)
    }

    /// Takes a tuple out; whether it was there.
    pub fn remove(&mut self, tuple: &Tuple) -> bool {
        let Some((node, relation, subject)) = self.locate(tuple) else {
            return false;
        };
        let key = edge(node, relation);
        let removed = self
            .subjects
            .get_mut(key)
            .is_some_and(|subjects| subjects.remove(subject));
        if removed {
            self.tuples = self.tuples.saturating_sub(1);
            if self.subjects.get(key).is_some_and(Subjects::is_empty) {
                self.subjects.remove(key);
            }
            if let Some(edges) = self.objects.get_mut(subject.0) {
                edges.remove(key);
            }
            if self.objects.get(subject.0).is_some_and(Set::is_empty) {
                self.objects.remove(subject.0);
            }
        }
        removed
    }

    /// Whether deleted tuples left so many unused names behind that loading afresh is worth it.
    pub fn is_wasteful(&self) -> bool {
        const SLACK: usize = 10_000;
        self.nodes.len() > self.tuples.saturating_mul(4).saturating_add(SLACK)
    }

    /// The number of an object that some tuple names.
    pub(super) fn find(&self, type_symbol: Symbol, id: &str) -> Option<NodeId> {
        let is = |node: NodeId| {
            self.nodes
                .get(u64::from(node.0))
                .is_some_and(|known| known.type_symbol == type_symbol && *known.id == *id)
        };
        match self.names.get(self.name_hash(type_symbol, id))? {
            Named::One(node) => is(*node).then_some(*node),
            Named::Many(nodes) => nodes.iter().copied().find(|node| is(*node)),
        }
    }

    fn name_hash(&self, type_symbol: Symbol, id: &str) -> u64 {
        self.hasher.hash_one((type_symbol, id))
    }

    fn intern(&mut self, object: &Object) -> Result<NodeId, GraphFull> {
        let type_symbol = self.symbols.intern(object.type_name())?;
        self.intern_node(type_symbol, object.id())
    }

    /// The number of an object, given out at first use.
    pub(super) fn intern_node(
        &mut self,
        type_symbol: Symbol,
        id: &str,
    ) -> Result<NodeId, GraphFull> {
        if let Some(node) = self.find(type_symbol, id) {
            return Ok(node);
        }
        let node = NodeId(self.next_node);
        self.next_node = self.next_node.checked_add(1).ok_or(GraphFull::Objects)?;
        let hash = self.name_hash(type_symbol, id);
        let named = match self.names.get(hash) {
            None => Named::One(node),
            Some(Named::One(other)) => Named::Many(Arc::new([*other, node])),
            Some(Named::Many(others)) => {
                Named::Many(others.iter().copied().chain([node]).collect())
            }
        };
        self.names.insert(hash, named);
        self.nodes.insert(
            u64::from(node.0),
            Node {
                type_symbol,
                id: id.into(),
            },
        );
        Ok(node)
    }

    fn intern_subject(&mut self, subject: &Subject) -> Result<SubjectId, GraphFull> {
        let type_symbol = self.symbols.intern(subject.type_name())?;
        Ok(match subject {
            Subject::Object(object) => {
                SubjectId::object(self.intern_node(type_symbol, object.id())?, type_symbol)
            }
            Subject::Wildcard(_) => {
                SubjectId::object(self.intern_node(type_symbol, "*")?, type_symbol)
            }
            Subject::Userset(object, relation) => {
                let relation = self.symbols.intern(relation)?;
                SubjectId::userset(
                    self.intern_node(type_symbol, object.id())?,
                    type_symbol,
                    relation,
                )
            }
        })
    }

    /// Who stands in a relation of an object.
    pub(super) fn subjects(&self, node: NodeId, relation: Symbol) -> Option<&Subjects> {
        self.subjects.get(edge(node, relation))
    }

    /// Where a subject stands: objects with a relation, as [`edge_parts`] takes them apart.
    pub(super) fn objects(&self, subject: SubjectId) -> &Set {
        self.objects.get(subject.0).unwrap_or(&Set::Empty)
    }

    /// The id of an object within its type.
    pub(super) fn id_of(&self, node: NodeId) -> Option<&str> {
        self.nodes.get(u64::from(node.0)).map(|node| &*node.id)
    }

    /// The type of an object.
    pub(super) fn type_of(&self, node: NodeId) -> Option<Symbol> {
        self.nodes
            .get(u64::from(node.0))
            .map(|node| node.type_symbol)
    }
}

impl SubjectId {
    pub(super) fn object(node: NodeId, type_symbol: Symbol) -> Self {
        Self(u64::from(type_symbol.0) << 32 | u64::from(node.0))
    }

    pub(super) fn userset(node: NodeId, type_symbol: Symbol, relation: Symbol) -> Self {
        Self(u64::from(relation.0) << 48 | u64::from(type_symbol.0) << 32 | u64::from(node.0))
    }

    pub(super) const fn from_set(value: u64) -> Self {
        Self(value)
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }

    pub(super) fn node(self) -> NodeId {
        NodeId(low_32(self.0))
    }

    pub(super) fn type_symbol(self) -> Symbol {
        Symbol(low_16(self.0 >> 32))
    }

    pub(super) fn relation(self) -> Option<Symbol> {
        Some(low_16(self.0 >> 48))
            .filter(|relation| *relation != 0)
            .map(Symbol)
    }
}

impl NodeId {
    /// The number, as half of a memo key.
    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

fn edge(node: NodeId, relation: Symbol) -> u64 {
    u64::from(relation.0) << 32 | u64::from(node.0)
}

/// The object and relation of an element of [`Graph::objects`].
pub(super) fn edge_parts(edge: u64) -> (NodeId, Symbol) {
    (NodeId(low_32(edge)), Symbol(low_16(edge >> 32)))
}

fn low_32(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

fn low_16(value: u64) -> u16 {
    u16::try_from(value & 0xffff).unwrap_or(0)
}

impl Subjects {
    const fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.usersets.is_empty()
    }

    /// What limits the tuple of a subject that stands here.
    pub(super) fn limits(&self, subject: SubjectId) -> Option<&Limits> {
        if self.limits.len() == 0 {
            return None;
        }
        self.limits.get(subject.0).map(AsRef::as_ref)
    }

    fn insert(&mut self, subject: SubjectId, limits: &Limits) -> bool {
        if limits.is_empty() {
            self.limits.remove(subject.0);
        } else {
            self.limits.insert(subject.0, Arc::new(limits.clone()));
        }
        self.side(subject).insert(subject.0)
    }

    fn remove(&mut self, subject: SubjectId) -> bool {
        self.limits.remove(subject.0);
        self.side(subject).remove(subject.0)
    }

    fn side(&mut self, subject: SubjectId) -> &mut Set {
        if subject.relation().is_some() {
            &mut self.usersets
        } else {
            &mut self.direct
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(text: &str) -> Tuple {
        let (object, rest) = text.split_once('#').unwrap();
        let (relation, user) = rest.split_once('@').unwrap();
        Tuple::parse(object, relation, user).unwrap()
    }

    #[test]
    fn a_clone_does_not_see_later_writes() {
        let mut graph = Graph::default();
        assert!(
            graph
                .insert(&tuple("doc:1#viewer@user:anne").into())
                .unwrap()
        );
        assert!(
            !graph
                .insert(&tuple("doc:1#viewer@user:anne").into())
                .unwrap()
        );
        let before = graph.clone();
        graph
            .insert(&tuple("doc:1#viewer@group:a#member").into())
            .unwrap();
        assert!(graph.remove(&tuple("doc:1#viewer@user:anne")));
        assert_eq!((before.len(), graph.len()), (1, 1));
        let mut before = before;
        assert!(before.remove(&tuple("doc:1#viewer@user:anne")));
        assert!(!before.remove(&tuple("doc:1#viewer@group:a#member")));
    }

    #[test]
    fn nothing_is_left_of_tuples_that_went() {
        let mut graph = Graph::default();
        let tuples: Vec<Tuple> = (0..1_000)
            .map(|n| tuple(&format!("doc:{}#viewer@user:{n}", n % 7)))
            .chain([
                tuple("doc:1#viewer@user:*"),
                tuple("doc:1#viewer@group:a#member"),
            ])
            .collect();
        for tuple in &tuples {
            graph.insert(&tuple.clone().into()).unwrap();
        }
        for tuple in &tuples {
            assert!(graph.remove(tuple));
        }
        assert_eq!((graph.subjects.len(), graph.objects.len()), (0, 0));
        assert!(graph.is_empty());
    }

    #[test]
    fn too_many_names_are_an_error_and_not_a_wrong_number() {
        let symbols = Symbols::default();
        for n in 0..65_535 {
            symbols.intern(&format!("name{n}")).unwrap();
        }
        assert_eq!(symbols.intern("one more"), Err(GraphFull::Names));
        assert_eq!(symbols.intern("name7"), Ok(Symbol(8)));
    }
}
