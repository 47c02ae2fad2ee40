//! Table `api_keys`: what opens Tessera's own APIs for a person's or a client's programs. Whether a key is good is read together
//! with its owner's state, so that neither outlives the other by a moment.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::{ApiKeyId, UserId};
use crate::base::time::{Seconds, Timestamp};
use crate::oauth::protocol::client::ClientId;

/// How old the noted last use of a key may get before it is written again.
const LAST_USE_SECONDS: Seconds = Seconds::new(60);

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// A person's.
    User(UserId),
    /// A client's, acting as itself.
    Client(ClientId),
}

impl KeyOwner {
    /// The owner as the system store writes it: `user:<user id>` or `client:<client id>`.
    pub fn subject(&self) -> String {
        match self {
            Self::User(id) => format!("user:{id}"),
            Self::Client(id) => format!("client:{}", id.as_str()),
        }
    }

    fn columns(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::User(id) => (Some(id.as_str()), None),
            Self::Client(id) => (None, Some(id.as_str())),
        }
    }
}

/// Whether a key is good, as of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// It is.
    Active,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// The owner is locked or disabled, or everything that a person had from before an instant was voided (a lock, a new password).
    OwnerVoided,
}

impl KeyStanding {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::OwnerVoided => "owner_voided",
        }
    }
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub owner: KeyOwner,
    /// The MAC of its secret.
    pub secret_mac: String,
    /// What it may be used for, separated by spaces.
    pub permissions: String,
    /// The one permission store that it opens.
    pub store_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    owner_lives: bool,
}

impl KeyRow {
    /// A key that is being made, whose owner may have one.
    pub fn new(
        (id, secret_mac): (ApiKeyId, String),
        (name, owner): (String, KeyOwner),
        (permissions, store_id): (String, Option<String>),
        (created_at, expires_at): (Timestamp, Option<Timestamp>),
    ) -> Self {
        Self {
            id,
            name,
            owner,
            secret_mac,
            permissions,
            store_id,
            created_at,
            expires_at,
            last_used_at: None,
            revoked_at: None,
            owner_lives: true,
        }
    }

    /// Whether it is good at `now`.
    pub fn standing(&self, now: Timestamp) -> KeyStanding {
        if self.revoked_at.is_some() {
            KeyStanding::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            KeyStanding::Expired
        } else if self.owner_lives {
            KeyStanding::Active
        } else {
            KeyStanding::OwnerVoided
        }
    }

    /// Whether its last use is noted too long ago.
    pub fn is_use_due(&self, now: Timestamp) -> bool {
        self.last_used_at
            .is_none_or(|at| at <= now.minus(LAST_USE_SECONDS))
    }
}

impl FromRow for KeyRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let (user_id, client_id) = (row.get("user_id")?, row.get("client_id")?);
        Ok(Self {
            id: ApiKeyId::parse(&id).map_err(|error| StoreError::corrupt("api_keys.id", &error))?,
            name: row.get("name")?,
            owner: owner(user_id, client_id)?,
            secret_mac: row.get("secret_mac")?,
            permissions: row.get("permissions")?,
            store_id: row.get("store_id")?,
            created_at: row.time("created_at")?,
            expires_at: row.time_opt("expires_at")?,
            last_used_at: row.time_opt("last_used_at")?,
            revoked_at: row.time_opt("revoked_at")?,
            owner_lives: row.get("owner_lives")?,
        })
    }
}

fn owner(user_id: Option<String>, client_id: Option<String>) -> Result<KeyOwner, StoreError> {
    match (user_id, client_id) {
        (Some(id), None) => UserId::parse(&id)
            .map(KeyOwner::User)
            .map_err(|error| StoreError::corrupt("api_keys.user_id", &error)),
        (None, Some(id)) => ClientId::parse(&id)
            .map(KeyOwner::Client)
            .map_err(|error| StoreError::corrupt("api_keys.client_id", &error)),
        (_, _) => Err(StoreError::corrupt("api_keys", "not one owner")),
    }
}

/// The key with this id, whatever its standing.
pub async fn find(conn: &mut Conn, id: &ApiKeyId) -> Result<Option<KeyRow>, StoreError> {
    conn.opt(
        q("SELECT k.*, (COALESCE(u.state, 'active') = 'active' AND COALESCE(u.tokens_valid_from, 0) <= k.created_at \
           AND COALESCE(c.state, 'active') = 'active') AS owner_lives \
           FROM api_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN clients c ON c.client_id = k.client_id \
           WHERE k.id = $1")
            .bind(id.as_str()),
    )
    .await
}

/// Keys of one owner, or of all, in the order of their ids (oldest first), beginning after `after`.
pub async fn list(
    conn: &mut Conn,
    owner: Option<&KeyOwner>,
    after: Option<&ApiKeyId>,
    limit: u32,
) -> Result<Vec<KeyRow>, StoreError> {
    let (user_id, client_id) = owner.map_or((None, None), KeyOwner::columns);
    conn.all(
        q("SELECT k.*, (COALESCE(u.state, 'active') = 'active' AND COALESCE(u.tokens_valid_from, 0) <= k.created_at \
           AND COALESCE(c.state, 'active') = 'active') AS owner_lives \
           FROM api_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN clients c ON c.client_id = k.client_id \
           WHERE k.id > $1 AND ($2 = '' OR k.user_id = $2) AND ($3 = '' OR k.client_id = $3) ORDER BY k.id LIMIT $4")
            .bind(after.map_or("", ApiKeyId::as_str))
            .bind(user_id.unwrap_or_default())
            .bind(client_id.unwrap_or_default())
            .bind(limit),
    )
    .await
}

/// How many keys of an owner are not revoked.
pub async fn count_of(conn: &mut Conn, owner: &KeyOwner) -> Result<i64, StoreError> {
    let (user_id, client_id) = owner.columns();
    conn.one(
        q("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL AND (user_id = $1 OR client_id = $2)")
            .bind(user_id)
            .bind(client_id),
    )
    .await
}

/// Keeps a new key.
pub async fn insert(tx: &mut Tx, key: &KeyRow) -> Result<(), StoreError> {
    let (user_id, client_id) = key.owner.columns();
    tx.exec(
        q("INSERT INTO api_keys (id, name, user_id, client_id, secret_mac, permissions, store_id, created_at, expires_at) \
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(key.id.as_str())
            .bind(&key.name)
            .bind(user_id)
            .bind(client_id)
            .bind(&key.secret_mac)
            .bind(&key.permissions)
            .bind(key.store_id.clone())
            .bind(key.created_at)
            .bind(key.expires_at),
    )
    .await?;
    Ok(())
}

/// Revokes a key; `false` when it is revoked already or does not exist.
pub async fn revoke(tx: &mut Tx, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
                .bind(id.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Notes that a key was used, unless that was noted within the last minute; whether it was.
pub async fn note_use(tx: &mut Tx, id: &ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)")
                .bind(id.as_str())
                .bind(now)
                .bind(now.minus(LAST_USE_SECONDS)),
        )
        .await?;
    Ok(rows == 1)
}
