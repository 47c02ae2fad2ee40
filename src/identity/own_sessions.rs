//! Where a person is signed in, as they see it themselves, and ending it elsewhere (SECURITY R34).

use super::place::Place;
use super::session::place_of;
use super::session_end::{self, Ending};
use crate::base::id::{SessionId, UserId};
use crate::base::time::Timestamp;
use crate::store::{Db, StoreError, Tx, sessions};

/// Sessions that are shown at most, the newest ones.
const SHOWN: u32 = 200;

/// One of a person's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSession {
    /// Its public id.
    pub session_id: SessionId,
    /// Where it was begun, or proved last.
    pub place: Place,
    /// When the person proved who they are.
    pub signed_in_at: Timestamp,
    /// When it was used last, roughly.
    pub last_seen_at: Timestamp,
}

/// The live sessions of a person, the one used last first.
pub async fn list(
    db: &Db,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Vec<OwnSession>, StoreError> {
    let mut conn = db.read().await?;
    let rows = sessions::list_of_user(&mut conn, user_id, None, SHOWN, now).await?;
    let mut own: Vec<OwnSession> = rows
        .into_iter()
        .map(|row| OwnSession {
            place: place_of(&row.data),
            session_id: row.session_id,
            signed_in_at: row.auth_time,
            last_seen_at: row.last_seen_at,
        })
        .collect();
    own.sort_by_key(|session| std::cmp::Reverse(session.last_seen_at));
    Ok(own)
}

/// Ends every session of a person but one; how many there were. Their clients are told.
pub async fn end_others(
    tx: &mut Tx,
    user_id: &UserId,
    kept: &SessionId,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let ended = sessions::delete_others(tx, user_id, kept).await?;
    for session in &ended {
        session_end::follow(tx, session, Ending::Wanted, now).await?;
    }
    Ok(ended.len())
}
