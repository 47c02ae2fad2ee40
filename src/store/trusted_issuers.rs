//! Table `trusted_issuers`: whose assertions are grants.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;
use crate::oauth::protocol::jwt_bearer::TrustedIssuer;

/// An issuer, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuerRow {
    /// The issuer.
    pub trusted: TrustedIssuer,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl FromRow for TrustedIssuerRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let body: String = row.get("body")?;
        Ok(Self {
            trusted: serde_json::from_str(&body)
                .map_err(|error| StoreError::corrupt("trusted_issuers.body", &error))?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

/// Adds an issuer, or replaces what is said of the one of this name. [`StoreError::AlreadyExists`] when another name has its identifier.
pub async fn put(tx: &mut Tx, trusted: &TrustedIssuer, now: Timestamp) -> Result<(), StoreError> {
    let body = serde_json::to_string(trusted)
        .map_err(|error| StoreError::corrupt("trusted_issuers.body", &error))?;
    tx.exec(
        q("INSERT INTO trusted_issuers (name, issuer, body, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
           ON CONFLICT (name) DO UPDATE SET issuer = excluded.issuer, body = excluded.body, updated_at = excluded.updated_at")
            .bind(&trusted.name)
            .bind(&trusted.issuer)
            .bind(body)
            .bind(now),
    )
    .await?;
    Ok(())
}

/// Removes an issuer; `false` when there is none of this name.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM trusted_issuers WHERE name = $1").bind(name))
        .await?;
    Ok(rows == 1)
}

/// The issuer of this name.
pub async fn find(conn: &mut Conn, name: &str) -> Result<Option<TrustedIssuerRow>, StoreError> {
    conn.opt(
        q("SELECT body, created_at, updated_at FROM trusted_issuers WHERE name = $1").bind(name),
    )
    .await
}

/// The issuer with this identifier.
pub async fn find_by_issuer(
    conn: &mut Conn,
    issuer: &str,
) -> Result<Option<TrustedIssuer>, StoreError> {
    let row: Option<TrustedIssuerRow> = conn
        .opt(
            q("SELECT body, created_at, updated_at FROM trusted_issuers WHERE issuer = $1")
                .bind(issuer),
        )
        .await?;
    Ok(row.map(|row| row.trusted))
}

/// Issuers in the order of their names, after `after`.
pub async fn list(
    conn: &mut Conn,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<TrustedIssuerRow>, StoreError> {
    conn.all(
        q("SELECT body, created_at, updated_at FROM trusted_issuers WHERE name > $1 ORDER BY name LIMIT $2")
            .bind(after.unwrap_or_default())
            .bind(limit),
    )
    .await
}
