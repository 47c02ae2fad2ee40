//! The keys that sign tokens: what signs now, what verifies, what `/jwks` shows.
//!
//! Each algorithm has keys of its own. RS256 is there from the first start; the keys of another algorithm are made when a client
//! registers for it ([`demand`]). The key decides the algorithm, never the token's header; `jku`, `x5u`, `jwk`, `x5c` in it mean
//! nothing (RFC 8725 sections 3.1 and 3.10), and a header with `crit` is refused, because we know no extension (RFC 7515 section 4.1.11).
//! Keys live in the database, sealed; every node keeps the set in memory and reads it again once a minute
//! and when a token names a key it does not know. Their states and rotation stand in [`rotation`].

pub mod demand;
mod pair;
mod provider;
pub mod rotation;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use jsonwebtoken::{DecodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::pair::{decoding_key, jwa};
use self::provider::SigningKey;
use super::protocol::claims::TokenType;
use super::protocol::jwe::JweError;
use super::protocol::signing::SigningAlgorithm;
use crate::base::time::{Seconds, Timestamp};
use crate::config::Config;
use crate::store::seal::{Place, SealError, Sealer};
use crate::store::signing_keys::{self, KeyState, SigningKeyRow};
use crate::store::{Db, StoreError};

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
    #[error("a signing key could not be made or read")]
    Key,
    /// No key is active: rotation was interrupted by hand.
    #[error("no signing key for {0} is active; run `tessera keys rotate`")]
    NoActiveKey(&'static str),
    /// A token could not be signed.
    #[error("a token could not be signed: {0}")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// What was signed could not be encrypted to its client.
    #[error(transparent)]
    Encrypt(#[from] JweError),
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
    /// One task at a time makes the first key of an algorithm; the others find it made.
    making: tokio::sync::Mutex<()>,
}

/// The keys as of one moment.
#[derive(Debug)]
struct KeySet {
    /// INVARIANT: RS256 is there.
    active: BTreeMap<SigningAlgorithm, SigningKey>,
    verifying: HashMap<String, VerifyingKey>,
    jwks: String,
}

/// A published key and the one algorithm that it verifies.
#[derive(Debug)]
struct VerifyingKey {
    algorithm: SigningAlgorithm,
    key: DecodingKey,
}

impl Keys {
    /// Loads the keys; makes the first one on an empty database, and those of other algorithms that a client registered for.
    pub async fn open(
        db: &Db,
        sealer: &Arc<Sealer>,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        provider::install()?;
        let is_default = |row: &SigningKeyRow| row.algorithm == SigningAlgorithm::DEFAULT;
        if !load(db).await?.iter().any(is_default) {
            let first = (SigningAlgorithm::DEFAULT, config.keys);
            rotation::insert_first(db, sealer, first, now).await?;
        }
        let set = KeySet::read(&load(db).await?, sealer)?;
        let tokens = &config.tokens;
        let longest = tokens
            .access_token_ttl_seconds
            .max(tokens.id_token_ttl_seconds);
        let keys = Self(Arc::new(Inner {
            db: db.clone(),
            sealer: Arc::clone(sealer),
            rotation: config.keys,
            retire_seconds: Seconds::new(longest.get().saturating_add(RETIRE_MARGIN_SECONDS)),
            set: ArcSwap::from_pointee(set),
            reloaded_at: AtomicI64::new(now.ms()),
            making: tokio::sync::Mutex::default(),
        }));
        keys.make_wanted(now).await?;
        Ok(keys)
    }

    /// Signs claims with RS256, which everybody verifies.
    pub fn sign<T: Serialize>(&self, kind: TokenType, claims: &T) -> Result<String, KeysError> {
        self.0
            .set
            .load()
            .sign(SigningAlgorithm::DEFAULT, kind, claims)
    }

    /// Signs claims with the algorithm that a client registered for. Waits for the algorithm's first key to be made, if there is none yet.
    pub async fn sign_for<T: Serialize>(
        &self,
        algorithm: SigningAlgorithm,
        kind: TokenType,
        claims: &T,
        now: Timestamp,
    ) -> Result<String, KeysError> {
        self.ensure(algorithm, now).await?;
        self.0.set.load().sign(algorithm, kind, claims)
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
        if header.typ.as_deref() != Some(token_type.typ()) || header.crit.is_some() {
            return Ok(None);
        }
        if !self.knows(&kid) {
            self.reload_if_due(now).await?;
        }
        let set = self.0.set.load();
        let Some(VerifyingKey { algorithm, key }) = set.verifying.get(&kid) else {
            return Ok(None);
        };
        // Refuses a header that names another algorithm than the key's.
        let mut validation = Validation::new(jwa(*algorithm));
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(jsonwebtoken::decode(token, key, &validation)
            .ok()
            .map(|data| data.claims))
    }

    /// The JWK set (RFC 7517 section 5) as JSON: the active keys first, RS256 before the others.
    pub fn jwks(&self) -> String {
        self.0.set.load().jwks.clone()
    }

    /// The id of the key that signs with RS256.
    pub fn active_kid(&self) -> String {
        let set = self.0.set.load();
        let key = set.active.get(&SigningAlgorithm::DEFAULT);
        key.map(|key| key.kid().to_owned()).unwrap_or_default()
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
        let mut active = BTreeMap::new();
        let mut verifying = HashMap::new();
        let mut published = Vec::with_capacity(rows.len());
        for row in rows {
            let algorithm = row.algorithm;
            let key = decoding_key(&row.public_jwk)?;
            verifying.insert(row.kid.clone(), VerifyingKey { algorithm, key });
            let signs = row.state == KeyState::Active;
            if signs {
                let private = sealer.open_sealed(place(&row.kid), &row.sealed_private)?;
                active.insert(algorithm, SigningKey::from_pkcs8(algorithm, &private)?);
            }
            published.push((!signs, algorithm, row.public_jwk.as_str()));
        }
        if !active.contains_key(&SigningAlgorithm::DEFAULT) {
            return Err(KeysError::NoActiveKey(SigningAlgorithm::DEFAULT.as_str()));
        }
        // Stable: the rest stay in the order of their age.
        published.sort_by_key(|(rests, algorithm, _)| (*rests, *algorithm));
        let jwks: Vec<&str> = published.iter().map(|(_, _, jwk)| *jwk).collect();
        Ok(Self {
            active,
            verifying,
            jwks: format!("{{\"keys\":[{}]}}", jwks.join(",")),
        })
    }

    fn sign<T: Serialize>(
        &self,
        algorithm: SigningAlgorithm,
        kind: TokenType,
        claims: &T,
    ) -> Result<String, KeysError> {
        let key = self
            .active
            .get(&algorithm)
            .ok_or(KeysError::NoActiveKey(algorithm.as_str()))?;
        let mut header = Header::new(key.jwa());
        header.typ = Some(kind.typ().to_owned());
        header.kid = Some(key.kid().to_owned());
        jsonwebtoken::encode(&header, claims, &key.encoding_key()).map_err(KeysError::Sign)
    }

    /// Whether the set holds exactly these keys with the same ones active.
    fn is_of(&self, rows: &[SigningKeyRow]) -> bool {
        let signs = |row: &SigningKeyRow| {
            let active = self.active.get(&row.algorithm);
            active.is_some_and(|key| key.kid() == row.kid)
        };
        rows.len() == self.verifying.len()
            && rows.iter().all(|row| {
                self.verifying.contains_key(&row.kid)
                    && signs(row) == (row.state == KeyState::Active)
            })
    }
}
