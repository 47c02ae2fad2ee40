//! Table `backchannel_requests`: what clients asked people without a browser (OpenID Connect CIBA Core 1.0). Every step is one
//! conditional statement.

use super::polled::{Decider, Polled, details, details_text, scope};
use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::{BackchannelId, UserId};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::polling::{
    Approval, Decision, INTERVAL, INTERVAL_LONGEST, INTERVAL_STEP, LEEWAY,
};
use crate::oauth::protocol::scope::ScopeSet;

/// A request that a client made.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// Its id.
    pub id: BackchannelId,
    /// The hash of what the client polls with.
    pub auth_req_id_hash: TokenHash,
    /// The client.
    pub client_id: String,
    /// Whom it asks; none when its hint names nobody.
    pub user_id: Option<UserId>,
    /// For what.
    pub scope: ScopeSet,
    /// For what else.
    pub details: GrantDetails,
    /// What the person compares.
    pub binding_message: Option<String>,
    /// What the ping carries, sealed.
    pub sealed_ping: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A request that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: BackchannelId,
    /// The client.
    pub client_id: String,
    /// The client's name.
    pub client_name: String,
    /// For what.
    pub scope: ScopeSet,
    /// For what else.
    pub details: GrantDetails,
    /// What the person compares.
    pub binding_message: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl FromRow for Waiting {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: BackchannelId::parse(&row.get::<String, _>("id")?)
                .map_err(|error| StoreError::corrupt("backchannel_requests.id", &error))?,
            client_id: row.get("client_id")?,
            client_name: row.get("client_name")?,
            scope: scope(row)?,
            details: details(row)?,
            binding_message: row.get("binding_message")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// A request that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The client.
    pub client_id: String,
    /// What it asked for.
    pub scope: ScopeSet,
    /// For what else.
    pub details: GrantDetails,
    /// Whether the client is to be told.
    pub is_pinged: bool,
}

impl FromRow for Decided {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.get("client_id")?,
            scope: scope(row)?,
            details: details(row)?,
            is_pinged: row.get("is_pinged")?,
        })
    }
}

/// Keeps a new request.
pub async fn insert(tx: &mut Tx, new: &NewRequest) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO backchannel_requests (id, auth_req_id_hash, client_id, user_id, scope, binding_message, sealed_ping, \
           state, interval_seconds, too_soon, created_at, expires_at, details) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, FALSE, $9, $10, $11)")
            .bind(new.id.as_str())
            .bind(new.auth_req_id_hash.as_str())
            .bind(&new.client_id)
            .bind(new.user_id.as_ref().map(UserId::as_str))
            .bind(new.scope.to_string())
            .bind(new.binding_message.clone())
            .bind(new.sealed_ping.clone())
            .bind(INTERVAL.get())
            .bind(new.created_at)
            .bind(new.expires_at)
            .bind(details_text(&new.details)?),
    )
    .await?;
    Ok(())
}

/// What waits for a person, the oldest first, at most `limit`; of clients that may be used.
pub async fn list_waiting(
    conn: &mut Conn,
    user_id: &UserId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Waiting>, StoreError> {
    conn.all(
        q("SELECT b.id, b.client_id, c.client_name, b.scope, b.details, b.binding_message, b.created_at \
           FROM backchannel_requests b JOIN clients c ON c.client_id = b.client_id \
           WHERE b.user_id = $1 AND b.state = 'pending' AND b.expires_at > $2 AND c.state = 'active' \
           ORDER BY b.id LIMIT $3")
        .bind(user_id.as_str())
        .bind(now)
        .bind(limit),
    )
    .await
}

/// Notes what the person decided, once; `None` when the request is not theirs, has ended or was decided.
pub async fn decide(
    tx: &mut Tx,
    id: &BackchannelId,
    decision: Decision,
    decider: &Decider,
    now: Timestamp,
) -> Result<Option<Decided>, StoreError> {
    tx.opt(
        q(
            "UPDATE backchannel_requests SET state = $2, session_id = $4, auth_time = $5, amr = $6 \
           WHERE id = $1 AND state = 'pending' AND user_id = $3 AND expires_at > $7 \
           RETURNING client_id, scope, details, sealed_ping IS NOT NULL AS is_pinged",
        )
        .bind(id.as_str())
        .bind(decision.state().as_str())
        .bind(decider.user_id.as_str())
        .bind(decider.session_id.as_str())
        .bind(decider.auth_time)
        .bind(decider.amr.join(" "))
        .bind(now),
    )
    .await
}

/// What the ping of a request carries, sealed, as long as there is something to come for: it was decided, the client has no tokens
/// for it yet, and it has not ended.
pub async fn find_ping(
    conn: &mut Conn,
    id: &BackchannelId,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    conn.opt(
        q("SELECT sealed_ping FROM backchannel_requests \
           WHERE id = $1 AND state IN ('approved', 'denied') AND expires_at > $2 AND sealed_ping IS NOT NULL")
        .bind(id.as_str())
        .bind(now),
    )
    .await
}

/// Notes a poll of this client, makes the interval longer when it came too soon, and says where the request stands; `None`
/// when the id is unknown or another client's.
pub async fn poll(
    tx: &mut Tx,
    auth_req_id_hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Polled>, StoreError> {
    tx.opt(
        q("UPDATE backchannel_requests SET polled_at = $3, \
             too_soon = COALESCE(polled_at + interval_seconds * 1000 > $4, FALSE), \
             interval_seconds = CASE WHEN COALESCE(polled_at + interval_seconds * 1000 > $4, FALSE) \
               AND interval_seconds < $6 THEN interval_seconds + $5 ELSE interval_seconds END \
           WHERE auth_req_id_hash = $1 AND client_id = $2 \
           RETURNING id, state, too_soon, expires_at")
        .bind(auth_req_id_hash.as_str())
        .bind(client_id)
        .bind(now)
        .bind(now.plus(LEEWAY))
        .bind(INTERVAL_STEP.get())
        .bind(INTERVAL_LONGEST.get()),
    )
    .await
}

/// Takes an approval for its tokens: the one statement that decides races.
pub async fn redeem(tx: &mut Tx, id: &str, now: Timestamp) -> Result<Option<Approval>, StoreError> {
    tx.opt(
        q("UPDATE backchannel_requests SET state = 'redeemed' \
           WHERE id = $1 AND state = 'approved' AND expires_at > $2 \
           RETURNING scope, details, user_id, session_id, auth_time, amr")
        .bind(id)
        .bind(now),
    )
    .await
}

/// Deletes at most `limit` requests that ended before `ended_before`; how many.
pub async fn delete_expired(
    tx: &mut Tx,
    ended_before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    tx.exec(
        q("DELETE FROM backchannel_requests WHERE id IN \
           (SELECT id FROM backchannel_requests WHERE expires_at < $1 LIMIT $2)")
        .bind(ended_before)
        .bind(limit),
    )
    .await
}

/// Denies what a person approved for a client that has not fetched it yet; how many requests.
pub async fn withdraw(tx: &mut Tx, user_id: &UserId, client_id: &str) -> Result<u64, StoreError> {
    tx.exec(
        q("UPDATE backchannel_requests SET state = 'denied' \
           WHERE user_id = $1 AND client_id = $2 AND state = 'approved'")
        .bind(user_id.as_str())
        .bind(client_id),
    )
    .await
}
