//! Table `events`: facts, written in the transaction of what they tell.

use super::{StoreError, Tx, q};
use crate::base::id::EventId;
use crate::base::time::Timestamp;

/// Appends one event; `body` is a JSON object.
pub async fn insert(
    tx: &mut Tx,
    id: &EventId,
    kind: &'static str,
    body: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO events (id, kind, body, occurred_at) VALUES ($1, $2, $3, $4)")
            .bind(id.as_str())
            .bind(kind)
            .bind(body)
            .bind(now),
    )
    .await?;
    Ok(())
}
