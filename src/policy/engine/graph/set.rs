//! A set of numbers that is small in nearly every case.

use crate::policy::engine::trie::Trie;

/// A set of numbers; most hold one.
#[derive(Clone, Debug, Default)]
pub(in crate::policy::engine) enum Set {
    #[default]
    Empty,
    One(u64),
    Many(Trie<()>),
}

impl Set {
    pub(in crate::policy::engine) const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(in crate::policy::engine) const fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Many(trie) => trie.len(),
        }
    }

    pub(in crate::policy::engine) fn contains(&self, value: u64) -> bool {
        match self {
            Self::Empty => false,
            Self::One(only) => *only == value,
            Self::Many(trie) => trie.get(value).is_some(),
        }
    }

    pub(in crate::policy::engine) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(only) => (Some(*only), None),
            Self::Many(trie) => (None, Some(trie.iter().map(|(value, ())| value))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(super) fn insert(&mut self, value: u64) -> bool {
        match self {
            Self::Empty => *self = Self::One(value),
            Self::One(only) if *only == value => return false,
            Self::One(only) => {
                let mut trie = Trie::default();
                trie.insert(*only, ());
                trie.insert(value, ());
                *self = Self::Many(trie);
            }
            Self::Many(trie) => return trie.insert(value, ()).is_none(),
        }
        true
    }

    pub(super) fn remove(&mut self, value: u64) -> bool {
        match self {
            Self::Empty => false,
            Self::One(only) => {
                let found = *only == value;
                if found {
                    *self = Self::Empty;
                }
                found
            }
            Self::Many(trie) => {
                let found = trie.remove(value);
                if trie.len() == 0 {
                    *self = Self::Empty;
                }
                found
            }
        }
    }
}
