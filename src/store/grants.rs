//! Table `grants`: what one authorization gave to one client; the lineage of every token that came from it.

use super::{Conn, FromRow, Row, StoreError, Tx, pairwise_subjects, q};
use crate::base::id::{GrantId, SessionId, UserId};
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientMetadata;
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::scope::{OFFLINE_ACCESS, ScopeSet};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id; also the refresh family's.
    pub id: GrantId,
    /// To whom.
    pub client_id: String,
    /// By whom.
    pub user_id: UserId,
    /// In which sign-in.
    pub session_id: SessionId,
    /// What.
    pub scope: ScopeSet,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// How.
    pub amr: Vec<String>,
    /// What else.
    pub details: GrantDetails,
    /// When it was given.
    pub created_at: Timestamp,
}

impl Grant {
    /// What its client calls the person.
    pub fn subject(&self) -> &str {
        let pairwise = self.details.subject.as_deref();
        pairwise.unwrap_or(self.user_id.as_str())
    }

    /// What its client calls the sign-in.
    pub fn sid(&self) -> &SessionId {
        self.details.sid.as_ref().unwrap_or(&self.session_id)
    }
}

/// Whether tokens of a grant are good, as of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They are.
    Live,
    /// It was revoked.
    Revoked,
    /// The client is disabled.
    ClientDisabled,
    /// The person is locked, or everything from before an instant was voided (password change).
    UserVoided,
    /// The sign-in ended, and the grant does not outlive it.
    SessionEnded,
    /// What it was made from is not good any more.
    OriginEnded,
}

/// A grant with its standing.
#[derive(Clone, Debug)]
pub struct Standed {
    /// The grant.
    pub grant: Grant,
    /// Its standing.
    pub standing: Standing,
}

impl FromRow for Standed {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let text = |column: &'static str| row.get::<String, _>(column);
        let grant = Grant {
            id: GrantId::parse(&text("id")?)
                .map_err(|error| StoreError::corrupt("grants.id", &error))?,
            client_id: text("client_id")?,
            user_id: UserId::parse(&text("user_id")?)
                .map_err(|error| StoreError::corrupt("grants.user_id", &error))?,
            session_id: SessionId::parse(&text("session_id")?)
                .map_err(|error| StoreError::corrupt("grants.session_id", &error))?,
            scope: ScopeSet::parse(&text("scope")?)
                .map_err(|error| StoreError::corrupt("grants.scope", &error))?,
            auth_time: row.time("auth_time")?,
            amr: text("amr")?.split_whitespace().map(str::to_owned).collect(),
            details: serde_json::from_str(&text("details")?)
                .map_err(|error| StoreError::corrupt("grants.details", &error))?,
            created_at: row.time("created_at")?,
        };
        let standing = if row.time_opt("revoked_at")?.is_some() {
            Standing::Revoked
        } else if text("client_state")? != "active" {
            Standing::ClientDisabled
        } else if text("user_state")? != "active"
            || row.time("tokens_valid_from")? > grant.auth_time
        {
            Standing::UserVoided
        } else if !grant.scope.contains(OFFLINE_ACCESS)
            && grant.details.asserted_by.is_none()
            && !row.get::<bool, _>("session_lives")?
        {
            Standing::SessionEnded
        } else {
            Standing::Live
        };
        Ok(Self { grant, standing })
    }
}

/// The grant and whether its tokens are good at `now`. One that was made from others is as good as the worst of them.
pub async fn find(
    conn: &mut Conn,
    id: &GrantId,
    now: Timestamp,
) -> Result<Option<Standed>, StoreError> {
    let Some(mut found) = find_alone(conn, id, now).await? else {
        return Ok(None);
    };
    if found.standing == Standing::Live
        && let Some(origins) = &found.grant.details.derived_from
    {
        for origin in &origins.grants {
            // One that is gone was spent long ago.
            let origin = find_alone(conn, origin, now).await?;
            if origin.is_none_or(|origin| origin.standing != Standing::Live) {
                found.standing = Standing::OriginEnded;
                break;
            }
        }
    }
    Ok(Some(found))
}

/// The newest grant of a person to a client in one session that is not revoked and was not made from another.
pub async fn newest_of_session(
    conn: &mut Conn,
    session_id: &SessionId,
    (client_id, user_id): (&str, &UserId),
) -> Result<Option<GrantId>, StoreError> {
    // The member stands in the JSON as it is written: a quote within a text has a backslash before it.
    let id: Option<String> = conn
        .opt(
            q("SELECT id FROM grants WHERE session_id = $1 AND client_id = $2 AND user_id = $3 AND revoked_at IS NULL \
               AND details NOT LIKE '%\"derived_from\":%' ORDER BY id DESC LIMIT 1")
                .bind(session_id.as_str())
                .bind(client_id)
                .bind(user_id.as_str()),
        )
        .await?;
    id.map(|id| GrantId::parse(&id).map_err(|error| StoreError::corrupt("grants.id", &error)))
        .transpose()
}

