//! Table `pairwise_subjects`: which person a pairwise subject stands for.

use super::{Conn, StoreError, Tx, q};
use crate::base::id::UserId;

/// Keeps a subject; nothing happens when it is known.
pub async fn insert(tx: &mut Tx, subject: &str, user_id: &UserId) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO pairwise_subjects (subject, user_id) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING")
            .bind(subject)
            .bind(user_id.as_str()),
    )
    .await?;
    Ok(())
}

/// The person whom a subject stands for.
pub async fn find(conn: &mut Conn, subject: &str) -> Result<Option<UserId>, StoreError> {
    let id: Option<String> = conn
        .opt(q("SELECT user_id FROM pairwise_subjects WHERE subject = $1").bind(subject))
        .await?;
    id.map(|id| UserId::parse(&id))
        .transpose()
        .map_err(|error| StoreError::corrupt("pairwise_subjects.user_id", &error))
}
