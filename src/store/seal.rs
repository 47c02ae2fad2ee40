//! The envelope: a master key wraps data keys, data keys seal what must be read again.
//!
//! A sealed value is `v1|<data key id>|<base64url of nonce and AES-256-GCM>`, with `table|column|row` as associated data, so a
//! value copied to another row does not open. Keys for MACs are derived per purpose with HKDF-SHA-256 (RFC 5869), so that every
//! node of one database agrees on them. Does not decide where the master key comes from (`config`, `cli`).

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::{Db, StoreError, q};
use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::new_ulid;
use crate::base::secret::random;
use crate::base::time::Timestamp;

/// Bytes of a master key and of a data key.
pub const KEY_BYTES: usize = 32;

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The master key does not open this database's data keys.
    #[error(
        "the master key does not belong to this database; give the key that was in use when it was made"
    )]
    WrongMasterKey,
    /// A sealed value was altered, moved to another row, or sealed under a data key that is gone.
    #[error("the sealed value of {0} does not open; the row was altered or copied from elsewhere")]
    Altered(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The key given from outside the database.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random()))
    }

    /// Parses base64url text of exactly 32 bytes; surrounding white space is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(from_base64url(text.trim())?);
        Some(Self(Zeroizing::new(
            <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()?,
        )))
    }

    /// The key's text form, to be written to a file that only its owner reads.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url(self.0.as_slice()))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The row and column that a sealed value belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's primary key.
    pub row: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}", self.table, self.column, self.row)
    }
}

/// Seals and opens values with the database's data keys.
pub struct Sealer {
    newest: String,
    keys: HashMap<String, DataKey>,
    root: hkdf::Prk,
}

struct DataKey {
    aead: RandomizedNonceKey,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} data keys)", self.keys.len())
    }
}

impl Sealer {
    /// Loads the data keys; makes the first one on an empty database. [`SealError::WrongMasterKey`] if one does not unwrap.
    pub async fn open(db: &Db, master: &MasterKey, now: Timestamp) -> Result<Self, SealError> {
        let mut tx = db.write().await?;
        let list = || q("SELECT id, wrapped FROM data_keys ORDER BY id");
        let mut rows: Vec<(String, String)> = tx.all(list()).await?;
        if rows.is_empty() {
            let id = new_ulid(now);
            let key = Zeroizing::new(random::<KEY_BYTES>());
            let wrapped = wrap(master, &id, key.as_slice())?;
            // Two nodes that start at once: one row wins, both use it.
            tx.exec(
                q("INSERT INTO data_keys (id, wrapped, created_at) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM data_keys)")
                    .bind(&id)
                    .bind(wrapped)
                    .bind(now),
            )
            .await?;
            rows = tx.all(list()).await?;
        }
        let mut keys = HashMap::new();
        let mut root = None;
        for (id, wrapped) in &rows {
            let key = unwrap(master, id, wrapped)?;
            // The oldest data key is the root of derived keys: they must outlive rotation.
            root.get_or_insert_with(|| {
                hkdf::Salt::new(hkdf::HKDF_SHA256, b"tessera derived keys").extract(&key)
            });
            keys.insert(id.clone(), DataKey { aead: aead(&key)? });
        }
        tx.commit().await?;
        let (Some(root), Some((newest, _))) = (root, rows.pop()) else {
            return Err(StoreError::NotFound.into());
        };
        Ok(Self { newest, keys, root })
    }

    /// Seals a value for one place.
    pub fn seal(&self, place: Place<'_>, value: &[u8]) -> Result<String, SealError> {
        let altered = || SealError::Altered(place.to_string());
        let key = self.keys.get(&self.newest).ok_or_else(altered)?;
        let sealed =
            seal_bytes(&key.aead, place.to_string().as_bytes(), value).ok_or_else(altered)?;
        Ok(format!("v1|{}|{}", self.newest, base64url(&sealed)))
    }

    /// Opens a value sealed for the same place.
    pub fn open_sealed(
        &self,
        place: Place<'_>,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let open = || {
            let (id, text) = sealed.strip_prefix("v1|")?.split_once('|')?;
            let key = self.keys.get(id)?;
            open_bytes(
                &key.aead,
                place.to_string().as_bytes(),
                &from_base64url(text)?,
            )
        };
        open().ok_or_else(|| SealError::Altered(place.to_string()))
    }

    /// A MAC key for one purpose, the same on every node of this database.
    pub fn derive_mac_key(&self, purpose: &'static str) -> hmac::Key {
        hmac::Key::from(
            match self.root.expand(&[purpose.as_bytes()], hmac::HMAC_SHA256) {
                Ok(material) => material,
                // HKDF refuses only lengths beyond 255 blocks.
                Err(_) => std::process::abort(),
            },
        )
    }
}

fn wrap(master: &MasterKey, id: &str, key: &[u8]) -> Result<String, SealError> {
    let place = Place {
        table: "data_keys",
        column: "wrapped",
        row: id,
    };
    let sealed = seal_bytes(
        &aead(master.0.as_slice())?,
        place.to_string().as_bytes(),
        key,
    );
    sealed
        .map(|bytes| base64url(&bytes))
        .ok_or(SealError::WrongMasterKey)
}

fn unwrap(master: &MasterKey, id: &str, wrapped: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let place = Place {
        table: "data_keys",
        column: "wrapped",
        row: id,
    };
    let bytes = from_base64url(wrapped).ok_or(SealError::WrongMasterKey)?;
    open_bytes(
        &aead(master.0.as_slice())?,
        place.to_string().as_bytes(),
        &bytes,
    )
    .ok_or(SealError::WrongMasterKey)
}

fn aead(key: &[u8]) -> Result<RandomizedNonceKey, SealError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::WrongMasterKey)
}

/// Seals bytes under a key that is used for this one value only; see [`seal_with`] for its twin.
pub fn seal_with(key: &[u8; KEY_BYTES], context: &[u8], value: &[u8]) -> Option<String> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    seal_bytes(&key, context, value).map(|bytes| base64url(&bytes))
}

/// Opens what [`seal_with`] sealed with the same key and context.
pub fn open_with(
    key: &[u8; KEY_BYTES],
    context: &[u8],
    sealed: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    open_bytes(&key, context, &from_base64url(sealed)?)
}

fn seal_bytes(key: &RandomizedNonceKey, context: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let mut body = value.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(context), &mut body)
        .ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut body);
    Some(sealed)
}

fn open_bytes(
    key: &RandomizedNonceKey,
    context: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = key
        .open_in_place(nonce, Aad::from(context), &mut body)
        .ok()?
        .len();
    body.truncate(length);
    Some(body)
}
