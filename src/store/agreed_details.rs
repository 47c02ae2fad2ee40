//! Table `agreed_details`: the authorization details that a person has agreed to, by their digest.

use super::{Conn, StoreError, Tx, q};
use crate::base::id::UserId;
use crate::base::time::Timestamp;

/// Whether the person has agreed to exactly these details of this client, not before `since`.
pub async fn contains(
    conn: &mut Conn,
    user_id: &UserId,
    (client_id, digest): (&str, &str),
    since: Timestamp,
) -> Result<bool, StoreError> {
    conn.one(
        q("SELECT EXISTS (SELECT 1 FROM agreed_details \
           WHERE user_id = $1 AND client_id = $2 AND digest = $3 AND agreed_at >= $4)")
        .bind(user_id.as_str())
        .bind(client_id)
        .bind(digest)
        .bind(since),
    )
    .await
}

/// Remembers an agreement, or that it was given again.
pub async fn add(
    tx: &mut Tx,
    user_id: &UserId,
    (client_id, digest): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO agreed_details (user_id, client_id, digest, agreed_at) VALUES ($1, $2, $3, $4) \
           ON CONFLICT (user_id, client_id, digest) DO UPDATE SET agreed_at = excluded.agreed_at")
            .bind(user_id.as_str())
            .bind(client_id)
            .bind(digest)
            .bind(now),
    )
    .await?;
    Ok(())
}

/// Forgets at most `limit` agreements that were given before `before`; how many.
pub async fn delete_old(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q(
            "DELETE FROM agreed_details WHERE (user_id, client_id, digest) IN \
           (SELECT user_id, client_id, digest FROM agreed_details WHERE agreed_at < $1 LIMIT $2)",
        )
        .bind(before)
        .bind(limit),
    )
    .await
}
