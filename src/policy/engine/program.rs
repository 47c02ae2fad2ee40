//! A model compiled against a store's numbers: per relation a small program, and who can reach it at all.

mod feeds;
mod met;

use std::collections::HashMap;
use std::sync::Arc;

pub(super) use self::feeds::{Entry, Through};

use self::feeds::Feeds;

use super::admit::{NotAdmitted, admit};
use super::condition::{CompiledCondition, INLINE, InlineConditions};
use super::graph::{GraphFull, Symbol, Symbols};
use super::model::{Model, Restriction, Rewrite, SubjectForm};
use super::relationship::Relationship;

/// A compiled model. Valid for every snapshot of the store whose [`Symbols`] it was compiled with.
#[derive(Debug)]
pub struct Program {
    model: Arc<Model>,
    types: HashMap<String, TypeProgram>,
    relations: Vec<RelationProgram>,
    by_symbols: HashMap<(Symbol, Symbol), RelationIndex>,
    conditions: HashMap<String, CompiledCondition>,
    inline: InlineConditions,
    feeds: Feeds,
}

#[derive(Debug)]
struct TypeProgram {
    symbol: Symbol,
    shape: usize,
    relations: HashMap<String, RelationIndex>,
}

/// A relation's place in a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RelationIndex(u32);

#[derive(Debug)]
pub(super) struct RelationProgram {
    pub(super) symbol: Symbol,
    pub(super) op: Op,
    /// Who may be written directly; used by [`Op::This`].
    pub(super) direct: Direct,
    /// Whether it is decided by its own tuples alone, without asking any other relation.
    pub(super) is_flat: bool,
    /// Whether a tuple on it is enough to be in it: the tuples stand in no `and` and no `but not`.
    pub(super) direct_suffices: bool,
    /// Operators in one another, and one for the relation: what answering it takes of the stack.
    pub(super) levels: u32,
    reach: Vec<u64>,
}

#[derive(Debug)]
pub(super) enum Op {
    This,
    Computed(RelationIndex),
    TupleToUserset {
        tupleset: Symbol,
        /// The relation to ask, by the type of the related object. Types that lack it lead nowhere.
        parents: Vec<Admitted>,
    },
    Union(Vec<Op>),
    Intersection(Vec<Op>),
    Exclusion(Box<(Op, Op)>),
}

#[derive(Debug, Default)]
pub(super) struct Direct {
    pub(super) objects: Vec<(Symbol, Gate)>,
    pub(super) wildcards: Vec<(Symbol, Gate)>,
    pub(super) usersets: Vec<(Symbol, Admitted)>,
}

/// A relation that tuples lead to: of a userset, or of the object behind a `from`.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) type_symbol: Symbol,
    pub(super) index: RelationIndex,
    pub(super) gate: Gate,
}

/// Which tuples a restriction lets pass, by their conditions.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    /// Those without a condition.
    pub(super) plain: bool,
    /// Those with one of these.
    pub(super) conditions: Vec<String>,
}

impl Gate {
    fn of<'m>(restrictions: impl Iterator<Item = &'m Restriction>) -> Self {
        let mut gate = Self::default();
        for restriction in restrictions {
            match &restriction.condition {
                None => gate.plain = true,
                Some(name) => gate.conditions.push(name.clone()),
            }
        }
        gate
    }
}

/// A form of subject as a bit: an object of a type, all objects of a type, or a relation of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape(usize);

impl Program {
    /// Compiles a valid model ([`super::validate`]).
    pub fn compile(model: &Arc<Model>, symbols: &Symbols) -> Result<Self, GraphFull> {
        let mut program = Self {
            types: HashMap::new(),
            relations: Vec::new(),
            by_symbols: HashMap::new(),
            // Validation refuses a condition that does not compile; without it, its tuples count for nobody.
            conditions: model
                .conditions
                .iter()
                .filter_map(|(name, condition)| {
                    let compiled = CompiledCondition::compile(name, condition).ok()?;
                    Some((name.clone(), compiled))
                })
                .collect(),
            inline: InlineConditions::default(),
            feeds: Feeds::default(),
            model: Arc::clone(model),
        };
        let mut next = 0_u32;
        for (position, definition) in model.types.iter().enumerate() {
            let symbol = symbols.intern(&definition.name)?;
            let mut relations = HashMap::new();
            for name in definition.relations.keys() {
                let index = RelationIndex(next);
                next = next.checked_add(1).ok_or(GraphFull::Names)?;
                relations.insert(name.clone(), index);
                program
                    .by_symbols
                    .insert((symbol, symbols.intern(name)?), index);
            }
            let entry = TypeProgram {
                symbol,
                shape: position * 2,
                relations,
            };
            program.types.insert(definition.name.clone(), entry);
        }
        for definition in &model.types {
            for (name, relation) in &definition.relations {
                let op = program.op(&definition.name, &relation.rewrite, symbols)?;
                let direct = program.direct(&relation.restrictions, symbols)?;
                program.relations.push(RelationProgram {
                    symbol: symbols.intern(name)?,
                    is_flat: op.is_flat() && direct.usersets.is_empty(),
                    direct_suffices: op.contains_this_in_union(),
                    levels: op.levels().saturating_add(1),
                    op,
                    direct,
                    reach: Vec::new(),
                });
            }
        }
        program.compute_reach();
        program.compute_feeds();
        Ok(program)
    }

