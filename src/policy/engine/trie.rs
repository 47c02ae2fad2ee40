//! A persistent map from `u64` keys: a clone is one reference count, a write copies the path to one leaf.
//!
//! This is what makes a snapshot of the graph free and a write cheap at the same time: readers keep the version they
//! hold, the writer changes its own, and nodes that nobody else holds are changed in place (so bulk loading copies
//! nothing). A hash array mapped trie with 32 ways. Keys are spread by a bijection, so two keys never collide.

use std::sync::Arc;

const BITS: u32 = 5;
const MASK: u64 = (1 << BITS) - 1;

/// A persistent map from `u64`.
#[derive(Clone, Debug)]
pub(super) struct Trie<V> {
    root: Option<Arc<Branch<V>>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Branch<V> {
    bitmap: u32,
    slots: Vec<Slot<V>>,
}

#[derive(Clone, Debug)]
enum Slot<V> {
    Leaf(u64, V),
    Branch(Arc<Branch<V>>),
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

impl<V: Clone> Trie<V> {
    /// How many keys it holds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(super) fn get(&self, key: u64) -> Option<&V> {
        let mut branch = self.root.as_deref()?;
        let mut path = spread(key);
        loop {
            let bit = bit_of(path);
            if branch.bitmap & bit == 0 {
                return None;
            }
            match branch.slots.get(position(branch.bitmap, bit))? {
                Slot::Leaf(found, value) => return (*found == key).then_some(value),
                Slot::Branch(next) => branch = next,
            }
            path >>= BITS;
        }
    }

    /// Sets the value of a key; the value it had.
    pub(super) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let root = self.root.get_or_insert_with(|| Arc::new(Branch::empty()));
        let before = Arc::make_mut(root).insert(key, value, spread(key), 0);
        self.len += usize::from(before.is_none());
        before
    }

    /// Changes the value of a key, if it is there.
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        // Looking first spares a copy of the path when there is nothing to change.
        self.get(key)?;
        let mut branch = Arc::make_mut(self.root.as_mut()?);
        let mut path = spread(key);
        loop {
            let at = position(branch.bitmap, bit_of(path));
            match branch.slots.get_mut(at)? {
                Slot::Leaf(_, value) => return Some(value),
                Slot::Branch(next) => branch = Arc::make_mut(next),
            }
            path >>= BITS;
        }
    }

    /// Takes a key out; whether it was there.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        if let Some(root) = self.root.as_mut() {
            let branch = Arc::make_mut(root);
            branch.remove(spread(key));
            if branch.slots.is_empty() {
                self.root = None;
            }
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Every key with its value, in no meaningful order.
    pub(super) fn iter(&self) -> Iter<'_, V> {
        let mut stack = Vec::new();
        if let Some(root) = &self.root {
            stack.push(root.slots.iter());
        }
        Iter { stack }
    }
}

impl<V: Clone> Branch<V> {
    const fn empty() -> Self {
        Self {
            bitmap: 0,
            slots: Vec::new(),
        }
    }

    fn insert(&mut self, key: u64, value: V, path: u64, level: u32) -> Option<V> {
        let bit = bit_of(path);
        let at = position(self.bitmap, bit);
        if self.bitmap & bit == 0 {
            self.bitmap |= bit;
            self.slots.reserve_exact(1);
            self.slots.insert(at, Slot::Leaf(key, value));
            return None;
        }
        let slot = self.slots.get_mut(at)?;
        match slot {
            Slot::Leaf(found, old) if *found == key => Some(std::mem::replace(old, value)),
            Slot::Branch(next) => Arc::make_mut(next).insert(key, value, path >> BITS, level + 1),
            Slot::Leaf(found, _) => {
                // Two keys on one way: both go one level down.
                let older = spread(*found) >> (BITS * (level + 1));
                let mut below = Self::empty();
                below.bitmap = bit_of(older);
                let below = Slot::Branch(Arc::new(below));
                let leaf = std::mem::replace(slot, below);
                if let Slot::Branch(below) = slot {
                    let below = Arc::make_mut(below);
                    below.slots.push(leaf);
                    return below.insert(key, value, path >> BITS, level + 1);
                }
                None
            }
        }
    }

    /// Takes out a key that is there.
    fn remove(&mut self, path: u64) {
        let bit = bit_of(path);
        let at = position(self.bitmap, bit);
        let emptied = match self.slots.get_mut(at) {
            Some(Slot::Branch(next)) => {
                let next = Arc::make_mut(next);
                next.remove(path >> BITS);
                next.slots.is_empty()
            }
            Some(Slot::Leaf(..)) => true,
            None => false,
        };
        if emptied {
            self.slots.remove(at);
            self.bitmap &= !bit;
        }
    }
}

/// See [`Trie::iter`].
pub(super) struct Iter<'a, V> {
    stack: Vec<std::slice::Iter<'a, Slot<V>>>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (u64, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.stack.last_mut()?.next() {
                Some(Slot::Leaf(key, value)) => return Some((*key, value)),
                Some(Slot::Branch(next)) => self.stack.push(next.slots.iter()),
                None => drop(self.stack.pop()),
            }
        }
    }
}

const fn bit_of(path: u64) -> u32 {
    1 << (path & MASK)
}

#[expect(
    clippy::as_conversions,
    reason = "at most 32, and this runs several times a check"
)]
const fn position(bitmap: u32, bit: u32) -> usize {
    (bitmap & (bit - 1)).count_ones() as usize
}

/// A bijection of 64 bits that spreads every input bit (the finaliser of `MurmurHash3`).
const fn spread(key: u64) -> u64 {
    let key = (key ^ (key >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let key = (key ^ (key >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ (key >> 33)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(u64, u32),
        Take(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Few keys, so that puts and takes meet; some far apart, so that branches grow deep.
        let key = prop_oneof![0_u64..64, (0_u64..8).prop_map(|n| n << 32)];
        let step = prop_oneof![
            (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Put(key, value)),
            key.prop_map(Step::Take),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn a_trie_is_a_map_and_its_clones_stand_still(before in steps(), after in steps()) {
            let (mut trie, mut map) = (Trie::default(), HashMap::new());
            run(&mut trie, &mut map, before);
            let (old_trie, old_map) = (trie.clone(), map.clone());
            run(&mut trie, &mut map, after);
            same(&trie, &map);
            same(&old_trie, &old_map);
        }
    }

    fn run(trie: &mut Trie<u32>, map: &mut HashMap<u64, u32>, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    assert_eq!(trie.insert(key, value), map.insert(key, value));
                }
                Step::Take(key) => assert_eq!(trie.remove(key), map.remove(&key).is_some()),
            }
        }
    }

    fn same(trie: &Trie<u32>, map: &HashMap<u64, u32>) {
        assert_eq!(trie.len(), map.len());
        let listed: HashMap<u64, u32> = trie.iter().map(|(key, value)| (key, *value)).collect();
        assert_eq!(&listed, map);
        assert!(map.iter().all(|(key, value)| trie.get(*key) == Some(value)));
    }

    #[test]
    fn large_fan_outs_lose_nothing() {
        // SECURITY row 60: a counter that overflowed lost elements of large sets.
        for size in [65_535_u64, 65_536, 65_537, 200_000] {
            let mut trie = Trie::default();
            for key in 0..size {
                trie.insert(key, ());
            }
            assert_eq!(trie.len(), usize::try_from(size).unwrap());
            assert_eq!(trie.iter().count(), trie.len());
            assert!((0..size).all(|key| trie.get(key).is_some()));
        }
    }
}
