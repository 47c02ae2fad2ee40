//! How often somebody may guess a client's secret (RFC 6749 section 2.3.1).
//!
//! By client and network, so that whoever knows a client's id, which is no secret, cannot keep the client itself out from
//! where it runs. Wrong ones are counted in the database ([`throttle`]), so the bound holds on all nodes and after a restart.
//!
//! While nobody guesses, a right secret costs no write: where no wrong one is counted, it is judged at once. From the first wrong one
//! on, a place is reserved before anything is judged. In memory stands only what bridges the moments between a judgement and the count
//! of it. Secrets that Tessera makes have 256 bits; the bound is for those that people choose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::protocol::client::ClientId;
use crate::base::time::{Seconds, Timestamp};
use crate::identity::throttle::{self, Reservation, SecretStanding};
use crate::store::{Db, StoreError};

/// How long it is good to know that the database counts no wrong secret.
const CLEAN_SECONDS: Seconds = Seconds::new(1);
/// How long a wrong secret is remembered here. The database knows of it much sooner.
const WRONG_SECONDS: Seconds = Seconds::new(60);
/// Clients and networks that are remembered.
const ENTRIES: usize = 10_000;

/// What this process saw of guesses. Shared by all requests.
#[derive(Debug, Default)]
pub struct ClientGuesses {
    seen: Mutex<HashMap<Guesser, (Seen, Timestamp)>>,
}

/// Whose guesses are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guesser {
    bucket: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The database counted nothing.
    Clean,
    /// A secret was wrong.
    Wrong,
}

/// Why a secret was not judged.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    /// There were too many wrong ones; how long to wait.
    #[error("too many wrong secrets")]
    Wait(Seconds),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of a judgement without a reservation.
enum Free<T> {
    Right(T),
    Wrong,
    /// There was none: another request was wrong meanwhile.
    Refused,
}

impl Guesser {
    /// Who tries a secret of this client from this address.
    pub fn new(client_id: &ClientId, address: IpAddr) -> Self {
        Self {
            bucket: throttle::secret_bucket(client_id.as_str(), address),
        }
    }
}

impl ClientGuesses {
    /// Judges a secret by `attempt`, which gives something if it is right; `None` if it is wrong. Of any number at the same time no
    /// more are answered than may be wrong (SECURITY row 37), on however many nodes.
    pub async fn judge<T>(
        &self,
        db: &Db,
        (guesser, now): (&Guesser, Timestamp),
        attempt: impl Fn() -> Option<T>,
    ) -> Result<Option<T>, Unjudged> {
        if self.is_clean(db, guesser, now).await? {
            match self.judge_freely(guesser, now, &attempt) {
                Free::Right(value) => return Ok(Some(value)),
                Free::Wrong => {
                    // Not answered before it is counted.
                    reserve(db, guesser, now).await?;
                    return Ok(None);
                }
                Free::Refused => {}
            }
        }
        reserve(db, guesser, now).await?;
        let right = attempt();
        if right.is_some() {
            throttle::give_secret_back(db, &guesser.bucket).await?;
        }
        Ok(right)
    }

    /// Whether neither this process nor the database knows of a wrong secret.
    async fn is_clean(&self, db: &Db, guesser: &Guesser, now: Timestamp) -> Result<bool, Unjudged> {
        if self.seen(guesser, now) == Some(Seen::Clean) {
            return Ok(true);
        }
        // Read first: whoever must wait costs no write.
        match throttle::secret_standing(db, &guesser.bucket, now).await? {
            SecretStanding::Wait(seconds) => Err(Unjudged::Wait(seconds)),
            SecretStanding::Counted => Ok(false),
            SecretStanding::Clean => {
                let mut seen = self.lock();
                let known = current(&seen, guesser, now);
                if known.is_none() {
                    note(&mut seen, guesser, (Seen::Clean, now));
                }
                Ok(known != Some(Seen::Wrong))
            }
        }
    }