/// The grant, whatever it was made from.
async fn find_alone(
    conn: &mut Conn,
    id: &GrantId,
    now: Timestamp,
) -> Result<Option<Standed>, StoreError> {
    conn.opt(
        q("SELECT g.id, g.client_id, g.user_id, g.session_id, g.scope, g.auth_time, g.amr, g.details, g.created_at, g.revoked_at, \
           c.state AS client_state, u.state AS user_state, u.tokens_valid_from, \
           EXISTS (SELECT 1 FROM sessions s WHERE s.session_id = g.session_id AND s.expires_at > $2) AS session_lives \
           FROM grants g JOIN clients c ON c.client_id = g.client_id JOIN users u ON u.id = g.user_id WHERE g.id = $1")
            .bind(id.as_str())
            .bind(now),
    )
    .await
}

/// What [`insert`] does, for a grant that hangs on a sign-in or not.
macro_rules! insert_sql {
    ($session:literal, $from:literal, $condition:literal) => {
        concat!(
            "INSERT INTO grants (id, client_id, user_id, session_id, scope, auth_time, amr, created_at, details) \
             SELECT $1, c.client_id, u.id, ",
            $session,
            ", $5, $6, $7, $8, $9 FROM clients c, users u",
            $from,
            " WHERE c.client_id = $2 AND c.state = 'active' \
             AND u.id = $3 AND u.state = 'active' AND u.tokens_valid_from <= $6",
            $condition
        )
    };
    (in_session $lock:literal) => {
        concat!(
            insert_sql!(
                "s.session_id",
                ", sessions s",
                " AND s.session_id = $4 AND s.user_id = u.id AND s.expires_at > $8"
            ),
            $lock
        )
    };
}

/// Keeps a new grant and its pairwise subject, if its client may be used, its person signed in after the last voiding, and that sign-in
/// lives; `false` otherwise. A grant on another issuer's word hangs on no sign-in, one made from offline access outlives it.
///
/// On PostgreSQL the session's row is held until the commit: who ends the session waits, and then sees the grant and does what
/// follows from the end. SQLite writes one transaction at a time.
pub async fn insert(tx: &mut Tx, grant: &Grant) -> Result<bool, StoreError> {
    let details = serde_json::to_string(&grant.details)
        .map_err(|error| StoreError::corrupt("grants.details", &error))?;
    let sql = if !hangs_on_session(grant) {
        insert_sql!("$4", "", "")
    } else if tx.is_postgres() {
        insert_sql!(in_session " FOR KEY SHARE OF s")
    } else {
        insert_sql!(in_session "")
    };
    let rows = tx
        .exec(
            q(sql)
                .bind(grant.id.as_str())
                .bind(&grant.client_id)
                .bind(grant.user_id.as_str())
                .bind(grant.session_id.as_str())
                .bind(grant.scope.to_string())
                .bind(grant.auth_time)
                .bind(grant.amr.join(" "))
                .bind(grant.created_at)
                .bind(details),
        )
        .await?;
    if let Some(subject) = grant.details.subject.as_ref().filter(|_| rows == 1) {
        pairwise_subjects::insert(tx, subject, &grant.user_id).await?;
    }
    Ok(rows == 1)
}

fn hangs_on_session(grant: &Grant) -> bool {
    let outlives_it = grant.details.derived_from.is_some() && grant.scope.contains(OFFLINE_ACCESS);
    grant.details.asserted_by.is_none() && !outlives_it
}

/// Keeps what a grant's details have become; `false` when it is revoked.
///
/// INVARIANT: called only in the transaction that redeemed the grant's code, so nobody else writes them.
pub async fn set_details(tx: &mut Tx, grant: &Grant) -> Result<bool, StoreError> {
    let details = serde_json::to_string(&grant.details)
        .map_err(|error| StoreError::corrupt("grants.details", &error))?;
    let rows = tx
        .exec(
            q("UPDATE grants SET details = $2 WHERE id = $1 AND revoked_at IS NULL")
                .bind(grant.id.as_str())
                .bind(details),
        )
        .await?;
    Ok(rows == 1)
}

/// Revokes a grant; `false` when it is revoked already.
pub async fn revoke(
    tx: &mut Tx,
    id: &GrantId,
    reason: &'static str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE grants SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL")
                .bind(id.as_str())
                .bind(now)
                .bind(reason),
        )
        .await?;
    Ok(rows == 1)
}

/// Revokes every grant in a person's name; which ones.
pub async fn revoke_of_user(
    tx: &mut Tx,
    user_id: &UserId,
    reason: &'static str,
    now: Timestamp,
) -> Result<Vec<GrantId>, StoreError> {
    let ids: Vec<String> = tx
        .all(
            q("UPDATE grants SET revoked_at = $2, revoked_reason = $3 \
               WHERE user_id = $1 AND revoked_at IS NULL RETURNING id")
            .bind(user_id.as_str())
            .bind(now)
            .bind(reason),
        )
        .await?;
    ids.iter()
        .map(|id| GrantId::parse(id).map_err(|error| StoreError::corrupt("grants.id", &error)))
        .collect()
}

