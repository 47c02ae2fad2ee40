//! Signing in with a password: count the attempt, verify, decide, remember.
//!
//! [`with_password`] begins with a name, [`again`] with somebody who is signed in already and proves it once more.
//!
//! A name that nobody has takes the same path as a wrong password: the same counting, the same hashing, the same event, the
//! same answer (SECURITY R13, row 39).

use std::net::IpAddr;

use super::hasher::{HashError, Hasher};
use super::identifier::Canonical;
use super::login::{self, Account, Evidence, Factor, Step};
use super::password::{Password, PasswordHash, Verdict};
use super::throttle::{self, Buckets, Reservation};
use super::user::User;
use crate::base::id::UserId;
use crate::base::secret::Secret;
use crate::base::time::{Seconds, Timestamp};
use crate::config::SignIn;
use crate::events::{self, Event};
use crate::store::users::Credentials;
use crate::store::{Db, StoreError, users};

/// What signing in needs of the server.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// Where passwords are verified.
    pub hasher: &'a Hasher,
    /// How often somebody may guess.
    pub limits: &'a SignIn,
}

/// What somebody typed, where and when.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// A username or an e-mail address.
    pub identifier: String,
    /// The password.
    pub password: Secret<String>,
    /// The client's address.
    pub address: IpAddr,
    /// Who signed in before in this browser.
    pub known: Option<KnownHere>,
    /// When.
    pub now: Timestamp,
}

/// Somebody who signed in in this browser before, and when: strangers who guess elsewhere do not keep them waiting here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHere {
    /// Who.
    pub user_id: UserId,
    /// When they proved it. What is from before a lock or a password change counts no more.
    pub since: Timestamp,
}

impl KnownHere {
    fn is(&self, user: &User) -> bool {
        self.user_id == user.id && self.since >= user.tokens_valid_from
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The person is who they say.
    Proved(Proof),
    /// Not proved; no word about why.
    Refused,
    /// Not even tried: too many failures, or too many sign-ins at once.
    Wait(Seconds),
}

/// Who proved to be who they say, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Who.
    pub user_id: UserId,
    /// With what.
    pub factors: Vec<Factor>,
    /// When the attempt began: a password that changed or an account that was locked since voids the proof.
    pub at: Timestamp,
}

/// Why an attempt could not be answered: a fault of ours.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hash function failed.
    #[error(transparent)]
    Hash(HashError),
}

/// Tries to sign somebody in.
pub async fn with_password(desk: Desk<'_>, attempt: &Attempt) -> Result<Answer, SignInError> {
    let identifier = Canonical::of_typed(&attempt.identifier);
    let found = users::find_credentials(&mut desk.db.read().await?, &identifier).await?;
    let user_id = found.as_ref().map(|found| found.user.id.clone());
    let is_known = found
        .as_ref()
        .zip(attempt.known.as_ref())
        .is_some_and(|(found, known)| known.is(&found.user));
    let buckets = match &user_id {
        Some(user_id) if is_known => Buckets::of_known(user_id),
        _ => Buckets::new(user_id.as_ref(), &identifier, attempt.address),
    };
    prove(desk, buckets, found, (&attempt.password, attempt.now)).await
}

/// Lets somebody who is signed in prove it again: for what takes a fresh proof. Counted with all that is tried where the
/// person is known, whatever asks for it.
pub async fn again(
    desk: Desk<'_>,
    user_id: &UserId,
    password: &Secret<String>,
    now: Timestamp,
) -> Result<Answer, SignInError> {
    let found = users::find_credentials_of(&mut desk.db.read().await?, user_id).await?;
    prove(desk, Buckets::of_known(user_id), found, (password, now)).await
}

/// Counts, verifies, decides.
async fn prove(
    desk: Desk<'_>,
    buckets: Buckets,
    found: Option<Credentials>,
    (typed, now): (&Secret<String>, Timestamp),
) -> Result<Answer, SignInError> {
    let user_id = found.as_ref().map(|found| found.user.id.clone());
    if let Reservation::Wait(seconds) =
        throttle::reserve(desk.db, &buckets, desk.limits, now).await?
    {
        return Ok(Answer::Wait(seconds));
    }
    let account = found
        .as_ref()
        .map_or(Account::Unknown, |found| Account::Known(found.user.state));
    let stored = found.and_then(|found| found.password);
    let password = match verify(desk.hasher, typed, stored.clone()).await {
        Ok(verdict) => verdict,
        Err(HashError::Overloaded) => {
            throttle::abandoned(desk.db, &buckets).await?;
            return Ok(Answer::Wait(super::hasher::RETRY_AFTER));
        }
        Err(error @ HashError::Failed) => return Err(SignInError::Hash(error)),
    };
    match (login::next(Evidence { account, password }), user_id) {
        (Step::Complete { factors, rehash }, Some(user_id)) => {
            throttle::succeeded(desk.db, &buckets).await?;
            if rehash && let Some(old) = stored {
                renew_hash(desk, typed, &user_id, &old).await?;
            }
            Ok(Answer::Proved(Proof {
                user_id,
                factors,
                at: now,
            }))
        }
        (Step::Refuse | Step::Complete { .. }, user_id) => {
            let mut tx = desk.db.write().await?;
            events::record(&mut tx, &Event::SignInFailed { user_id }, now).await?;
            tx.commit().await?;
            Ok(Answer::Refused)
        }
    }
}

async fn verify(
    hasher: &Hasher,
    typed: &Secret<String>,
    stored: Option<PasswordHash>,
) -> Result<Verdict, HashError> {
    match Password::typed(typed.expose()) {
        Some(password) => hasher.verify(password, stored).await,
        // Too long to be anybody's: as quick for every name.
        None => Ok(Verdict::Mismatch),
    }
}

/// Hashes the password anew with today's parameters; left for the next sign-in when the hasher is busy.
async fn renew_hash(
    desk: Desk<'_>,
    typed: &Secret<String>,
    user_id: &UserId,
    old: &PasswordHash,
) -> Result<(), SignInError> {
    let Some(password) = Password::typed(typed.expose()) else {
        return Ok(());
    };
    if let Ok(new) = desk.hasher.hash(password).await {
        let mut tx = desk.db.write().await?;
        users::upgrade_hash(&mut tx, user_id, old, &new).await?;
        tx.commit().await?;
    }
    Ok(())
}
