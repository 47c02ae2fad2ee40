//! Table `policy_stores`: permission stores and their revision, the clock of everything in them.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRow {
    /// Its ULID.
    pub id: String,
    /// Its name; names need not differ.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last renamed.
    pub updated_at: Timestamp,
}

impl FromRow for StoreRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created_at: row.time(2)?,
            updated_at: row.time(3)?,
        })
    }
}

/// Which stores a list holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreFilter<'a> {
    /// Only those of exactly this name.
    pub name: Option<&'a str>,
    /// Only those whose id comes after this.
    pub after: &'a str,
}

/// Makes a store at revision 0.
pub async fn insert(tx: &mut Tx, id: &str, name: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO policy_stores (id, name, revision, created_at, updated_at) VALUES ($1, $2, 0, $3, $3)")
            .bind(id)
            .bind(name)
            .bind(now),
    )
    .await?;
    Ok(())
}

/// The store, unless it is deleted.
pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<StoreRow>, StoreError> {
    conn.opt(
        q("SELECT id, name, created_at, updated_at FROM policy_stores WHERE id = $1 AND deleted_at IS NULL")
            .bind(id),
    )
    .await
}

/// Stores by id, oldest first.
pub async fn list(
    conn: &mut Conn,
    filter: StoreFilter<'_>,
    limit: u32,
) -> Result<Vec<StoreRow>, StoreError> {
    conn.all(
        q(
            "SELECT id, name, created_at, updated_at FROM policy_stores
           WHERE deleted_at IS NULL AND id > $1 AND ($2 IS NULL OR name = $2) ORDER BY id LIMIT $3",
        )
        .bind(filter.after)
        .bind(filter.name)
        .bind(limit),
    )
    .await
}

/// Marks a store deleted; whether it was there. Its rows stay for the record, its id is never used again.
pub async fn delete(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            q("UPDATE policy_stores SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL")
                .bind(id)
                .bind(now),
        )
        .await?;
    Ok(changed == 1)
}

/// Takes the store's next revision, and with it the row's lock until the transaction ends. `None`: no such store.
///
/// INVARIANT: called as late as possible in a transaction, after all tuples, and followed by one entry of `policy_changes`.
/// Commit order is then revision order, without gaps. A large import takes several in a row.
pub async fn next_revision(tx: &mut Tx, id: &str) -> Result<Option<i64>, StoreError> {
    tx.opt(
        q("UPDATE policy_stores SET revision = revision + 1 WHERE id = $1 AND deleted_at IS NULL RETURNING revision")
            .bind(id),
    )
    .await
}

/// The store's revision, and the nonce that its change log has at `at` (a replica's revision). `None`: no such store.
pub async fn head(
    conn: &mut Conn,
    id: &str,
    at: i64,
) -> Result<Option<(i64, Option<String>)>, StoreError> {
    conn.opt(
        q("SELECT s.revision, c.nonce FROM policy_stores s
           LEFT JOIN policy_changes c ON c.store_id = s.id AND c.revision = $2
           WHERE s.id = $1 AND s.deleted_at IS NULL")
        .bind(id)
        .bind(at),
    )
    .await
}
