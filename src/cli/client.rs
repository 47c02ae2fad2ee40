//! `tessera client`: what lets applications register themselves.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::id::InitialTokenId;
use crate::base::time::{Clock, Seconds, Timestamp};
use crate::oauth::initial_token::{self, InitialTokenError, NewInitialToken};
use crate::serve;
use crate::store::initial_access_tokens::{self, InitialToken};

const SECONDS_PER_HOUR: i64 = 3_600;
/// Tokens read at a time.
const PAGE: u32 = 200;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token that applications are registered with (RFC 7591), and print it, this once
    RegistrationToken(Create),
    /// List such tokens, oldest first
    RegistrationTokens,
    /// End such a token; what was registered with it stays
    EndRegistrationToken {
        /// The token's id, `iat_..`
        id: String,
    },
}

/// Arguments of `tessera client registration-token`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// What it is called in lists
    #[arg(long)]
    name: String,
    /// How many applications it may register; any number without this
    #[arg(long)]
    uses: Option<u32>,
    /// After how many hours it ends
    #[arg(long, default_value_t = 24)]
    hours: u16,
}

/// Does it; works while the server runs, and also when it does not.
pub(super) async fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let app = serve::open(&settings.load()?, Clock::System).await?;
    let now = app.clock.now();
    let said = match command {
        Command::RegistrationToken(arguments) => create(&app, arguments, now).await,
        Command::RegistrationTokens => list(&app).await,
        Command::EndRegistrationToken { id } => end(&app, id, now).await,
    };
    app.db.close().await;
    print::out(&said?)
}

async fn create(app: &App, arguments: &Create, now: Timestamp) -> Result<String, Failure> {
    let new = NewInitialToken {
        name: arguments.name.clone(),
        max_uses: arguments.uses,
        lifetime: Seconds::new(i64::from(arguments.hours) * SECONDS_PER_HOUR),
    };
    let mut tx = app.db.write().await?;
    let (token, secret) = initial_token::create(&mut tx, &new, now).await?;
    tx.commit().await?;
    // The secret alone goes to standard output, so that a script can keep it.
    print::note(&format!("made {}; it is shown this once:", token.id));
    Ok(format!("{}\n", secret.expose()))
}

async fn list(app: &App) -> Result<String, Failure> {
    let mut conn = app.db.read().await?;
    let (mut text, mut after) = (String::new(), None);
    loop {
        let tokens = initial_access_tokens::list(&mut conn, after.as_ref(), PAGE).await?;
        for token in &tokens {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", line(token));
        }
        match tokens.last() {
            Some(last) => after = Some(last.id.clone()),
            None => return Ok(text),
        }
    }
}

fn line(token: &InitialToken) -> String {
    let of = token
        .max_uses
        .map_or_else(String::new, |most| format!(" of {most}"));
    format!(
        "{}  \"{}\"  used {}{of}  expires {}",
        token.id,
        token.name,
        token.uses,
        token.expires_at.rfc3339()
    )
}

async fn end(app: &App, id: &str, now: Timestamp) -> Result<String, Failure> {
    let id = InitialTokenId::parse(id).map_err(|error| Failure::new(Exit::Configuration, error))?;
    let mut tx = app.db.write().await?;
    initial_token::delete(&mut tx, &id, now).await?;
    tx.commit().await?;
    Ok(format!("{id} is ended\n"))
}

impl From<InitialTokenError> for Failure {
    fn from(error: InitialTokenError) -> Self {
        match error {
            InitialTokenError::Store(error) => error.into(),
            error @ (InitialTokenError::Name
            | InitialTokenError::Uses
            | InitialTokenError::Lifetime
            | InitialTokenError::NotFound(_)) => Self::new(Exit::Configuration, error),
        }
    }
}
