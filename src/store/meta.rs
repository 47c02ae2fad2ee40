//! Table `meta`: facts about this installation, by name.

use super::{Conn, StoreError, Tx, q};

/// The value of a fact, if it was ever set.
pub async fn find(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    conn.opt(q("SELECT value FROM meta WHERE name = $1").bind(name))
        .await
}

/// Sets a fact, whatever it was before.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value),
    )
    .await?;
    Ok(())
}

/// Notes a fact unless it is known; the fact as it then stands. Two nodes that start at once agree.
pub async fn keep(tx: &mut Tx, name: &str, value: &str) -> Result<String, StoreError> {
    tx.exec(
        q("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(value),
    )
    .await?;
    find(tx, name).await?.ok_or(StoreError::NotFound)
}