    /// Under the lock, one after another: the first that is wrong ends it for all others.
    fn judge_freely<T>(
        &self,
        guesser: &Guesser,
        now: Timestamp,
        attempt: &impl Fn() -> Option<T>,
    ) -> Free<T> {
        let mut seen = self.lock();
        if current(&seen, guesser, now) == Some(Seen::Wrong) {
            return Free::Refused;
        }
        let Some(value) = attempt() else {
            note(&mut seen, guesser, (Seen::Wrong, now));
            return Free::Wrong;
        };
        Free::Right(value)
    }

    fn seen(&self, guesser: &Guesser, now: Timestamp) -> Option<Seen> {
        current(&self.lock(), guesser, now)
    }

    /// Never held across an `await`; what it guards is whole at every step.
    fn lock(&self) -> MutexGuard<'_, HashMap<Guesser, (Seen, Timestamp)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reserve(db: &Db, guesser: &Guesser, now: Timestamp) -> Result<(), Unjudged> {
    match throttle::reserve_secret(db, &guesser.bucket, now).await? {
        Reservation::Granted => Ok(()),
        Reservation::Wait(seconds) => Err(Unjudged::Wait(seconds)),
    }
}

/// What is known of a guesser at `now`.
fn current(
    seen: &HashMap<Guesser, (Seen, Timestamp)>,
    guesser: &Guesser,
    now: Timestamp,
) -> Option<Seen> {
    let (what, until) = seen.get(guesser)?;
    (*until > now).then_some(*what)
}

/// Remembers what was seen of a guesser at an instant. In need, what is over is forgotten, and then what ends first.
fn note(
    seen: &mut HashMap<Guesser, (Seen, Timestamp)>,
    guesser: &Guesser,
    (what, now): (Seen, Timestamp),
) {
    if seen.len() >= ENTRIES && !seen.contains_key(guesser) {
        seen.retain(|_, (_, until)| *until > now);
        let first = seen.iter().min_by_key(|(_, (_, until))| *until);
        let first = first.map(|(guesser, _)| guesser.clone());
        if let Some(first) = first.filter(|_| seen.len() >= ENTRIES) {
            seen.remove(&first);
        }
    }
    let until = now.plus(match what {
        Seen::Clean => CLEAN_SECONDS,
        Seen::Wrong => WRONG_SECONDS,
    });
    seen.insert(guesser.clone(), (what, until));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn guesser(client_id: &str, address: &str) -> Guesser {
        Guesser::new(
            &ClientId::parse(client_id).unwrap(),
            address.parse().unwrap(),
        )
    }

    #[test]
    fn guesses_are_told_apart_by_client_and_network() {
        let here = guesser("web", "192.0.2.1");
        assert_eq!(here, guesser("web", "192.0.2.200"));
        assert_ne!(here, guesser("web", "198.51.100.1"));
        assert_ne!(here, guesser("other", "192.0.2.1"));
    }

    #[test]
    fn after_a_wrong_one_nothing_is_judged_without_a_reservation() {
        let guesses = ClientGuesses::default();
        let here = guesser("web", "192.0.2.1");
        let right = |guesses: &ClientGuesses, seconds| {
            guesses.judge_freely(&here, at(seconds), &|| Some(()))
        };
        assert!(matches!(right(&guesses, 0), Free::Right(())));
        let wrong = guesses.judge_freely(&here, at(0), &|| None::<()>);
        assert!(matches!(wrong, Free::Wrong));
        let refused = guesses.judge_freely(&here, at(59), &|| -> Option<()> {
            unreachable!("not even judged")
        });
        assert!(matches!(refused, Free::Refused));
        assert!(matches!(right(&guesses, 60), Free::Right(())));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = ClientGuesses::default();
        let mut seen = guesses.lock();
        for n in 0..ENTRIES + 5 {
            let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
            let address = format!("{a}.{b}.{c}.1");
            note(&mut seen, &guesser("web", &address), (Seen::Wrong, at(0)));
        }
        assert!(seen.len() <= ENTRIES);
    }
}
