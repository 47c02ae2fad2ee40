//! Table `policy_assertions`: what a model's author expects of it; one list a model, replaced as a whole.

use super::{Conn, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// Puts a model's list in the place of the one it had. The model must exist.
pub async fn replace(
    tx: &mut Tx,
    store_id: &str,
    model_id: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q(
            "INSERT INTO policy_assertions (store_id, model_id, body, updated_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (store_id, model_id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(store_id)
        .bind(model_id)
        .bind(body)
        .bind(now),
    )
    .await?;
    Ok(())
}

/// A model's list, as JSON; `None` when it never had one.
pub async fn find(
    conn: &mut Conn,
    store_id: &str,
    model_id: &str,
) -> Result<Option<String>, StoreError> {
    conn.opt(
        q("SELECT body FROM policy_assertions WHERE store_id = $1 AND model_id = $2")
            .bind(store_id)
            .bind(model_id),
    )
    .await
}
