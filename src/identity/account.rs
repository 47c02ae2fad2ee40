//! What can be done to an account: made, changed, locked, unlocked, given another password.
//!
//! Each change is one conditional statement in the caller's transaction, together with its event. A lock and a new password end
//! everything that was issued before: sessions, grants and (through `tokens_valid_from`) tokens (SECURITY R32, row 18).

use super::identifier::{Email, Username};
use super::password::PasswordHash;
use super::profile::Profile;
use super::session;
use super::throttle;
use super::user::{DisplayName, NewUser, User, UserChange};
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::users::{self, IdentifierKind};
use crate::store::{Db, StoreError, Tx, grants};

/// Why an account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Another account has the username, perhaps in another case.
    #[error("the username `{0}` is taken; choose another")]
    UsernameTaken(Username),
    /// Another account has the address, perhaps in another case.
    #[error("the e-mail address `{0}` belongs to another account")]
    EmailTaken(Email),
    /// There is no such account.
    #[error("there is no user `{0}`")]
    NoSuchUser(UserId),
    /// What the change was made from is not so any more.
    #[error(
        "the e-mail address of `{0}` was changed meanwhile; read the account again and repeat the change"
    )]
    Changed(UserId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The account with this id.
pub async fn find(db: &Db, id: &UserId) -> Result<Option<User>, StoreError> {
    users::find(&mut db.read().await?, id).await
}

/// Makes an account.
pub async fn create(tx: &mut Tx, new: &NewUser, now: Timestamp) -> Result<UserId, AccountError> {
    let id = UserId::new(now);
    users::insert(tx, &id, new, now).await?;
    claim_username(tx, &id, &new.username).await?;
    if let Some(email) = &new.email {
        claim_email(tx, &id, email).await?;
    }
    let event = Event::UserCreated {
        user_id: id.clone(),
    };
    events::record(tx, &event, now).await?;
    Ok(id)
}

/// Changes what an account says about its owner, and leaves alone what the change does not name: of changes at the same time none is
/// undone. An address is changed where it still is the one that was `seen`.
pub async fn update(
    tx: &mut Tx,
    seen: &User,
    change: &UserChange,
    now: Timestamp,
) -> Result<User, AccountError> {
    let id = &seen.id;
    // The row first: its lock makes changes of the identifiers come one after the other.
    let Some(user) = users::update_profile(tx, seen, change, now).await? else {
        exists(tx, id).await?;
        return Err(AccountError::Changed(id.clone()));
    };
    if let Some(username) = &change.username {
        users::release_identifier(tx, id, IdentifierKind::Username).await?;
        claim_username(tx, id, username).await?;
    }
    if let Some(email) = &change.email {
        users::release_identifier(tx, id, IdentifierKind::Email).await?;
        if let Some((email, _)) = email {
            claim_email(tx, id, email).await?;
        }
    }
    changed(tx, id, "profile", now).await?;
    Ok(user)
}

/// Locks an account; `false` when it was locked already.
pub async fn lock(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<bool, AccountError> {
    if !users::lock(tx, id, now).await? {
        return exists(tx, id).await.map(|()| false);
    }
    end_everything(tx, id, "user_locked", now).await?;
    changed(tx, id, "locked", now).await?;
    Ok(true)
}

/// Unlocks an account and forgets its failed sign-ins; `false` when it was not locked.
pub async fn unlock(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<bool, AccountError> {
    throttle::forgive(tx, id).await?;
    if !users::unlock(tx, id, now).await? {
        return exists(tx, id).await.map(|()| false);
    }
    changed(tx, id, "unlocked", now).await?;
    Ok(true)
}

/// Gives an account another password. The hash is computed before the transaction begins.
pub async fn set_password(
    tx: &mut Tx,
    id: &UserId,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), AccountError> {
    if !users::set_password(tx, id, hash, now).await? {
        return Err(AccountError::NoSuchUser(id.clone()));
    }
    throttle::forgive(tx, id).await?;
    end_everything(tx, id, "password_changed", now).await?;
    Ok(changed(tx, id, "password", now).await?)
}

/// Changes what a person may change of their own account: how they are called and what they tell. Never who they are here,
/// nor what is known to be true of them (SECURITY row 31). `false` when the account changed since it was `seen`.
pub async fn update_own(
    tx: &mut Tx,
    seen: &User,
    (name, profile): (Option<&DisplayName>, &Profile),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let profile = Profile {
        phone_number: seen.profile.phone_number.clone(),
        phone_number_verified: seen.profile.phone_number_verified,
        address: seen.profile.address.clone(),
        ..profile.clone()
    };
    if !users::update_own(tx, seen, (name, &profile), now).await? {
        return Ok(false);
    }
    changed(tx, &seen.id, "profile", now).await?;
    Ok(true)
}

/// Ends an account's sessions and revokes what was granted in its name.
async fn end_everything(
    tx: &mut Tx,
    id: &UserId,
    reason: &'static str,
    now: Timestamp,
) -> Result<(), AccountError> {
    session::end_all(tx, id, now).await?;
    Ok(end_grants(tx, id, reason, now).await?)
}

/// Revokes what was granted in a person's name.
pub(super) async fn end_grants(
    tx: &mut Tx,
    id: &UserId,
    reason: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for grant_id in grants::revoke_of_user(tx, id, reason, now).await? {
        let event = Event::GrantRevoked { grant_id, reason };
        events::record(tx, &event, now).await?;
    }
    Ok(())
}

async fn claim_username(tx: &mut Tx, id: &UserId, name: &Username) -> Result<(), AccountError> {
    let free = users::claim_identifier(tx, id, IdentifierKind::Username, &name.canonical()).await?;
    free.then_some(())
        .ok_or_else(|| AccountError::UsernameTaken(name.clone()))
}

async fn claim_email(tx: &mut Tx, id: &UserId, email: &Email) -> Result<(), AccountError> {
    let free = users::claim_identifier(tx, id, IdentifierKind::Email, &email.canonical()).await?;
    free.then_some(())
        .ok_or_else(|| AccountError::EmailTaken(email.clone()))
}

async fn exists(tx: &mut Tx, id: &UserId) -> Result<(), AccountError> {
    users::find(tx, id)
        .await?
        .map(drop)
        .ok_or_else(|| AccountError::NoSuchUser(id.clone()))
}

pub(super) async fn changed(
    tx: &mut Tx,
    id: &UserId,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::UserChanged {
        user_id: id.clone(),
        change,
    };
    events::record(tx, &event, now).await
}
