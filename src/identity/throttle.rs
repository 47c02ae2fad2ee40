//! How often somebody may guess: attempts are counted before they are verified, and success gives them back.
//!
//! SECURITY R8, R9, rows 37 and 38. A stranger's attempt has three buckets: the account (all its identifiers together; a name that
//! nobody has counts alike), the network, and the whole server. An account's failures count until a success, each further one
//! costs a longer wait, and after `LOCK_OUT_FAILURES` the password is refused until an administrator sets another or unlocks the
//! account. The failures of a network and of the server count within a window.
//!
//! Where a person has been before (a session, a browser in which they signed in) their password has one bucket more, which
//! strangers cannot fill: whoever guesses from elsewhere keeps nobody out of where they are. It is one for all such places and
//! all that asks for the password there (signing in, proving it again, changing it), and a success clears both.
//!
//! Secrets of clients are counted by client and network, and only where one was wrong: see [`SecretStanding`].
//!
//! Codes of devices are guesses too, and requests that reach a person's approvals are counted alike: both have buckets of
//! their own, so that nobody is kept from signing in by them.

use std::net::{IpAddr, Ipv6Addr};

use crate::base::id::UserId;
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
/// The server's own bucket.
const EVERYBODY: &str = "everybody";
/// The wait when strangers have failed too often everywhere. It does not grow: it is everybody's.
const EVERYBODY_WAIT: Seconds = Seconds::new(30);
/// How long what a network causes for unknown clients is remembered.
const UNKNOWN_WINDOW: Seconds = Seconds::new(3_600);
/// Wrong secrets of one client from one network before it waits; further ones wait longer.
const SECRET_FAILURES: u32 = 20;
/// How long those are remembered.
const SECRET_WINDOW: Seconds = Seconds::new(3_600);
/// Counts that nobody added to for so long are forgotten.
pub const FORGET_AFTER: Seconds = Seconds::new(30 * 86_400);

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// Whose password, or code, it is.
    account: String,
    /// Beside it where the person is not known; none where they are.
    network: Option<String>,
    /// What else a success clears.
    sibling: Option<String>,
}

impl Buckets {
    /// The buckets of an attempt to sign in as `user`, or as a name that nobody has, from an address.
    pub fn new(user: Option<&UserId>, identifier: &Canonical, address: IpAddr) -> Self {
        Self {
            account: account_or_name(user, identifier),
            network: Some(format!("network:{}", network_of(address))),
            sibling: user.map(known_bucket),
        }
    }

    /// The bucket of an attempt where this person has proved who they are before.
    pub fn of_known(user: &UserId) -> Self {
        Self {
            account: known_bucket(user),
            network: None,
            sibling: Some(account_bucket(user)),
        }
    }
}

/// The buckets of a guess at a device's code: one for all sign-ins of a person.
pub fn code_buckets(user: &UserId, address: IpAddr) -> Buckets {
    Buckets {
        account: format!("code:{user}"),
        network: Some(format!("code-network:{}", network_of(address))),
        sibling: None,
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
    for bucket in std::iter::once(&buckets.account).chain(&buckets.network) {
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
        then: Then::Doubling,
    };
    let bucket = format!("unknown-network:{}", network_of(address));
    reserve_alone(db, &bucket, &limit, now).await
}

/// Where guesses at a client's secret from an address are counted.
pub fn secret_bucket(client_id: &str, address: IpAddr) -> String {
    format!("secret:{}:{client_id}", network_of(address))
}

/// What is counted of a client's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretStanding {
    /// No wrong one.
    Clean,
    /// Some: from now on attempts are reserved before they are verified.
    Counted,
    /// Too many, for so long.
    Wait(Seconds),
}

/// What is counted of a client's secret, without a write.
pub async fn secret_standing(
    db: &Db,
    bucket: &str,
    now: Timestamp,
) -> Result<SecretStanding, StoreError> {
    let found = attempts::find(&mut db.read().await?, bucket).await?;
    Ok(match found {
        Some(count) if count.blocked_until > now => {
            SecretStanding::Wait(retry_after(count.blocked_until, now))
        }
        Some(count) if count.failures > 0 && count.window_starts > now.minus(SECRET_WINDOW) => {
            SecretStanding::Counted
        }
        Some(_) | None => SecretStanding::Clean,
    })
}

/// Counts an attempt at a client's secret; [`give_secret_back`] when it was right.
pub async fn reserve_secret(
    db: &Db,
    bucket: &str,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let limit = Limit {
        forget_before: now.minus(SECRET_WINDOW),
        ..short(SECRET_FAILURES, now)
    };
    reserve_alone(db, bucket, &limit, now).await
}

