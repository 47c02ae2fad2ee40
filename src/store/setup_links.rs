//! Table `setup_links`: the one-time links that make the first administrator.

use super::{Conn, StoreError, Tx, q};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;

/// Keeps a link.
pub async fn insert(
    tx: &mut Tx,
    link: &TokenHash,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO setup_links (link_hash, created_at, expires_at) VALUES ($1, $2, $3)")
            .bind(link.as_str())
            .bind(now)
            .bind(expires_at),
    )
    .await?;
    Ok(())
}

/// Whether a link may still be used.
pub async fn is_live(
    conn: &mut Conn,
    link: &TokenHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found: Option<i64> = conn
        .opt(
            q("SELECT created_at FROM setup_links WHERE link_hash = $1 AND expires_at > $2")
                .bind(link.as_str())
                .bind(now),
        )
        .await?;
    Ok(found.is_some())
}

/// Uses a link up, and every other one with it; `false` when it may not be used.
pub async fn consume(tx: &mut Tx, link: &TokenHash, now: Timestamp) -> Result<bool, StoreError> {
    // What counts is that this link was among the rows which this statement removed: of two that race, only one says so.
    let used: Vec<String> = tx
        .all(
            q("DELETE FROM setup_links WHERE EXISTS \
               (SELECT 1 FROM setup_links mine WHERE mine.link_hash = $1 AND mine.expires_at > $2) \
               RETURNING link_hash")
            .bind(link.as_str())
            .bind(now),
        )
        .await?;
    Ok(used.iter().any(|hash| hash == link.as_str()))
}

/// Removes links that expired; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    tx.exec(q("DELETE FROM setup_links WHERE expires_at <= $1").bind(now))
        .await
}