    /// The model it was compiled from.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Checks a tuple against the model, with what it fixes of its condition's parameters.
    pub fn admit(&self, relationship: &Relationship) -> Result<(), NotAdmitted> {
        admit(&self.model, relationship)?;
        let Some(named) = &relationship.limits.condition else {
            return Ok(());
        };
        if named.name == INLINE {
            self.inline.get(&named.context)?;
            return Ok(());
        }
        let condition = self
            .conditions
            .get(&named.name)
            .ok_or_else(|| NotAdmitted::UndefinedCondition(named.name.clone()))?;
        Ok(condition.admit_context(&named.context)?)
    }

    fn direct(&self, restrictions: &[Restriction], symbols: &Symbols) -> Result<Direct, GraphFull> {
        let mut direct = Direct::default();
        for (at, restriction) in restrictions.iter().enumerate() {
            let is_same = |other: &&Restriction| {
                other.type_name == restriction.type_name && other.form == restriction.form
            };
            let seen = restrictions.iter().take(at).any(|other| is_same(&other));
            let Some(subject) = self.types.get(&restriction.type_name).filter(|_| !seen) else {
                continue;
            };
            let gate = Gate::of(restrictions.iter().filter(is_same));
            match &restriction.form {
                SubjectForm::Object => direct.objects.push((subject.symbol, gate)),
                SubjectForm::Wildcard => direct.wildcards.push((subject.symbol, gate)),
                SubjectForm::Userset(relation) => {
                    if let Some(index) = subject.relations.get(relation) {
                        let admitted = Admitted {
                            type_symbol: subject.symbol,
                            index: *index,
                            gate,
                        };
                        direct.usersets.push((symbols.intern(relation)?, admitted));
                    }
                }
            }
        }
        Ok(direct)
    }

    fn op(&self, type_name: &str, rewrite: &Rewrite, symbols: &Symbols) -> Result<Op, GraphFull> {
        let all = |children: &[Rewrite]| {
            children
                .iter()
                .map(|child| self.op(type_name, child, symbols))
                .collect::<Result<Vec<Op>, GraphFull>>()
        };
        Ok(match rewrite {
            Rewrite::This => Op::This,
            Rewrite::Computed(relation) => match self.relation_index(type_name, relation) {
                Some(index) => Op::Computed(index),
                // Validation refuses such a model; nobody is in a union of nothing.
                None => Op::Union(Vec::new()),
            },
            Rewrite::TupleToUserset { tupleset, computed } => Op::TupleToUserset {
                tupleset: symbols.intern(tupleset)?,
                parents: self.parents(type_name, tupleset, computed),
            },
            Rewrite::Union(children) => Op::Union(all(children)?),
            Rewrite::Intersection(children) => Op::Intersection(all(children)?),
            Rewrite::Exclusion { base, subtract } => Op::Exclusion(Box::new((
                self.op(type_name, base, symbols)?,
                self.op(type_name, subtract, symbols)?,
            ))),
        })
    }

    fn parents(&self, type_name: &str, tupleset: &str, computed: &str) -> Vec<Admitted> {
        let Some(relation) = self.model.find_relation(type_name, tupleset) else {
            return Vec::new();
        };
        let mut parents: Vec<Admitted> = Vec::new();
        let objects = |restriction: &&Restriction| restriction.form == SubjectForm::Object;
        for restriction in relation.restrictions.iter().filter(objects) {
            let Some(parent) = self.types.get(&restriction.type_name) else {
                continue;
            };
            let Some(index) = parent.relations.get(computed) else {
                continue;
            };
            if parents.iter().any(|known| known.index == *index) {
                continue;
            }
            let same = relation
                .restrictions
                .iter()
                .filter(objects)
                .filter(|other| other.type_name == restriction.type_name);
            parents.push(Admitted {
                type_symbol: parent.symbol,
                index: *index,
                gate: Gate::of(same),
            });
        }
        parents
    }

    /// The symbol of a type.
    pub(super) fn type_symbol(&self, type_name: &str) -> Option<Symbol> {
        self.types.get(type_name).map(|entry| entry.symbol)
    }

    /// The place of a relation.
    pub(super) fn relation_index(&self, type_name: &str, relation: &str) -> Option<RelationIndex> {
        self.types.get(type_name)?.relations.get(relation).copied()
    }

    /// The program of a relation.
    pub(super) fn relation(&self, index: RelationIndex) -> Option<&RelationProgram> {
        self.relations.get(index.position())
    }

    /// The place of a relation by its numbers.
    pub(super) fn by_symbols(
        &self,
        type_symbol: Symbol,
        relation: Symbol,
    ) -> Option<RelationIndex> {
        self.by_symbols.get(&(type_symbol, relation)).copied()
    }

