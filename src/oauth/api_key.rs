//! API keys: made, revoked, and recognised when they come back. The admin API and the command line come through here.
//!
//! A key acts as its owner, within its limits ([`crate::policy::system::Limits`]), for as long as the owner may act: whether it is good is asked of the
//! database at every use, so what was revoked is gone with the next request, on every node. A key is no access token: no
//! endpoint of OAuth takes one.

use super::protocol::api_key::{ApiKey, MAC_KEY_PURPOSE};
use super::protocol::client::ClientId;
use crate::base::id::{ApiKeyId, UserId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::identity::user::UserState;
use crate::policy::system::{LimitError, Limits};
use crate::store::api_keys::{self, KeyRow, KeyStanding};
use crate::store::seal::Sealer;
use crate::store::{Conn, Db, StoreError, Tx, clients, policy_stores, users};

pub use crate::store::api_keys::KeyOwner;

/// Longest name of a key, in characters.
const NAME_CHARS: usize = 100;
/// Most keys of one owner that are not revoked.
pub const KEYS_PER_OWNER: i64 = 100;

/// What a key is made from.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub owner: KeyOwner,
    /// What it may be used for, by the names of the system model's permissions; all over permission stores when absent.
    pub permissions: Option<Vec<String>>,
    /// The id of the one permission store that it opens; all of the owner's when absent.
    pub store: Option<String>,
    /// When it ends; never when absent.
    pub expires_at: Option<Timestamp>,
}

/// A new key with its secret: shown once, then only its MAC is known.
#[derive(Debug)]
pub struct Issued {
    /// The key.
    pub key: KeyRow,
    /// Its text.
    pub secret: Secret<String>,
}

/// Why a key was not made or found.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The name does not say anything, or too much.
    #[error("`name` must have 1 to {NAME_CHARS} characters, none of them a control character")]
    Name,
    /// Nobody is called so.
    #[error("there is no `{0}`; an owner is `user:<user id>` or `client:<client_id>`")]
    NoOwner(String),
    /// The owner may not act.
    #[error("`{0}` is locked or disabled; unlock or enable it first")]
    OwnerInactive(String),
    /// The owner has enough of them.
    #[error("`{0}` has {KEYS_PER_OWNER} keys already; revoke one first")]
    TooMany(String),
    /// The limits make no sense.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// No store has this id.
    #[error("no store has the id `{0}`; `GET /stores` lists them")]
    NoStore(String),
    /// The key would be dead already.
    #[error("`expires_at` is `{}`, which is past; name an instant to come", .0.rfc3339())]
    Past(Timestamp),
    /// There is no such key.
    #[error("there is no API key `{0}`")]
    NotFound(ApiKeyId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a key.
pub async fn create(
    tx: &mut Tx,
    sealer: &Sealer,
    new: &NewApiKey,
    now: Timestamp,
) -> Result<Issued, ApiKeyError> {
    let name = new.name.trim();
    if !(1..=NAME_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(ApiKeyError::Name);
    }
    if let Some(at) = new.expires_at.filter(|at| *at <= now) {
        return Err(ApiKeyError::Past(at));
    }
    let limits = Limits::choose(new.permissions.as_deref(), new.store.clone())?;
    if let Some(store) = &new.store
        && policy_stores::find(tx, store).await?.is_none()
    {
        return Err(ApiKeyError::NoStore(store.clone()));
    }
    owner_must_act(tx, &new.owner).await?;
    let id = ApiKeyId::new(now);
    let key =
        ApiKey::generate(&id).ok_or_else(|| StoreError::corrupt("api_keys.id", "not a ULID"))?;
    let mac = key.mac(&sealer.derive_mac_key(MAC_KEY_PURPOSE));
    let row = KeyRow::new(
        (id, mac),
        (name.to_owned(), new.owner.clone()),
        (limits.permissions().join(" "), new.store.clone()),
        (now, new.expires_at),
    );
    api_keys::insert(tx, &row).await?;
    record(tx, &row, "created", now).await?;
    Ok(Issued {
        key: row,
        secret: key.text(),
    })
}

async fn owner_must_act(tx: &mut Tx, owner: &KeyOwner) -> Result<(), ApiKeyError> {
    let acts = match owner {
        KeyOwner::User(id) => users::find(tx, id)
            .await?
            .map(|user| user.state == UserState::Active),
        KeyOwner::Client(id) => clients::find(tx, id)
            .await?
            .map(|client| client.is_active()),
    };
    match acts {
        None => Err(ApiKeyError::NoOwner(owner.subject())),
        Some(false) => Err(ApiKeyError::OwnerInactive(owner.subject())),
        Some(true) if api_keys::count_of(tx, owner).await? >= KEYS_PER_OWNER => {
            Err(ApiKeyError::TooMany(owner.subject()))
        }
        Some(true) => Ok(()),
    }
}

/// The owner that a subject names, such as `client:web`; whether there is one is found out later.
pub fn parse_owner(subject: &str) -> Result<KeyOwner, ApiKeyError> {
    let owner = match subject.split_once(':') {
        Some(("user", id)) => UserId::parse(id).ok().map(KeyOwner::User),
        Some(("client", id)) => ClientId::parse(id)
            .ok()
            // A client that describes itself never acts as itself.
            .filter(|id| !id.is_document())
            .map(KeyOwner::Client),
        _ => None,
    };
    owner.ok_or_else(|| ApiKeyError::NoOwner(subject.to_owned()))
}

/// Revokes a key; again changes nothing. The key as it is then.
pub async fn revoke(tx: &mut Tx, id: &ApiKeyId, now: Timestamp) -> Result<KeyRow, ApiKeyError> {
    let revoked = api_keys::revoke(tx, id, now).await?;
    let key = get(tx, id).await?;
    if revoked {
        record(tx, &key, "revoked", now).await?;
    }
    Ok(key)
}

/// The key, which must exist.
pub async fn get(conn: &mut Conn, id: &ApiKeyId) -> Result<KeyRow, ApiKeyError> {
    api_keys::find(conn, id)
        .await?
        .ok_or_else(|| ApiKeyError::NotFound(id.clone()))
}

/// The good key that a presented text is at `now`; `None` for every other text, whatever is wrong with it.
pub async fn verify(
    db: &Db,
    sealer: &Sealer,
    presented: &str,
    now: Timestamp,
) -> Result<Option<KeyRow>, StoreError> {
    let Some(presented) = ApiKey::parse(presented) else {
        return Ok(None);
    };
    let mut conn = db.read().await?;
    let found = api_keys::find(&mut conn, presented.id()).await?;
    drop(conn);
    let mac_key = sealer.derive_mac_key(MAC_KEY_PURPOSE);
    let good = found
        .filter(|row| presented.matches(&mac_key, &row.secret_mac))
        .filter(|row| row.standing(now) == KeyStanding::Active);
    if let Some(row) = good.as_ref().filter(|row| row.is_use_due(now))
        && let Err(error) = note_use(db, &row.id, now).await
    {
        // The note is for people who look for keys that nobody needs; a request does not fail for it.
        tracing::warn!(key = %row.id, %error, "the last use of an API key was not noted");
    }
    Ok(good)
}

async fn note_use(db: &Db, id: &ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    if api_keys::note_use(&mut tx, id, now).await? {
        tx.commit().await?;
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    key: &KeyRow,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::ApiKeyChanged {
        key_id: key.id.clone(),
        owner: key.owner.subject(),
        change,
    };
    events::record(tx, &event, now).await
}
