//! Initial access tokens (RFC 7591 section 3): what an administrator hands to whoever is to register clients. Shown once, kept as a hash.

use crate::base::id::InitialTokenId;
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::{Seconds, Timestamp};
use crate::events::{self, Event};
use crate::store::initial_access_tokens::{self, InitialToken};
use crate::store::{StoreError, Tx};

/// Longest name, in characters.
const NAME_CHARS: usize = 100;
/// Most registrations that one token may be counted for.
const USES: u32 = 1_000_000;
/// Shortest and longest life of a token.
const LIFE_SECONDS: std::ops::RangeInclusive<i64> = 60..=366 * 86_400;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewInitialToken {
    /// What people call it.
    pub name: String,
    /// How many clients it may register; no bound when absent.
    pub max_uses: Option<u32>,
    /// How long it is good.
    pub lifetime: Seconds,
}

/// Why a token could not be made or ended.
#[derive(Debug, thiserror::Error)]
pub enum InitialTokenError {
    /// The name.
    #[error("`name`: must be 1 to {NAME_CHARS} characters on one line")]
    Name,
    /// The number of uses.
    #[error("`max_uses`: must be from 1 to {USES}, or absent")]
    Uses,
    /// The lifetime.
    #[error("`expires_in_seconds`: must be from {} to {}", LIFE_SECONDS.start(), LIFE_SECONDS.end())]
    Lifetime,
    /// There is none.
    #[error("there is no initial access token `{0}`; it may have expired")]
    NotFound(InitialTokenId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token; the secret is known this once.
pub async fn create(
    tx: &mut Tx,
    new: &NewInitialToken,
    now: Timestamp,
) -> Result<(InitialToken, Secret<String>), InitialTokenError> {
    let name = new.name.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(InitialTokenError::Name);
    }
    if new.max_uses.is_some_and(|uses| !(1..=USES).contains(&uses)) {
        return Err(InitialTokenError::Uses);
    }
    if !LIFE_SECONDS.contains(&new.lifetime.get()) {
        return Err(InitialTokenError::Lifetime);
    }
    let secret = TokenKind::InitialAccessToken.generate();
    let token = InitialToken {
        id: InitialTokenId::new(now),
        name: name.to_owned(),
        uses: 0,
        max_uses: new.max_uses.map(i64::from),
        created_at: now,
        expires_at: now.plus(new.lifetime),
    };
    initial_access_tokens::insert(tx, &token, &TokenHash::of(secret.expose())).await?;
    record(tx, &token.id, "created", now).await?;
    Ok((token, secret))
}

/// Ends a token. Clients that were registered with it stay.
pub async fn delete(
    tx: &mut Tx,
    id: &InitialTokenId,
    now: Timestamp,
) -> Result<(), InitialTokenError> {
    if !initial_access_tokens::delete(tx, id).await? {
        return Err(InitialTokenError::NotFound(id.clone()));
    }
    Ok(record(tx, id, "ended", now).await?)
}

async fn record(
    tx: &mut Tx,
    id: &InitialTokenId,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::InitialTokenChanged {
        token_id: id.clone(),
        change,
    };
    events::record(tx, &event, now).await
}
