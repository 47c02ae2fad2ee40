//! `tessera keys`: the keys that sign tokens, and master keys.

use std::fmt::Write as _;

use clap::Subcommand;

use super::{Failure, Settings, print};
use crate::base::time::{Clock, Timestamp};
use crate::oauth::keys::rotation::{KeyInfo, Pace};
use crate::serve;
use crate::store::seal::MasterKey;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the keys that sign tokens, oldest first
    List,
    /// Publish the next signing key of every algorithm in use; it signs once every verifier can know it
    Rotate {
        /// Sign with new keys at once: an old one leaked
        #[arg(long)]
        now: bool,
    },
    /// Print a new master key, for `TESSERA_MASTER_KEY` or `master_key_file`
    GenerateMaster,
}

/// Does it; a running server notices within a minute.
pub(super) async fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    let rotate = match command {
        Command::GenerateMaster => {
            let key = MasterKey::generate().to_text();
            return print::out(&format!("{}\n", key.as_str()));
        }
        Command::List => None,
        Command::Rotate { now: false } => Some(Pace::Announced),
        Command::Rotate { now: true } => Some(Pace::Immediate),
    };
    let app = serve::open(&settings.load()?, Clock::System).await?;
    if let Some(pace) = rotate {
        app.keys.rotate(pace, app.clock.now()).await?;
    }
    let keys = app.keys.list().await;
    app.db.close().await;
    print::out(&table(&keys?))
}

/// One line a key: its state, its algorithm, its id, and what comes next.
fn table(keys: &[KeyInfo]) -> String {
    let mut text = String::new();
    for key in keys {
        let next = match (key.state, key.drop_at) {
            (_, Some(at)) => format!("dropped {}", Timestamp::rfc3339(at)),
            ("pending", None) => format!("signs from {}", key.activates_at.rfc3339()),
            (_, None) => format!("signs since {}", key.activates_at.rfc3339()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<9} {:<5} {}  {next}",
            key.state,
            key.algorithm.as_str(),
            key.kid
        );
    }
    text
}
