//! [`Db`], [`Conn`] and [`Tx`]: which engine answers is decided here and nowhere else.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
};

use super::sqlite_writer::{SqliteWriter, WriterLease};
use super::{FromRow, Query, Row, StoreError, Value};

/// Read-only SQLite connections: measured best at four on small machines.
const SQLITE_READERS: u32 = 4;
/// How long SQLite waits for another process's write lock.
const SQLITE_BUSY_SECONDS: u64 = 5;
/// How long a request waits for a free connection before 503.
const ACQUIRE_SECONDS: u64 = 5;

/// Where the data lies. `Debug` leaves the URL out: it may hold a password.
#[derive(Clone)]
pub enum DbOptions {
    /// A SQLite file; made when missing.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// `postgres://user:password@host:port/database`
        url: String,
        /// Most connections that this node opens.
        max_connections: u32,
    },
}

impl fmt::Debug for DbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => f.debug_struct("Sqlite").field("path", path).finish(),
            Self::Postgres {
                max_connections, ..
            } => f
                .debug_struct("Postgres")
                .field("max_connections", max_connections)
                .finish_non_exhaustive(),
        }
    }
}

/// The database of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// One writer with group commit, and a pool of read-only readers.
    Sqlite {
        /// Read-only connections.
        readers: SqlitePool,
        /// The one connection that writes.
        writer: Arc<SqliteWriter>,
    },
    /// A pool of connections.
    Postgres(PgPool),
}

impl Db {
    /// Opens the database without touching its schema (see [`super::migrate`]).
    pub async fn open(options: &DbOptions) -> Result<Self, StoreError> {
        match options {
            DbOptions::Sqlite { path } => Self::open_sqlite(path).await,
            DbOptions::Postgres {
                url,
                max_connections,
            } => {
                let options = PgConnectOptions::from_str(url)?
                    .application_name("tessera")
                    .options([("client_min_messages", "warning")]);
                // One connection first: the pool would try for seconds and then not say why.
                let limit = Duration::from_secs(ACQUIRE_SECONDS);
                let first = tokio::time::timeout(limit, options.connect()).await;
                let late = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
                first.map_err(late)??.close().await?;
                let pool = PgPoolOptions::new()
                    .max_connections(*max_connections)
                    .test_before_acquire(false)
                    .acquire_timeout(limit)
                    .connect_with(options.disable_statement_logging())
                    .await?;
                Ok(Self::Postgres(pool))
            }
        }
    }

    async fn open_sqlite(path: &std::path::Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(SQLITE_BUSY_SECONDS))
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let writer = SqliteWriter::open(&options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(ACQUIRE_SECONDS))
            .connect_with(options.create_if_missing(false).read_only(true))
            .await?;
        Ok(Self::Sqlite {
            readers,
            writer: Arc::new(writer),
        })
    }

    /// The engine's name, for people and metrics.
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// A connection to read with. Each statement sees the last commit.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        Ok(Conn(match self {
            Self::Sqlite { readers, .. } => Inner::Sqlite(readers.acquire().await?),
            Self::Postgres(pool) => Inner::Postgres(pool.acquire().await?),
        }))
    }

    /// A connection whose statements all see one commit.
    pub async fn snapshot(&self) -> Result<Conn, StoreError> {
        Ok(Conn(match self {
            Self::Sqlite { readers, .. } => {
                Inner::SqliteSnapshot(readers.begin_with("BEGIN").await?)
            }
            Self::Postgres(pool) => Inner::PostgresTx(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?,
            ),
        }))
    }

    /// A transaction to write in. Dropping it rolls back; only [`Tx::commit`] keeps it.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        Ok(Tx(Conn(match self {
            Self::Sqlite { writer, .. } => Inner::SqliteWriter(SqliteWriter::lease(writer).await?),
            Self::Postgres(pool) => Inner::PostgresTx(pool.begin().await?),
        })))
    }

    /// Closes every connection after the statements in flight; on SQLite the write-ahead log is folded in.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection that reads.
pub struct Conn(Inner);

