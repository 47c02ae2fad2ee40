//! Table `sign_in_attempts`: attempts, counted before they are verified. A bucket is an account or a network.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// What is counted of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Attempts that were not given back.
    pub failures: i64,
    /// When the first of them was.
    pub window_starts: Timestamp,
    /// Until when nothing more may be tried.
    pub blocked_until: Timestamp,
}

impl FromRow for Count {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            failures: row.get("failures")?,
            window_starts: row.time("window_starts")?,
            blocked_until: row.time("blocked_until")?,
        })
    }
}

/// What is counted of a bucket, if anything is.
pub async fn find(conn: &mut Conn, bucket: &str) -> Result<Option<Count>, StoreError> {
    conn.opt(
        q("SELECT failures, window_starts, blocked_until FROM sign_in_attempts WHERE bucket = $1")
            .bind(bucket),
    )
    .await
}

/// Counts one more attempt of a bucket that may try; the count, or `None` when it must wait.
///
/// A count whose window began at or before `forget_before` begins anew.
pub async fn reserve(
    tx: &mut Tx,
    bucket: &str,
    forget_before: Timestamp,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    tx.opt(
        q("INSERT INTO sign_in_attempts AS a (bucket, failures, window_starts, blocked_until) VALUES ($1, 1, $2, 0) \
           ON CONFLICT (bucket) DO UPDATE SET \
             failures = CASE WHEN a.window_starts <= $3 THEN 1 ELSE a.failures + 1 END, \
             window_starts = CASE WHEN a.window_starts <= $3 THEN $2 ELSE a.window_starts END, \
             blocked_until = 0 \
           WHERE a.blocked_until <= $2 \
           RETURNING failures")
        .bind(bucket)
        .bind(now)
        .bind(forget_before),
    )
    .await
}

/// Makes a bucket wait.
pub async fn block(tx: &mut Tx, bucket: &str, until: Timestamp) -> Result<(), StoreError> {
    tx.exec(
        q("UPDATE sign_in_attempts SET blocked_until = $2 WHERE bucket = $1")
            .bind(bucket)
            .bind(until),
    )
    .await?;
    Ok(())
}

/// Until when a bucket must wait.
pub async fn blocked_until(tx: &mut Tx, bucket: &str) -> Result<Option<Timestamp>, StoreError> {
    let until: Option<i64> = tx
        .opt(q("SELECT blocked_until FROM sign_in_attempts WHERE bucket = $1").bind(bucket))
        .await?;
    Ok(until.map(Timestamp::from_ms))
}

/// Gives one attempt back: it was no failure.
pub async fn give_back(tx: &mut Tx, bucket: &str) -> Result<(), StoreError> {
    tx.exec(
        q(
            "UPDATE sign_in_attempts SET failures = failures - 1, blocked_until = 0 \
           WHERE bucket = $1 AND failures > 0",
        )
        .bind(bucket),
    )
    .await?;
    Ok(())
}

/// Forgets a bucket's failures.
pub async fn clear(tx: &mut Tx, bucket: &str) -> Result<(), StoreError> {
    tx.exec(q("DELETE FROM sign_in_attempts WHERE bucket = $1").bind(bucket))
        .await?;
    Ok(())
}

/// Removes counts that no longer matter: begun before `before` and not waiting; how many.
pub async fn delete_stale(
    tx: &mut Tx,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM sign_in_attempts WHERE window_starts < $1 AND blocked_until <= $2")
            .bind(before)
            .bind(now),
    )
    .await
}
