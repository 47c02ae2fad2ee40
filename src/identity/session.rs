//! Browser sessions: `tower-sessions` over our own database.
//!
//! A session is a sign-in; there are no anonymous ones, so looking at a page writes nothing (SECURITY R37). The cookie holds 128
//! random bits and the database their hash; the id is new at every sign-in (R28). Both lifetimes, and whether the person was
//! locked or changed the password since, are checked by the server at every use (R30, R32).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, Error as StoreFault};
use tower_sessions::{Session, SessionManagerLayer, SessionStore};

use super::login::Factor;
use super::place::Place;
use super::session_end::{self, Ending};
use super::sign_in::Proof;
use crate::base::id::{SessionId, UserId};
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::{Clock, Timestamp};
use crate::config::{Config, Sessions};
use crate::events::{self, Event};
use crate::store::sessions::{self, SessionRow};
use crate::store::{Db, StoreError, Tx, users};

/// Where the sign-in stands in the session's data.
const SIGN_IN: &str = "sign_in";
/// Where the place stands there.
const PLACE: &str = "place";
/// Says in the session's data that the sign-in goes on under another cookie.
const MOVING: &str = "moving";
/// How the store says that the person may not sign in any more; `tower-sessions` carries only text.
const REFUSED: &str = "the account was locked or changed";
/// A session in use is noted once in this part of its idle lifetime.
const TOUCHES_PER_IDLE_TIME: i64 = 20;
/// Expired sessions that one transaction removes at most: each may have clients to be told.
const SWEPT_SESSIONS: u32 = 100;

/// Who is signed in, since when, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Who.
    pub user_id: UserId,
    /// The `sid` of what is issued in this session.
    pub session_id: SessionId,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// With what.
    pub factors: Vec<Factor>,
}

impl SignIn {
    /// The `amr` of tokens issued in this session (RFC 8176).
    pub fn amr(&self) -> Vec<&'static str> {
        self.factors.iter().map(|factor| factor.amr()).collect()
    }
}

/// Why a session could not be read, begun or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The account was locked, or its password changed, since the proof was given.
    #[error("{REFUSED}")]
    Refused,
    /// The session store failed.
    #[error(transparent)]
    Session(#[from] tower_sessions::session::Error),
}

/// The layer that reads and sets the session cookie.
pub fn layer(config: &Config, db: Db, clock: Clock) -> SessionManagerLayer<DbSessions> {
    let store = DbSessions {
        db,
        clock,
        lifetimes: config.sessions,
    };
    SessionManagerLayer::new(store)
        .with_name(cookie_name(config))
        .with_secure(config.is_https())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path(config.cookie_path().to_owned())
}

/// The session cookie's name.
pub fn cookie_name(config: &Config) -> String {
    config.cookie_name("tessera")
}

/// Who is signed in, if anybody is.
pub async fn current(session: &Session) -> Result<Option<SignIn>, SessionError> {
    Ok(session.get(SIGN_IN).await?)
}

/// Where a session was begun, from its data.
pub(super) fn place_of(data: &str) -> Place {
    let data: Option<serde_json::Value> = serde_json::from_str(data).ok();
    data.and_then(|data| Place::deserialize(data.get(PLACE)?).ok())
        .unwrap_or_default()
}

