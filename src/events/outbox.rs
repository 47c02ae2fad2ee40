//! The outbox: what other servers must be told, at least once, in no promised order.
//!
//! A [`Letter`] is [`post`]ed in the transaction of the fact it tells. Workers of every node [`take`] due letters, send them, and
//! [`settle`] what came of it; a letter whose worker died is taken again when the claim has passed. Attempts are [`MOST_ATTEMPTS`], ever further
//! apart; then the letter is dead, and an administrator sends it again or removes it. How a letter is put into a request is the business of the room that
//! knows its protocol (`oauth/backchannel_logout.rs`, `oauth/backchannel/ping.rs`).

use serde::{Deserialize, Serialize};

use crate::base::id::{BackchannelId, MessageId, SessionId, UserId, new_ulid};
use crate::base::secret::random;
use crate::base::time::{Seconds, Timestamp};
use crate::store::outbox::{self, Claim, MessageRow};
use crate::store::{Db, StoreError, Tx};

/// Attempts that a letter gets.
pub const MOST_ATTEMPTS: i64 = 10;
/// Letters that one worker takes at a time: all are sent at once.
const BATCH: u32 = 16;
/// How long a worker may hold a letter: longer than any exchange takes.
pub const HOLD_SECONDS: Seconds = Seconds::new(60);
/// The wait after the first failure.
const FIRST_PAUSE_MS: i64 = 5_000;
/// The longest wait between two attempts.
const LONGEST_PAUSE_MS: i64 = 3_600_000;
/// Each wait is so many times the one before.
const PAUSE_FACTOR: i64 = 3;
/// Characters of a failure that are kept.
const ERROR_CHARS: usize = 300;

/// Something that another server must be told. Identifiers only: what is secret or signed is made when the letter is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Letter {
    /// A session ended in which the client was given something (OpenID Connect Back-Channel Logout 1.0).
    #[serde(rename = "backchannel_logout")]
    BackchannelLogout {
        /// Whom to tell.
        client_id: String,
        /// Who is signed out.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
    },
    /// A person decided on what a client asked (OpenID Connect CIBA Core 1.0 section 10.2).
    #[serde(rename = "backchannel_ping")]
    BackchannelPing {
        /// Whom to tell.
        client_id: String,
        /// The request that was decided.
        request_id: BackchannelId,
    },
}

impl Letter {
    /// The word for it in the table and in the admin API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BackchannelLogout { .. } => "backchannel_logout",
            Self::BackchannelPing { .. } => "backchannel_ping",
        }
    }

    /// Whether an answer that is neither a success nor the receiver's own failure settles it: who refuses a ping, or sends it elsewhere, would
    /// do so again, and can poll (OpenID Connect CIBA Core 1.0 section 10.2).
    pub const fn ends_when_refused(&self) -> bool {
        match self {
            Self::BackchannelLogout { .. } => false,
            Self::BackchannelPing { .. } => true,
        }
    }
}

/// Puts a letter to the URL `destination` in the outbox; it goes out once the transaction has committed.
pub async fn post(
    tx: &mut Tx,
    letter: &Letter,
    destination: &str,
    now: Timestamp,
) -> Result<MessageId, StoreError> {
    let body = serde_json::to_string(letter)
        .map_err(|error| StoreError::corrupt("outbox.body", &error))?;
    let id = MessageId::new(now);
    outbox::insert(tx, &id, (letter.kind(), destination), &body, now).await?;
    Ok(id)
}

/// A letter in a worker's hands.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The letter.
    pub letter: Letter,
    /// The URL it goes to.
    pub destination: String,
    id: MessageId,
    attempt: i64,
    claim: String,
}

/// Takes the letters that are due, a bounded number at a time; none when nothing is due.
pub async fn take(db: &Db, now: Timestamp) -> Result<Vec<Taken>, StoreError> {
    if !outbox::is_any_due(&mut db.read().await?, now).await? {
        return Ok(Vec::new());
    }
    let name = new_ulid(now);
    let claim = Claim {
        name: &name,
        now,
        until: now.plus(HOLD_SECONDS),
    };
    let mut tx = db.write().await?;
    outbox::bury_unsettled(&mut tx, MOST_ATTEMPTS, now).await?;
    let rows = outbox::take(&mut tx, claim, MOST_ATTEMPTS, BATCH).await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_str(&row.body) {
            Ok(letter) => taken.push(Taken::of(row, letter, &name)),
            // Written by a newer version of this program, perhaps: that node will take it.
            Err(error) => {
                tracing::warn!(id = %row.id, kind = row.kind, %error, "a letter cannot be read");
            }
        }
    }
    tx.commit().await?;
    Ok(taken)
}

