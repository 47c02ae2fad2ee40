//! Table `policy_models`: authorization models. Immutable; the one with the largest revision is the latest.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// Its ULID.
    pub id: String,
    /// Its JSON form.
    pub body: String,
    /// The store's revision that brought it.
    pub revision: i64,
}

impl FromRow for ModelRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.get(0)?,
            body: row.get(1)?,
            revision: row.get(2)?,
        })
    }
}

/// Adds a model.
pub async fn insert(
    tx: &mut Tx,
    store_id: &str,
    model: &ModelRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO policy_models (store_id, id, body, revision, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(store_id)
            .bind(&model.id)
            .bind(&model.body)
            .bind(model.revision)
            .bind(now),
    )
    .await?;
    Ok(())
}

/// The model of that id in that store.
pub async fn find(
    conn: &mut Conn,
    store_id: &str,
    id: &str,
) -> Result<Option<ModelRow>, StoreError> {
    conn.opt(
        q("SELECT id, body, revision FROM policy_models WHERE store_id = $1 AND id = $2")
            .bind(store_id)
            .bind(id),
    )
    .await
}

/// The id of the store's latest model.
pub async fn latest_id(conn: &mut Conn, store_id: &str) -> Result<Option<String>, StoreError> {
    conn.opt(
        q("SELECT id FROM policy_models WHERE store_id = $1 ORDER BY revision DESC LIMIT 1")
            .bind(store_id),
    )
    .await
}

/// Models with a revision below `before`, newest first.
pub async fn list(
    conn: &mut Conn,
    store_id: &str,
    before: i64,
    limit: u32,
) -> Result<Vec<ModelRow>, StoreError> {
    conn.all(
        q("SELECT id, body, revision FROM policy_models WHERE store_id = $1 AND revision < $2 ORDER BY revision DESC LIMIT $3")
            .bind(store_id)
            .bind(before)
            .bind(limit),
    )
    .await
}
