//! Refresh tokens: what one presentation means. The rows of the table are the arms of [`decide`].
//!
//! RFC 6749 section 6, RFC 9700 section 4.14. One family is one row with one live head. A lost answer, a retry or a second
//! tab never forks it; a stolen token shows as soon as thief and owner have both used theirs. Windows of zero are the strict
//! mode: every token works once.

use crate::base::secret::TokenHash;
use crate::base::time::{Seconds, Timestamp};

/// The windows that a client's refresh tokens live by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// W1: within it, the head and the previous token are answered with the same head.
    pub grace: Seconds,
    /// W2: how long after its first use the previous token recovers a head that never arrived.
    pub recovery: Seconds,
    /// N: how often it may do so.
    pub max_recoveries: i64,
    /// Whether heads rotate. Those of a sender-constrained client do not: who steals one lacks the key (RFC 9700 section 2.2.2).
    pub rotates: bool,
}

/// One family as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The head's generation.
    pub head_generation: i64,
    /// The head's hash.
    pub head_hash: TokenHash,
    /// When the head was issued.
    pub head_issued_at: Timestamp,
    /// Whether the head has been presented: then it arrived.
    pub head_presented: bool,
    /// The token that the head replaced.
    pub previous: Option<Previous>,
    /// How often the previous token recovered a lost head.
    pub recoveries: i64,
}

/// The token before the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its generation.
    pub generation: i64,
    /// Its hash.
    pub hash: TokenHash,
    /// When it was first exchanged for a head.
    pub first_used_at: Timestamp,
}

/// A genuine refresh token of the family (its tag was verified).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its generation.
    pub generation: i64,
    /// Its hash.
    pub hash: TokenHash,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Make the next head; the presented one becomes the previous.
    Rotate,
    /// Answer with the presented head itself: it is too young to rotate, or never does.
    KeepHead,
    /// Answer with the head that was made for this token before: its answer was lost, or another tab asked.
    RepeatHead,
    /// Make a new head that replaces the one which never arrived.
    Recover,
    /// A spent token: revoke the family.
    Replay,
}

/// Decides what one presentation means.
pub fn decide(
    family: &Family,
    presented: &Presented,
    windows: Windows,
    now: Timestamp,
) -> Decision {
    let is_head =
        presented.generation == family.head_generation && presented.hash == family.head_hash;
    let head_is_young = within(now, family.head_issued_at, windows.grace);
    if is_head {
        return if head_is_young || !windows.rotates {
            Decision::KeepHead
        } else {
            Decision::Rotate
        };
    }
    let previous = family.previous.as_ref().filter(|previous| {
        presented.generation == previous.generation && presented.hash == previous.hash
    });
    match previous {
        Some(_) if head_is_young => Decision::RepeatHead,
        Some(previous)
            if !family.head_presented
                && within(now, previous.first_used_at, windows.recovery)
                && family.recoveries < windows.max_recoveries =>
        {
            Decision::Recover
        }
        Some(_) | None => Decision::Replay,
    }
}

