//! `tessera trusted-issuer`: whose assertions are grants (RFC 7523 section 2.1), by the name that administrators gave them.

use serde_json::Value;

use super::{Kind, PAGE, Work, member, mistake, replacement};
use crate::cli::{Exit, Failure};
use crate::oauth::declared::Shown;
use crate::oauth::protocol::jwt_bearer::TrustedIssuer;
use crate::oauth::trusted_issuer::{self, Put, TrustError};
use crate::store::Conn;
use crate::store::trusted_issuers::{self, TrustedIssuerRow};

/// Trusted issuers.
pub(in crate::cli) struct TrustedIssuers;

impl Kind for TrustedIssuers {
    type Row = TrustedIssuerRow;
    type Declared = TrustedIssuer;

    async fn list(conn: &mut Conn, after: Option<&Self::Row>) -> Result<Vec<Self::Row>, Failure> {
        let after = after.map(|row| row.trusted.name.as_str());
        Ok(trusted_issuers::list(conn, after, PAGE).await?)
    }

    async fn get(conn: &mut Conn, name: &str) -> Result<Self::Row, Failure> {
        Ok(trusted_issuer::get(conn, name).await?)
    }

    async fn create(work: &mut Work<'_>, given: Value) -> Result<Self::Row, Failure> {
        let name = member(&given, "name")?.to_owned();
        match put(work, &name, given).await? {
            Put::Added => Self::get(&mut work.tx, &name).await,
            // Never committed: the transaction is dropped.
            Put::Changed | Put::Same => Err(mistake(format_args!(
                "a trusted issuer `{name}` exists already; update it"
            ))),
        }
    }

    async fn update(work: &mut Work<'_>, row: &Self::Row, given: Value) -> Result<(), Failure> {
        put(work, &row.trusted.name, given).await?;
        Ok(())
    }

    async fn delete(work: &mut Work<'_>, row: &Self::Row) -> Result<(), Failure> {
        Ok(trusted_issuer::delete(&mut work.tx, &row.trusted.name, work.now).await?)
    }

    fn line(row: &Self::Row) -> String {
        let trusted = &row.trusted;
        let clients = trusted.clients.join(",");
        format!("{}  {}  for {clients}", trusted.name, trusted.issuer)
    }

    fn show(row: Self::Row) -> Shown<TrustedIssuer> {
        row.into()
    }
}

async fn put(work: &mut Work<'_>, name: &str, given: Value) -> Result<Put, Failure> {
    let new = replacement(given)?;
    let own = &work.app.config.issuer;
    Ok(trusted_issuer::put(&mut work.tx, (name, &new), own, work.now).await?)
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Store(error) => error.into(),
            error @ (TrustError::Invalid(_) | TrustError::Taken(_) | TrustError::NotFound(_)) => {
                Self::new(Exit::Configuration, error)
            }
        }
    }
}
