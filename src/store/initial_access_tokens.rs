//! Table `initial_access_tokens`: what administrators let clients be registered with. A use is counted by the statement that allows it.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::InitialTokenId;
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialToken {
    /// Its id.
    pub id: InitialTokenId,
    /// What people call it.
    pub name: String,
    /// How many clients it registered.
    pub uses: i64,
    /// How many it may register; no bound when absent.
    pub max_uses: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl FromRow for InitialToken {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        Ok(Self {
            id: InitialTokenId::parse(&id)
                .map_err(|error| StoreError::corrupt("initial_access_tokens.id", &error))?,
            name: row.get("name")?,
            uses: row.get("uses")?,
            max_uses: row.get("max_uses")?,
            created_at: row.time("created_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// Keeps a new token.
pub async fn insert(tx: &mut Tx, token: &InitialToken, hash: &TokenHash) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO initial_access_tokens (id, name, token_hash, uses, max_uses, created_at, expires_at) \
           VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(token.id.as_str())
            .bind(&token.name)
            .bind(hash.as_str())
            .bind(token.uses)
            .bind(token.max_uses)
            .bind(token.created_at)
            .bind(token.expires_at),
    )
    .await?;
    Ok(())
}

/// Whether a token could be used now.
pub async fn is_live(
    conn: &mut Conn,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    conn.one(
        q("SELECT EXISTS (SELECT 1 FROM initial_access_tokens \
           WHERE token_hash = $1 AND expires_at > $2 AND (max_uses IS NULL OR uses < max_uses))")
        .bind(hash.as_str())
        .bind(now),
    )
    .await
}

/// Counts one more use of a token that may be used; which one, or `None` when it may not.
pub async fn take_use(
    tx: &mut Tx,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<InitialTokenId>, StoreError> {
    let id: Option<String> = tx
        .opt(
            q("UPDATE initial_access_tokens SET uses = uses + 1 \
               WHERE token_hash = $1 AND expires_at > $2 AND (max_uses IS NULL OR uses < max_uses) RETURNING id")
                .bind(hash.as_str())
                .bind(now),
        )
        .await?;
    id.map(|id| {
        InitialTokenId::parse(&id)
            .map_err(|error| StoreError::corrupt("initial_access_tokens.id", &error))
    })
    .transpose()
}

/// Tokens in the order of their ids (oldest first), beginning after `after`.
pub async fn list(
    conn: &mut Conn,
    after: Option<&InitialTokenId>,
    limit: u32,
) -> Result<Vec<InitialToken>, StoreError> {
    conn.all(
        q("SELECT * FROM initial_access_tokens WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.map_or("", InitialTokenId::as_str))
            .bind(limit),
    )
    .await
}

/// Ends a token; `false` when there is none with this id.
pub async fn delete(tx: &mut Tx, id: &InitialTokenId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM initial_access_tokens WHERE id = $1").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}

/// Deletes at most `limit` expired tokens; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM initial_access_tokens WHERE id IN \
           (SELECT id FROM initial_access_tokens WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
