//! Table `used_jtis`: identifiers of assertions and pushed requests that were used, so that none is used twice, on any node, after any
//! restart.

use super::{StoreError, Tx, q};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;

/// What the identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client's assertion (RFC 7523 section 3).
    ClientAssertion,
    /// A trusted issuer's assertion (RFC 7523 section 2.1).
    Grant,
    /// A pushed request (RFC 9126 section 2.2).
    PushedRequest,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client_assertion",
            Self::Grant => "grant",
            Self::PushedRequest => "pushed_request",
        }
    }
}

/// Uses an identifier up; `false` when it was used before. Of any number of parallel uses one gets `true`.
pub async fn insert(
    tx: &mut Tx,
    (purpose, issued_by): (Purpose, &str),
    jti: &TokenHash,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("INSERT INTO used_jtis (purpose, issued_by, jti_hash, expires_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (purpose, issued_by, jti_hash) DO NOTHING")
                .bind(purpose.as_str())
                .bind(issued_by)
                .bind(jti.as_str())
                .bind(expires_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Deletes at most `limit` identifiers of assertions that have expired; how many.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    tx.exec(
        q(
            "DELETE FROM used_jtis WHERE (purpose, issued_by, jti_hash) IN \
           (SELECT purpose, issued_by, jti_hash FROM used_jtis WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now)
        .bind(limit),
    )
    .await
}
