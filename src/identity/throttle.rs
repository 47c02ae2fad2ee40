//! How often somebody may guess: attempts are counted before they are verified, and success gives them back.
//!
//! SECURITY R8, R9, rows 37 and 38. Two buckets an attempt: the account (all its identifiers together; a name that nobody has
//! counts alike) and the network. An account's failures count until a success, each further one costs a longer wait, and after
//! `LOCK_OUT_FAILURES` the password is refused until an administrator sets another or unlocks the account. A network's failures
//! count within a window. Codes of devices are guesses too, and requests that reach a person's approvals are counted alike:
//! both have buckets of their own, so that nobody is kept from signing in by them.

use std::net::{IpAddr, Ipv6Addr};

use crate::base::id::{SessionId, UserId};
use crate::base::secret::TokenHash;
use crate::base::time::{Seconds, Timestamp};
use crate::config::SignIn;
use crate::identity::identifier::Canonical;
use crate::store::sign_in_attempts as attempts;
use crate::store::{Db, StoreError, Tx};

/// Failures in a row after which the password is refused (NIST SP 800-63B-4 section 3.2.2).
const LOCK_OUT_FAILURES: i64 = 100;
/// Longest wait before that.
const LONGEST_WAIT: Seconds = Seconds::new(3_600);
/// What a lock-out tells as `Retry-After`.
const LOCK_OUT_RETRY: Seconds = Seconds::new(86_400);
/// Wrong codes of devices that a sign-in, and a network, may enter before it waits (SECURITY row 35).
const CODE_FAILURES: u32 = 5;
/// Requests without a browser that a person may be sent before the clients wait; one that is approved does not count.
const REQUESTS: u32 = 20;
/// The wait after either.
const SHORT_WAIT: Seconds = Seconds::new(300);
/// How long either is remembered.
const SHORT_WINDOW: Seconds = Seconds::new(600);
/// How long what a network causes for unknown clients is remembered.
const UNKNOWN_WINDOW: Seconds = Seconds::new(3_600);
/// Counts that nobody added to for so long are forgotten.
pub const FORGET_AFTER: Seconds = Seconds::new(30 * 86_400);

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    account: String,
    network: String,
}

impl Buckets {
    /// The buckets of an attempt to sign in as `user`, or as a name that nobody has, from an address.
    pub fn new(user: Option<&UserId>, identifier: &Canonical, address: IpAddr) -> Self {
        Self {
            account: account_or_name(user, identifier),
            network: format!("network:{}", network_of(address)),
        }
    }
}

/// The buckets of a guess at a device's code.
pub fn code_buckets(session: &SessionId, address: IpAddr) -> Buckets {
    Buckets {
        account: format!("code:{session}"),
        network: format!("code-network:{}", network_of(address)),
    }
}

/// Counts a guess at a device's code before it is looked up; [`abandoned`] gives it back.
pub async fn reserve_code(
    db: &Db,
    buckets: &Buckets,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let limit = short(CODE_FAILURES, now);
    let mut tx = db.write().await?;
    for bucket in [&buckets.account, &buckets.network] {
        if let Reservation::Wait(seconds) = reserve_one(&mut tx, bucket, &limit, now).await? {
            return Ok(Reservation::Wait(seconds));
        }
    }
    tx.commit().await?;
    Ok(Reservation::Granted)
}

/// Counts a request that is to reach a person, or a name that nobody has: one count however the person is called, whichever
/// client asks (SECURITY row 38).
pub async fn reserve_request(
    tx: &mut Tx,
    user: Option<&UserId>,
    name: &Canonical,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let bucket = request_bucket(&account_or_name(user, name));
    reserve_one(tx, &bucket, &short(REQUESTS, now), now).await
}

/// The person wanted the request: it does not count.
pub async fn give_request_back(tx: &mut Tx, user: &UserId) -> Result<(), StoreError> {
    attempts::give_back(tx, &request_bucket(&account_bucket(user))).await
}

/// Counts what a network causes for clients that nobody knows yet: an open registration, the fetch of a metadata document.
pub async fn reserve_unknown(
    db: &Db,
    address: IpAddr,
    limit: u32,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let limit = Limit {
        failures: limit,
        wait: SHORT_WAIT,
        forget_before: now.minus(UNKNOWN_WINDOW),
        lock_out: false,
    };
    let bucket = format!("unknown-network:{}", network_of(address));
    let mut tx = db.write().await?;
    let reservation = reserve_one(&mut tx, &bucket, &limit, now).await?;
    tx.commit().await?;
    Ok(reservation)
}

fn request_bucket(account: &str) -> String {
    format!("request:{account}")
}

const fn short(failures: u32, now: Timestamp) -> Limit {
    Limit {
        failures,
        wait: SHORT_WAIT,
        forget_before: now.minus(SHORT_WINDOW),
        lock_out: false,
    }
}

/// What a reservation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// One attempt may be verified.
    Granted,
    /// None may, for so long.
    Wait(Seconds),
}

/// Counts an attempt before it is verified.
pub async fn reserve(
    db: &Db,
    buckets: &Buckets,
    limits: &SignIn,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let mut tx = db.write().await?;
    let account = Limit {
        failures: limits.account_failures,
        wait: limits.window_seconds,
        // A failure counts until a success.
        forget_before: Timestamp::from_ms(i64::MIN),
        lock_out: true,
    };
    let network = Limit {
        failures: limits.network_failures,
        wait: limits.window_seconds,
        forget_before: now.minus(limits.window_seconds),
        lock_out: false,
    };
    // Always in this order: two attempts never wait for each other's rows.
    for (bucket, limit) in [(&buckets.account, account), (&buckets.network, network)] {
        if let Reservation::Wait(seconds) = reserve_one(&mut tx, bucket, &limit, now).await? {
            // Dropped, not committed: an attempt that is not verified is not counted.
            return Ok(Reservation::Wait(seconds));
        }
    }
    tx.commit().await?;
    Ok(Reservation::Granted)
}

