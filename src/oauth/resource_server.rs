//! Registering, changing and forgetting resource servers. The setup file and the admin API both come through here.

use super::access_token::servers_of;
use super::keys::demand;
use super::protocol::registration::MetadataFault;
use super::protocol::resource_server::ResourceServer;
use crate::base::id::ResourceServerId;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::resource_servers::{self, ResourceServerRow};
use crate::store::{Conn, StoreError, Tx};

pub use super::protocol::resource_server::NewResourceServer;

/// Why a resource server could not be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceServerError {
    /// Everything that is wrong with it.
    #[error("{}", MetadataFault::join(.0))]
    Invalid(Vec<MetadataFault>),
    /// The identifier is taken.
    #[error("a resource server `{0}` exists already; update it")]
    Taken(String),
    /// Tokens name it by its identifier.
    #[error("`identifier`: must stay `{0}`; register another resource server instead")]
    Fixed(String),
    /// There is no such one.
    #[error("there is no resource server `{0}`")]
    NotFound(ResourceServerId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers a resource server.
pub async fn register(
    tx: &mut Tx,
    new: &NewResourceServer,
    now: Timestamp,
) -> Result<ResourceServerRow, ResourceServerError> {
    let row = ResourceServerRow {
        id: ResourceServerId::new(now),
        server: new.check().map_err(ResourceServerError::Invalid)?,
        created_at: now,
        updated_at: now,
    };
    if !resource_servers::insert(tx, &row).await? {
        let identifier = row.server.identifier.into();
        return Err(ResourceServerError::Taken(identifier));
    }
    kept(tx, (&row.id, &row.server), "created", now).await?;
    Ok(row)
}

/// Replaces what is known of a resource server; whether anything changed.
pub async fn update(
    tx: &mut Tx,
    (id, new): (&ResourceServerId, &NewResourceServer),
    now: Timestamp,
) -> Result<bool, ResourceServerError> {
    let server = new.check().map_err(ResourceServerError::Invalid)?;
    let present = get(tx, id).await?.server;
    if server.identifier != present.identifier {
        return Err(ResourceServerError::Fixed(present.identifier.into()));
    }
    if server == present {
        return Ok(false);
    }
    if !resource_servers::update(tx, id, &server, now).await? {
        return Err(ResourceServerError::NotFound(id.clone()));
    }
    kept(tx, (id, &server), "updated", now).await?;
    Ok(true)
}

/// Forgets a resource server: its next tokens are those of any unknown one. Tokens that it has stay good until they expire.
pub async fn delete(
    tx: &mut Tx,
    id: &ResourceServerId,
    now: Timestamp,
) -> Result<(), ResourceServerError> {
    if !resource_servers::delete(tx, id).await? {
        return Err(ResourceServerError::NotFound(id.clone()));
    }
    record(tx, id, "deleted", now).await?;
    Ok(())
}

/// The resource server, which must exist.
pub async fn get(
    conn: &mut Conn,
    id: &ResourceServerId,
) -> Result<ResourceServerRow, ResourceServerError> {
    let found = resource_servers::find(conn, id).await?;
    found.ok_or_else(|| ResourceServerError::NotFound(id.clone()))
}

/// What follows from what was written: the key that it wants signatures of, and the event.
async fn kept(
    tx: &mut Tx,
    (id, server): (&ResourceServerId, &ResourceServer),
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    demand::note(tx, &[server.signing()], now).await?;
    record(tx, id, change, now).await
}

async fn record(
    tx: &mut Tx,
    id: &ResourceServerId,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::ResourceServerChanged {
        resource_server_id: id.clone(),
        change,
    };
    events::record(tx, &event, now).await
}

/// A service that tokens will be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownResource {
    /// What requests call it.
    pub identifier: String,
    /// What people call it, where an administrator registered it.
    pub name: Option<String>,
}

/// Services as people are shown them.
pub async fn shown(
    conn: &mut Conn,
    identifiers: &[String],
) -> Result<Vec<ShownResource>, StoreError> {
    let servers = servers_of(conn, identifiers).await?;
    let shown = identifiers.iter().map(|identifier| ShownResource {
        identifier: identifier.clone(),
        name: servers
            .iter()
            .find(|server| server.identifier.as_str() == identifier)
            .map(|server| server.name.clone()),
    });
    Ok(shown.collect())
}