/// Begins a session for who proved to be who they say, at a place. A session of somebody else in this browser ends; one of the same person goes on under
/// a new cookie, so that proving it again signs nobody out of the applications.
pub async fn begin(session: &Session, proof: Proof, place: &Place) -> Result<SignIn, SessionError> {
    let before = current(session).await?;
    let going_on = before.filter(|before| before.user_id == proof.user_id);
    if going_on.is_some() {
        session.insert(MOVING, true).await?;
        session.save().await?;
    }
    let sign_in = SignIn {
        session_id: going_on.map_or_else(|| SessionId::new(proof.at), |before| before.session_id),
        user_id: proof.user_id,
        auth_time: proof.at,
        factors: proof.factors,
    };
    if session.id().is_some() {
        session.cycle_id().await?;
        session.clear().await;
    }
    session.insert(SIGN_IN, &sign_in).await?;
    session.insert(PLACE, place).await?;
    match session.save().await {
        Ok(()) => Ok(sign_in),
        Err(tower_sessions::session::Error::Store(StoreFault::Backend(reason)))
            if reason == REFUSED =>
        {
            session.clear().await;
            Err(SessionError::Refused)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the session at once, on the server.
pub async fn end(session: &Session) -> Result<(), SessionError> {
    Ok(session.flush().await?)
}

/// Sessions in the database.
#[derive(Clone, Debug)]
pub struct DbSessions {
    db: Db,
    clock: Clock,
    lifetimes: Sessions,
}

#[async_trait]
impl SessionStore for DbSessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let data = encode(record)?;
        let sign_in: SignIn = record
            .data
            .get(SIGN_IN)
            .and_then(|value| SignIn::deserialize(value).ok())
            .ok_or_else(|| StoreFault::Encode("a session without a sign-in".to_owned()))?;
        let row = SessionRow {
            session_id: sign_in.session_id,
            user_id: sign_in.user_id,
            data,
            auth_time: sign_in.auth_time,
            last_seen_at: sign_in.auth_time,
            expires_at: ends(sign_in.auth_time, sign_in.auth_time, self.lifetimes),
        };
        if insert(&self.db, &hash(&record.id), &row)
            .await
            .map_err(fault)?
        {
            Ok(())
        } else {
            Err(StoreFault::Backend(REFUSED.to_owned()))
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let (id, data) = (hash(&record.id), encode(record)?);
        let now = self.clock.now();
        if record.data.contains_key(MOVING) {
            return park(&self.db, &id).await.map_err(fault);
        }
        let live = async { sessions::find_live(&mut self.db.read().await?, &id, now).await };
        // The layer saves once more what `begin` has saved.
        if live
            .await
            .map_err(fault)?
            .is_some_and(|row| row.data == data)
        {
            return Ok(());
        }
        let write = async {
            let mut tx = self.db.write().await?;
            sessions::set_data(&mut tx, &id, &data).await?;
            tx.commit().await
        };
        write.await.map_err(fault)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let hash = hash(id);
        let row = find_and_touch(&self.db, &hash, self.lifetimes, self.clock.now());
        let Some(row) = row.await.map_err(fault)? else {
            return Ok(None);
        };
        Ok(Some(Record {
            id: *id,
            data: serde_json::from_str(&row.data)
                .map_err(|error| StoreFault::Decode(error.to_string()))?,
            // Not what decides: the row's own end does.
            expiry_date: time::OffsetDateTime::from_unix_timestamp(row.expires_at.seconds())
                .unwrap_or(time::OffsetDateTime::UNIX_EPOCH),
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let now = self.clock.now();
        let write = async {
            let mut tx = self.db.write().await?;
            if let Some(ended) = sessions::delete(&mut tx, &hash(id)).await? {
                session_end::follow(&mut tx, &ended, Ending::Wanted, now).await?;
                tx.commit().await?;
            }
            Ok(())
        };
        write.await.map_err(fault)
    }
}

/// Takes the cookie from a session that goes on under another one: what removes that cookie's session finds none.
async fn park(db: &Db, id: &TokenHash) -> Result<(), StoreError> {
    let nowhere = TokenHash::of(TokenKind::Session.generate().expose());
    let mut tx = db.write().await?;
    sessions::set_id(&mut tx, id, &nowhere).await?;
    tx.commit().await
}

/// Keeps a new session, or one that goes on; `false` when the account was locked or changed since its proof.
async fn insert(db: &Db, id: &TokenHash, row: &SessionRow) -> Result<bool, StoreError> {
    let mut tx = db.write().await?;
    if !users::note_sign_in(&mut tx, &row.user_id, row.auth_time).await? {
        return Ok(false);
    }
    if !sessions::move_to(&mut tx, id, row).await? {
        sessions::insert(&mut tx, id, row).await?;
    }
    let event = Event::SignedIn {
        user_id: row.user_id.clone(),
        session_id: row.session_id.clone(),
    };
    events::record(&mut tx, &event, row.auth_time).await?;
    tx.commit().await?;
    Ok(true)
}

async fn find_and_touch(
    db: &Db,
    id: &TokenHash,
    lifetimes: Sessions,
    now: Timestamp,
) -> Result<Option<SessionRow>, StoreError> {
    let row = sessions::find_live(&mut db.read().await?, id, now).await?;
    if let Some(row) = &row
        && now.ms_since(row.last_seen_at) * TOUCHES_PER_IDLE_TIME > lifetimes.idle_seconds.ms()
    {
        let mut tx = db.write().await?;
        sessions::touch(&mut tx, id, now, ends(row.auth_time, now, lifetimes)).await?;
        tx.commit().await?;
    }
    Ok(row)
}

/// When a session ends: unused for the idle lifetime, or at the end of the absolute one.
fn ends(auth_time: Timestamp, last_seen: Timestamp, lifetimes: Sessions) -> Timestamp {
    let absolute = auth_time.plus(lifetimes.absolute_seconds);
    absolute.min(last_seen.plus(lifetimes.idle_seconds))
}

fn hash(id: &Id) -> TokenHash {
    TokenHash::of(&id.to_string())
}

fn encode(record: &Record) -> session_store::Result<String> {
    // Sorted keys, so that the same data have the same text.
    serde_json::to_value(&record.data)
        .map(|value| value.to_string())
        .map_err(|error| StoreFault::Encode(error.to_string()))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "stands in `map_err`, which hands the error over"
)]
fn fault(error: StoreError) -> StoreFault {
    tracing::error!(%error, "the session store failed");
    StoreFault::Backend("the session store failed".to_owned())
}

/// Ends the session of a person that has this public id, in whatever browser it is; `false` when there is none.
pub async fn end_one(
    tx: &mut Tx,
    user_id: &UserId,
    session_id: &SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(ended) = sessions::delete_by_id(tx, user_id, session_id).await? else {
        return Ok(false);
    };
    session_end::follow(tx, &ended, Ending::Wanted, now).await?;
    Ok(true)
}

/// Ends every session of a person; how many there were.
pub async fn end_all(tx: &mut Tx, user_id: &UserId, now: Timestamp) -> Result<usize, StoreError> {
    let ended = sessions::delete_of_user(tx, user_id).await?;
    for session in &ended {
        session_end::follow(tx, session, Ending::Wanted, now).await?;
    }
    Ok(ended.len())
}

/// Removes what expired, sessions a bounded number at a time: sessions, setup links, forgotten attempts; how many rows.
pub async fn sweep(db: &Db, now: Timestamp) -> Result<u64, StoreError> {
    use super::throttle::FORGET_AFTER;
    use crate::store::{setup_links, sign_in_attempts};

    let mut tx = db.write().await?;
    let expired = sessions::delete_expired(&mut tx, now, SWEPT_SESSIONS).await?;
    for session in &expired {
        session_end::follow(&mut tx, session, Ending::Expired, now).await?;
    }
    let mut rows = u64::try_from(expired.len()).unwrap_or(u64::MAX);
    rows += setup_links::delete_expired(&mut tx, now).await?;
    rows += sign_in_attempts::delete_stale(&mut tx, now.minus(FORGET_AFTER), now).await?;
    tx.commit().await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Seconds;

    #[test]
    fn a_session_ends_when_idle_and_at_last_in_any_case() {
        let lifetimes = Sessions {
            idle_seconds: Seconds::new(60),
            absolute_seconds: Seconds::new(100),
            check_session_iframe: false,
        };
        let at = Timestamp::from_seconds;
        assert_eq!(ends(at(0), at(0), lifetimes), at(60));
        assert_eq!(ends(at(0), at(30), lifetimes), at(90));
        assert_eq!(ends(at(0), at(59), lifetimes), at(100));
    }
}
