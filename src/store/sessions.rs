//! Table `sessions`: who is signed in, in which browser. Keyed by the hash of the cookie's value.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::{SessionId, UserId};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;

/// One sign-in of one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The public id (`sid`).
    pub session_id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// What the session holds, as JSON.
    pub data: String,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// When the session was last used, to within the touch interval.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used again.
    pub expires_at: Timestamp,
}

impl FromRow for SessionRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let (session_id, user_id) = ids(row)?;
        Ok(Self {
            session_id,
            user_id,
            data: row.get("data")?,
            auth_time: row.time("auth_time")?,
            last_seen_at: row.time("last_seen_at")?,
            expires_at: row.time("expires_at")?,
        })
    }
}

/// A session that was ended: its public id, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// The public id.
    pub session_id: SessionId,
    /// Who was signed in.
    pub user_id: UserId,
}

impl FromRow for EndedSession {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let (session_id, user_id) = ids(row)?;
        Ok(Self {
            session_id,
            user_id,
        })
    }
}

fn ids(row: Row<'_>) -> Result<(SessionId, UserId), StoreError> {
    let session_id: String = row.get("session_id")?;
    let user_id: String = row.get("user_id")?;
    Ok((
        SessionId::parse(&session_id)
            .map_err(|error| StoreError::corrupt("sessions.session_id", &error))?,
        UserId::parse(&user_id).map_err(|error| StoreError::corrupt("sessions.user_id", &error))?,
    ))
}

/// Keeps a new session. [`StoreError::AlreadyExists`] when the cookie's value is taken.
pub async fn insert(tx: &mut Tx, id: &TokenHash, row: &SessionRow) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO sessions (id_hash, session_id, user_id, data, auth_time, last_seen_at, expires_at) \
           VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id.as_str())
        .bind(row.session_id.as_str())
        .bind(row.user_id.as_str())
        .bind(&row.data)
        .bind(row.auth_time)
        .bind(row.last_seen_at)
        .bind(row.expires_at),
    )
    .await?;
    Ok(())
}

/// Takes the cookie's value of a session away and gives it another; `false` when there is no such session.
pub async fn set_id(tx: &mut Tx, id: &TokenHash, next: &TokenHash) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE sessions SET id_hash = $2 WHERE id_hash = $1")
                .bind(id.as_str())
                .bind(next.as_str()),
        )
        .await?;
    Ok(rows == 1)
}

/// Moves the session of this public id and person to another cookie and sign-in; `false` when there is no such session.
pub async fn move_to(tx: &mut Tx, id: &TokenHash, row: &SessionRow) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE sessions SET id_hash = $1, data = $4, auth_time = $5, last_seen_at = $6, expires_at = $7 \
               WHERE session_id = $2 AND user_id = $3")
                .bind(id.as_str())
                .bind(row.session_id.as_str())
                .bind(row.user_id.as_str())
                .bind(&row.data)
                .bind(row.auth_time)
                .bind(row.last_seen_at)
                .bind(row.expires_at),
        )
        .await?;
    Ok(rows == 1)
}

/// The live session of a cookie: not expired, its person not locked, nothing proved before the last password change.
pub async fn find_live(
    conn: &mut Conn,
    id: &TokenHash,
    now: Timestamp,
) -> Result<Option<SessionRow>, StoreError> {
    conn.opt(
        q("SELECT s.session_id, s.user_id, s.data, s.auth_time, s.last_seen_at, s.expires_at \
           FROM sessions s JOIN users u ON u.id = s.user_id \
           WHERE s.id_hash = $1 AND s.expires_at > $2 AND u.state = 'active' AND u.tokens_valid_from <= s.auth_time")
        .bind(id.as_str())
        .bind(now),
    )
    .await
}

/// Replaces what a session holds; `false` when it is gone.
pub async fn set_data(tx: &mut Tx, id: &TokenHash, data: &str) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE sessions SET data = $2 WHERE id_hash = $1")
                .bind(id.as_str())
                .bind(data),
        )
        .await?;
    Ok(rows == 1)
}

/// Notes that a session is in use and moves its end. Never brings one back that has ended.
pub async fn touch(
    tx: &mut Tx,
    id: &TokenHash,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("UPDATE sessions SET last_seen_at = $2, expires_at = $3 \
           WHERE id_hash = $1 AND last_seen_at < $2 AND expires_at > $2")
        .bind(id.as_str())
        .bind(now)
        .bind(expires_at),
    )
    .await?;
    Ok(())
}

/// Ends one session; whose it was, when there was one.
pub async fn delete(tx: &mut Tx, id: &TokenHash) -> Result<Option<EndedSession>, StoreError> {
    tx.opt(
        q("DELETE FROM sessions WHERE id_hash = $1 RETURNING session_id, user_id")
            .bind(id.as_str()),
    )
    .await
}

/// Ends every session of a person.
pub async fn delete_of_user(
    tx: &mut Tx,
    user_id: &UserId,
) -> Result<Vec<EndedSession>, StoreError> {
    tx.all(
        q("DELETE FROM sessions WHERE user_id = $1 RETURNING session_id, user_id")
            .bind(user_id.as_str()),
    )
    .await
}

/// Ends every session of a person but one.
pub async fn delete_others(
    tx: &mut Tx,
    user_id: &UserId,
    kept: &SessionId,
) -> Result<Vec<EndedSession>, StoreError> {
    tx.all(
        q("DELETE FROM sessions WHERE user_id = $1 AND session_id <> $2 RETURNING session_id, user_id")
            .bind(user_id.as_str())
            .bind(kept.as_str()),
    )
    .await
}

/// Ends the session of a person that has this public id; `None` when there is none.
pub async fn delete_by_id(
    tx: &mut Tx,
    user_id: &UserId,
    session_id: &SessionId,
) -> Result<Option<EndedSession>, StoreError> {
    tx.opt(
        q("DELETE FROM sessions WHERE user_id = $1 AND session_id = $2 RETURNING session_id, user_id")
            .bind(user_id.as_str())
            .bind(session_id.as_str()),
    )
    .await
}

/// The live sessions of a person in the order of their ids, which is that of their beginnings, after `after`.
pub async fn list_of_user(
    conn: &mut Conn,
    user_id: &UserId,
    after: Option<&SessionId>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StoreError> {
    conn.all(
        q(
            "SELECT session_id, user_id, data, auth_time, last_seen_at, expires_at FROM sessions \
           WHERE user_id = $1 AND session_id > $2 AND expires_at > $3 ORDER BY session_id LIMIT $4",
        )
        .bind(user_id.as_str())
        .bind(after.map_or("", SessionId::as_str))
        .bind(now)
        .bind(limit),
    )
    .await
}

/// Removes at most `limit` sessions that expired; which ones.
pub async fn delete_expired(
    tx: &mut Tx,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<EndedSession>, StoreError> {
    tx.all(
        q("DELETE FROM sessions WHERE id_hash IN (SELECT id_hash FROM sessions WHERE expires_at <= $1 LIMIT $2) \
           AND expires_at <= $1 RETURNING session_id, user_id")
        .bind(now)
        .bind(limit),
    )
    .await
}
