//! Table `outbox`: messages to other servers, until they have arrived.
//!
//! A worker takes messages by one conditional statement and holds them until an instant; whoever finds that instant passed may
//! take them again. What a worker learns it writes only under its own claim, except that a message has arrived: that ends it.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::MessageId;
use crate::base::time::Timestamp;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It will be sent, perhaps again.
    Pending,
    /// It was given up.
    Dead,
}

impl MessageState {
    /// The word in the table and in the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dead => "dead",
        }
    }

    /// The word's meaning.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "dead" => Some(Self::Dead),
            _ => None,
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its id.
    pub id: MessageId,
    /// What it is about.
    pub kind: String,
    /// The URL it goes to.
    pub destination: String,
    /// What is to be told, as JSON.
    pub body: String,
    /// What becomes of it.
    pub state: MessageState,
    /// Attempts that began.
    pub attempts: i64,
    /// When it may be taken.
    pub next_attempt_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the fact happened.
    pub created_at: Timestamp,
}

impl FromRow for MessageRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let state: String = row.get("state")?;
        Ok(Self {
            id: MessageId::parse(&id).map_err(|error| StoreError::corrupt("outbox.id", &error))?,
            kind: row.get("kind")?,
            destination: row.get("destination")?,
            body: row.get("body")?,
            state: MessageState::parse(&state)
                .ok_or_else(|| StoreError::corrupt("outbox.state", &state))?,
            attempts: row.get("attempts")?,
            next_attempt_at: row.time("next_attempt_at")?,
            last_error: row.get("last_error")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// One worker's hold on the messages it takes in one go.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Its name, used once.
    pub name: &'a str,
    /// When it is made.
    pub now: Timestamp,
    /// When others may take the messages, if they are still there.
    pub until: Timestamp,
}

/// Keeps a new message, to be sent at once.
pub async fn insert(
    tx: &mut Tx,
    id: &MessageId,
    (kind, destination): (&'static str, &str),
    body: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO outbox (id, kind, destination, body, state, attempts, next_attempt_at, created_at) \
           VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5)")
            .bind(id.as_str())
            .bind(kind)
            .bind(destination)
            .bind(body)
            .bind(now),
    )
    .await?;
    Ok(())
}

/// Whether a message waits to be taken: a look that locks nothing.
pub async fn is_any_due(conn: &mut Conn, now: Timestamp) -> Result<bool, StoreError> {
    let due: Option<i64> = conn
        .opt(
            q("SELECT next_attempt_at FROM outbox WHERE state = 'pending' AND next_attempt_at <= $1 LIMIT 1")
                .bind(now),
        )
        .await?;
    Ok(due.is_some())
}

/// Takes at most `limit` due messages that have had fewer than `most_attempts`, the longest due first. Of two workers that want the same one,
/// one gets it.
pub async fn take(
    tx: &mut Tx,
    claim: Claim<'_>,
    most_attempts: i64,
    limit: u32,
) -> Result<Vec<MessageRow>, StoreError> {
    tx.all(
        // The conditions stand twice: the second worker waits for the first one's rows, then looks at them again.
        q("UPDATE outbox SET claim = $1, next_attempt_at = $3, attempts = attempts + 1 \
           WHERE id IN (SELECT id FROM outbox WHERE state = 'pending' AND next_attempt_at <= $2 AND attempts < $4 \
           ORDER BY next_attempt_at LIMIT $5) AND state = 'pending' AND next_attempt_at <= $2 \
           RETURNING id, kind, destination, body, state, attempts, next_attempt_at, last_error, created_at")
        .bind(claim.name)
        .bind(claim.now)
        .bind(claim.until)
        .bind(most_attempts)
        .bind(limit),
    )
    .await
}

/// Removes a message that arrived, whoever holds it now; `false` when it is gone.
pub async fn remove(tx: &mut Tx, id: &MessageId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM outbox WHERE id = $1").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}

/// Puts a message off after a failed attempt; `false` when another claim holds it by now.
pub async fn put_off(
    tx: &mut Tx,
    id: &MessageId,
    claim: &str,
    next_attempt_at: Timestamp,
    error: &str,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q(
                "UPDATE outbox SET claim = NULL, next_attempt_at = $3, last_error = $4 \
               WHERE id = $1 AND claim = $2 AND state = 'pending'",
            )
            .bind(id.as_str())
            .bind(claim)
            .bind(next_attempt_at)
            .bind(error),
        )
        .await?;
    Ok(rows == 1)
}

/// Gives a message up after its last attempt; `false` when another claim holds it by now.
pub async fn bury(
    tx: &mut Tx,
    id: &MessageId,
    claim: &str,
    error: &str,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q(
                "UPDATE outbox SET claim = NULL, state = 'dead', last_error = $3 \
               WHERE id = $1 AND claim = $2 AND state = 'pending'",
            )
            .bind(id.as_str())
            .bind(claim)
            .bind(error),
        )
        .await?;
    Ok(rows == 1)
}

/// Gives up the messages whose last attempt was begun and never settled: their sender died every time; how many.
pub async fn bury_unsettled(
    tx: &mut Tx,
    most_attempts: i64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.exec(
        q("UPDATE outbox SET claim = NULL, state = 'dead', last_error = COALESCE(last_error, 'the sender stopped') \
           WHERE state = 'pending' AND attempts >= $1 AND next_attempt_at <= $2")
            .bind(most_attempts)
            .bind(now),
    )
    .await
}

/// How many messages are pending, and how many dead.
pub async fn count(conn: &mut Conn) -> Result<(i64, i64), StoreError> {
    conn.one(q(
        "SELECT (SELECT COUNT(*) FROM outbox WHERE state = 'pending'), (SELECT COUNT(*) FROM outbox WHERE state = 'dead')",
    ))
    .await
}

/// The message with this id.
pub async fn find(conn: &mut Conn, id: &MessageId) -> Result<Option<MessageRow>, StoreError> {
    conn.opt(
        q("SELECT id, kind, destination, body, state, attempts, next_attempt_at, last_error, created_at \
           FROM outbox WHERE id = $1")
        .bind(id.as_str()),
    )
    .await
}

/// Messages in one state, oldest first, beginning after `after`.
pub async fn list(
    conn: &mut Conn,
    state: MessageState,
    after: Option<&MessageId>,
    limit: u32,
) -> Result<Vec<MessageRow>, StoreError> {
    conn.all(
        q("SELECT id, kind, destination, body, state, attempts, next_attempt_at, last_error, created_at \
           FROM outbox WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3")
        .bind(state.as_str())
        .bind(after.map_or("", MessageId::as_str))
        .bind(limit),
    )
    .await
}

/// Sends a dead message again, from its first attempt on; `false` when no dead message has this id.
pub async fn revive(tx: &mut Tx, id: &MessageId, now: Timestamp) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE outbox SET state = 'pending', attempts = 0, next_attempt_at = $2 WHERE id = $1 AND state = 'dead'")
                .bind(id.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Removes a dead message; `false` when no dead message has this id.
pub async fn remove_dead(tx: &mut Tx, id: &MessageId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM outbox WHERE id = $1 AND state = 'dead'").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}
