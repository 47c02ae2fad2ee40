//! Table `access_tokens`: access tokens that say nothing themselves, by their hash, with what they stand for.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::GrantId;
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::claims::AccessClaims;

struct Kept(AccessClaims);

impl FromRow for Kept {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let claims: String = row.get("claims")?;
        serde_json::from_str(&claims)
            .map(Self)
            .map_err(|error| StoreError::corrupt("access_tokens.claims", &error))
    }
}

/// Keeps a new token until what it stands for expires.
pub async fn insert(
    tx: &mut Tx,
    token_hash: &TokenHash,
    claims: &AccessClaims,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(claims)
        .map_err(|error| StoreError::corrupt("access_tokens.claims", &error))?;
    tx.exec(
        q("INSERT INTO access_tokens (token_hash, client_id, grant_id, claims, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(token_hash.as_str())
            .bind(&claims.client_id)
            .bind(claims.grant_id().as_ref().map(GrantId::as_str))
            .bind(text)
            .bind(claims.expires_at()),
    )
    .await?;
    Ok(())
}

/// What a token stands for, if it has not expired. Whether it is good otherwise is not known here.
pub async fn find(
    conn: &mut Conn,
    token_hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<AccessClaims>, StoreError> {
    let kept: Option<Kept> = conn
        .opt(
            q("SELECT claims FROM access_tokens WHERE token_hash = $1 AND expires_at > $2")
                .bind(token_hash.as_str())
                .bind(now),
        )
        .await?;
    Ok(kept.map(|kept| kept.0))
}

/// Deletes at most `limit` expired tokens; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM access_tokens WHERE token_hash IN \
           (SELECT token_hash FROM access_tokens WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
