//! `tessera keys`: master keys and signing keys.

use clap::Subcommand;

use super::{Failure, Settings, print};
use crate::store::seal::MasterKey;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a new master key, for `TESSERA_MASTER_KEY` or `master_key_file`
    GenerateMaster,
}

/// Does it.
pub(super) fn run(_settings: &Settings, command: &Command) -> Result<(), Failure> {
    match command {
        Command::GenerateMaster => {
            let key = MasterKey::generate().to_text();
            print::out(&format!("{}\n", key.as_str()))
        }
    }
}
