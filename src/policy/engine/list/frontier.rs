//! The order of a walk: what is certain first, by hops, so that nothing is looked at again once it is known.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::policy::engine::check::DEPTH_HOPS;
use crate::policy::engine::graph::NodeId;
use crate::policy::engine::program::RelationIndex;

/// A relation of an object.
pub(super) type Place = (NodeId, RelationIndex);

/// How a place was reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    /// Hops through tuples.
    pub(super) hops: u32,
    /// Whether being there is enough to be in what is asked.
    pub(super) is_certain: bool,
}

#[derive(Debug)]
pub(super) struct Frontier {
    certain: VecDeque<(Place, u32)>,
    doubtful: Vec<Place>,
    /// Every place that was handed out, and whether it is certain.
    seen: FxHashMap<Place, bool>,
}

impl Frontier {
    pub(super) fn new() -> Self {
        Self {
            certain: VecDeque::new(),
            doubtful: Vec::new(),
            seen: FxHashMap::default(),
        }
    }

    /// A place to start at.
    pub(super) fn start(&mut self, place: Place, is_certain: bool) {
        if is_certain {
            self.certain.push_back((place, 0));
        } else {
            self.doubtful.push(place);
        }
    }

    /// A place beside the one just handed out: of the same object.
    pub(super) fn beside(&mut self, place: Place, from: Reached) {
        if from.is_certain {
            self.certain.push_front((place, from.hops));
        } else {
            self.doubtful.push(place);
        }
    }

    /// A place one hop from the one just handed out.
    pub(super) fn beyond(&mut self, place: Place, from: Reached) {
        if from.is_certain {
            self.certain.push_back((place, from.hops + 1));
        } else {
            self.doubtful.push(place);
        }
    }

    /// The next place that was not handed out yet; the certain ones with the fewest hops come first.
    pub(super) fn next(&mut self) -> Option<(Place, Reached)> {
        while let Some((place, hops)) = self.certain.pop_front() {
            if self.seen.contains_key(&place) {
                continue;
            }
            // The check gives up here, unless it knows a shorter way: it shall say so.
            if hops >= DEPTH_HOPS {
                self.doubtful.push(place);
                continue;
            }
            self.seen.insert(place, true);
            return Some((
                place,
                Reached {
                    hops,
                    is_certain: true,
                },
            ));
        }
        while let Some(place) = self.doubtful.pop() {
            if self.seen.contains_key(&place) {
                continue;
            }
            self.seen.insert(place, false);
            return Some((
                place,
                Reached {
                    hops: 0,
                    is_certain: false,
                },
            ));
        }
        None
    }
}
