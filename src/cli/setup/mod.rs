//! Declarative setup: `tessera apply FILE.toml` and `serve --apply FILE.toml`.
//!
//! [`file`] reads the text and names every fault with its line, [`apply`] brings the database to what it says in one transaction;
//! one file a kind of entry.

mod acting;
mod api_keys;
mod apply;
mod clients;
mod faults;
mod file;
mod resources;
mod rights;
mod roles;
mod stores;
mod table;
mod trusted_issuers;
mod users;

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, Settings, print};
use crate::base::time::Clock;
use crate::identity::hasher::HashError;
use crate::serve;
use crate::store::StoreError;

pub use apply::{Mode, Report, apply, apply_text};
pub use faults::Fault;

/// Arguments of `tessera apply`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Setup file (TOML): resource servers, types of authorization details, clients, users, roles, trusted issuers, stores, models,
    /// rights, tuples, API keys
    file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Applies a setup file and prints one line a change.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    let app = serve::open(&settings.load()?, Clock::System).await?;
    let mode = if arguments.dry_run {
        Mode::DryRun
    } else {
        Mode::Commit
    };
    let result = apply(&app, &arguments.file, mode, app.clock.now()).await;
    app.db.close().await;
    print::out(&describe(&result?, mode))
}

/// What people read: warnings, then one line a change.
pub(super) fn describe(report: &Report, mode: Mode) -> String {
    let warnings = report
        .warnings
        .iter()
        .map(|line| format!("warning: {line}\n"));
    let changes = report.changes.iter().map(|line| format!("{line}\n"));
    let end = match (report.changes.is_empty(), mode) {
        (true, _) => "nothing to change\n",
        (false, Mode::DryRun) => "dry run: nothing was changed\n",
        (false, Mode::Commit) => "",
    };
    warnings.chain(changes).chain([end.to_owned()]).collect()
}

/// Why a setup file was not applied.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file cannot be read.
    #[error("cannot read the setup file {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file has faults; nothing was changed.
    #[error("the setup file has faults; nothing was changed{}", Lines(.0))]
    Faults(Vec<Fault>),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The permission data could not be written.
    #[error(transparent)]
    Policy(#[from] crate::policy::PolicyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Lines<'a>(&'a [Fault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Store(error) => error.into(),
            SetupError::Read { .. } | SetupError::Faults(_) | SetupError::Policy(_) => {
                Self::new(Exit::SetupRefused, error)
            }
            SetupError::Hash(error) => Self::new(Exit::Other, error),
        }
    }
}
