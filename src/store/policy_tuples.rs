//! Table `policy_tuples`: relationship tuples. The change log says how they came to be; this is what they are now.

use std::collections::BTreeSet;
use std::sync::LazyLock;

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

impl FromRow for TupleParts {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            object_type: row.get(0)?,
            object_id: row.get(1)?,
            relation: row.get(2)?,
            subject: row.get(3)?,
        })
    }
}

/// What limits a tuple, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLimits {
    /// The condition and what the tuple fixes of its parameters, as JSON.
    pub condition: Option<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl FromRow for StoredLimits {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            condition: row.get(0)?,
            expires_at: row.time_opt(1)?,
        })
    }
}

/// A stored tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleRow {
    /// What it says.
    pub parts: TupleParts,
    /// When it counts.
    pub limits: StoredLimits,
    /// When it was written.
    pub created_at: Timestamp,
}

impl FromRow for TupleRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            parts: TupleParts::from_row(row)?,
            created_at: row.time(4)?,
            limits: StoredLimits {
                condition: row.get(5)?,
                expires_at: row.time_opt(6)?,
            },
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
    /// Those on objects of one type whose ids begin alike.
    Within {
        /// The objects' type.
        object_type: &'a str,
        /// What the ids begin with.
        prefix: &'a str,
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

/// A statement about the one tuple that `$1` to `$5` name.
macro_rules! one {
    ($what:literal, $when:literal) => {
        concat!(
            $what,
            " WHERE store_id = $1 AND object_type = $2 AND object_id = $3 AND relation = $4 AND subject = $5 AND ",
            $when
        )
    };
}

/// Writes a tuple; whether it is new. One that has expired is as good as not there.
pub async fn insert(
    tx: &mut Tx,
    store_id: &str,
    (parts, limits): (&TupleParts, &StoredLimits),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = tx
        .exec(
            key(q("INSERT INTO policy_tuples (store_id, object_type, object_id, relation, subject, created_at, condition, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (store_id, object_type, object_id, relation, subject) DO UPDATE
               SET created_at = $6, condition = $7, expires_at = $8 WHERE policy_tuples.expires_at <= $6"), store_id, parts)
            .bind(now)
            .bind(limits.condition.as_deref())
            .bind(limits.expires_at),
        )
        .await?;
    Ok(changed == 1)
}

/// Rows of one statement of [`insert_many`].
const ROWS: usize = 50;

/// [`insert`] for [`ROWS`] rows at once: `$1` the store, `$2` the instant, then six values a row.
static INSERT_ROWS: LazyLock<String> = LazyLock::new(|| {
    let row = |n: usize| {
        let at = |offset| 3 + n * 6 + offset;
        let (a, b, c, d, e, f) = (at(0), at(1), at(2), at(3), at(4), at(5));
        format!("($1, ${a}, ${b}, ${c}, ${d}, $2, ${e}, ${f})")
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    format!(
        "INSERT INTO policy_tuples (store_id, object_type, object_id, relation, subject, created_at, condition, expires_at)
         VALUES {} ON CONFLICT (store_id, object_type, object_id, relation, subject) DO UPDATE
         SET created_at = excluded.created_at, condition = excluded.condition, expires_at = excluded.expires_at
         WHERE policy_tuples.expires_at <= excluded.created_at
         RETURNING object_type, object_id, relation, subject",
        rows.join(", ")
    )
});

/// Writes many tuples, none of them twice; those that are new.
pub async fn insert_many(
    tx: &mut Tx,
    store_id: &str,
    tuples: &[(TupleParts, StoredLimits)],
    now: Timestamp,
) -> Result<BTreeSet<TupleParts>, StoreError> {
    let mut new = BTreeSet::new();
    let mut chunks = tuples.chunks_exact(ROWS);
    for chunk in &mut chunks {
        let mut query = q(INSERT_ROWS.as_str()).bind(store_id).bind(now);
        for (parts, limits) in chunk {
            query = query
                .bind(&parts.object_type)
                .bind(&parts.object_id)
                .bind(&parts.relation)
                .bind(&parts.subject)
                .bind(limits.condition.as_deref())
                .bind(limits.expires_at);
        }
        new.extend(tx.all::<TupleParts>(query).await?);
    }
    for (parts, limits) in chunks.remainder() {
        if insert(tx, store_id, (parts, limits), now).await? {
            new.insert(parts.clone());
        }
    }
    Ok(new)
}

/// What limits a tuple that is there.
pub async fn limits(
    conn: &mut Conn,
    store_id: &str,
    parts: &TupleParts,
) -> Result<Option<StoredLimits>, StoreError> {
    conn.opt(key(
        q(one!(
            "SELECT condition, expires_at FROM policy_tuples",
            "TRUE"
        )),
        store_id,
        parts,
    ))
    .await
}

/// Tuples of the stores that have expired, with their stores.
pub async fn expired(
    conn: &mut Conn,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(String, TupleParts)>, StoreError> {
    let rows: Vec<Expired> = conn
        .all(
            q("SELECT object_type, object_id, relation, subject, store_id FROM policy_tuples
               WHERE expires_at <= $1 AND store_id IN (SELECT id FROM policy_stores WHERE deleted_at IS NULL) ORDER BY store_id LIMIT $2")
                .bind(now)
                .bind(limit),
        )
        .await?;
    Ok(rows.into_iter().map(|row| (row.0, row.1)).collect())
}

struct Expired(String, TupleParts);

impl FromRow for Expired {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        Ok(Self(row.get(4)?, TupleParts::from_row(row)?))
    }
}

/// What is done to a tuple that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Locked until the transaction ends, unless it has expired.
    Hold,
    /// Deleted, unless it has expired.
    Delete,
    /// Taken away, if it has expired.
    Sweep,
}

/// Does something to a tuple; whether there was one to do it to.
pub async fn touch(
    tx: &mut Tx,
    store_id: &str,
    (parts, touch): (&TupleParts, Touch),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let query = q(match touch {
        Touch::Hold => one!(
            "UPDATE policy_tuples SET created_at = created_at",
            "(expires_at IS NULL OR expires_at > $6)"
        ),
        Touch::Delete => one!(
            "DELETE FROM policy_tuples",
            "(expires_at IS NULL OR expires_at > $6)"
        ),
        Touch::Sweep => one!("DELETE FROM policy_tuples", "expires_at <= $6"),
    });
    Ok(tx.exec(key(query, store_id, parts).bind(now)).await? == 1)
}

/// Tuples after a place (`None`: from the beginning), in the order of their parts.
pub async fn list(
    conn: &mut Conn,
    store_id: &str,
    filter: TupleFilter<'_>,
    (after, limit): (Option<&TupleParts>, u32),
) -> Result<Vec<TupleRow>, StoreError> {
    let query = match filter {
        TupleFilter::All => place(
            q("SELECT object_type, object_id, relation, subject, created_at, condition, expires_at FROM policy_tuples
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
            q("SELECT object_type, object_id, relation, subject, created_at, condition, expires_at FROM policy_tuples
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
        // Not by a range of ids: which one is greater depends on the database's collation.
        TupleFilter::Within {
            object_type,
            prefix,
        } => place(
            q("SELECT object_type, object_id, relation, subject, created_at, condition, expires_at FROM policy_tuples
               WHERE store_id = $1 AND (object_type, object_id, relation, subject) > ($2, $3, $4, $5)
               AND object_type = $6 AND substr(object_id, 1, length($7)) = $7
               ORDER BY object_type, object_id, relation, subject LIMIT $8"),
            store_id,
            after,
        )
        .bind(object_type)
        .bind(prefix)
        .bind(limit),
        TupleFilter::Subject {
            object_type,
            subject,
            relation,
        } => place(
            q("SELECT object_type, object_id, relation, subject, created_at, condition, expires_at FROM policy_tuples
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

/// Binds `$1` to `$5`: the store and the parts of one tuple.
fn key(query: Query, store_id: &str, parts: &TupleParts) -> Query {
    query
        .bind(store_id)
        .bind(&parts.object_type)
        .bind(&parts.object_id)
        .bind(&parts.relation)
        .bind(&parts.subject)
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
