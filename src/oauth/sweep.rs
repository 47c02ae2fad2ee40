//! Removes rows that have served: expired flows, codes, requests that were polled for, access tokens that say nothing themselves, revocations, old agreements to authorization details, used assertions and proofs, replaced secrets, and grants whose last token is gone. In bounded batches, so that
//! a sweep never holds up a sign-in; called by a background worker.

use super::authorization_details::AGREED_SECONDS;
use crate::base::time::{Seconds, Timestamp};
use crate::config::Tokens;
use crate::store::{
    Db, StoreError, access_tokens, agreed_details, authorization_codes, authorization_flows,
    backchannel_requests, clients, device_authorizations, dpop_proofs, grants,
    initial_access_tokens, pushed_requests, revoked_access_tokens, used_jtis,
};

/// Rows that one transaction deletes at most.
const BATCH: u32 = 500;
/// How long a spent code is remembered after it expired, so that a late second use still revokes what came from it.
const CODES_KEPT_SECONDS: Seconds = Seconds::new(86_400);
/// How long a request that clients poll for is known after it expired: they learn `expired_token` and not that it is unknown.
const POLLED_KEPT_SECONDS: Seconds = Seconds::new(3_600);
/// How long a grant is kept at least: longer than a code and the access token made from it.
const GRANTS_KEPT_SECONDS: i64 = 2 * 86_400;

/// Deletes what has served; how many rows. Call again at once when it returns many.
pub async fn sweep(db: &Db, tokens: &Tokens, now: Timestamp) -> Result<u64, StoreError> {
    let longest = tokens.access_token_ttl_seconds.get();
    let grants_kept = Seconds::new(longest.saturating_add(GRANTS_KEPT_SECONDS));
    let mut rows = 0;
    let mut tx = db.write().await?;
    rows += authorization_flows::delete_expired(&mut tx, now, BATCH).await?;
    rows += pushed_requests::delete_expired(&mut tx, now, BATCH).await?;
    rows += access_tokens::delete_expired(&mut tx, now, BATCH).await?;
    rows += revoked_access_tokens::delete_expired(&mut tx, now, BATCH).await?;
    let ended_before = now.minus(POLLED_KEPT_SECONDS);
    rows += device_authorizations::delete_expired(&mut tx, ended_before, BATCH).await?;
    rows += backchannel_requests::delete_expired(&mut tx, ended_before, BATCH).await?;
    rows += agreed_details::delete_old(&mut tx, now.minus(AGREED_SECONDS), BATCH).await?;
    rows += used_jtis::delete_expired(&mut tx, now, BATCH).await?;
    rows += clients::forget_former_secrets(&mut tx, now, BATCH).await?;
    rows += dpop_proofs::delete_expired(&mut tx, now, BATCH).await?;
    rows += initial_access_tokens::delete_expired(&mut tx, now, BATCH).await?;
    tx.commit().await?;
    let mut tx = db.write().await?;
    let expired_before = now.minus(CODES_KEPT_SECONDS);
    rows += authorization_codes::delete_expired(&mut tx, expired_before, BATCH).await?;
    rows += grants::delete_spent(&mut tx, now.minus(grants_kept), now, BATCH).await?;
    tx.commit().await?;
    Ok(rows)
}
