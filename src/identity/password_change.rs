//! A person's own password, changed by themselves (SECURITY R12, row 30).
//!
//! It takes the password that they have, counted as everything that asks for it where they are known ([`super::throttle`]).
//! What applications were given ends in any case: whoever had the old password may have used it there. The other sessions, and
//! with them API keys and all that was issued before this instant, end when the person wants it; this one goes on, under
//! another cookie (`session::begin` with the proof that comes back).

use super::account;
use super::own_sessions;
use super::password::{Password, PasswordHash};
use super::session::SignIn;
use super::sign_in::{self, Answer, Desk, Proof, SignInError};
use super::throttle;
use crate::base::secret::Secret;
use crate::base::time::{Seconds, Timestamp};
use crate::identity::hasher::{self, HashError};
use crate::store::{StoreError, Tx, users};

/// What a person wants.
#[derive(Debug)]
pub struct Wanted {
    /// The password that they have.
    pub current: Secret<String>,
    /// The one that they want.
    pub new: Password,
    /// Whether everything else that is signed in as them is to end.
    pub end_others: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The password is another; the session goes on with this proof.
    Done(Proof),
    /// The present password was wrong, or was changed at the same time.
    Refused,
    /// Not even tried: too many failures, or too many sign-ins at once.
    Wait(Seconds),
}

/// Changes the password of who is signed in.
pub async fn change(
    desk: Desk<'_>,
    sign_in: &SignIn,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Changed, SignInError> {
    let user_id = &sign_in.user_id;
    let proof = match sign_in::again(desk, user_id, &wanted.current, now).await? {
        Answer::Proved(proof) => proof,
        Answer::Refused => return Ok(Changed::Refused),
        Answer::Wait(seconds) => return Ok(Changed::Wait(seconds)),
    };
    let new = match desk.hasher.hash(wanted.new).await {
        Ok(hash) => hash,
        Err(HashError::Overloaded) => return Ok(Changed::Wait(hasher::RETRY_AFTER)),
        Err(error @ HashError::Failed) => return Err(SignInError::Hash(error)),
    };
    let found = users::find_credentials_of(&mut desk.db.read().await?, user_id).await?;
    // As it is after the proof, which may have hashed it anew; another password that came between makes the proof void.
    let old = found
        .filter(|found| found.user.tokens_valid_from <= sign_in.auth_time)
        .and_then(|found| found.password);
    let Some(old) = old else {
        return Ok(Changed::Refused);
    };
    let mut tx = desk.db.write().await?;
    if !replace(&mut tx, sign_in, (&old, &new), wanted.end_others, now).await? {
        return Ok(Changed::Refused);
    }
    tx.commit().await?;
    Ok(Changed::Done(proof))
}

/// The change with everything that follows from it; `false` when the password is another by now.
async fn replace(
    tx: &mut Tx,
    sign_in: &SignIn,
    hashes: (&PasswordHash, &PasswordHash),
    end_others: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user_id = &sign_in.user_id;
    let void_before = end_others.then_some(now);
    if !users::replace_password(tx, user_id, hashes, void_before, now).await? {
        return Ok(false);
    }
    throttle::forgive(tx, user_id).await?;
    if end_others {
        own_sessions::end_others(tx, user_id, &sign_in.session_id, now).await?;
    }
    account::end_grants(tx, user_id, "password_changed", now).await?;
    account::changed(tx, user_id, "password", now).await?;
    Ok(true)
}
