//! Table `authorization_details_types`: the types that authorization details may have, each with its JSON schema.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::DetailTypeId;
use crate::base::time::Timestamp;
use crate::oauth::protocol::detail_type::{DetailType, TypeName};

/// A type as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailTypeRow {
    /// Its id.
    pub id: DetailTypeId,
    /// What it is.
    pub declared: DetailType,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl FromRow for DetailTypeRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let text = |column: &'static str| row.get::<String, _>(column);
        Ok(Self {
            id: DetailTypeId::parse(&text("id")?)
                .map_err(|error| StoreError::corrupt("authorization_details_types.id", &error))?,
            declared: DetailType {
                type_name: TypeName::parse(&text("type")?).map_err(|error| {
                    StoreError::corrupt("authorization_details_types.type", &error)
                })?,
                name: text("name")?,
                schema: serde_json::from_str(&text("schema")?).map_err(|error| {
                    StoreError::corrupt("authorization_details_types.schema", &error)
                })?,
            },
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

/// The type with this id.
pub async fn find(conn: &mut Conn, id: &DetailTypeId) -> Result<Option<DetailTypeRow>, StoreError> {
    conn.opt(q("SELECT * FROM authorization_details_types WHERE id = $1").bind(id.as_str()))
        .await
}

/// The type that requests call so.
pub async fn find_named(
    conn: &mut Conn,
    type_name: &str,
) -> Result<Option<DetailTypeRow>, StoreError> {
    conn.opt(q("SELECT * FROM authorization_details_types WHERE type = $1").bind(type_name))
        .await
}

/// Types in the order of their ids, beginning after `after`.
pub async fn list_after(
    conn: &mut Conn,
    after: Option<&DetailTypeId>,
    limit: u32,
) -> Result<Vec<DetailTypeRow>, StoreError> {
    conn.all(
        q("SELECT * FROM authorization_details_types WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.map_or("", DetailTypeId::as_str))
            .bind(limit),
    )
    .await
}

/// The names on the wire of all types, in their order, at most `limit`.
pub async fn names(conn: &mut Conn, limit: u32) -> Result<Vec<String>, StoreError> {
    conn.all(q("SELECT type FROM authorization_details_types ORDER BY type LIMIT $1").bind(limit))
        .await
}

/// Keeps a new type; `false` when its name on the wire is taken.
pub async fn insert(tx: &mut Tx, row: &DetailTypeRow) -> Result<bool, StoreError> {
    let declared = &row.declared;
    let rows = tx
        .exec(
            q("INSERT INTO authorization_details_types (id, type, name, schema, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (type) DO NOTHING")
                .bind(row.id.as_str())
                .bind(declared.type_name.as_str())
                .bind(&declared.name)
                .bind(schema(declared)?)
                .bind(row.created_at)
                .bind(row.updated_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Replaces a type's name for people and its schema; `false` when there is none.
pub async fn update(
    tx: &mut Tx,
    id: &DetailTypeId,
    declared: &DetailType,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE authorization_details_types SET name = $2, schema = $3, updated_at = $4 WHERE id = $1")
                .bind(id.as_str())
                .bind(&declared.name)
                .bind(schema(declared)?)
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

fn schema(declared: &DetailType) -> Result<String, StoreError> {
    serde_json::to_string(&declared.schema)
        .map_err(|error| StoreError::corrupt("authorization_details_types.schema", &error))
}

/// Forgets a type; `false` when there is none.
pub async fn delete(tx: &mut Tx, id: &DetailTypeId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM authorization_details_types WHERE id = $1").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}
