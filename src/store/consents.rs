//! Table `consents`: what a person has agreed that a client may have; one row a scope, so that two tabs only ever add.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::oauth::protocol::scope::ScopeSet;

/// The scopes that the person has agreed to.
pub async fn scopes(
    conn: &mut Conn,
    user_id: &UserId,
    client_id: &str,
) -> Result<ScopeSet, StoreError> {
    let scopes: Vec<String> = conn
        .all(
            q("SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2")
                .bind(user_id.as_str())
                .bind(client_id),
        )
        .await?;
    ScopeSet::parse(&scopes.join(" "))
        .map_err(|error| StoreError::corrupt("consents.scope", &error))
}

/// One scope that a person has agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// For which client.
    pub client_id: String,
    /// To what.
    pub scope: String,
    /// When they agreed to it last.
    pub granted_at: Timestamp,
}

impl FromRow for Consent {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.get("client_id")?,
            scope: row.get("scope")?,
            granted_at: row.time("granted_at")?,
        })
    }
}

/// Everything that a person has agreed to, client by client.
pub async fn list_of_user(conn: &mut Conn, user_id: &UserId) -> Result<Vec<Consent>, StoreError> {
    conn.all(
        q("SELECT client_id, scope, granted_at FROM consents WHERE user_id = $1 ORDER BY client_id, scope")
            .bind(user_id.as_str()),
    )
    .await
}

/// Forgets what a person has agreed to for one client; how many scopes that were.
pub async fn withdraw(tx: &mut Tx, user_id: &UserId, client_id: &str) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM consents WHERE user_id = $1 AND client_id = $2")
            .bind(user_id.as_str())
            .bind(client_id),
    )
    .await
}

/// Adds scopes to what the person has agreed to.
pub async fn add(
    tx: &mut Tx,
    user_id: &UserId,
    client_id: &str,
    scope: &ScopeSet,
    now: Timestamp,
) -> Result<(), StoreError> {
    for scope in scope.iter() {
        tx.exec(
            q("INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (user_id, client_id, scope) DO UPDATE SET granted_at = excluded.granted_at")
                .bind(user_id.as_str())
                .bind(client_id)
                .bind(scope)
                .bind(now),
        )
        .await?;
    }
    Ok(())
}