/// Whether `now` is at most a window away from `since`. A clock that was set back by more than the window is not within
/// it: what is spent stays spent (SECURITY row 14).
fn within(now: Timestamp, since: Timestamp, window: Seconds) -> bool {
    window.get() > 0 && now.ms_since(since).saturating_abs() <= window.ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Windows = Windows {
        grace: Seconds::new(10),
        recovery: Seconds::new(600),
        max_recoveries: 6,
        rotates: true,
    };
    const STRICT: Windows = Windows {
        grace: Seconds::new(0),
        recovery: Seconds::new(0),
        max_recoveries: 0,
        rotates: true,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn token(generation: i64) -> Presented {
        Presented {
            generation,
            hash: TokenHash::of(&generation.to_string()),
        }
    }

    /// Generation 5, issued at second 0 in exchange for generation 4.
    fn family() -> Family {
        Family {
            head_generation: 5,
            head_hash: token(5).hash,
            head_issued_at: at(0),
            head_presented: false,
            previous: Some(Previous {
                generation: 4,
                hash: token(4).hash,
                first_used_at: at(0),
            }),
            recoveries: 0,
        }
    }

    #[track_caller]
    fn check(
        change: impl FnOnce(&mut Family),
        presented: i64,
        windows: Windows,
        expect: &[(i64, Decision)],
    ) {
        let mut family = family();
        change(&mut family);
        for (seconds, decision) in expect {
            assert_eq!(
                decide(&family, &token(presented), windows, at(*seconds)),
                *decision,
                "generation {presented} after {seconds} s"
            );
        }
    }

    #[test]
    fn the_head_rotates_once_it_is_older_than_the_grace_window() {
        use Decision::{KeepHead, Rotate};
        let table = [
            (0, KeepHead),
            (10, KeepHead),
            (11, Rotate),
            (100_000, Rotate),
        ];
        check(|_| {}, 5, W, &table);
        check(|family| family.head_presented = true, 5, W, &table);
        check(|family| family.previous = None, 5, W, &table);
    }

    #[test]
    fn the_previous_token_repeats_a_young_head_and_recovers_an_undelivered_one() {
        use Decision::{Recover, RepeatHead, Replay};
        check(
            |_| {},
            4,
            W,
            &[
                (0, RepeatHead),
                (10, RepeatHead),
                (11, Recover),
                (600, Recover),
                (601, Replay),
            ],
        );
        check(|family| family.recoveries = 5, 4, W, &[(11, Recover)]);
        check(
            |family| family.recoveries = 6,
            4,
            W,
            &[(10, RepeatHead), (11, Replay)],
        );
        // The second recovery's window still starts at the first use.
        check(
            |family| family.head_issued_at = at(595),
            4,
            W,
            &[(600, RepeatHead), (605, RepeatHead), (606, Replay)],
        );
    }

    #[test]
    fn the_previous_token_is_spent_once_the_head_was_seen() {
        use Decision::{RepeatHead, Replay};
        check(
            |family| family.head_presented = true,
            4,
            W,
            &[(10, RepeatHead), (11, Replay)],
        );
    }

    #[test]
    fn any_other_genuine_token_is_a_replay() {
        for generation in [1, 2, 3, 6, 7] {
            check(
                |_| {},
                generation,
                W,
                &[(0, Decision::Replay), (11, Decision::Replay)],
            );
        }
        // A head that was superseded before it arrived has a generation of its own, so it is one of these.
        let other = Presented {
            generation: 5,
            hash: TokenHash::of("other"),
        };
        assert_eq!(decide(&family(), &other, W, at(0)), Decision::Replay);
    }

    #[test]
    fn strict_windows_let_every_token_work_once() {
        use Decision::{Replay, Rotate};
        check(|_| {}, 5, STRICT, &[(0, Rotate), (11, Rotate)]);
        check(|_| {}, 4, STRICT, &[(0, Replay), (11, Replay)]);
    }

    #[test]
    fn the_head_of_a_sender_constrained_client_stays() {
        use Decision::{KeepHead, RepeatHead, Replay};
        for windows in [W, STRICT] {
            let constrained = Windows {
                rotates: false,
                ..windows
            };
            let table = [(0, KeepHead), (11, KeepHead), (100_000, KeepHead)];
            check(|_| {}, 5, constrained, &table);
        }
        // What was spent before the client was constrained stays spent.
        let constrained = Windows {
            rotates: false,
            ..W
        };
        check(
            |family| family.head_presented = true,
            4,
            constrained,
            &[(0, RepeatHead), (11, Replay)],
        );
        check(|_| {}, 3, constrained, &[(0, Replay)]);
    }

    #[test]
    fn a_clock_that_steps_back_revives_nothing() {
        use Decision::{KeepHead, RepeatHead, Replay, Rotate};
        check(|_| {}, 5, W, &[(-10, KeepHead), (-11, Rotate)]);
        check(|_| {}, 4, W, &[(-10, RepeatHead), (-601, Replay)]);
        check(
            |family| family.head_presented = true,
            4,
            W,
            &[(-11, Replay)],
        );
    }
}
