//! Table `policy_tuples`: relationship tuples. The change log says how they came to be; this is what they are now.

use super::{Conn, FromRow, Query, Row, StoreError, Tx, q};
use crate::base::time::Timestamp;

/// A tuple's parts as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TupleParts {
    /// The object's type.
    pub object_type: String,
    /// The object's id in its type.
    pub object_id: String,
    /// The relation.
    pub relation: String,
    /// The subject's text.
    pub subject: String,
}

/// A stored tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleRow {
    /// What it says.
    pub parts: TupleParts,
    /// When it was written.
    pub created_at: Timestamp,
}

impl FromRow for TupleRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            parts: TupleParts {
                object_type: row.get(0)?,
                object_id: row.get(1)?,
                relation: row.get(2)?,
                subject: row.get(3)?,
            },
            created_at: row.time(4)?,
        })
    }
}

/// Which tuples a list holds. Each way has an index of its own.
#[derive(Clone, Copy, Debug)]
pub enum TupleFilter<'a> {
    /// All of the store.
    All,
    /// Those on one object.
    Object {
        /// The object's type.
        object_type: &'a str,
        /// The object's id.
        object_id: &'a str,
        /// Only of this relation.
        relation: Option<&'a str>,
        /// Only of this subject.
        subject: Option<&'a str>,
    },
    /// Those of one subject on objects of one type.
    Subject {
        /// The objects' type.
        object_type: &'a str,
        /// The subject.
        subject: &'a str,
        /// Only of this relation.
        relation: Option<&'a str>,
    },
}

/// Writes a tuple; whether it is new.
pub async fn insert(
    tx: &mut Tx,
    store_id: &str,
    parts: &TupleParts,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            q("INSERT INTO policy_tuples (store_id, object_type, object_id, relation, subject, created_at)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING")
            .bind(store_id)
            .bind(&parts.object_type)
            .bind(&parts.object_id)
            .bind(&parts.relation)
            .bind(&parts.subject)
            .bind(now),
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes a tuple; whether it was there.
pub async fn delete(tx: &mut Tx, store_id: &str, parts: &TupleParts) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            q("DELETE FROM policy_tuples WHERE store_id = $1 AND object_type = $2 AND object_id = $3 AND relation = $4 AND subject = $5")
                .bind(store_id)
                .bind(&parts.object_type)
                .bind(&parts.object_id)
                .bind(&parts.relation)
                .bind(&parts.subject),
        )
        .await?;
    Ok(changed == 1)
}

/// Tuples after a place (`None`: from the beginning), in the order of their parts.
pub async fn list(
    conn: &mut Conn,
    store_id: &str,
    filter: TupleFilter<'_>,
    after: Option<&TupleParts>,
    limit: u32,
) -> Result<Vec<TupleRow>, StoreError> {
    let query = match filter {
        TupleFilter::All => place(
            q("SELECT object_type, object_id, relation, subject, created_at FROM policy_tuples
               WHERE store_id = $1 AND (object_type, object_id, relation, subject) > ($2, $3, $4, $5)
               ORDER BY object_type, object_id, relation, subject LIMIT $6"),
            store_id,
            after,
        )
        .bind(limit),
        TupleFilter::Object {
            object_type,
            object_id,
            relation,
            subject,
        } => place(
            q("SELECT object_type, object_id, relation, subject, created_at FROM policy_tuples
               WHERE store_id = $1 AND (object_type, object_id, relation, subject) > ($2, $3, $4, $5)
               AND object_type = $6 AND object_id = $7 AND ($8 IS NULL OR relation = $8) AND ($9 IS NULL OR subject = $9)
               ORDER BY object_type, object_id, relation, subject LIMIT $10"),
            store_id,
            after,
        )
        .bind(object_type)
        .bind(object_id)
        .bind(relation)
        .bind(subject)
        .bind(limit),
        TupleFilter::Subject {
            object_type,
            subject,
            relation,
        } => place(
            q("SELECT object_type, object_id, relation, subject, created_at FROM policy_tuples
               WHERE store_id = $1 AND (object_type, object_id, relation, subject) > ($2, $3, $4, $5)
               AND object_type = $6 AND subject = $7 AND ($8 IS NULL OR relation = $8)
               ORDER BY object_type, object_id, relation, subject LIMIT $9"),
            store_id,
            after,
        )
        .bind(object_type)
        .bind(subject)
        .bind(relation)
        .bind(limit),
    };
    conn.all(query).await
}

fn place(query: Query, store_id: &str, after: Option<&TupleParts>) -> Query {
    // Every part has at least one character, so the empty texts come before all.
    query
        .bind(store_id)
        .bind(after.map_or("", |parts| parts.object_type.as_str()))
        .bind(after.map_or("", |parts| parts.object_id.as_str()))
        .bind(after.map_or("", |parts| parts.relation.as_str()))
        .bind(after.map_or("", |parts| parts.subject.as_str()))
}

/// Whether any tuple has this object type and relation.
pub async fn any(
    conn: &mut Conn,
    store_id: &str,
    object_type: &str,
    relation: &str,
) -> Result<bool, StoreError> {
    let found: Option<i64> = conn
        .opt(
            q("SELECT CAST(1 AS BIGINT) FROM policy_tuples WHERE store_id = $1 AND object_type = $2 AND relation = $3 LIMIT 1")
                .bind(store_id)
                .bind(object_type)
                .bind(relation),
        )
        .await?;
    Ok(found.is_some())
}
