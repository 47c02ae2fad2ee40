//! What can go wrong in the database, by cause.

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique or primary key already holds the value. Expected in races; callers turn it into the domain's words.
    #[error("the row already exists")]
    AlreadyExists(#[source] sqlx::Error),
    /// The row that must exist does not.
    #[error("the row does not exist")]
    NotFound,
    /// The database could not be reached, or refused for lack of connections, space or permission.
    #[error("the database is unavailable: {}", root_cause(.0))]
    Unavailable(#[source] sqlx::Error),
    /// A stored value has a form that this version does not know.
    #[error("stored {what} is not readable: {reason}")]
    Corrupt {
        /// The table and column, or the kind of value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The group commit that carried this write failed; nothing of it was kept.
    #[error("the commit failed: {0}")]
    CommitFailed(String),
    /// Any other failure of a statement: a fault of ours.
    #[error("a database statement failed: {}", root_cause(.0))]
    Statement(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the write lost to a row that already holds its unique value.
    pub const fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists(_))
    }

    /// Whether trying again later may help (503 at the edge), as opposed to a fault of ours (500).
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CommitFailed(_))
    }

    /// A stored value that cannot be read.
    pub fn corrupt(what: &'static str, reason: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self::Corrupt {
            what,
            reason: reason.to_string(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
        {
            return Self::AlreadyExists(error);
        }
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(fault) if is_unavailable(fault.as_ref()) => {
                Self::Unavailable(error)
            }
            _ => Self::Statement(error),
        }
    }
}

/// SQLite: busy, locked, read-only, I/O, full, cannot open. PostgreSQL: classes 08 (connection), 28 (not let in),
/// 3D (no such database), 53 (resources), 57 (shutdown, cannot connect now), and 25006 (read-only transaction: a standby).
fn is_unavailable(fault: &dyn sqlx::error::DatabaseError) -> bool {
    fault.code().is_some_and(|code| match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        _ => {
            let class = code.get(..2).unwrap_or_default();
            matches!(class, "08" | "28" | "3D" | "53" | "57") || code == "25006"
        }
    })
}

fn root_cause(error: &sqlx::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let (text, cause) = (error.to_string(), cause.to_string());
    if text.contains(&cause) {
        text
    } else {
        format!("{text} ({cause})")
    }
}
