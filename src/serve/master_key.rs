//! Where the master key comes from: the environment, or a file that is made at the first run beside a SQLite database.
//!
//! A key is made only where no database is yet: a new key beside an old database would open nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::data_dir::{DataDirError, FILE_MODE, io_error};
use crate::config::Loaded;
use crate::store::DbOptions;
use crate::store::seal::MasterKey;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file is missing although the database is there.
    #[error(
        "the master key file `{}` is missing; put back the key that was in use when the database was made, or give it in TESSERA_MASTER_KEY",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file holds something else.
    #[error("`{}` does not hold a master key (32 bytes in base64url); put back the key that was in use when the database was made", .0.display())]
    Malformed(PathBuf),
    /// The file system refused.
    #[error(transparent)]
    File(#[from] DataDirError),
}

/// The master key of this configuration.
pub(super) fn find_or_make(loaded: &Loaded) -> Result<MasterKey, MasterKeyError> {
    let path = &loaded.config.master_key_file;
    if let Some(text) = &loaded.master_key {
        return MasterKey::parse(text.expose())
            .ok_or_else(|| MasterKeyError::Malformed("TESSERA_MASTER_KEY".into()));
    }
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => {
            warn_if_others_can_read(path);
            MasterKey::parse(&text).ok_or_else(|| MasterKeyError::Malformed(path.clone()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => match &loaded.config.database {
            DbOptions::Sqlite { path: database } if !database.exists() => make(path),
            DbOptions::Sqlite { .. } | DbOptions::Postgres { .. } => {
                Err(MasterKeyError::Missing(path.clone()))
            }
        },
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(MasterKeyError::Malformed(path.clone()))
        }
        Err(error) => Err(io_error(path)(error).into()),
    }
}

/// Writes a new key whole or not at all: to a file of its own, on disk, then under its name, which must be free.
fn make(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let key = MasterKey::generate();
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&draft)?;
        writeln!(file, "{}", key.to_text().as_str())?;
        file.sync_all()?;
        std::fs::hard_link(&draft, path)
    };
    let written = write();
    // The draft is a second name of the key, or the rest of a failure; either way it goes.
    drop(std::fs::remove_file(&draft));
    written.map_err(io_error(path))?;
    if let Some(directory) = path.parent() {
        drop(std::fs::File::open(directory).and_then(|directory| directory.sync_all()));
    }
    Ok(key)
}

fn warn_if_others_can_read(path: &Path) {
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & 0o004 != 0 {
        tracing::warn!(
            file = %path.display(),
            "every user of this machine can read the master key; make it 0600"
        );
    }
}
