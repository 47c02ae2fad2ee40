//! Table `consents`: what a person has agreed that a client may have; one row a scope, so that two tabs only ever add.

use super::{Conn, StoreError, Tx, q};
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
