//! Table `pushed_requests`: authorization requests that their clients pushed and that wait for their answer.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::authorize::AuthorizeRequest;

struct Kept(AuthorizeRequest);

impl FromRow for Kept {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let request: String = row.get("request")?;
        serde_json::from_str(&request)
            .map(Self)
            .map_err(|error| StoreError::corrupt("pushed_requests.request", &error))
    }
}

/// Keeps a request of its client.
pub async fn insert(
    tx: &mut Tx,
    uri_hash: &TokenHash,
    request: &AuthorizeRequest,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(request)
        .map_err(|error| StoreError::corrupt("pushed_requests.request", &error))?;
    tx.exec(
        q("INSERT INTO pushed_requests (uri_hash, client_id, request, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(uri_hash.as_str())
            .bind(&request.client_id)
            .bind(body)
            .bind(expires_at),
    )
    .await?;
    Ok(())
}

/// A live request of this client.
pub async fn find_live(
    conn: &mut Conn,
    uri_hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<AuthorizeRequest>, StoreError> {
    let kept: Option<Kept> = conn
        .opt(
            q("SELECT request FROM pushed_requests WHERE uri_hash = $1 AND client_id = $2 AND expires_at > $3")
                .bind(uri_hash.as_str())
                .bind(client_id)
                .bind(now),
        )
        .await?;
    Ok(kept.map(|kept| kept.0))
}

/// Forgets a request that is answered.
pub async fn delete(tx: &mut Tx, uri_hash: &TokenHash) -> Result<(), StoreError> {
    tx.exec(q("DELETE FROM pushed_requests WHERE uri_hash = $1").bind(uri_hash.as_str()))
        .await?;
    Ok(())
}

/// Deletes at most `limit` expired requests; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM pushed_requests WHERE uri_hash IN \
           (SELECT uri_hash FROM pushed_requests WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
