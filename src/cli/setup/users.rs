//! `[[users]]`: accounts, their passwords, their roles.

use super::apply::Run;
use super::faults::Faults;
use super::file::{PasswordEntry, UserEntry};
use super::table::Located;
use super::{SetupError, roles};
use crate::app::App;
use crate::base::id::UserId;
use crate::base::secret::{Secret, TokenHash};
use crate::identity::account::{self, AccountError};
use crate::identity::identifier::{Email, Username};
use crate::identity::password::{Password, PasswordHash, Verdict};
use crate::identity::profile::Profile;
use crate::identity::user::{DisplayName, NewUser, User, UserChange};
use crate::store::users::Credentials;
use crate::store::{meta, users};

/// An entry that passed, with its password hashed where it is a new one.
pub(super) struct CheckedUser {
    key: String,
    username: Located<Username>,
    email: Option<Email>,
    email_verified: bool,
    name: Option<DisplayName>,
    profile: Profile,
    password: Option<NewPassword>,
    roles: Option<Vec<roles::Role>>,
}

/// A password that the account does not have yet.
struct NewPassword {
    hash: PasswordHash,
    /// Set for an imported hash: remembered, so that the same import is known again after the hash was upgraded at a sign-in.
    imported: Option<TokenHash>,
}

/// Checks the entries and hashes new passwords. Runs before the transaction: hashing is slow on purpose.
pub(super) async fn check(
    app: &App,
    entries: Vec<UserEntry>,
    faults: &mut Faults<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<CheckedUser>, SetupError> {
    let mut checked: Vec<CheckedUser> = Vec::with_capacity(entries.len());
    for entry in entries {
        let key = |field: &str| format!("{}.{field}", entry.key);
        let line = entry.username.line;
        let username = Username::parse(&entry.username.value)
            .map_err(|error| faults.add_at(line, &key("username"), error.to_string()));
        let email = optional(entry.email.as_ref(), &key("email"), Email::parse, faults);
        let name = optional(
            entry.name.as_ref(),
            &key("name"),
            DisplayName::parse,
            faults,
        );
        if let Some(Located { line, value }) = &entry.profile
            && let Err(error) = value.check()
        {
            faults.add_at(*line, &key("profile"), error.to_string());
        }
        let roles = roles::check(entry.roles.as_deref(), &key("roles"), faults);
        if entry.email_verified && entry.email.is_none() {
            faults.add_at(
                line,
                &key("email_verified"),
                "cannot be true without an `email`",
            );
        }
        let Ok(username) = username else { continue };
        refuse_twin(&checked, (&username, line), &key("username"), faults);
        let password = match &entry.password {
            Some(given) => password(app, &entry, given, (faults, warnings)).await?,
            None => None,
        };
        checked.push(CheckedUser {
            key: entry.key,
            username: Located {
                line,
                value: username,
            },
            email,
            email_verified: entry.email_verified,
            name,
            profile: entry.profile.map(|given| given.value).unwrap_or_default(),
            password,
            roles,
        });
    }
    Ok(checked)
}

/// Names that differ in case or spelling alone are one account.
fn refuse_twin(
    checked: &[CheckedUser],
    (username, line): (&Username, usize),
    key: &str,
    faults: &mut Faults<'_>,
) {
    let canonical = username.canonical();
    let twin = checked
        .iter()
        .find(|other| other.username.value.canonical() == canonical);
    if let Some(CheckedUser { username: twin, .. }) = twin {
        let message = format!(
            "is the account `{}` of line {}; merge the two",
            twin.value.as_str(),
            twin.line
        );
        faults.add_at(line, key, message);
    }
}

fn optional<T, E: std::fmt::Display>(
    given: Option<&Located<String>>,
    key: &str,
    parse: fn(&str) -> Result<T, E>,
    faults: &mut Faults<'_>,
) -> Option<T> {
    let given = given?;
    parse(&given.value)
        .map_err(|error| faults.add_at(given.line, key, error.to_string()))
        .ok()
}

/// The hash to store, or `None` when the account has this password already.
async fn password(
    app: &App,
    entry: &UserEntry,
    given: &PasswordEntry,
    (faults, warnings): (&mut Faults<'_>, &mut Vec<String>),
) -> Result<Option<NewPassword>, SetupError> {
    let username = &entry.username.value;
    let mut conn = app.db.read().await?;
    let canonical = crate::identity::identifier::Canonical::of_typed(username);
    let existing = users::find_credentials(&mut conn, &canonical).await?;
    match given {
        PasswordEntry::Plain(text) => {
            drop(conn);
            let Some(password) = Password::typed(text.value.expose()) else {
                let message = "is longer than any password may be; use a shorter one";
                faults.add_at(text.line, &format!("{}.password", entry.key), message);
                return Ok(None);
            };
            // The operator's word counts, but not silently.
            let context = [
                Some(username.as_str()),
                entry.email.as_ref().map(|email| email.value.as_str()),
            ];
            let context: Vec<&str> = context.into_iter().flatten().collect();
            if let Err(error) = Password::choose(
                text.value.expose(),
                app.config.passwords.min_chars,
                &context,
            ) {
                warnings.push(format!("user `{username}`: {error}"));
            }
            let stored = existing.and_then(|existing| existing.password);
            if stored.is_some()
                && matches!(
                    app.hasher.verify(password.clone(), stored).await?,
                    Verdict::Match { .. }
                )
            {
                return Ok(None);
            }
            Ok(Some(NewPassword {
                hash: app.hasher.hash(password).await?,
                imported: None,
            }))
        }
        PasswordEntry::Hash(text) => {
            let hash = match PasswordHash::import(text.value.expose()) {
                Ok(hash) => hash,
                Err(error) => {
                    faults.add_at(
                        text.line,
                        &format!("{}.password_hash", entry.key),
                        error.to_string(),
                    );
                    return Ok(None);
                }
            };
            let fingerprint = fingerprint(&text.value);
            let known = match existing {
                Some(existing) => meta::find(&mut conn, &imported_fact(&existing.user.id)).await?,
                None => None,
            };
            if known.as_deref() == Some(fingerprint.as_str()) {
                return Ok(None);
            }
            Ok(Some(NewPassword {
                hash,
                imported: Some(fingerprint),
            }))
        }
    }
}

fn fingerprint(hash: &Secret<String>) -> TokenHash {
    TokenHash::of(hash.expose())
}

fn imported_fact(id: &UserId) -> String {
    format!("setup.password_hash:{id}")
}

/// Creates or updates one account.
pub(super) async fn write(run: &mut Run<'_>, user: CheckedUser) -> Result<(), SetupError> {
    let canonical = user.username.value.canonical();
    let existing = users::find_credentials(&mut run.tx, &canonical).await?;
    let result = match existing {
        None => create(run, &user).await,
        Some(existing) => update(run, &user, existing).await,
    };
    let id = match result {
        Ok(id) => id,
        Err(AccountError::Store(error)) => return Err(error.into()),
        Err(fault) => {
            run.fault(user.username.line, &user.key, &fault);
            return Ok(());
        }
    };
    if let Some(NewPassword {
        imported: Some(fingerprint),
        ..
    }) = &user.password
    {
        meta::set(&mut run.tx, &imported_fact(&id), fingerprint.as_str()).await?;
    }
    let name = format!("user {}", user.username.value);
    let of = (name.as_str(), &*format!("user:{id}"));
    let place = (user.username.line, &*format!("{}.roles", user.key));
    roles::write(run, place, of, user.roles.as_deref()).await
}

async fn create(run: &mut Run<'_>, user: &CheckedUser) -> Result<UserId, AccountError> {
    let new = NewUser {
        username: user.username.value.clone(),
        email: user.email.clone(),
        email_verified: user.email_verified,
        name: user.name.clone(),
        profile: user.profile.clone(),
        password: user.password.as_ref().map(|new| new.hash.clone()),
    };
    let id = account::create(&mut run.tx, &new, run.now).await?;
    run.changed(format!("+ user {} ({id})", user.username.value));
    Ok(id)
}

async fn update(
    run: &mut Run<'_>,
    user: &CheckedUser,
    existing: Credentials,
) -> Result<UserId, AccountError> {
    let id = existing.user.id.clone();
    let (change, fields) = difference(user, &existing.user);
    if !fields.is_empty() {
        account::update(&mut run.tx, &existing.user, &change, run.now).await?;
        run.changed(format!(
            "~ user {}: {}",
            user.username.value,
            fields.join(", ")
        ));
    }
    if let Some(new) = &user.password {
        account::set_password(&mut run.tx, &id, &new.hash, run.now).await?;
        run.changed(format!(
            "~ user {}: password (sessions and tokens ended)",
            user.username.value
        ));
    }
    Ok(id)
}

fn difference(wanted: &CheckedUser, is: &User) -> (UserChange, Vec<&'static str>) {
    let mut change = UserChange::default();
    let mut fields = Vec::new();
    if is.username != wanted.username.value.as_str() {
        change.username = Some(wanted.username.value.clone());
        fields.push("username");
    }
    let email = wanted.email.as_ref().map(Email::as_str);
    if (email, wanted.email_verified) != (is.email.as_deref(), is.email_verified) {
        change.email = Some(
            wanted
                .email
                .clone()
                .map(|email| (email, wanted.email_verified)),
        );
        fields.push("email");
    }
    if wanted.name.as_ref().map(DisplayName::as_str) != is.name.as_deref() {
        change.name = Some(wanted.name.clone());
        fields.push("name");
    }
    if wanted.profile != is.profile {
        change.profile = Some(wanted.profile.clone());
        fields.push("profile");
    }
    (change, fields)
}
