//! How the process ends: one code a cause, and one line that says what to do.

use std::fmt;
use std::process::ExitCode;

use crate::app::OpenError;
use crate::config::Mistakes;
use crate::oauth::keys::KeysError;
use crate::policy::PolicyError;
use crate::serve::{DataDirError, StartError};
use crate::store::seal::SealError;
use crate::store::{SchemaError, StoreError};

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A cause without a code of its own.
    Other,
    /// A mistake in the configuration or on the command line.
    Configuration,
    /// The database cannot be reached.
    DatabaseUnreachable,
    /// The database was written by a newer release.
    SchemaNewer,
    /// The master key is missing, or is not this database's.
    MasterKey,
    /// The address is taken, or is not this machine's.
    CannotListen,
    /// Another server uses the data directory.
    DataInUse,
    /// The setup file has faults; nothing of it was applied.
    SetupRefused,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Other,
        Self::Configuration,
        Self::DatabaseUnreachable,
        Self::SchemaNewer,
        Self::MasterKey,
        Self::CannotListen,
        Self::DataInUse,
        Self::SetupRefused,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Configuration => 2,
            Self::DatabaseUnreachable => 3,
            Self::SchemaNewer => 4,
            Self::MasterKey => 5,
            Self::CannotListen => 6,
            Self::DataInUse => 7,
            Self::SetupRefused => 8,
        }
    }

    /// What the code means, for `tessera --help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Other => "any other failure",
            Self::Configuration => "a mistake in the configuration or on the command line",
            Self::DatabaseUnreachable => "the database cannot be reached",
            Self::SchemaNewer => "the database was written by a newer tessera",
            Self::MasterKey => "the master key is missing, or is not this database's",
            Self::CannotListen => "the address is taken, or is not this machine's",
            Self::DataInUse => "another tessera uses the data directory",
            Self::SetupRefused => "the setup file has faults; nothing of it was applied",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that failed: the code, and what people read.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub exit: Exit,
    message: String,
}

impl Failure {
    /// A failure with its message.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::new(Exit::Configuration, mistakes)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Other, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(store_exit(&error), error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Listen { .. } => Exit::CannotListen,
            StartError::DataDir(DataDirError::InUse { .. }) => Exit::DataInUse,
            StartError::DataDir(DataDirError::Io { .. }) => Exit::Other,
            StartError::MasterKey(_) => Exit::MasterKey,
            StartError::Tls(_) => Exit::Configuration,
            StartError::Open(error) => open_exit(error),
        };
        Self::new(exit, error)
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        Self::new(keys_exit(&error), error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        Self::new(policy_exit(&error), error)
    }
}

const fn open_exit(error: &OpenError) -> Exit {
    match error {
        OpenError::Schema(SchemaError::Newer { .. } | SchemaError::Differs { .. }) => {
            Exit::SchemaNewer
        }
        OpenError::Seal(SealError::WrongMasterKey) => Exit::MasterKey,
        OpenError::Schema(SchemaError::Failed(_))
        | OpenError::Seal(SealError::Altered(_))
        | OpenError::Hash(_)
        | OpenError::Outbound(_) => Exit::Other,
        OpenError::ClientCa(_) => Exit::Configuration,
        OpenError::Policy(error) => policy_exit(error),
        OpenError::Keys(error) => keys_exit(error),
        OpenError::Schema(SchemaError::Store(error))
        | OpenError::Seal(SealError::Store(error))
        | OpenError::Store(error) => store_exit(error),
    }
}

const fn keys_exit(error: &KeysError) -> Exit {
    match error {
        KeysError::Store(error) | KeysError::Seal(SealError::Store(error)) => store_exit(error),
        KeysError::Seal(SealError::WrongMasterKey) => Exit::MasterKey,
        KeysError::Seal(SealError::Altered(_))
        | KeysError::Key
        | KeysError::NoActiveKey(_)
        | KeysError::Sign(_)
        | KeysError::Encrypt(_)
        | KeysError::Provider => Exit::Other,
    }
}

const fn policy_exit(error: &PolicyError) -> Exit {
    if let PolicyError::Store(error) = error {
        store_exit(error)
    } else {
        Exit::Other
    }
}

const fn store_exit(error: &StoreError) -> Exit {
    if error.is_unavailable() {
        Exit::DatabaseUnreachable
    } else {
        Exit::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_code_of_its_own() {
        let mut codes: Vec<u8> = Exit::ALL.map(Exit::code).to_vec();
        codes.sort_unstable();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
