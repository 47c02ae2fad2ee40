//! The keys that sign tokens: what signs now, what verifies, what `/jwks` shows.
//!
//! RS256 only; the key decides the algorithm, never the token's header, and `jku`, `x5u`, `jwk` in it mean nothing (RFC 8725
//! section 3.1). Keys live in the database, sealed; every node keeps the set in memory and reads it again once a minute
//! and when a token names a key it does not know. Their states and rotation stand in [`rotation`].

pub mod rotation;
mod rsa;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::rsa::SigningKey;
use super::protocol::claims::TokenType;
use crate::base::time::{Seconds, Timestamp};
use crate::config::Config;
use crate::store::seal::{Place, SealError, Sealer};
use crate::store::signing_keys::{self, KeyState, SigningKeyRow};
use crate::store::{Db, StoreError};

/// The algorithm of every key.
pub const ALGORITHM: &str = "RS256";
/// Unknown key ids make a node read the keys again, but not more often than this.
const RELOAD_PAUSE_SECONDS: Seconds = Seconds::new(5);
/// How long a retiring key stays published beyond the last token it signed: clocks differ, answers are cached.
const RETIRE_MARGIN_SECONDS: i64 = 3_600;

/// Why keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored key does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key could not be made or read.
    #[error("an RSA key could not be made or read")]
    Rsa,
    /// No key is active: rotation was interrupted by hand.
    #[error("no signing key is active; run `tessera keys rotate`")]
    NoActiveKey,
    /// A token could not be signed.
    #[error("a token could not be signed: {0}")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// Other code of this process has chosen how tokens are signed.
    #[error("the process signs with another crypto provider")]
    Provider,
}

/// The keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    sealer: Arc<Sealer>,
    rotation: crate::config::KeyRotation,
    /// How long a key is kept after it signed last.
    retire_seconds: Seconds,
    set: ArcSwap<KeySet>,
    reloaded_at: AtomicI64,
}

/// The keys as of one moment.
#[derive(Debug)]
struct KeySet {
    active: SigningKey,
    verifying: HashMap<String, DecodingKey>,
    jwks: String,
}

impl Keys {
    /// Loads the keys; makes the first one on an empty database.
    pub async fn open(
        db: &Db,
        sealer: &Arc<Sealer>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        rsa::install_provider()?;
        if load(db).await?.is_empty() {
            rotation::insert_first(db, sealer, config.keys, now).await?;
        }
        let set = KeySet::read(&load(db).await?, sealer)?;
        let tokens = &config.tokens;
        let longest = tokens
            .access_token_ttl_seconds
            .max(tokens.id_token_ttl_seconds);
        Ok(Self(Arc::new(Inner {
            db: db.clone(),
            sealer: Arc::clone(sealer),
            rotation: config.keys,
            retire_seconds: Seconds::new(longest.get().saturating_add(RETIRE_MARGIN_SECONDS)),
            set: ArcSwap::from_pointee(set),
            reloaded_at: AtomicI64::new(now.ms()),
        })))
    }

    /// Signs claims with the active key.
    pub fn sign<T: Serialize>(&self, kind: TokenType, claims: &T) -> Result<String, KeysError> {
        let set = self.0.set.load();
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(kind.typ().to_owned());
        header.kid = Some(set.active.kid().to_owned());
        let key = EncodingKey::from_rsa_der(set.active.handle());
        jsonwebtoken::encode(&header, claims, &key).map_err(KeysError::Sign)
    }

    /// The claims of a token of ours of this kind; `None` when the signature, the type or the shape is not. Does not look at
    /// times, issuer or audience: those are the caller's question.
    pub async fn verify<T: DeserializeOwned>(
        &self,
        token_type: TokenType,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<T>, KeysError> {
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Ok(None);
        };
        let Some(kid) = header.kid else {
            return Ok(None);
        };
        if header.typ.as_deref() != Some(token_type.typ()) {
            return Ok(None);
        }
        if !self.knows(&kid) {
            self.reload_if_due(now).await?;
        }
        let set = self.0.set.load();
        let Some(key) = set.verifying.get(&kid) else {
            return Ok(None);
        };
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(jsonwebtoken::decode(token, key, &validation)
            .ok()
            .map(|data| data.claims))
    }

    /// The JWK set (RFC 7517 section 5) as JSON: the active key first.
    pub fn jwks(&self) -> String {
        self.0.set.load().jwks.clone()
    }

    /// The id of the key that signs.
    pub fn active_kid(&self) -> String {
        self.0.set.load().active.kid().to_owned()
    }

    /// Reads the keys again.
    pub async fn reload(&self, now: Timestamp) -> Result<(), KeysError> {
        self.0.reloaded_at.store(now.ms(), Ordering::SeqCst);
        let rows = load(&self.0.db).await?;
        let current = self.0.set.load();
        if !current.is_of(&rows) {
            self.0
                .set
                .store(Arc::new(KeySet::read(&rows, &self.0.sealer)?));
        }
        Ok(())
    }

    fn knows(&self, kid: &str) -> bool {
        self.0.set.load().verifying.contains_key(kid)
    }

    /// One task at a time gets to reload, and not again within the pause: forged key ids cannot load the database.
    async fn reload_if_due(&self, now: Timestamp) -> Result<(), KeysError> {
        let last = self.0.reloaded_at.load(Ordering::SeqCst);
        let due = now.ms() >= last.saturating_add(RELOAD_PAUSE_SECONDS.ms());
        let mine = due
            && self
                .0
                .reloaded_at
                .compare_exchange(last, now.ms(), Ordering::SeqCst, Ordering::SeqCst)
                .is_ok();
        if mine { self.reload(now).await } else { Ok(()) }
    }
}

async fn load(db: &Db) -> Result<Vec<SigningKeyRow>, KeysError> {
    Ok(signing_keys::list(&mut db.read().await?).await?)
}

/// Where a private key is sealed.
fn place(kid: &str) -> Place<'_> {
    Place {
        table: "signing_keys",
        column: "sealed_private",
        row: kid,
    }
}

impl KeySet {
    fn read(rows: &[SigningKeyRow], sealer: &Sealer) -> Result<Self, KeysError> {
        let active = rows
            .iter()
            .find(|row| row.state == KeyState::Active)
            .ok_or(KeysError::NoActiveKey)?;
        let private = sealer.open_sealed(place(&active.kid), &active.sealed_private)?;
        let mut verifying = HashMap::new();
        for row in rows {
            verifying.insert(row.kid.clone(), rsa::decoding_key(&row.public_jwk)?);
        }
        let others = rows.iter().filter(|row| row.kid != active.kid);
        let jwks: Vec<&str> = std::iter::once(active)
            .chain(others)
            .map(|row| row.public_jwk.as_str())
            .collect();
        Ok(Self {
            active: SigningKey::from_pkcs8(&private)?,
            verifying,
            jwks: format!("{{\"keys\":[{}]}}", jwks.join(",")),
        })
    }

    /// Whether the set holds exactly these keys with the same one active.
    fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        rows.len() == self.verifying.len()
            && rows.iter().all(|row| self.verifying.contains_key(&row.kid))
            && rows
                .iter()
                .any(|row| row.state == KeyState::Active && row.kid == self.active.kid())
    }
}
