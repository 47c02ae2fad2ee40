//! How often somebody may guess a client's secret (RFC 6749 section 2.3.1).
//!
//! By client and network, so that whoever knows a client's id, which is no secret, cannot keep the client itself out from
//! where it runs. In memory and node by node: a token request stays free of writes. Secrets that Tessera makes have 256 bits; the
//! bound is for those that people choose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::protocol::client::ClientId;
use crate::base::time::{Seconds, Timestamp};
use crate::identity::throttle::network_of;

/// Wrong secrets for one client from one network within the window.
const FAILURES: u32 = 20;
/// The window. It begins with its first failure; past the limit everything waits for its end.
const WINDOW: Seconds = Seconds::new(300);
/// Clients and networks that are remembered.
const ENTRIES: usize = 10_000;

/// Counts the guesses of this process. Shared by all requests.
#[derive(Debug, Default)]
pub struct ClientGuesses {
    counts: Mutex<HashMap<Guesser, Count>>,
}

/// Whose guesses are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guesser {
    client_id: String,
    network: String,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    ends_at: Timestamp,
}

impl Guesser {
    /// Who tries a secret of this client from this address.
    pub fn new(client_id: &ClientId, address: IpAddr) -> Self {
        Self {
            client_id: client_id.as_str().to_owned(),
            network: network_of(address),
        }
    }
}

impl ClientGuesses {
    /// Judges a secret, unless there were too many wrong ones: then how long to wait. Wrong ones count; of any number at the same
    /// time no more are judged than may be wrong (SECURITY row 37), because they are judged one after another.
    pub fn judge(
        &self,
        guesser: &Guesser,
        now: Timestamp,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, Seconds> {
        let mut counts = self.lock();
        check(&counts, guesser, now)?;
        let right = is_right();
        if !right {
            count(&mut counts, guesser, now);
        }
        Ok(right)
    }

    /// Whether something may be judged that takes time; [`Self::count`] it when it is wrong.
    pub fn check(&self, guesser: &Guesser, now: Timestamp) -> Result<(), Seconds> {
        check(&self.lock(), guesser, now)
    }

    /// Counts a wrong one.
    pub fn count(&self, guesser: &Guesser, now: Timestamp) {
        count(&mut self.lock(), guesser, now);
    }

    /// Never held across an `await`; what it guards is whole at every step.
    fn lock(&self) -> MutexGuard<'_, HashMap<Guesser, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(
    counts: &HashMap<Guesser, Count>,
    guesser: &Guesser,
    now: Timestamp,
) -> Result<(), Seconds> {
    match counts.get(guesser) {
        Some(count) if count.ends_at > now && count.failures >= FAILURES => {
            let ms = count.ends_at.ms_since(now);
            Err(Seconds::new(ms.div_euclid(1_000) + 1))
        }
        Some(_) | None => Ok(()),
    }
}

fn count(counts: &mut HashMap<Guesser, Count>, guesser: &Guesser, now: Timestamp) {
    make_room(counts, guesser, now);
    let fresh = Count {
        failures: 0,
        ends_at: now.plus(WINDOW),
    };
    let count = counts.entry(guesser.clone()).or_insert(fresh);
    if count.ends_at <= now {
        *count = fresh;
    }
    count.failures = count.failures.saturating_add(1);
}

/// Forgets what is over, and in need what ends first.
fn make_room(counts: &mut HashMap<Guesser, Count>, guesser: &Guesser, now: Timestamp) {
    if counts.len() < ENTRIES || counts.contains_key(guesser) {
        return;
    }
    counts.retain(|_, count| count.ends_at > now);
    if counts.len() < ENTRIES {
        return;
    }
    let first = counts.iter().min_by_key(|(_, count)| count.ends_at);
    if let Some(first) = first.map(|(guesser, _)| guesser.clone()) {
        counts.remove(&first);
    }
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

    fn wrong(guesses: &ClientGuesses, who: &Guesser, seconds: i64) -> Result<bool, Seconds> {
        guesses.judge(who, at(seconds), || false)
    }

    #[test]
    fn guesses_are_bounded_by_client_and_network_until_the_window_ends() {
        let guesses = ClientGuesses::default();
        let here = guesser("web", "192.0.2.1");
        for _ in 0..FAILURES {
            assert_eq!(wrong(&guesses, &here, 0), Ok(false));
        }
        let refused = guesses.judge(&here, at(0), || unreachable!("not even judged"));
        assert_eq!(refused, Err(Seconds::new(301)));
        assert_eq!(guesses.check(&here, at(0)), Err(Seconds::new(301)));
        let neighbour = guesser("web", "192.0.2.200");
        assert_eq!(wrong(&guesses, &neighbour, 200), Err(Seconds::new(101)));
        assert_eq!(
            wrong(&guesses, &guesser("web", "198.51.100.1"), 0),
            Ok(false)
        );
        assert_eq!(
            wrong(&guesses, &guesser("other", "192.0.2.1"), 0),
            Ok(false)
        );
        assert_eq!(guesses.judge(&here, at(300), || true), Ok(true));
        assert_eq!(wrong(&guesses, &here, 300), Ok(false));
        assert_eq!(wrong(&guesses, &here, 300), Ok(false));
    }

    #[test]
    fn right_secrets_do_not_count() {
        let guesses = ClientGuesses::default();
        let here = guesser("web", "192.0.2.1");
        for _ in 0..1_000 {
            assert_eq!(guesses.judge(&here, at(0), || true), Ok(true));
        }
        assert!(guesses.lock().is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = ClientGuesses::default();
        for n in 0..ENTRIES + 5 {
            let [_, a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
            let address = format!("{a}.{b}.{c}.1");
            guesses.count(&guesser("web", &address), at(0));
        }
        assert!(guesses.lock().len() <= ENTRIES);
    }
}
