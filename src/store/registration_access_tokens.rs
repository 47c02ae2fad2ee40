//! Table `registration_access_tokens`: what a client that was not registered by hand manages its own registration with; one a client.

use super::{Conn, StoreError, Tx, q};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientId;

/// Keeps the token of a new client.
pub async fn insert(
    tx: &mut Tx,
    client_id: &ClientId,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO registration_access_tokens (client_id, token_hash, created_at) VALUES ($1, $2, $3)")
            .bind(client_id.as_str())
            .bind(hash.as_str())
            .bind(now),
    )
    .await?;
    Ok(())
}

/// Whether the token is that of this client, and the client may be used.
pub async fn is_of(
    conn: &mut Conn,
    client_id: &ClientId,
    hash: &TokenHash,
) -> Result<bool, StoreError> {
    conn.one(
        q("SELECT EXISTS (SELECT 1 FROM registration_access_tokens t JOIN clients c ON c.client_id = t.client_id \
           WHERE t.client_id = $1 AND t.token_hash = $2 AND c.state = 'active')")
            .bind(client_id.as_str())
            .bind(hash.as_str()),
    )
    .await
}
