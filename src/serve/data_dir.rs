//! The data directory: made for its owner only, used by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::store::DbOptions;

/// Owner: everything; others: nothing.
const DIRECTORY_MODE: u32 = 0o700;
/// Owner: read and write; others: nothing.
pub(super) const FILE_MODE: u32 = 0o600;

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server holds the lock.
    #[error(
        "the data in `{}` is in use by a running tessera{}; stop it, or give this one another directory with --data",
        directory.display(), holder.as_deref().unwrap_or_default()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// ` (process N)`, when the lock file tells.
        holder: Option<String>,
    },
    /// The file system refused.
    #[error("cannot use `{}`: {source}; check that its owner runs tessera, or give another directory with --data", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

/// Turns the file system's refusal into one that names the path.
pub(super) fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> DataDirError {
    move |source| DataDirError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Makes the directory when it is missing.
pub(super) fn create(directory: &Path) -> Result<(), DataDirError> {
    if !directory.is_dir() {
        return DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(io_error(directory));
    }
    let mode = std::fs::metadata(directory)
        .map_err(io_error(directory))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            directory = %directory.display(),
            "other users of this machine can look into the data directory; make it 0700"
        );
    }
    Ok(())
}

/// The right to serve from a SQLite file, held as long as this value lives, and released by the system if the process dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock; `None` where the database itself orders its servers (PostgreSQL).
    pub(super) fn take(database: &DbOptions) -> Result<Option<Self>, DataDirError> {
        let DbOptions::Sqlite { path } = database else {
            return Ok(None);
        };
        let lock_path = lock_path(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&lock_path)
            .map_err(io_error(&lock_path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse {
                    directory: path.parent().unwrap_or(path).to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(&lock_path)(source)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(io_error(&lock_path))?;
        Ok(Some(Self { _file: file }))
    }

    /// Whether a lock file is there already, so that the directory must not be touched before it is taken.
    pub(super) fn may_be_held(database: &DbOptions) -> bool {
        match database {
            DbOptions::Sqlite { path } => lock_path(path).exists(),
            DbOptions::Postgres { .. } => false,
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    let process: u32 = text.trim().parse().ok()?;
    Some(format!(" (process {process})"))
}
