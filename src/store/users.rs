//! Tables `users` and `user_identifiers`: accounts, and the texts that people sign in with.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::identity::identifier::{Canonical, Email, Username};
use crate::identity::password::PasswordHash;
use crate::identity::profile::Profile;
use crate::identity::user::{DisplayName, NewUser, User, UserChange, UserState};

/// Which of a person's identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentifierKind {
    /// The username.
    Username,
    /// The e-mail address.
    Email,
}

impl IdentifierKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
        }
    }
}

/// An account with what proves that somebody owns it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The hash of its password.
    pub password: Option<PasswordHash>,
}

fn json(profile: &Profile) -> Result<String, StoreError> {
    serde_json::to_string(profile).map_err(|error| StoreError::corrupt("users.profile", &error))
}

impl FromRow for User {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let state: String = row.get("state")?;
        let profile: String = row.get("profile")?;
        Ok(Self {
            id: UserId::parse(&id).map_err(|error| StoreError::corrupt("users.id", &error))?,
            username: row.get("username")?,
            email: row.get("email")?,
            email_verified: row.get("email_verified")?,
            name: row.get("name")?,
            profile: serde_json::from_str(&profile)
                .map_err(|error| StoreError::corrupt("users.profile", &error))?,
            state: UserState::parse(&state)
                .ok_or_else(|| StoreError::corrupt("users.state", &state))?,
            tokens_valid_from: row.time("tokens_valid_from")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

impl FromRow for Credentials {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let hash: Option<String> = row.get("password_hash")?;
        Ok(Self {
            user: User::from_row(row)?,
            password: hash
                .map(|text| PasswordHash::parse(&text))
                .transpose()
                .map_err(|error| StoreError::corrupt("users.password_hash", &error))?,
        })
    }
}

/// The account with this id.
pub async fn find(conn: &mut Conn, id: &UserId) -> Result<Option<User>, StoreError> {
    conn.opt(
        q("SELECT id, username, email, email_verified, name, profile, state, tokens_valid_from, created_at, updated_at \
           FROM users WHERE id = $1")
        .bind(id.as_str()),
    )
    .await
}

/// The account that somebody signs in to with this text.
pub async fn find_credentials(
    conn: &mut Conn,
    identifier: &Canonical,
) -> Result<Option<Credentials>, StoreError> {
    conn.opt(
        q("SELECT id, username, email, email_verified, name, profile, state, tokens_valid_from, created_at, updated_at, \
           password_hash \
           FROM users WHERE id = (SELECT user_id FROM user_identifiers WHERE canonical = $1)")
        .bind(identifier.as_str()),
    )
    .await
}

/// The same of an account that is known by its id.
pub async fn find_credentials_of(
    conn: &mut Conn,
    id: &UserId,
) -> Result<Option<Credentials>, StoreError> {
    conn.opt(
        q("SELECT id, username, email, email_verified, name, profile, state, tokens_valid_from, created_at, updated_at, \
           password_hash FROM users WHERE id = $1")
        .bind(id.as_str()),
    )
    .await
}

/// Accounts in the order of their ids, beginning after `after`.
pub async fn list(
    conn: &mut Conn,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    conn.all(
        q("SELECT id, username, email, email_verified, name, profile, state, tokens_valid_from, created_at, updated_at \
           FROM users WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after.map_or("", UserId::as_str))
        .bind(limit),
    )
    .await
}

/// Makes the account's row; its identifiers are claimed with [`claim_identifier`].
pub async fn insert(
    tx: &mut Tx,
    id: &UserId,
    new: &NewUser,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.exec(
        q("INSERT INTO users (id, username, email, email_verified, name, state, password_hash, password_changed_at, \
           tokens_valid_from, created_at, updated_at, profile) \
           VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, 0, $8, $8, $9)")
        .bind(id.as_str())
        .bind(new.username.as_str())
        .bind(new.email.as_ref().map(Email::as_str))
        .bind(new.email_verified)
        .bind(new.name.as_ref().map(DisplayName::as_str))
        .bind(new.password.as_ref().map(PasswordHash::as_str))
        .bind(new.password.as_ref().map(|_| now))
        .bind(now)
        .bind(json(&new.profile)?),
    )
    .await?;
    Ok(())
}

/// Gives an identifier to an account; `false` when another account has it.
pub async fn claim_identifier(
    tx: &mut Tx,
    id: &UserId,
    kind: IdentifierKind,
    identifier: &Canonical,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q(
                "INSERT INTO user_identifiers (canonical, kind, user_id) VALUES ($1, $2, $3) \
               ON CONFLICT (canonical) DO NOTHING",
            )
            .bind(identifier.as_str())
            .bind(kind.as_str())
            .bind(id.as_str()),
        )
        .await?;
    Ok(rows == 1)
}

/// Takes an identifier away from an account.
pub async fn release_identifier(
    tx: &mut Tx,
    id: &UserId,
    kind: IdentifierKind,
) -> Result<(), StoreError> {
    tx.exec(
        q("DELETE FROM user_identifiers WHERE user_id = $1 AND kind = $2")
            .bind(id.as_str())
            .bind(kind.as_str()),
    )
    .await?;
    Ok(())
}

/// Changes what the change names and nothing else; `None` when there is no such account, or the address to be replaced is not the one
/// that was `seen` any more.
pub async fn update_profile(
    tx: &mut Tx,
    seen: &User,
    change: &UserChange,
    now: Timestamp,
) -> Result<Option<User>, StoreError> {
    let email = change.email.as_ref().and_then(Option::as_ref);
    let name = change.name.as_ref().and_then(Option::as_ref);
    tx.opt(
        q("UPDATE users SET username = COALESCE($2, username), \
           email = CASE WHEN $3 THEN $4 ELSE email END, email_verified = CASE WHEN $3 THEN $5 ELSE email_verified END, \
           name = CASE WHEN $6 THEN $7 ELSE name END, profile = COALESCE($8, profile), updated_at = $9 \
           WHERE id = $1 AND (NOT $3 OR (COALESCE(email, '') = $10 AND email_verified = $11)) \
           RETURNING id, username, email, email_verified, name, profile, state, tokens_valid_from, created_at, updated_at")
        .bind(seen.id.as_str())
        .bind(change.username.as_ref().map(Username::as_str))
        .bind(change.email.is_some())
        .bind(email.map(|(email, _)| email.as_str()))
        .bind(email.is_some_and(|(_, verified)| *verified))
        .bind(change.name.is_some())
        .bind(name.map(DisplayName::as_str))
        .bind(change.profile.as_ref().map(json).transpose()?)
        .bind(now)
        .bind(seen.email.as_deref().unwrap_or_default())
        .bind(seen.email_verified),
    )
    .await
}

/// Changes how a person is called and what they tell; `false` when the account changed since it was `seen`, or is locked.
pub async fn update_own(
    tx: &mut Tx,
    seen: &User,
    (name, profile): (Option<&DisplayName>, &Profile),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE users SET name = $2, profile = $3, updated_at = $4 \
               WHERE id = $1 AND updated_at = $5 AND state = 'active'")
            .bind(seen.id.as_str())
            .bind(name.map(DisplayName::as_str))
            .bind(json(profile)?)
            .bind(now)
            .bind(seen.updated_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Locks an active account and voids its tokens; `false` when it is not active.
pub async fn lock(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q(
                "UPDATE users SET state = 'locked', tokens_valid_from = $2, updated_at = $2 \
               WHERE id = $1 AND state = 'active'",
            )
            .bind(id.as_str())
            .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Unlocks a locked account; `false` when it is not locked.
pub async fn unlock(tx: &mut Tx, id: &UserId, now: Timestamp) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE users SET state = 'active', updated_at = $2 WHERE id = $1 AND state = 'locked'")
                .bind(id.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Sets another password and voids the account's tokens; `false` when there is no such account.
pub async fn set_password(
    tx: &mut Tx,
    id: &UserId,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE users SET password_hash = $2, password_changed_at = $3, tokens_valid_from = $3, updated_at = $3 \
               WHERE id = $1")
            .bind(id.as_str())
            .bind(hash.as_str())
            .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Replaces the password that has this hash; `false` when the account has another by now, or is locked. With `void_before`, what
/// was issued before that instant is void.
pub async fn replace_password(
    tx: &mut Tx,
    id: &UserId,
    (old, new): (&PasswordHash, &PasswordHash),
    void_before: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q(
                "UPDATE users SET password_hash = $3, password_changed_at = $4, updated_at = $4, \
               tokens_valid_from = COALESCE($5, tokens_valid_from) \
               WHERE id = $1 AND password_hash = $2 AND state = 'active'",
            )
            .bind(id.as_str())
            .bind(old.as_str())
            .bind(new.as_str())
            .bind(now)
            .bind(void_before),
        )
        .await?;
    Ok(rows == 1)
}

/// Replaces the hash of a password that stays the same; `false` when it changed meanwhile.
pub async fn upgrade_hash(
    tx: &mut Tx,
    id: &UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
                .bind(id.as_str())
                .bind(old.as_str())
                .bind(new.as_str()),
        )
        .await?;
    Ok(rows == 1)
}

/// Notes a sign-in of an account that may sign in with what was proved at `auth_time`; `false` when it was locked or its
/// password changed since. Holds the row until the transaction ends, so that the session is seen by a lock that waits.
pub async fn note_sign_in(
    tx: &mut Tx,
    id: &UserId,
    auth_time: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE users SET last_sign_in_at = $2 \
               WHERE id = $1 AND state = 'active' AND tokens_valid_from <= $2")
            .bind(id.as_str())
            .bind(auth_time),
        )
        .await?;
    Ok(rows == 1)
}