enum Inner {
    Sqlite(PoolConnection<Sqlite>),
    SqliteSnapshot(Transaction<'static, Sqlite>),
    SqliteWriter(WriterLease),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

enum Engine<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// Expands the same text once an engine: binds the values and runs one method of sqlx's query.
macro_rules! run {
    ($conn:expr, $query:expr, $connection:ident => $method:ident) => {{
        let Query { sql, binds } = $query;
        match $conn.engine()? {
            Engine::Sqlite($connection) => {
                let query = binds
                    .into_iter()
                    .fold(sqlx::query::<Sqlite>(sql), |query, value| match value {
                        Value::Int(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bool(value) => query.bind(value),
                    });
                Answer::Sqlite(query.$method($connection).await?)
            }
            Engine::Postgres($connection) => {
                let query = binds
                    .into_iter()
                    .fold(sqlx::query::<Postgres>(sql), |query, value| match value {
                        Value::Int(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bool(value) => query.bind(value),
                    });
                Answer::Postgres(query.$method($connection).await?)
            }
        }
    }};
}

enum Answer<S, P> {
    Sqlite(S),
    Postgres(P),
}

impl Conn {
    fn engine(&mut self) -> Result<Engine<'_>, StoreError> {
        Ok(match &mut self.0 {
            Inner::Sqlite(connection) => Engine::Sqlite(connection),
            Inner::SqliteSnapshot(transaction) => Engine::Sqlite(transaction),
            Inner::SqliteWriter(lease) => Engine::Sqlite(lease.connection()?),
            Inner::Postgres(connection) => Engine::Postgres(connection),
            Inner::PostgresTx(transaction) => Engine::Postgres(transaction),
        })
    }

    /// Whether the engine is PostgreSQL, where a pair of texts must differ.
    pub const fn is_postgres(&self) -> bool {
        matches!(self.0, Inner::Postgres(_) | Inner::PostgresTx(_))
    }

    /// The row, if there is one.
    pub async fn opt<T: FromRow>(&mut self, query: Query) -> Result<Option<T>, StoreError> {
        match run!(self, query, connection => fetch_optional) {
            Answer::Sqlite(row) => row
                .as_ref()
                .map(|row| T::from_row(Row::Sqlite(row)))
                .transpose(),
            Answer::Postgres(row) => row
                .as_ref()
                .map(|row| T::from_row(Row::Postgres(row)))
                .transpose(),
        }
    }

    /// The row, which must exist: [`StoreError::NotFound`] otherwise.
    pub async fn one<T: FromRow>(&mut self, query: Query) -> Result<T, StoreError> {
        self.opt(query).await?.ok_or(StoreError::NotFound)
    }

    /// All rows.
    pub async fn all<T: FromRow>(&mut self, query: Query) -> Result<Vec<T>, StoreError> {
        match run!(self, query, connection => fetch_all) {
            Answer::Sqlite(rows) => rows
                .iter()
                .map(|row| T::from_row(Row::Sqlite(row)))
                .collect(),
            Answer::Postgres(rows) => rows
                .iter()
                .map(|row| T::from_row(Row::Postgres(row)))
                .collect(),
        }
    }
}

/// A transaction: everything a [`Conn`] can, and writes.
pub struct Tx(Conn);

impl Tx {
    /// Runs a statement; the number of rows it changed.
    pub async fn exec(&mut self, query: Query) -> Result<u64, StoreError> {
        Ok(match run!(self.0, query, connection => execute) {
            Answer::Sqlite(done) => done.rows_affected(),
            Answer::Postgres(done) => done.rows_affected(),
        })
    }

    /// Makes everything durable. When this returns `Ok`, a power cut loses nothing of it.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.0.0 {
            Inner::SqliteWriter(lease) => lease.commit().await,
            Inner::PostgresTx(transaction) => Ok(transaction.commit().await?),
            Inner::SqliteSnapshot(transaction) => Ok(transaction.commit().await?),
            Inner::Sqlite(_) | Inner::Postgres(_) => Ok(()),
        }
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}
