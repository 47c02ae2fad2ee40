//! The one-time link that makes the first administrator.
//!
//! There is no default account (SECURITY R11): whoever can read the server's own output gets a link of 256 random bits, good for
//! fifteen minutes and one use. Looking at its page does not use it up; making the account does, in the same transaction.

use super::account::{self, AccountError};
use super::user::NewUser;
use crate::base::id::UserId;
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::{Seconds, Timestamp};
use crate::policy::PolicyError;
use crate::policy::system::{self, Role};
use crate::store::{Db, StoreError, setup_links};

/// How long a link can be used.
pub const LINK_TTL: Seconds = Seconds::new(900);

/// Why no link was issued, or none used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Setting up is over.
    #[error(
        "there is an administrator already; sign in as one, or give somebody the role `admin` with a setup file"
    )]
    AdministratorExists,
    /// Not a link of ours, used already, or too old.
    #[error("the setup link is not valid any more; print a new one with `tessera setup-url`")]
    LinkSpent,
    /// The account could not be made.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The role could not be given.
    #[error(transparent)]
    Role(#[from] PolicyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a link, while there is no administrator.
pub async fn issue_link(
    db: &Db,
    issuer: &str,
    now: Timestamp,
) -> Result<Secret<String>, SetupError> {
    let secret = TokenKind::SetupLink.generate();
    let mut tx = db.write().await?;
    if system::any_admin(&mut tx).await? {
        return Err(SetupError::AdministratorExists);
    }
    let hash = TokenHash::of(secret.expose());
    setup_links::insert(&mut tx, &hash, now, now.plus(LINK_TTL)).await?;
    tx.commit().await?;
    Ok(Secret::new(format!("{issuer}/setup/{}", secret.expose())))
}

/// Whether a link can still be used.
pub async fn is_live(db: &Db, link: &str, now: Timestamp) -> Result<bool, StoreError> {
    match TokenKind::SetupLink.hash(link) {
        Some(hash) => setup_links::is_live(&mut db.read().await?, &hash, now).await,
        None => Ok(false),
    }
}

/// Uses the link up, makes the account and gives it the role `admin`: all or nothing.
pub async fn make_administrator(
    db: &Db,
    link: &str,
    new: &NewUser,
    now: Timestamp,
) -> Result<UserId, SetupError> {
    let hash = TokenKind::SetupLink
        .hash(link)
        .ok_or(SetupError::LinkSpent)?;
    let mut tx = db.write().await?;
    if !setup_links::consume(&mut tx, &hash, now).await? {
        return Err(SetupError::LinkSpent);
    }
    if system::any_admin(&mut tx).await? {
        return Err(SetupError::AdministratorExists);
    }
    let id = account::create(&mut tx, new, now).await?;
    system::assign_role(&mut tx, &format!("user:{id}"), Role::Admin, now).await?;
    tx.commit().await?;
    Ok(id)
}
