//! Table `resource_servers`: the services that tokens are for, where more than their identifier is known.

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::id::ResourceServerId;
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientId;
use crate::oauth::protocol::resource::Resource;
use crate::oauth::protocol::resource_server::{AccessTokenFormat, ResourceServer};
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::signing::SigningAlgorithm;

/// A service as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceServerRow {
    /// Its id.
    pub id: ResourceServerId,
    /// What is known of it.
    pub server: ResourceServer,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl FromRow for ResourceServerRow {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let text = |column: &'static str| row.get::<String, _>(column);
        let optional = |column: &'static str| row.get::<Option<String>, _>(column);
        let scope = optional("scope")?.map(|text| ScopeSet::parse(&text));
        let alg = optional("access_token_signing_alg")?;
        Ok(Self {
            id: ResourceServerId::parse(&text("id")?)
                .map_err(|error| StoreError::corrupt("resource_servers.id", &error))?,
            server: ResourceServer {
                identifier: Resource::parse(&text("identifier")?)
                    .map_err(|error| StoreError::corrupt("resource_servers.identifier", &error))?,
                name: text("name")?,
                access_token_format: AccessTokenFormat::parse(&text("access_token_format")?)
                    .ok_or_else(|| {
                        StoreError::corrupt("resource_servers.access_token_format", "unknown")
                    })?,
                scope: scope
                    .transpose()
                    .map_err(|error| StoreError::corrupt("resource_servers.scope", &error))?,
                access_token_ttl_seconds: row.get("access_token_ttl_seconds")?,
                access_token_signing_alg: alg
                    .map(|text| {
                        SigningAlgorithm::parse(&text).ok_or_else(|| {
                            StoreError::corrupt("resource_servers.access_token_signing_alg", &text)
                        })
                    })
                    .transpose()?,
                introspection_clients: clients(&text("introspection_clients")?)?,
            },
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

fn clients(text: &str) -> Result<Vec<ClientId>, StoreError> {
    const WHAT: &str = "resource_servers.introspection_clients";
    let texts: Vec<String> =
        serde_json::from_str(text).map_err(|error| StoreError::corrupt(WHAT, &error))?;
    texts
        .iter()
        .map(|text| ClientId::parse(text).map_err(|error| StoreError::corrupt(WHAT, &error)))
        .collect()
}

/// The service with this id.
pub async fn find(
    conn: &mut Conn,
    id: &ResourceServerId,
) -> Result<Option<ResourceServerRow>, StoreError> {
    conn.opt(q("SELECT * FROM resource_servers WHERE id = $1").bind(id.as_str()))
        .await
}

/// The service that requests call so.
pub async fn find_named(
    conn: &mut Conn,
    identifier: &str,
) -> Result<Option<ResourceServerRow>, StoreError> {
    conn.opt(q("SELECT * FROM resource_servers WHERE identifier = $1").bind(identifier))
        .await
}

/// Services in the order of their ids, beginning after `after`.
pub async fn list_after(
    conn: &mut Conn,
    after: Option<&ResourceServerId>,
    limit: u32,
) -> Result<Vec<ResourceServerRow>, StoreError> {
    conn.all(
        q("SELECT * FROM resource_servers WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.map_or("", ResourceServerId::as_str))
            .bind(limit),
    )
    .await
}

/// Keeps a new service; `false` when its identifier is taken.
pub async fn insert(tx: &mut Tx, row: &ResourceServerRow) -> Result<bool, StoreError> {
    let server = &row.server;
    let rows = tx
        .exec(
            q("INSERT INTO resource_servers (id, identifier, name, access_token_format, scope, access_token_ttl_seconds, \
               access_token_signing_alg, introspection_clients, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (identifier) DO NOTHING")
                .bind(row.id.as_str())
                .bind(server.identifier.as_str())
                .bind(&server.name)
                .bind(server.access_token_format.as_str())
                .bind(server.scope.as_ref().map(ToString::to_string))
                .bind(server.access_token_ttl_seconds)
                .bind(server.access_token_signing_alg.map(SigningAlgorithm::as_str))
                .bind(list(server)?)
                .bind(row.created_at)
                .bind(row.updated_at),
        )
        .await?;
    Ok(rows == 1)
}

/// Replaces what is known of a service, all but its identifier; `false` when there is none.
pub async fn update(
    tx: &mut Tx,
    id: &ResourceServerId,
    server: &ResourceServer,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE resource_servers SET name = $2, access_token_format = $3, scope = $4, access_token_ttl_seconds = $5, \
               access_token_signing_alg = $6, introspection_clients = $7, updated_at = $8 WHERE id = $1")
                .bind(id.as_str())
                .bind(&server.name)
                .bind(server.access_token_format.as_str())
                .bind(server.scope.as_ref().map(ToString::to_string))
                .bind(server.access_token_ttl_seconds)
                .bind(server.access_token_signing_alg.map(SigningAlgorithm::as_str))
                .bind(list(server)?)
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

fn list(server: &ResourceServer) -> Result<String, StoreError> {
    serde_json::to_string(&server.introspection_clients)
        .map_err(|error| StoreError::corrupt("resource_servers.introspection_clients", &error))
}

/// Forgets a service; `false` when there is none.
pub async fn delete(tx: &mut Tx, id: &ResourceServerId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(q("DELETE FROM resource_servers WHERE id = $1").bind(id.as_str()))
        .await?;
    Ok(rows == 1)
}