/// The client's secret was right.
pub async fn give_secret_back(db: &Db, bucket: &str) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    attempts::give_back(&mut tx, bucket).await?;
    tx.commit().await
}

/// Counts an attempt that has one bucket alone.
async fn reserve_alone(
    db: &Db,
    bucket: &str,
    limit: &Limit,
    now: Timestamp,
) -> Result<Reservation, StoreError> {
    let mut tx = db.write().await?;
    let reservation = reserve_one(&mut tx, bucket, limit, now).await?;
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
        then: Then::Doubling,
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
        then: Then::LockOut,
    };
    let network = Limit {
        failures: limits.network_failures,
        wait: limits.window_seconds,
        forget_before: now.minus(limits.window_seconds),
        then: Then::Doubling,
    };
    let server = Limit {
        failures: limits.server_failures,
        wait: EVERYBODY_WAIT,
        then: Then::TheSame,
        ..network
    };
    // Always in this order: two attempts never wait for each other's rows.
    let mut counted = vec![(buckets.account.as_str(), account)];
    if let Some(bucket) = &buckets.network {
        counted.extend([(bucket.as_str(), network), (EVERYBODY, server)]);
    }
    for (bucket, limit) in counted {
        if let Reservation::Wait(seconds) = reserve_one(&mut tx, bucket, &limit, now).await? {
            // Dropped, not committed: an attempt that is not verified is not counted.
            return Ok(Reservation::Wait(seconds));
        }
    }
    tx.commit().await?;
    Ok(Reservation::Granted)
}

/// The attempt was no failure: the account begins anew, the network and the server get the attempt back.
pub async fn succeeded(db: &Db, buckets: &Buckets) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    let mut cleared: Vec<&String> = std::iter::once(&buckets.account)
        .chain(&buckets.sibling)
        .collect();
    // One order for everybody, as above.
    cleared.sort();
    for bucket in cleared {
        attempts::clear(&mut tx, bucket).await?;
    }
    give_shared_back(&mut tx, buckets).await?;
    tx.commit().await
}

/// The attempt was not verified after all.
pub async fn abandoned(db: &Db, buckets: &Buckets) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    attempts::give_back(&mut tx, &buckets.account).await?;
    give_shared_back(&mut tx, buckets).await?;
    tx.commit().await
}

async fn give_shared_back(tx: &mut Tx, buckets: &Buckets) -> Result<(), StoreError> {
    if let Some(network) = &buckets.network {
        attempts::give_back(tx, network).await?;
        attempts::give_back(tx, EVERYBODY).await?;
    }
    Ok(())
}

/// Forgets an account's failures: an administrator unlocked it, or it has another password.
pub async fn forgive(tx: &mut Tx, user: &UserId) -> Result<(), StoreError> {
    attempts::clear(tx, &account_bucket(user)).await?;
    attempts::clear(tx, &known_bucket(user)).await
}

/// How many failures a bucket may have, and what follows.
#[derive(Clone, Copy, Debug)]
struct Limit {
    failures: u32,
    wait: Seconds,
    forget_before: Timestamp,
    then: Then,
}

/// What a failure beyond the limit costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The wait, each time.
    TheSame,
    /// Twice the wait of the one before.
    Doubling,
    /// That, and in the end no further attempt at all.
    LockOut,
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
    if limit.then == Then::LockOut && count >= LOCK_OUT_FAILURES {
        return Some(Timestamp::from_ms(i64::MAX));
    }
    let doublings = match limit.then {
        Then::TheSame => 0,
        Then::Doubling | Then::LockOut => u32::try_from(beyond).unwrap_or(u32::MAX).min(20),
    };
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

fn known_bucket(user: &UserId) -> String {
    format!("known:{user}")
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

    fn limit(then: Then) -> Limit {
        Limit {
            failures: 10,
            wait: Seconds::new(300),
            forget_before: NOW,
            then,
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
            assert_eq!(
                block_after(count, &limit(Then::LockOut), NOW),
                expected,
                "{count}"
            );
        }
        let forever = Some(Timestamp::from_ms(i64::MAX));
        assert_eq!(block_after(100, &limit(Then::LockOut), NOW), forever);
        assert_ne!(block_after(100, &limit(Then::Doubling), NOW), forever);
        let same = Some(NOW.plus(Seconds::new(300)));
        assert_eq!(block_after(99, &limit(Then::TheSame), NOW), same);
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
