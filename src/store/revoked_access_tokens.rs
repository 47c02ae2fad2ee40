//! Table `revoked_access_tokens`: access tokens revoked one by one, kept until they would have expired.

use super::{Conn, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// Revokes one access token; again is no error.
pub async fn insert(tx: &mut Tx, jti: &str, expires_at: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO revoked_access_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING")
            .bind(jti)
            .bind(expires_at),
    )
    .await?;
    Ok(())
}

/// Whether the token was revoked.
pub async fn contains(conn: &mut Conn, jti: &str) -> Result<bool, StoreError> {
    conn.one(q("SELECT EXISTS (SELECT 1 FROM revoked_access_tokens WHERE jti = $1)").bind(jti))
        .await
}

/// Deletes at most `limit` entries of tokens that have expired; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM revoked_access_tokens WHERE jti IN \
           (SELECT jti FROM revoked_access_tokens WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