/// A client that was given something in one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionClient {
    /// Which.
    pub client_id: String,
    /// What is registered for it.
    pub metadata: ClientMetadata,
}

impl FromRow for SessionClient {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let metadata: String = row.get("metadata")?;
        Ok(Self {
            client_id: row.get("client_id")?,
            metadata: serde_json::from_str(&metadata)
                .map_err(|error| StoreError::corrupt("clients.metadata", &error))?,
        })
    }
}

/// The clients that were given something in a session, revoked or not, and may still be used, by their ids.
pub async fn clients_of_session(
    conn: &mut Conn,
    session_id: &SessionId,
) -> Result<Vec<SessionClient>, StoreError> {
    conn.all(
        q("SELECT client_id, metadata FROM clients \
           WHERE client_id IN (SELECT client_id FROM grants WHERE session_id = $1) AND state = 'active' ORDER BY client_id")
            .bind(session_id.as_str()),
    )
    .await
}

/// Revokes every grant of a session to one client; which ones.
pub async fn revoke_of_session(
    tx: &mut Tx,
    (session_id, client_id): (&SessionId, &str),
    reason: &'static str,
    now: Timestamp,
) -> Result<Vec<GrantId>, StoreError> {
    let ids: Vec<String> = tx
        .all(
            q("UPDATE grants SET revoked_at = $3, revoked_reason = $4 \
               WHERE session_id = $1 AND client_id = $2 AND revoked_at IS NULL RETURNING id")
            .bind(session_id.as_str())
            .bind(client_id)
            .bind(now)
            .bind(reason),
        )
        .await?;
    ids.iter()
        .map(|id| GrantId::parse(id).map_err(|error| StoreError::corrupt("grants.id", &error)))
        .collect()
}

/// A grant with its standing and its refresh family's times.
#[derive(Clone, Debug)]
pub struct OwnGrant {
    /// The grant and whether its tokens are good.
    pub standed: Standed,
    /// When its newest refresh token was issued and when none works any more, if it has any.
    pub family: Option<(Timestamp, Timestamp)>,
}

impl FromRow for OwnGrant {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let issued_at = row.time_opt("head_issued_at")?;
        Ok(Self {
            family: issued_at.zip(row.time_opt("family_ends_at")?),
            standed: Standed::from_row(row)?,
        })
    }
}

/// The newest grants in a person's name that were not revoked.
pub async fn list_of_user(
    conn: &mut Conn,
    user_id: &UserId,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<OwnGrant>, StoreError> {
    conn.all(
        q("SELECT g.id, g.client_id, g.user_id, g.session_id, g.scope, g.auth_time, g.amr, g.details, g.created_at, g.revoked_at, \
           c.state AS client_state, u.state AS user_state, u.tokens_valid_from, \
           EXISTS (SELECT 1 FROM sessions s WHERE s.session_id = g.session_id AND s.expires_at > $2) AS session_lives, \
           f.head_issued_at, f.expires_at AS family_ends_at \
           FROM grants g JOIN clients c ON c.client_id = g.client_id JOIN users u ON u.id = g.user_id \
           LEFT JOIN refresh_families f ON f.grant_id = g.id \
           WHERE g.user_id = $1 AND g.revoked_at IS NULL ORDER BY g.id DESC LIMIT $3")
            .bind(user_id.as_str())
            .bind(now)
            .bind(limit),
    )
    .await
}

/// Revokes everything that a person granted to one client; which grants, and in which sessions they were given.
pub async fn revoke_of_client(
    tx: &mut Tx,
    (user_id, client_id): (&UserId, &str),
    reason: &'static str,
    now: Timestamp,
) -> Result<Vec<(GrantId, SessionId)>, StoreError> {
    let rows: Vec<(String, String)> = tx
        .all(
            q("UPDATE grants SET revoked_at = $3, revoked_reason = $4 \
               WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL RETURNING id, session_id")
            .bind(user_id.as_str())
            .bind(client_id)
            .bind(now)
            .bind(reason),
        )
        .await?;
    rows.iter()
        .map(|(id, session_id)| {
            let id =
                GrantId::parse(id).map_err(|error| StoreError::corrupt("grants.id", &error))?;
            let session_id = SessionId::parse(session_id)
                .map_err(|error| StoreError::corrupt("grants.session_id", &error))?;
            Ok((id, session_id))
        })
        .collect()
}

/// Deletes at most `limit` grants made before `made_before` whose refresh family, if any, has expired, and whose session has ended: its
/// clients must be told when it does; how many. Codes and families go with them.
pub async fn delete_spent(
    tx: &mut Tx,
    made_before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM grants WHERE id IN (SELECT g.id FROM grants g LEFT JOIN refresh_families f ON f.grant_id = g.id \
           WHERE g.created_at < $1 AND (f.grant_id IS NULL OR f.expires_at <= $2) \
           AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.session_id = g.session_id) LIMIT $3)")
            .bind(made_before)
            .bind(now)
            .bind(limit),
    )
    .await
}
