//! Trusting issuers whose assertions are grants (RFC 7523 section 2.1), and no more. The setup file, the command line and the admin API all
//! come through here.

use super::protocol::jwt_bearer::NewTrustedIssuer;
use super::protocol::registration::MetadataFault;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::trusted_issuers::{self, TrustedIssuerRow};
use crate::store::{Conn, StoreError, Tx};

/// Why an issuer could not be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Everything that is wrong with it.
    #[error("{}", MetadataFault::join(.0))]
    Invalid(Vec<MetadataFault>),
    /// Another name has its identifier.
    #[error("another trusted issuer is `{0}`; change that one")]
    Taken(String),
    /// There is no such one.
    #[error("no trusted issuer is named `{0}`; list them")]
    NotFound(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is trusted from now on.
    Added,
    /// Something of it is another.
    Changed,
    /// All of it was so already.
    Same,
}

/// Trusts an issuer under a name, or replaces what is said of the one of that name. `own` is our own issuer identifier.
pub async fn put(
    tx: &mut Tx,
    (name, new): (&str, &NewTrustedIssuer),
    own: &str,
    now: Timestamp,
) -> Result<Put, TrustError> {
    let trusted = new.check(name, own).map_err(TrustError::Invalid)?;
    let present = trusted_issuers::find(tx, name).await?;
    let outcome = match present {
        Some(row) if row.trusted == trusted => return Ok(Put::Same),
        Some(_) => Put::Changed,
        None => Put::Added,
    };
    // Only for the message, and for a transaction that goes on after it: the unique column decides.
    let twin = trusted_issuers::find_by_issuer(tx, &trusted.issuer).await?;
    if twin.is_some_and(|twin| twin.name != name) {
        return Err(TrustError::Taken(trusted.issuer));
    }
    match trusted_issuers::put(tx, &trusted, now).await {
        Err(error) if error.is_already_exists() => return Err(TrustError::Taken(trusted.issuer)),
        result => result?,
    }
    record(tx, name, "put", now).await?;
    Ok(outcome)
}

/// Trusts an issuer no more.
pub async fn delete(tx: &mut Tx, name: &str, now: Timestamp) -> Result<(), TrustError> {
    if !trusted_issuers::delete(tx, name).await? {
        return Err(TrustError::NotFound(name.to_owned()));
    }
    record(tx, name, "removed", now).await?;
    Ok(())
}

/// The issuer of this name, which must exist.
pub async fn get(conn: &mut Conn, name: &str) -> Result<TrustedIssuerRow, TrustError> {
    let found = trusted_issuers::find(conn, name).await?;
    found.ok_or_else(|| TrustError::NotFound(name.to_owned()))
}

async fn record(
    tx: &mut Tx,
    name: &str,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::TrustChanged {
        issuer: name.to_owned(),
        change,
    };
    events::record(tx, &event, now).await
}