    /// The shape of an object of a type.
    pub(super) fn object_shape(&self, type_name: &str) -> Option<Shape> {
        self.types.get(type_name).map(|entry| Shape(entry.shape))
    }

    /// The shape of the wildcard of a type.
    pub(super) fn wildcard_shape(&self, type_name: &str) -> Option<Shape> {
        self.types
            .get(type_name)
            .map(|entry| Shape(entry.shape + 1))
    }

    /// The shape of a userset.
    pub(super) fn userset_shape(&self, index: RelationIndex) -> Shape {
        Shape(self.types.len() * 2 + index.position())
    }

    /// Which shapes of subject can be in each relation, whatever the tuples: the least fixpoint. It may say too much
    /// (an `and` is not looked into), never too little.
    fn compute_reach(&mut self) {
        let words = (self.types.len() * 2 + self.relations.len()).div_ceil(64);
        let mut reach = vec![vec![0_u64; words]; self.relations.len()];
        let shapes: HashMap<Symbol, usize> = self
            .types
            .values()
            .map(|entry| (entry.symbol, entry.shape))
            .collect();
        for (at, (relation, bits)) in self.relations.iter().zip(reach.iter_mut()).enumerate() {
            // `o#r` is in `r` of `o`.
            set(bits, self.types.len() * 2 + at);
            if !relation.op.adds_own_tuples() {
                continue;
            }
            for (symbol, _) in &relation.direct.objects {
                set(bits, shapes.get(symbol).copied().unwrap_or(0));
            }
            for (symbol, _) in &relation.direct.wildcards {
                let shape = shapes.get(symbol).copied().unwrap_or(0);
                set(bits, shape);
                set(bits, shape + 1);
            }
        }
        let sources: Vec<Vec<RelationIndex>> = self
            .relations
            .iter()
            .map(RelationProgram::sources)
            .collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (at, sources) in sources.iter().enumerate() {
                for source in sources {
                    let from = reach.get(source.position()).cloned().unwrap_or_default();
                    for (to, from) in reach.get_mut(at).into_iter().flatten().zip(from) {
                        changed |= from & !*to != 0;
                        *to |= from;
                    }
                }
            }
        }
        for (relation, bits) in self.relations.iter_mut().zip(reach) {
            relation.reach = bits;
        }
    }
}

fn set(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

impl RelationIndex {
    /// The number, as half of a memo key.
    pub(super) const fn number(self) -> u32 {
        self.0
    }

    fn position(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl RelationProgram {
    /// Whether subjects of this shape can be in the relation, whatever the tuples.
    pub(super) fn reaches(&self, shape: Shape) -> bool {
        self.reach
            .get(shape.0 / 64)
            .is_some_and(|word| word >> (shape.0 % 64) & 1 == 1)
    }

    /// The relations that subjects can come from.
    fn sources(&self) -> Vec<RelationIndex> {
        let mut sources = Vec::new();
        self.op.sources(&self.direct, &mut sources);
        sources
    }
}

impl Op {
    fn sources(&self, direct: &Direct, into: &mut Vec<RelationIndex>) {
        match self {
            Self::This => {
                into.extend(direct.usersets.iter().map(|(_, admitted)| admitted.index));
            }
            Self::Computed(index) => into.push(*index),
            Self::TupleToUserset { parents, .. } => {
                into.extend(parents.iter().map(|parent| parent.index));
            }
            Self::Union(children) | Self::Intersection(children) => {
                for child in children {
                    child.sources(direct, into);
                }
            }
            Self::Exclusion(sides) => sides.0.sources(direct, into),
        }
    }

    /// Whether the relation's own tuples can put somebody into it: they are not only subtracted.
    fn adds_own_tuples(&self) -> bool {
        match self {
            Self::This => true,
            Self::Computed(_) | Self::TupleToUserset { .. } => false,
            Self::Union(children) | Self::Intersection(children) => {
                children.iter().any(Self::adds_own_tuples)
            }
            Self::Exclusion(sides) => sides.0.adds_own_tuples(),
        }
    }

    fn is_flat(&self) -> bool {
        match self {
            Self::This => true,
            Self::Computed(_) | Self::TupleToUserset { .. } => false,
            Self::Union(children) | Self::Intersection(children) => {
                children.iter().all(Self::is_flat)
            }
            Self::Exclusion(sides) => sides.0.is_flat() && sides.1.is_flat(),
        }
    }

    fn levels(&self) -> u32 {
        let below = match self {
            Self::This | Self::Computed(_) | Self::TupleToUserset { .. } => None,
            Self::Union(children) | Self::Intersection(children) => {
                children.iter().map(Self::levels).max()
            }
            Self::Exclusion(sides) => Some(sides.0.levels().max(sides.1.levels())),
        };
        below.unwrap_or(0).saturating_add(1)
    }

    fn contains_this_in_union(&self) -> bool {
        match self {
            Self::This => true,
            Self::Union(children) => children.iter().any(Self::contains_this_in_union),
            Self::Computed(_)
            | Self::TupleToUserset { .. }
            | Self::Intersection(_)
            | Self::Exclusion(_) => false,
        }
    }
}