impl Taken {
    fn of(row: MessageRow, letter: Letter, claim: &str) -> Self {
        Self {
            letter,
            destination: row.destination,
            id: row.id,
            attempt: row.attempts,
            claim: claim.to_owned(),
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other server has it.
    Delivered,
    /// There is nobody to tell any more.
    Void,
    /// It must be tried again; why.
    Failed(String),
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It was dropped: there is nobody to tell any more.
    Void,
    /// It will be tried again.
    PutOff,
    /// It was given up.
    Dead,
}

impl Fate {
    /// The word for it in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Void => "void",
            Self::PutOff => "put_off",
            Self::Dead => "dead",
        }
    }
}

/// Notes what came of an attempt that ended at `now`.
pub async fn settle(
    db: &Db,
    taken: &Taken,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Fate, StoreError> {
    let mut tx = db.write().await?;
    let fate = match outcome {
        Outcome::Delivered => {
            outbox::remove(&mut tx, &taken.id).await?;
            Fate::Delivered
        }
        Outcome::Void => {
            outbox::remove(&mut tx, &taken.id).await?;
            Fate::Void
        }
        Outcome::Failed(error) => {
            let error: String = error.chars().take(ERROR_CHARS).collect();
            if taken.attempt >= MOST_ATTEMPTS {
                outbox::bury(&mut tx, &taken.id, &taken.claim, &error).await?;
                Fate::Dead
            } else {
                let pause = pause_ms(taken.attempt, u16::from_be_bytes(random()));
                let next = Timestamp::from_ms(now.ms().saturating_add(pause));
                outbox::put_off(&mut tx, &taken.id, &taken.claim, next, &error).await?;
                Fate::PutOff
            }
        }
    };
    tx.commit().await?;
    Ok(fate)
}

/// The wait after failed attempt number `attempt` (from 1), in milliseconds: three times as long each time, from 5 seconds to an hour, plus up to
/// a quarter by `chance`, so that letters which failed together do not come back together.
fn pause_ms(attempt: i64, chance: u16) -> i64 {
    let exponent = u32::try_from(attempt.saturating_sub(1).max(0)).unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE_MS
        .saturating_mul(PAUSE_FACTOR.saturating_pow(exponent))
        .min(LONGEST_PAUSE_MS);
    let most_extra = pause / 4;
    pause.saturating_add(most_extra.saturating_mul(i64::from(chance)) / i64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attempt: i64, shortest_seconds: i64) {
        assert_eq!(pause_ms(attempt, 0), shortest_seconds * 1_000);
        assert_eq!(pause_ms(attempt, u16::MAX), shortest_seconds * 1_250);
    }

    #[test]
    fn waits_grow_to_an_hour_and_differ_by_chance() {
        check(1, 5);
        check(2, 15);
        check(3, 45);
        check(6, 1_215);
        check(7, 3_600);
        check(MOST_ATTEMPTS, 3_600);
        check(i64::MAX, 3_600);
        check(0, 5);
    }

    #[test]
    fn a_letter_says_its_kind_in_its_body_too() {
        let client_id = || "web".to_owned();
        for letter in [
            Letter::BackchannelLogout {
                client_id: client_id(),
                user_id: UserId::new(Timestamp::from_ms(0)),
                session_id: SessionId::new(Timestamp::from_ms(0)),
            },
            Letter::BackchannelPing {
                client_id: client_id(),
                request_id: BackchannelId::new(Timestamp::from_ms(0)),
            },
        ] {
            let body = serde_json::to_value(&letter).unwrap();
            assert_eq!(body["kind"], letter.kind());
            assert_eq!(serde_json::from_value::<Letter>(body).unwrap(), letter);
        }
    }
}
