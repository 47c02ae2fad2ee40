//! Table `policy_changes`: the change log, one entry a revision, without gaps.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// An entry of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// The revision that the changes made.
    pub revision: i64,
    /// A random text: another one at the same revision means that history was rewritten (a restored backup).
    pub nonce: String,
    /// What changed, as JSON.
    pub changes: String,
    /// When.
    pub created_at: Timestamp,
}

impl FromRow for ChangeRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            revision: row.get(0)?,
            nonce: row.get(1)?,
            changes: row.get(2)?,
            created_at: row.time(3)?,
        })
    }
}

/// Appends an entry at the revision that `policy_stores::next_revision` gave in the same transaction.
pub async fn insert(tx: &mut Tx, store_id: &str, entry: &ChangeRow) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO policy_changes (store_id, revision, nonce, changes, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(store_id)
            .bind(entry.revision)
            .bind(&entry.nonce)
            .bind(&entry.changes)
            .bind(entry.created_at),
    )
    .await?;
    Ok(())
}

/// Entries after a revision, oldest first.
pub async fn list(
    conn: &mut Conn,
    store_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<ChangeRow>, StoreError> {
    conn.all(
        q("SELECT revision, nonce, changes, created_at FROM policy_changes WHERE store_id = $1 AND revision > $2 ORDER BY revision LIMIT $3")
            .bind(store_id)
            .bind(after)
            .bind(limit),
    )
    .await
}

/// The last revision before an instant; 0 when there is none.
pub async fn revision_before(
    conn: &mut Conn,
    store_id: &str,
    at: Timestamp,
) -> Result<i64, StoreError> {
    conn.one(
        q("SELECT COALESCE(MAX(revision), 0) FROM policy_changes WHERE store_id = $1 AND created_at < $2")
            .bind(store_id)
            .bind(at),
    )
    .await
}
