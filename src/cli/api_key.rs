//! `tessera api-key`: makes, lists and revokes the keys that programs call Tessera's own APIs with.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::id::ApiKeyId;
use crate::base::time::{Clock, Seconds, Timestamp};
use crate::identity::identifier::Canonical;
use crate::oauth::api_key::{self, ApiKeyError, KeyOwner, NewApiKey, parse_owner};
use crate::serve;
use crate::store::api_keys::{self, KeyRow};
use crate::store::{Conn, users};

const SECONDS_PER_DAY: i64 = 86_400;
/// Keys read at a time.
const PAGE: u32 = 200;

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key and print it, this once
    Create(Create),
    /// List keys, oldest first, without their secrets
    List {
        /// Only this owner's
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
    },
    /// Revoke a key; it is refused from the next request on
    Revoke {
        /// The key's id, `key_..`
        id: String,
    },
}

/// Arguments of `tessera api-key create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// Whose rights the key has: `client:<client_id>`, `user:<username>` or `user:<user id>`
    #[arg(long)]
    owner: String,
    /// What it is called in lists
    #[arg(long)]
    name: String,
    /// What it may be used for, such as `can_check`; again for more. Without: all that the owner may in permission stores
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// The one permission store that it opens, by id or name
    #[arg(long)]
    store: Option<String>,
    /// When it ends, such as `2030-01-31T12:00:00Z`
    #[arg(long, value_name = "INSTANT", conflicts_with = "days")]
    expires_at: Option<String>,
    /// After how many days it ends
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
}

/// Does it; works while the server runs, and also when it does not.
pub(super) async fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let app = serve::open(&settings.load()?, Clock::System).await?;
    let now = app.clock.now();
    let said = match command {
        Command::Create(arguments) => create(&app, arguments, now).await,
        Command::List { owner } => list(&app, owner.as_deref(), now).await,
        Command::Revoke { id } => revoke(&app, id, now).await,
    };
    app.db.close().await;
    print::out(&said?)
}

async fn create(app: &App, arguments: &Create, now: Timestamp) -> Result<String, Failure> {
    let given = Some(&arguments.permissions).filter(|names| !names.is_empty());
    let store = match &arguments.store {
        None => None,
        Some(wanted) => Some(app.policy.find_store(wanted).await?.ok_or_else(|| {
            mistake(format_args!(
                "`--store` is `{wanted}`, which is not the id or name of exactly one store"
            ))
        })?),
    };
    let owner = owner(&mut app.db.read().await?, &arguments.owner).await?;
    let new = NewApiKey {
        name: arguments.name.clone(),
        owner,
        permissions: given.cloned(),
        store,
        expires_at: expiry(arguments, now)?,
    };
    let mut tx = app.db.write().await?;
    let issued = api_key::create(&mut tx, &app.sealer, &new, now).await?;
    tx.commit().await?;
    // The secret alone goes to standard output, so that a script can keep it.
    print::note(&format!(
        "made {} for {}; it is shown this once:",
        issued.key.id, arguments.owner
    ));
    Ok(format!("{}\n", issued.secret.expose()))
}

fn expiry(arguments: &Create, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let after = arguments
        .days
        .map(|days| now.plus(Seconds::new(i64::from(days) * SECONDS_PER_DAY)));
    let Some(text) = &arguments.expires_at else {
        return Ok(after);
    };
    let at = Timestamp::parse_rfc3339(text).ok_or_else(|| {
        mistake(format_args!(
            "`--expires-at` is `{text}`; write an instant such as `2030-01-31T12:00:00Z`"
        ))
    })?;
    Ok(Some(at))
}

/// The owner by the subject's name, or by a username in the id's place.
async fn owner(conn: &mut Conn, given: &str) -> Result<KeyOwner, Failure> {
    match parse_owner(given) {
        Ok(owner) => Ok(owner),
        Err(error) => {
            let Some(username) = given.strip_prefix("user:") else {
                return Err(error.into());
            };
            let found = users::find_credentials(conn, &Canonical::of_typed(username)).await?;
            Ok(KeyOwner::User(found.ok_or(error)?.user.id))
        }
    }
}

async fn list(app: &App, of: Option<&str>, now: Timestamp) -> Result<String, Failure> {
    let mut conn = app.db.read().await?;
    let of = match of {
        Some(given) => Some(owner(&mut conn, given).await?),
        None => None,
    };
    let (mut text, mut after) = (String::new(), None);
    loop {
        let keys = api_keys::list(&mut conn, of.as_ref(), after.as_ref(), PAGE).await?;
        for key in &keys {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", line(key, now));
        }
        match keys.last() {
            Some(last) => after = Some(last.id.clone()),
            None => return Ok(text),
        }
    }
}

fn line(key: &KeyRow, now: Timestamp) -> String {
    let at = |instant: Option<Timestamp>| instant.map_or("never".to_owned(), Timestamp::rfc3339);
    let store = key.store_id.as_deref().unwrap_or("all stores");
    format!(
        "{}  {:<12} {}  \"{}\"  {} in {store}  expires {}  last used {}",
        key.id,
        key.standing(now).as_str(),
        key.owner.subject(),
        key.name,
        key.permissions.replace(' ', ","),
        at(key.expires_at),
        at(key.last_used_at),
    )
}

async fn revoke(app: &App, id: &str, now: Timestamp) -> Result<String, Failure> {
    let id = ApiKeyId::parse(id).map_err(|error| mistake(format_args!("{error}")))?;
    let mut tx = app.db.write().await?;
    let key = api_key::revoke(&mut tx, &id, now).await?;
    tx.commit().await?;
    Ok(format!("{}\n", line(&key, now)))
}

fn mistake(message: std::fmt::Arguments<'_>) -> Failure {
    Failure::new(Exit::Configuration, message)
}

impl From<ApiKeyError> for Failure {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Store(error) => error.into(),
            error @ (ApiKeyError::Name
            | ApiKeyError::NoOwner(_)
            | ApiKeyError::OwnerInactive(_)
            | ApiKeyError::TooMany(_)
            | ApiKeyError::Limit(_)
            | ApiKeyError::NoStore(_)
            | ApiKeyError::Past(_)
            | ApiKeyError::NotFound(_)) => Self::new(Exit::Configuration, error),
        }
    }
}
