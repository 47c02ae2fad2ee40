//! Table `refresh_families`: one row a family, with the live head and the token before it.
//!
//! Every change names the head that it was decided on, so a decision on a stale row changes nothing.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::GrantId;
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::refresh::{Family, Previous};

/// A family as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyRow {
    /// What the decision needs.
    pub family: Family,
    /// The head, sealed under a key that only the previous token gives.
    pub sealed_head: Option<String>,
    /// When no token of the family works any more.
    pub expires_at: Timestamp,
}

impl FromRow for FamilyRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let previous = match (
            row.get::<Option<i64>, _>("previous_generation")?,
            row.get::<Option<String>, _>("previous_hash")?,
            row.time_opt("previous_first_used_at")?,
        ) {
            (Some(generation), Some(hash), Some(first_used_at)) => Some(Previous {
                generation,
                hash: TokenHash::from_stored(hash),
                first_used_at,
            }),
            _ => None,
        };
        Ok(Self {
            family: Family {
                head_generation: row.get("head_generation")?,
                head_hash: TokenHash::from_stored(row.get("head_hash")?),
                head_issued_at: row.time("head_issued_at")?,
                head_presented: row.get("head_presented")?,
                previous,
                recoveries: row.get("recoveries")?,
            },
            sealed_head: row.get("sealed_head")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// A new head of a family.
#[derive(Clone, Copy, Debug)]
pub struct NewHead<'a> {
    /// Its generation.
    pub generation: i64,
    /// Its hash.
    pub hash: &'a TokenHash,
    /// Its text, sealed under the key that the presented token gives.
    pub sealed: &'a str,
}

/// Begins a family with its first head.
pub async fn insert(
    tx: &mut Tx,
    grant_id: &GrantId,
    head: (i64, &TokenHash),
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO refresh_families (grant_id, head_generation, head_hash, head_issued_at, head_presented, recoveries, \
           expires_at) VALUES ($1, $2, $3, $4, FALSE, 0, $5)")
            .bind(grant_id.as_str())
            .bind(head.0)
            .bind(head.1.as_str())
            .bind(now)
            .bind(expires_at),
    )
    .await?;
    Ok(())
}

/// The family of a grant.
pub async fn find(conn: &mut Conn, grant_id: &GrantId) -> Result<Option<FamilyRow>, StoreError> {
    conn.opt(
        q("SELECT head_generation, head_hash, head_issued_at, head_presented, previous_generation, previous_hash, \
           previous_first_used_at, sealed_head, recoveries, expires_at FROM refresh_families WHERE grant_id = $1")
            .bind(grant_id.as_str()),
    )
    .await
}

/// The head becomes the previous token, `next` the head; `false` when the head was another by now.
pub async fn rotate(
    tx: &mut Tx,
    grant_id: &GrantId,
    decided_on: &Family,
    next: NewHead<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE refresh_families SET previous_generation = head_generation, previous_hash = head_hash, \
               previous_first_used_at = $5, head_generation = $3, head_hash = $4, head_issued_at = $5, \
               head_presented = FALSE, sealed_head = $6, recoveries = 0 \
               WHERE grant_id = $1 AND head_hash = $2")
                .bind(grant_id.as_str())
                .bind(decided_on.head_hash.as_str())
                .bind(next.generation)
                .bind(next.hash.as_str())
                .bind(now)
                .bind(next.sealed),
        )
        .await?;
    Ok(rows == 1)
}

/// `next` takes the place of a head that never arrived; `false` when that head was presented or replaced by now.
pub async fn recover(
    tx: &mut Tx,
    grant_id: &GrantId,
    decided_on: &Family,
    next: NewHead<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE refresh_families SET head_generation = $3, head_hash = $4, head_issued_at = $5, sealed_head = $6, \
               recoveries = recoveries + 1 WHERE grant_id = $1 AND head_hash = $2 AND head_presented = FALSE")
                .bind(grant_id.as_str())
                .bind(decided_on.head_hash.as_str())
                .bind(next.generation)
                .bind(next.hash.as_str())
                .bind(now)
                .bind(next.sealed),
        )
        .await?;
    Ok(rows == 1)
}

/// Notes that the head arrived; `false` when the head was another by now.
pub async fn note_presented(
    tx: &mut Tx,
    grant_id: &GrantId,
    decided_on: &Family,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE refresh_families SET head_presented = TRUE WHERE grant_id = $1 AND head_hash = $2")
                .bind(grant_id.as_str())
                .bind(decided_on.head_hash.as_str()),
        )
        .await?;
    Ok(rows == 1)
}
