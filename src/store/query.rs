//! One line a query: a `'static` text, typed binds, rows decoded on either engine.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

use super::StoreError;
use crate::base::time::Timestamp;

/// A bound value. The kinds are those of the portable subset; each may be NULL.
#[derive(Clone, Debug)]
pub enum Value {
    /// `BIGINT`
    Int(Option<i64>),
    /// `TEXT`
    Text(Option<String>),
    /// `BOOLEAN`
    Bool(Option<bool>),
}

/// A statement with its binds.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) sql: &'static str,
    pub(super) binds: Vec<Value>,
}

/// Starts a query from its text.
pub const fn q(sql: &'static str) -> Query {
    Query {
        sql,
        binds: Vec::new(),
    }
}

impl Query {
    /// Binds the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.binds.push(value.into());
        self
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($into:expr)),+ $(,)?) => {
        $(
            impl From<$from> for Value {
                fn from(value: $from) -> Self {
                    Self::$variant(Some($into(value)))
                }
            }
            impl From<Option<$from>> for Value {
                fn from(value: Option<$from>) -> Self {
                    Self::$variant(value.map($into))
                }
            }
        )+
    };
}

value_from! {
    i64 => Int(i64::from),
    i32 => Int(i64::from),
    u32 => Int(i64::from),
    bool => Bool(bool::from),
    String => Text(String::from),
    &String => Text(String::clone),
    &str => Text(str::to_owned),
    Timestamp => Int(Timestamp::ms),
}

/// A column type that both engines decode alike.
pub trait Column:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

/// A row of either engine.
#[derive(Clone, Copy)]
pub enum Row<'r> {
    /// A row of SQLite.
    Sqlite(&'r SqliteRow),
    /// A row of PostgreSQL.
    Postgres(&'r PgRow),
}

impl Row<'_> {
    /// The value of a column by its position (`usize`, fastest) or name (`&str`).
    pub fn get<T, I>(&self, column: I) -> Result<T, StoreError>
    where
        T: Column,
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => Ok(row.try_get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// An instant stored as `BIGINT` milliseconds.
    pub fn time<I>(&self, column: I) -> Result<Timestamp, StoreError>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        self.get(column).map(Timestamp::from_ms)
    }

    /// An instant that may be NULL.
    pub fn time_opt<I>(&self, column: I) -> Result<Option<Timestamp>, StoreError>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        Ok(self.get::<Option<i64>, I>(column)?.map(Timestamp::from_ms))
    }
}

/// A type read from one row.
pub trait FromRow: Sized {
    /// Decodes the row.
    fn from_row(row: Row<'_>) -> Result<Self, StoreError>;
}

macro_rules! scalar_row {
    ($($type:ty),+) => {
        $(
            impl FromRow for $type {
                fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
                    row.get(0)
                }
            }
        )+
    };
}

scalar_row!(i64, String, bool, Option<i64>, Option<String>);

impl<A: Column, B: Column> FromRow for (A, B) {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok((row.get(0)?, row.get(1)?))
    }
}

impl<A: Column, B: Column, C: Column> FromRow for (A, B, C) {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    }
}