/// The attempt was no failure: the account begins anew, the network gets the attempt back.
pub async fn succeeded(db: &Db, buckets: &Buckets) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    attempts::clear(&mut tx, &buckets.account).await?;
    attempts::give_back(&mut tx, &buckets.network).await?;
    tx.commit().await
}

/// The attempt was not verified after all.
pub async fn abandoned(db: &Db, buckets: &Buckets) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    attempts::give_back(&mut tx, &buckets.account).await?;
    attempts::give_back(&mut tx, &buckets.network).await?;
    tx.commit().await
}

/// Forgets an account's failures: an administrator unlocked it or set another password.
pub async fn forgive(tx: &mut Tx, user: &UserId) -> Result<(), StoreError> {
    attempts::clear(tx, &account_bucket(user)).await
}

/// How many failures a bucket may have, and what follows.
#[derive(Clone, Copy, Debug)]
struct Limit {
    failures: u32,
    wait: Seconds,
    forget_before: Timestamp,
    lock_out: bool,
}

async fn reserve_one(
    tx: &mut Tx,
    bucket: &str,
    limit: &Limit,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    if let Some(count) = attempts::reserve(tx, bucket, limit.forget_before, now).await? {
        if let Some(until) = block_after(count, limit, now) {
            attempts::block(tx, bucket, until).await?;
        }
        return Ok(Reservation::Granted);
    }
    let until = attempts::blocked_until(tx, bucket).await?.unwrap_or(now);
    Ok(Reservation::Wait(retry_after(until, now)))
}

/// Until when nothing more may be tried once `count` attempts are out; `None` while the limit is not reached.
fn block_after(count: i64, limit: &Limit, now: Timestamp) -> Option<Timestamp> {
    let beyond = count - i64::from(limit.failures.max(1));
    if beyond < 0 {
        return None;
    }
    if limit.lock_out && count >= LOCK_OUT_FAILURES {
        return Some(Timestamp::from_ms(i64::MAX));
    }
    let doublings = u32::try_from(beyond).unwrap_or(u32::MAX).min(20);
    let wait = limit
        .wait
        .get()
        .saturating_mul(1_i64 << doublings)
        .min(LONGEST_WAIT.get().max(limit.wait.get()));
    Some(now.plus(Seconds::new(wait)))
}

/// The wait as told to the client: whole seconds, at least one.
fn retry_after(until: Timestamp, now: Timestamp) -> Seconds {
    let ms = until.ms_since(now).clamp(0, LOCK_OUT_RETRY.ms());
    Seconds::new(ms.div_euclid(1_000) + 1)
}

fn account_or_name(user: Option<&UserId>, name: &Canonical) -> String {
    match user {
        Some(id) => account_bucket(id),
        // Hashed: people type passwords into the wrong field.
        None => format!("name:{}", TokenHash::of(name.as_str()).as_str()),
    }
}

fn account_bucket(user: &UserId) -> String {
    format!("account:{user}")
}

/// The network that an address counts for: what one household or one server is usually given.
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & (u128::MAX << 72);
            format!("{}/56", Ipv6Addr::from_bits(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn limit(lock_out: bool) -> Limit {
        Limit {
            failures: 10,
            wait: Seconds::new(300),
            forget_before: NOW,
            lock_out,
        }
    }

    #[test]
    fn the_wait_begins_at_the_limit_doubles_and_ends_in_a_lock_out() {
        for (count, wait) in [
            (1, None),
            (9, None),
            (10, Some(300)),
            (11, Some(600)),
            (12, Some(1_200)),
            (13, Some(2_400)),
            (14, Some(3_600)),
            (99, Some(3_600)),
        ] {
            let expected = wait.map(|seconds| NOW.plus(Seconds::new(seconds)));
            assert_eq!(block_after(count, &limit(true), NOW), expected, "{count}");
        }
        let forever = Some(Timestamp::from_ms(i64::MAX));
        assert_eq!(block_after(100, &limit(true), NOW), forever);
        assert_ne!(block_after(100, &limit(false), NOW), forever);
    }

    #[test]
    fn retry_after_is_never_zero_and_never_absurd() {
        assert_eq!(retry_after(NOW, NOW).get(), 1);
        assert_eq!(retry_after(NOW.plus(Seconds::new(5)), NOW).get(), 6);
        assert_eq!(retry_after(Timestamp::from_ms(i64::MAX), NOW).get(), 86_401);
    }

    #[test]
    fn neighbours_share_a_network() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.0/24"),
            ("2001:db8:1:2ff:a::1", "2001:db8:1:200::/56"),
            ("2001:db8:1:200::", "2001:db8:1:200::/56"),
            ("2001:db8:1:300::1", "2001:db8:1:300::/56"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()), network, "{address}");
        }
    }

    #[test]
    fn an_account_has_one_bucket_whatever_it_is_called() {
        let id = UserId::new(NOW);
        let address = "192.0.2.1".parse().unwrap();
        let by = |text: &str| Buckets::new(Some(&id), &Canonical::of_typed(text), address);
        assert_eq!(by("alice"), by("alice@example.com"));
        let nobody = Buckets::new(None, &Canonical::of_typed("hunter2"), address);
        assert!(!nobody.account.contains("hunter2"));
    }
}
