//! `tessera resource-server`, `authorization-details-type`, `trusted-issuer`: what administrators declare, from the command line.
//!
//! JSON as the admin API takes and shows it, and by the same rules; what `show` prints can be changed and handed to `update`.

mod detail_types;
mod resource_servers;
mod trusted_issuers;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::time::{Clock, Timestamp};
use crate::oauth::declared::{Replaceable, Replacement, Shown};
use crate::serve;
use crate::store::{Conn, Tx};

pub(super) use detail_types::DetailTypes;
pub(super) use resource_servers::ResourceServers;
pub(super) use trusted_issuers::TrustedIssuers;

/// Entries read at a time.
const PAGE: u32 = 200;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List all of them, one a line
    List,
    /// Print one as JSON, as the admin API shows it
    Show {
        /// Its id, or what requests call it
        name: String,
    },
    /// Declare one from a JSON file, as the admin API takes it
    Create {
        /// The file; `-` for standard input
        file: PathBuf,
    },
    /// Replace what is said of one by a JSON file; what `show` prints can be changed and handed in
    Update {
        /// Its id, or what requests call it
        name: String,
        /// The file; `-` for standard input
        file: PathBuf,
    },
    /// Forget one
    Delete {
        /// Its id, or what requests call it
        name: String,
    },
}

/// One kind of what administrators declare.
pub(super) trait Kind {
    /// One as it is kept.
    type Row: Clone;
    /// What is said of one.
    type Declared: Serialize;

    /// Some of them, beginning after one.
    async fn list(conn: &mut Conn, after: Option<&Self::Row>) -> Result<Vec<Self::Row>, Failure>;
    /// The one of that name, which must exist.
    async fn get(conn: &mut Conn, name: &str) -> Result<Self::Row, Failure>;
    /// Declares one; it must not exist yet.
    async fn create(work: &mut Work<'_>, given: Value) -> Result<Self::Row, Failure>;
    /// Replaces what is said of one.
    async fn update(work: &mut Work<'_>, row: &Self::Row, given: Value) -> Result<(), Failure>;
    /// Forgets one.
    async fn delete(work: &mut Work<'_>, row: &Self::Row) -> Result<(), Failure>;
    /// What a list says of one.
    fn line(row: &Self::Row) -> String;
    /// One as it is shown.
    fn show(row: Self::Row) -> Shown<Self::Declared>;
}

/// A change under way.
pub(super) struct Work<'a> {
    app: &'a App,
    tx: Tx,
    now: Timestamp,
}

/// Does it; works while the server runs, and also when it does not.
pub(super) async fn run<K: Kind>(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let app = serve::open(&settings.load()?, Clock::System).await?;
    let said = act::<K>(&app, command).await;
    app.db.close().await;
    print::out(&said?)
}

async fn act<K: Kind>(app: &App, command: &Command) -> Result<String, Failure> {
    match command {
        Command::List => return list::<K>(app).await,
        Command::Show { name } => {
            let row = K::get(&mut app.db.read().await?, name).await?;
            let text = serde_json::to_string_pretty(&K::show(row)).map_err(std::io::Error::from)?;
            return Ok(format!("{text}\n"));
        }
        Command::Create { .. } | Command::Update { .. } | Command::Delete { .. } => {}
    }
    // Read before the transaction is open: standard input may take its time.
    let given = match command {
        Command::Create { file } | Command::Update { file, .. } => Some(read(file)?),
        Command::List | Command::Show { .. } | Command::Delete { .. } => None,
    };
    let mut work = Work {
        app,
        tx: app.db.write().await?,
        now: app.clock.now(),
    };
    let said = change::<K>(&mut work, command, given.unwrap_or_default()).await?;
    work.tx.commit().await?;
    Ok(format!("{said}\n"))
}

async fn change<K: Kind>(
    work: &mut Work<'_>,
    command: &Command,
    given: Value,
) -> Result<String, Failure> {
    match command {
        Command::Create { .. } => Ok(K::line(&K::create(work, given).await?)),
        Command::Update { name, .. } => {
            let row = K::get(&mut work.tx, name).await?;
            K::update(work, &row, given).await?;
            Ok(K::line(&K::get(&mut work.tx, name).await?))
        }
        Command::Delete { name } => {
            let row = K::get(&mut work.tx, name).await?;
            K::delete(work, &row).await?;
            Ok(format!("{name} is forgotten"))
        }
        Command::List | Command::Show { .. } => Ok(String::new()),
    }
}

async fn list<K: Kind>(app: &App) -> Result<String, Failure> {
    let mut conn = app.db.read().await?;
    let (mut text, mut after) = (String::new(), None);
    loop {
        let rows = K::list(&mut conn, after.as_ref()).await?;
        for row in &rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", K::line(row));
        }
        match rows.last() {
            Some(last) => after = Some(last.clone()),
            None => return Ok(text),
        }
    }
}

/// The JSON of a file, or of standard input.
fn read(file: &Path) -> Result<Value, Failure> {
    let shown = file.display();
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| mistake(format_args!("cannot read `{shown}`: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| mistake(format_args!("`{shown}` is not JSON: {error}")))
}

/// What was handed in, as what replaces one.
fn replacement<T: Replaceable>(given: Value) -> Result<T, Failure> {
    let Replacement(new) =
        serde_json::from_value(given).map_err(|error| mistake(format_args!("{error}")))?;
    Ok(new)
}

/// A text member of what was handed in.
fn member<'a>(given: &'a Value, name: &str) -> Result<&'a str, Failure> {
    given
        .as_object()
        .and_then(|members: &Map<String, Value>| members.get(name)?.as_str())
        .ok_or_else(|| {
            mistake(format_args!(
                "`{name}` is missing; the JSON object must say it"
            ))
        })
}

fn mistake(message: std::fmt::Arguments<'_>) -> Failure {
    Failure::new(Exit::Configuration, message)
}
