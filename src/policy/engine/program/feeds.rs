//! The model read backwards: where the members of a relation come to stand in turn.
//!
//! Every way that can put a subject into a relation is here, so following the feeds from what the tuples say of a subject
//! meets each object it is related to. Some ways only may (`and`, `but not`): what is met through them is a candidate.
//! Of an `and` one operand is enough to meet every candidate, and the subtracted side of a `but not` adds nobody.

use super::{Direct, Gate, Op, Program, RelationIndex, Symbol};

/// A way from the members of one relation into another.
#[derive(Clone, Debug)]
pub(in crate::policy::engine) struct Feed {
    /// The relation that takes them.
    pub(in crate::policy::engine) to: RelationIndex,
    /// The type that has it.
    pub(in crate::policy::engine) to_type: Symbol,
    pub(in crate::policy::engine) through: Through,
    /// Whether being in the one is enough to be in the other.
    pub(in crate::policy::engine) is_certain: bool,
    /// Which tuples lead there.
    pub(in crate::policy::engine) gate: Gate,
}

/// What leads from one relation to the other.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy::engine) enum Through {
    /// The same object.
    Object,
    /// A tuple of this relation whose subject is the userset.
    Userset(Symbol),
    /// A tuple of this relation whose subject is the object (`from`).
    Tupleset(Symbol),
}

/// What a tuple written on a relation itself is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::policy::engine) enum Entry {
    /// Nothing: it is not asked for, or only where another operand is followed.
    #[default]
    None,
    /// Its subject may be in the relation.
    Candidate,
    /// Its subject is in the relation.
    Certain,
}

/// All feeds of a program, by the relation they start at, and the worth of a tuple on each relation.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    from: Vec<Vec<Feed>>,
    entries: Vec<Entry>,
}

impl Program {
    /// The ways out of a relation.
    pub(in crate::policy::engine) fn feeds(&self, index: RelationIndex) -> &[Feed] {
        self.feeds
            .from
            .get(index.position())
            .map_or(&[], Vec::as_slice)
    }

    /// What a tuple written on a relation is worth.
    pub(in crate::policy::engine) fn entry(&self, index: RelationIndex) -> Entry {
        self.feeds
            .entries
            .get(index.position())
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn compute_feeds(&mut self) {
        let mut feeds = Feeds {
            from: self.relations.iter().map(|_| Vec::new()).collect(),
            entries: self.relations.iter().map(|_| Entry::None).collect(),
        };
        for ((type_symbol, _), index) in &self.by_symbols {
            if let Some(relation) = self.relation(*index) {
                let into = Into {
                    to: *index,
                    to_type: *type_symbol,
                    symbol: relation.symbol,
                    direct: &relation.direct,
                };
                feeds.collect(&relation.op, &into, true);
            }
        }
        self.feeds = feeds;
    }
}

/// The relation whose operators are read.
struct Into<'a> {
    to: RelationIndex,
    to_type: Symbol,
    symbol: Symbol,
    direct: &'a Direct,
}

impl Feeds {
    fn collect(&mut self, op: &Op, into: &Into<'_>, is_certain: bool) {
        match op {
            Op::This => {
                if let Some(entry) = self.entries.get_mut(into.to.position())
                    && *entry != Entry::Certain
                {
                    *entry = if is_certain {
                        Entry::Certain
                    } else {
                        Entry::Candidate
                    };
                }
                for (_, from) in &into.direct.usersets {
                    self.add(
                        from.index,
                        into,
                        (Through::Userset(into.symbol), &from.gate),
                        is_certain,
                    );
                }
            }
            Op::Computed(index) => {
                let open = Gate {
                    plain: true,
                    ..Gate::default()
                };
                self.add(*index, into, (Through::Object, &open), is_certain);
            }
            Op::TupleToUserset { tupleset, parents } => {
                for from in parents {
                    self.add(
                        from.index,
                        into,
                        (Through::Tupleset(*tupleset), &from.gate),
                        is_certain,
                    );
                }
            }
            Op::Union(children) => {
                for child in children {
                    self.collect(child, into, is_certain);
                }
            }
            Op::Intersection(children) => {
                if let Some(child) = children.first() {
                    self.collect(child, into, false);
                }
            }
            Op::Exclusion(sides) => self.collect(&sides.0, into, false),
        }
    }

    fn add(
        &mut self,
        from: RelationIndex,
        into: &Into<'_>,
        (through, gate): (Through, &Gate),
        is_certain: bool,
    ) {
        if let Some(feeds) = self.from.get_mut(from.position()) {
            feeds.push(Feed {
                to: into.to,
                to_type: into.to_type,
                through,
                is_certain,
                gate: gate.clone(),
            });
        }
    }
}
