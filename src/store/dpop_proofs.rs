//! Table `dpop_proofs`: proofs of possession that were shown, kept until they would not be taken any more.

use super::{StoreError, Tx, q};
use crate::base::time::Timestamp;

/// Notes a proof; `false` when it was shown before. Of any number that try at once, on any node, one gets `true`.
pub async fn insert(
    tx: &mut Tx,
    proof_hash: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("INSERT INTO dpop_proofs (proof_hash, expires_at) VALUES ($1, $2) ON CONFLICT (proof_hash) DO NOTHING")
                .bind(proof_hash)
                .bind(expires_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Deletes at most `limit` proofs that would not be taken any more; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM dpop_proofs WHERE proof_hash IN \
           (SELECT proof_hash FROM dpop_proofs WHERE expires_at <= $1 LIMIT $2)")
        .bind(now)
        .bind(limit),
    )
    .await
}
