//! How keys come and go: pending (published ahead) -> active -> retiring (until the last token expired) -> deleted. Each algorithm's
//! keys go their own way; a rotation by hand rotates all of them.
//!
//! Every step is one conditional statement, so several nodes and the command line may take it at once. A node that has not
//! noticed yet signs with the retiring key for at most a minute; the margin of its deletion covers that.

use tokio::task::JoinSet;

use super::{Keys, KeysError, pair, place};
use crate::base::time::Timestamp;
use crate::config::KeyRotation;
use crate::events::{self, Event};
use crate::oauth::protocol::signing::SigningAlgorithm;
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
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
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
    /// the keys again, and make the first key of an algorithm that is wanted. A worker calls it once a minute on every node.
    pub async fn maintain(&self, now: Timestamp) -> Result<(), KeysError> {
        let mut tx = self.0.db.write().await?;
        self.promote(&mut tx, now, now).await?;
        for kid in signing_keys::delete_dropped(&mut tx, now).await? {
            record(&mut tx, kid, "dropped", now).await?;
        }
        tx.commit().await?;
        let keys = self.list().await?;
        for algorithm in SigningAlgorithm::ALL {
            let mut own = keys.iter().filter(|key| key.algorithm == *algorithm);
            let has_pending = own
                .clone()
                .any(|key| key.state == KeyState::Pending.as_str());
            let next_is_due = own.any(|key| {
                key.state == KeyState::Active.as_str() && self.ends_soon(key.activates_at, now)
            });
            if next_is_due && !has_pending {
                let signs_at = now.plus(self.0.rotation.publish_ahead_seconds);
                self.announce(*algorithm, now, signs_at).await?;
            }
        }
        self.reload(now).await?;
        self.make_wanted(now).await
    }

    /// Rotates by hand.
    pub async fn rotate(&self, pace: Pace, now: Timestamp) -> Result<(), KeysError> {
        let signs_at = match pace {
            Pace::Announced => now.plus(self.0.rotation.publish_ahead_seconds),
            Pace::Immediate => now,
        };
        self.reload(now).await?;
        let in_use: Vec<SigningAlgorithm> = self.0.set.load().active.keys().copied().collect();
        for algorithm in in_use {
            // An announced key, if there is one, was not used yet and serves as well as a new one.
            self.announce(algorithm, now, signs_at).await?;
        }
        if pace == Pace::Immediate {
            let mut tx = self.0.db.write().await?;
            self.promote(&mut tx, Timestamp::from_ms(i64::MAX), now)
                .await?;
            tx.commit().await?;
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
                algorithm: row.algorithm,
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

    async fn announce(
        &self,
        algorithm: SigningAlgorithm,
        now: Timestamp,
        activates_at: Timestamp,
    ) -> Result<(), KeysError> {
        let inner = &self.0;
        let wanted = (algorithm, inner.rotation);
        let row = generate(&inner.sealer, wanted, (now, activates_at)).await?;
        insert(&inner.db, &row, now).await
    }

    /// Lets the pending keys sign that are due by `due_at`.
    async fn promote(
        &self,
        tx: &mut Tx,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), KeysError> {
        let drop_at = now.plus(self.0.retire_seconds);
        for kid in signing_keys::retire_active(tx, due_at, drop_at).await? {
            record(tx, kid, KeyState::Retiring.as_str(), now).await?;
        }
        for kid in signing_keys::activate_pending(tx, due_at, now).await? {
            record(tx, kid, KeyState::Active.as_str(), now).await?;
        }
        Ok(())
    }
}

/// Makes the first key of an algorithm; another node may be faster.
pub(super) async fn insert_first(
    db: &Db,
    sealer: &Sealer,
    wanted: (SigningAlgorithm, KeyRotation),
    now: Timestamp,
) -> Result<(), KeysError> {
    let mut row = generate(sealer, wanted, (now, now)).await?;
    row.state = KeyState::Active;
    insert(db, &row, now).await
}

async fn insert(db: &Db, row: &SigningKeyRow, now: Timestamp) -> Result<(), KeysError> {
    let mut tx = db.write().await?;
    if signing_keys::insert(&mut tx, row).await? {
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
    (algorithm, rotation): (SigningAlgorithm, KeyRotation),
    (created_at, activates_at): (Timestamp, Timestamp),
) -> Result<SigningKeyRow, KeysError> {
    // The time to find two primes varies fivefold: of two searches the first to end is the key, so that a first start on two
    // cores seldom waits long. A key on a curve needs no search.
    let searches = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => SEARCHES,
        SigningAlgorithm::Es256 | SigningAlgorithm::EdDsa => 1,
    };
    let mut tasks = JoinSet::new();
    for _ in 0..searches {
        tasks.spawn_blocking(move || pair::generate(algorithm, rotation.rsa_bits));
    }
    let found = tasks.join_next().await.ok_or(KeysError::Key)?;
    let key = found.map_err(|_| KeysError::Key)??;
    Ok(SigningKeyRow {
        sealed_private: sealer.seal(place(&key.kid), &key.pkcs8)?,
        kid: key.kid,
        algorithm,
        state: KeyState::Pending,
        public_jwk: key.public_jwk,
        created_at,
        activates_at,
        drop_at: None,
    })
}
