//! `tessera resource-server`: the services that tokens are for, by their id or their identifier.

use serde_json::Value;

use super::{Kind, PAGE, Work, mistake, replacement};
use crate::base::id::ResourceServerId;
use crate::cli::{Exit, Failure};
use crate::oauth::declared::Shown;
use crate::oauth::protocol::resource_server::ResourceServer;
use crate::oauth::resource_server::{self, NewResourceServer, ResourceServerError};
use crate::store::Conn;
use crate::store::resource_servers::{self, ResourceServerRow};

/// Resource servers.
pub(in crate::cli) struct ResourceServers;

impl Kind for ResourceServers {
    type Row = ResourceServerRow;
    type Declared = ResourceServer;

    async fn list(conn: &mut Conn, after: Option<&Self::Row>) -> Result<Vec<Self::Row>, Failure> {
        let after = after.map(|row| &row.id);
        Ok(resource_servers::list_after(conn, after, PAGE).await?)
    }

    async fn get(conn: &mut Conn, name: &str) -> Result<Self::Row, Failure> {
        if let Ok(id) = ResourceServerId::parse(name) {
            return Ok(resource_server::get(conn, &id).await?);
        }
        let found = resource_servers::find_named(conn, name).await?;
        found.ok_or_else(|| {
            mistake(format_args!(
                "there is no resource server `{name}`; list them"
            ))
        })
    }

    async fn create(work: &mut Work<'_>, given: Value) -> Result<Self::Row, Failure> {
        let new: NewResourceServer = replacement(given)?;
        Ok(resource_server::register(&mut work.tx, &new, work.now).await?)
    }

    async fn update(work: &mut Work<'_>, row: &Self::Row, given: Value) -> Result<(), Failure> {
        let new: NewResourceServer = replacement(given)?;
        resource_server::update(&mut work.tx, (&row.id, &new), work.now).await?;
        Ok(())
    }

    async fn delete(work: &mut Work<'_>, row: &Self::Row) -> Result<(), Failure> {
        Ok(resource_server::delete(&mut work.tx, &row.id, work.now).await?)
    }

    fn line(row: &Self::Row) -> String {
        let server = &row.server;
        format!(
            "{}  {}  \"{}\"",
            row.id,
            server.identifier.as_str(),
            server.name
        )
    }

    fn show(row: Self::Row) -> Shown<ResourceServer> {
        row.into()
    }
}

impl From<ResourceServerError> for Failure {
    fn from(error: ResourceServerError) -> Self {
        match error {
            ResourceServerError::Store(error) => error.into(),
            error @ (ResourceServerError::Invalid(_)
            | ResourceServerError::Taken(_)
            | ResourceServerError::Fixed(_)
            | ResourceServerError::NotFound(_)) => Self::new(Exit::Configuration, error),
        }
    }
}
