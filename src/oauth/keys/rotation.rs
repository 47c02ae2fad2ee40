//! How keys come and go: pending (published ahead) -> active -> retiring (until the last token expired) -> deleted.
//!
//! Every step is one conditional statement, so several nodes and the command line may take it at once. A node that has not
//! noticed yet signs with the retiring key for at most a minute; the margin of its deletion covers that.

use tokio::task::JoinSet;

use super::{ALGORITHM, Keys, KeysError, place, rsa};
use crate::base::time::Timestamp;
use crate::config::KeyRotation;
use crate::events::{self, Event};
use crate::store::seal::Sealer;
use crate::store::signing_keys::{self, KeyState, SigningKeyRow};
use crate::store::{Db, Tx};

/// Searches for a key at the same time.
const SEARCHES: usize = 2;

/// How a rotation asked for by hand goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Publish the next key now and let it sign once everybody can know it.
    Announced,
    /// Sign with a new key at once: the old one leaked. Verifiers must fetch `/jwks` again on an unknown key id.
    Immediate,
}

/// A key for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub kid: String,
    /// `pending`, `active` or `retiring`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it signs, or began to.
    pub activates_at: Timestamp,
    /// When it will be deleted.
    pub drop_at: Option<Timestamp>,
}

impl Keys {
    /// What is due: publish the next key ahead of the active one's end, let it sign, delete what has signed its last; then read
    /// the keys again. A worker calls it once a minute on every node.
    pub async fn maintain(&self, now: Timestamp) -> Result<(), KeysError> {
        let mut tx = self.0.db.write().await?;
        self.promote(&mut tx, now, now).await?;
        for kid in signing_keys::delete_dropped(&mut tx, now).await? {
            record(&mut tx, kid, "dropped", now).await?;
        }
        tx.commit().await?;
        let keys = self.list().await?;
        let has_pending = keys
            .iter()
            .any(|key| key.state == KeyState::Pending.as_str());
        let next_is_due = keys.iter().any(|key| {
            key.state == KeyState::Active.as_str() && self.ends_soon(key.activates_at, now)
        });
        if next_is_due && !has_pending {
            self.announce(now, now.plus(self.0.rotation.publish_ahead_seconds))
                .await?;
        }
        self.reload(now).await
    }

    /// Rotates by hand.
    pub async fn rotate(&self, pace: Pace, now: Timestamp) -> Result<(), KeysError> {
        match pace {
            Pace::Announced => {
                self.announce(now, now.plus(self.0.rotation.publish_ahead_seconds))
                    .await?;
            }
            Pace::Immediate => {
                // The announced key, if there is one, was not used yet and serves as well as a new one.
                self.announce(now, now).await?;
                let mut tx = self.0.db.write().await?;
                self.promote(&mut tx, Timestamp::from_ms(i64::MAX), now)
                    .await?;
                tx.commit().await?;
            }
        }
        self.reload(now).await
    }

    /// Every key, oldest first.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, KeysError> {
        let rows = signing_keys::list(&mut self.0.db.read().await?).await?;
        Ok(rows
            .into_iter()
            .map(|row| KeyInfo {
                kid: row.kid,
                state: row.state.as_str(),
                created_at: row.created_at,
                activates_at: row.activates_at,
                drop_at: row.drop_at,
            })
            .collect())
    }

    /// Whether the active key's successor must be published now to be known when it signs.
    fn ends_soon(&self, active_since: Timestamp, now: Timestamp) -> bool {
        let rotation = self.0.rotation;
        active_since
            .plus(rotation.rotate_after_seconds)
            .minus(rotation.publish_ahead_seconds)
            <= now
    }

    async fn announce(&self, now: Timestamp, activates_at: Timestamp) -> Result<(), KeysError> {
        let inner = &self.0;
        let row = generate(&inner.sealer, inner.rotation, (now, activates_at)).await?;
        insert(&inner.db, &row, now).await
    }

    /// Lets the pending key sign if it is due by `due_at`.
    async fn promote(
        &self,
        tx: &mut Tx,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), KeysError> {
        let drop_at = now.plus(self.0.retire_seconds);
        if let Some(kid) = signing_keys::retire_active(tx, due_at, drop_at).await? {
            record(tx, kid, KeyState::Retiring.as_str(), now).await?;
        }
        if let Some(kid) = signing_keys::activate_pending(tx, due_at, now).await? {
            record(tx, kid, KeyState::Active.as_str(), now).await?;
        }
        Ok(())
    }
}

/// Makes the first key of an empty database; another node may be faster.
pub(super) async fn insert_first(
    db: &Db,
    sealer: &Sealer,
    rotation: KeyRotation,
    now: Timestamp,
) -> Result<(), KeysError> {
    let mut row = generate(sealer, rotation, (now, now)).await?;
    row.state = KeyState::Active;
    insert(db, &row, now).await
}

async fn insert(db: &Db, row: &SigningKeyRow, now: Timestamp) -> Result<(), KeysError> {
    let mut tx = db.write().await?;
    if signing_keys::insert(&mut tx, ALGORITHM, row).await? {
        record(&mut tx, row.kid.clone(), row.state.as_str(), now).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn record(
    tx: &mut Tx,
    kid: String,
    state: &'static str,
    now: Timestamp,
) -> Result<(), KeysError> {
    Ok(events::record(tx, &Event::KeyChanged { kid, state }, now).await?)
}

async fn generate(
    sealer: &Sealer,
    rotation: KeyRotation,
    (created_at, activates_at): (Timestamp, Timestamp),
) -> Result<SigningKeyRow, KeysError> {
    // The time to find two primes varies fivefold: of two searches the first to end is the key, so that a first start on two
    // cores seldom waits long.
    let mut searches = JoinSet::new();
    for _ in 0..SEARCHES {
        searches.spawn_blocking(move || rsa::generate(rotation.rsa_bits));
    }
    let found = searches.join_next().await.ok_or(KeysError::Rsa)?;
    let key = found.map_err(|_| KeysError::Rsa)??;
    Ok(SigningKeyRow {
        sealed_private: sealer.seal(place(&key.kid), &key.pkcs8)?,
        kid: key.kid,
        state: KeyState::Pending,
        public_jwk: key.public_jwk,
        created_at,
        activates_at,
        drop_at: None,
    })
}
