//! Table `signing_keys`: pending -> active -> retiring -> deleted, each step one conditional statement. Each algorithm has at most one
//! pending and one active key. Table `wanted_signing_algorithms`: what clients registered for, for the worker that makes first keys.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;
use crate::oauth::protocol::signing::SigningAlgorithm;

/// A key's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, does not sign yet.
    Pending,
    /// Signs.
    Active,
    /// Published until the last token it signed has expired.
    Retiring,
}

impl KeyState {
    /// The state as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "active" => Some(Self::Active),
            "retiring" => Some(Self::Retiring),
            _ => None,
        }
    }
}

/// A key as stored.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// Its state.
    pub state: KeyState,
    /// The private key, sealed.
    pub sealed_private: String,
    /// The public key as a JWK.
    pub public_jwk: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it signs, or began to.
    pub activates_at: Timestamp,
    /// When a retiring key is deleted.
    pub drop_at: Option<Timestamp>,
}

impl FromRow for SigningKeyRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let state: String = row.get("state")?;
        Ok(Self {
            kid: row.get("kid")?,
            algorithm: algorithm(
                "signing_keys.algorithm",
                &row.get::<String, _>("algorithm")?,
            )?,
            state: KeyState::parse(&state)
                .ok_or_else(|| StoreError::corrupt("signing_keys.state", &state))?,
            sealed_private: row.get("sealed_private")?,
            public_jwk: row.get("public_jwk")?,
            created_at: row.time("created_at")?,
            activates_at: row.time("activates_at")?,
            drop_at: row.time_opt("drop_at")?,
        })
    }
}

fn algorithm(what: &'static str, text: &str) -> Result<SigningAlgorithm, StoreError> {
    SigningAlgorithm::parse(text).ok_or_else(|| StoreError::corrupt(what, &text))
}

/// Every key, oldest first.
pub async fn list(conn: &mut Conn) -> Result<Vec<SigningKeyRow>, StoreError> {
    conn.all(q(
        "SELECT kid, algorithm, state, sealed_private, public_jwk, created_at, activates_at, drop_at \
                FROM signing_keys ORDER BY created_at, kid",
    ))
    .await
}

/// Keeps a new key; `false` when another key of the algorithm is in that state already (another node was faster).
pub async fn insert(tx: &mut Tx, key: &SigningKeyRow) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("INSERT INTO signing_keys (kid, algorithm, state, sealed_private, public_jwk, created_at, activates_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
                .bind(&key.kid)
                .bind(key.algorithm.as_str())
                .bind(key.state.as_str())
                .bind(&key.sealed_private)
                .bind(&key.public_jwk)
                .bind(key.created_at)
                .bind(key.activates_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Moves each active key to retiring that a pending key of its algorithm is due to follow; the retired keys.
pub async fn retire_active(
    tx: &mut Tx,
    due_at: Timestamp,
    drop_at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    tx.all(
        q("UPDATE signing_keys SET state = 'retiring', drop_at = $2 WHERE state = 'active' AND EXISTS \
           (SELECT 1 FROM signing_keys next WHERE next.algorithm = signing_keys.algorithm AND next.state = 'pending' \
           AND next.activates_at <= $1) RETURNING kid")
            .bind(due_at)
            .bind(drop_at),
    )
    .await
}

/// Moves each pending key that is due to active, unless its algorithm has an active one; the keys that sign from now on.
pub async fn activate_pending(
    tx: &mut Tx,
    due_at: Timestamp,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    tx.all(
        q("UPDATE signing_keys SET state = 'active', activates_at = $2 WHERE state = 'pending' AND activates_at <= $1 \
           AND NOT EXISTS (SELECT 1 FROM signing_keys active WHERE active.algorithm = signing_keys.algorithm \
           AND active.state = 'active') RETURNING kid")
            .bind(due_at)
            .bind(now),
    )
    .await
}

/// Deletes retiring keys whose last token has expired; their ids.
pub async fn delete_dropped(tx: &mut Tx, now: Timestamp) -> Result<Vec<String>, StoreError> {
    tx.all(
        q("DELETE FROM signing_keys WHERE state = 'retiring' AND drop_at <= $1 RETURNING kid")
            .bind(now),
    )
    .await
}

/// Notes that a client registered for an algorithm; again is no change.
pub async fn want(
    tx: &mut Tx,
    algorithm: SigningAlgorithm,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO wanted_signing_algorithms (algorithm, wanted_at) VALUES ($1, $2) ON CONFLICT (algorithm) DO NOTHING")
            .bind(algorithm.as_str())
            .bind(now),
    )
    .await?;
    Ok(())
}

/// The algorithms that clients registered for and that have no active key.
pub async fn list_unmet(conn: &mut Conn) -> Result<Vec<SigningAlgorithm>, StoreError> {
    let texts: Vec<String> = conn
        .all(q(
            "SELECT algorithm FROM wanted_signing_algorithms w WHERE NOT EXISTS \
             (SELECT 1 FROM signing_keys k WHERE k.algorithm = w.algorithm AND k.state = 'active') ORDER BY algorithm",
        ))
        .await?;
    texts
        .iter()
        .map(|text| algorithm("wanted_signing_algorithms.algorithm", text))
        .collect()
}
