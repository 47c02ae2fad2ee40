//! `tessera outbox`: messages to other servers that were given up, or wait.

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};

use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::id::MessageId;
use crate::base::time::{Clock, Timestamp};
use crate::serve;
use crate::store::outbox::{self, MessageRow, MessageState};

/// Messages read at a time.
const PAGE: u32 = 200;

/// What to do with messages.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List messages, oldest first
    List {
        /// Those that were given up, or those that wait to be sent
        #[arg(long, value_enum, default_value = "dead")]
        state: State,
    },
    /// Send a message that was given up again; a running server does it within a second
    Retry {
        /// The message's id, `msg_..`
        id: String,
    },
    /// Remove a message that was given up
    Drop {
        /// The message's id, `msg_..`
        id: String,
    },
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    Dead,
    Pending,
}

/// Does it; works while the server runs, and also when it does not.
pub(super) async fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let app = serve::open(&settings.load()?, Clock::System).await?;
    let said = match command {
        Command::List { state } => list(&app, *state).await,
        Command::Retry { id } => retry(&app, id, app.clock.now()).await,
        Command::Drop { id } => remove(&app, id).await,
    };
    app.db.close().await;
    print::out(&said?)
}

async fn list(app: &App, state: State) -> Result<String, Failure> {
    let state = match state {
        State::Dead => MessageState::Dead,
        State::Pending => MessageState::Pending,
    };
    let mut conn = app.db.read().await?;
    let (mut text, mut after) = (String::new(), None);
    loop {
        let rows = outbox::list(&mut conn, state, after.as_ref(), PAGE).await?;
        for row in &rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", line(row));
        }
        match rows.last() {
            Some(last) => after = Some(last.id.clone()),
            None => return Ok(text),
        }
    }
}

fn line(row: &MessageRow) -> String {
    format!(
        "{}  {}  to {}  {} attempts  since {}  {}",
        row.id,
        row.kind,
        row.destination,
        row.attempts,
        row.created_at.rfc3339(),
        row.last_error.as_deref().unwrap_or(""),
    )
}

async fn retry(app: &App, id: &str, now: Timestamp) -> Result<String, Failure> {
    let id = parse(id)?;
    let mut tx = app.db.write().await?;
    let done = outbox::revive(&mut tx, &id, now).await?;
    tx.commit().await?;
    said(done, &id, "is sent again")
}

async fn remove(app: &App, id: &str) -> Result<String, Failure> {
    let id = parse(id)?;
    let mut tx = app.db.write().await?;
    let done = outbox::remove_dead(&mut tx, &id).await?;
    tx.commit().await?;
    said(done, &id, "is removed")
}

fn parse(id: &str) -> Result<MessageId, Failure> {
    MessageId::parse(id).map_err(|error| Failure::new(Exit::Configuration, error))
}

fn said(done: bool, id: &MessageId, what: &str) -> Result<String, Failure> {
    if done {
        Ok(format!("{id} {what}\n"))
    } else {
        let message = format!("no message `{id}` was given up; see `tessera outbox list`");
        Err(Failure::new(Exit::Configuration, message))
    }
}
