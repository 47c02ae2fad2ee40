//! Table `device_authorizations`: what a device waits for (RFC 8628). Every step is one conditional statement.

use super::polled::{Decider, Polled, details, details_text, scope};
use super::{FromRow, Row, StoreError, Tx, q};
use crate::base::id::{DeviceId, SessionId, UserId};
use crate::base::secret::TokenHash;
use crate::base::time::Timestamp;
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::polling::{
    Approval, Decision, INTERVAL, INTERVAL_LONGEST, INTERVAL_STEP, LEEWAY,
};
use crate::oauth::protocol::scope::ScopeSet;

/// A request that a device made.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// The hash of what the device polls with.
    pub device_code_hash: TokenHash,
    /// The MAC of what the person types.
    pub user_code_mac: String,
    /// The client.
    pub client_id: String,
    /// What it asks for.
    pub scope: ScopeSet,
    /// What else.
    pub details: GrantDetails,
    /// Where the device asked from.
    pub address: String,
    /// The network of that address.
    pub network: String,
    /// When.
    pub created_at: Timestamp,
    /// When the codes end.
    pub expires_at: Timestamp,
}

/// A request as the person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub id: DeviceId,
    /// The client.
    pub client_id: String,
    /// What it asks for.
    pub scope: ScopeSet,
    /// What else.
    pub details: GrantDetails,
    /// Where the device asked from.
    pub address: String,
    /// When.
    pub created_at: Timestamp,
}

impl FromRow for Opened {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeviceId::parse(&row.get::<String, _>("id")?)
                .map_err(|error| StoreError::corrupt("device_authorizations.id", &error))?,
            client_id: row.get("client_id")?,
            scope: scope(row)?,
            details: details(row)?,
            address: row.get("address")?,
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
    /// What else.
    pub details: GrantDetails,
}

impl FromRow for Decided {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.get("client_id")?,
            scope: scope(row)?,
            details: details(row)?,
        })
    }
}

/// Keeps a new request; `false` when the user code is taken or `most` requests of the network wait already. Two at the same
/// time may exceed the number by one: it bounds a flood and decides nothing.
pub async fn insert(tx: &mut Tx, new: &NewDevice, most: u32) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("INSERT INTO device_authorizations (id, device_code_hash, user_code_mac, client_id, scope, address, network, \
               state, interval_seconds, too_soon, created_at, expires_at, details) \
               SELECT $1, $2, $3, $4, $5, $6, $7, 'pending', $8, FALSE, $9, $10, $12 \
               WHERE (SELECT COUNT(*) FROM device_authorizations \
                      WHERE network = $7 AND state = 'pending' AND expires_at > $9) < $11 \
               ON CONFLICT (user_code_mac) DO NOTHING")
                .bind(new.id.as_str())
                .bind(new.device_code_hash.as_str())
                .bind(&new.user_code_mac)
                .bind(&new.client_id)
                .bind(new.scope.to_string())
                .bind(&new.address)
                .bind(&new.network)
                .bind(INTERVAL.get())
                .bind(new.created_at)
                .bind(new.expires_at)
                .bind(most)
                .bind(details_text(&new.details)?),
        )
        .await?;
    Ok(rows == 1)
}

/// Opens the request of a user code for one sign-in, if nobody else has opened it, nobody has decided, and its client may be
/// used: from then on only that sign-in decides (SECURITY row 35).
pub async fn claim(
    tx: &mut Tx,
    user_code_mac: &str,
    session_id: &SessionId,
    now: Timestamp,
) -> Result<Option<Opened>, StoreError> {
    tx.opt(
        q("UPDATE device_authorizations SET claimed_by = $2 \
           WHERE user_code_mac = $1 AND state = 'pending' AND expires_at > $3 AND (claimed_by IS NULL OR claimed_by = $2) \
           AND EXISTS (SELECT 1 FROM clients c WHERE c.client_id = device_authorizations.client_id AND c.state = 'active') \
           RETURNING id, client_id, scope, details, address, created_at")
        .bind(user_code_mac)
        .bind(session_id.as_str())
        .bind(now),
    )
    .await
}

/// Notes what the person decided, once, in the sign-in that opened the code; `None` when the request is not open to that
/// sign-in, or not any more.
pub async fn decide(
    tx: &mut Tx,
    id: &DeviceId,
    decision: Decision,
    decider: &Decider,
    now: Timestamp,
) -> Result<Option<Decided>, StoreError> {
    tx.opt(
            q("UPDATE device_authorizations SET state = $2, user_id = $3, session_id = $4, auth_time = $5, amr = $6 \
               WHERE id = $1 AND state = 'pending' AND claimed_by = $4 AND expires_at > $7 \
               RETURNING client_id, scope, details")
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

/// Notes a poll of this client, makes the interval longer when it came too soon, and says where the request stands; `None`
/// when the code is unknown or another client's.
pub async fn poll(
    tx: &mut Tx,
    device_code_hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Polled>, StoreError> {
    tx.opt(
        q("UPDATE device_authorizations SET polled_at = $3, \
             too_soon = COALESCE(polled_at + interval_seconds * 1000 > $4, FALSE), \
             interval_seconds = CASE WHEN COALESCE(polled_at + interval_seconds * 1000 > $4, FALSE) \
               AND interval_seconds < $6 THEN interval_seconds + $5 ELSE interval_seconds END \
           WHERE device_code_hash = $1 AND client_id = $2 \
           RETURNING id, state, too_soon, expires_at")
        .bind(device_code_hash.as_str())
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
        q("UPDATE device_authorizations SET state = 'redeemed' \
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
        q("DELETE FROM device_authorizations WHERE id IN \
           (SELECT id FROM device_authorizations WHERE expires_at < $1 LIMIT $2)")
        .bind(ended_before)
        .bind(limit),
    )
    .await
}

/// Denies what a person approved for a client that has not fetched it yet; how many requests.
pub async fn withdraw(tx: &mut Tx, user_id: &UserId, client_id: &str) -> Result<u64, StoreError> {
    tx.exec(
        q("UPDATE device_authorizations SET state = 'denied' \
           WHERE user_id = $1 AND client_id = $2 AND state = 'approved'")
        .bind(user_id.as_str())
        .bind(client_id),
    )
    .await
}
