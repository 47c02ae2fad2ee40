//! `/admin/api/resource-servers`: register, read, replace, forget the services that tokens are for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::ResourceServerId;
use crate::http::Problem;
use crate::oauth::protocol::resource_server::ResourceServer;
use crate::oauth::resource_server::{self, NewResourceServer, ResourceServerError};
use crate::policy::system::Permission;
use crate::store::resource_servers::{self, ResourceServerRow};

const LIST: &str = "/admin/api/resource-servers";
const ONE: &str = "/admin/api/resource-servers/{id}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    let (see, manage) = (
        Permission::ReadResourceServers,
        Permission::ManageResourceServers,
    );
    guarded
        .get(LIST, see, list)
        .post(LIST, manage, register)
        .get(ONE, see, read)
        .put(ONE, manage, replace)
        .delete(ONE, manage, remove)
}

/// One, as the API shows it. What of it can be changed is what `PUT` takes.
#[derive(Debug, Serialize)]
struct ResourceServerJson {
    id: ResourceServerId,
    #[serde(flatten)]
    server: ResourceServer,
    created_at: String,
    updated_at: String,
}

impl From<ResourceServerRow> for ResourceServerJson {
    fn from(row: ResourceServerRow) -> Self {
        Self {
            id: row.id,
            server: row.server,
            created_at: row.created_at.rfc3339(),
            updated_at: row.updated_at.rfc3339(),
        }
    }
}

/// What `PUT` takes: what can be changed, and what `GET` shows beside it, so that what was read can be changed and sent back.
#[derive(Debug)]
struct Replacement(NewResourceServer);

/// Members of [`ResourceServerJson`] that no request changes.
const READ_ONLY: [&str; 3] = ["id", "created_at", "updated_at"];

impl<'de> Deserialize<'de> for Replacement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = serde_json::Map::deserialize(deserializer)?;
        members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        NewResourceServer::deserialize(Value::Object(members))
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ResourceServerJson>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found = resource_servers::list_after(&mut conn, after.as_ref(), page.limit() + 1).await?;
    let found = found.into_iter().map(ResourceServerJson::from).collect();
    Ok(Json(Page::cut(found, page.limit(), |one| {
        one.id.as_str().to_owned()
    })))
}

async fn register(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(new): Body<NewResourceServer>,
) -> Result<Response, Problem> {
    let mut tx = app.db.write().await?;
    let row = resource_server::register(&mut tx, &new, admin.now).await?;
    tx.commit().await?;
    let location = [(LOCATION, format!("{}{LIST}/{}", app.config.path(), row.id))];
    Ok((
        StatusCode::CREATED,
        location,
        Json(ResourceServerJson::from(row)),
    )
        .into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<ResourceServerJson>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    Ok(Json(resource_server::get(&mut conn, &id).await?.into()))
}

/// The body is the whole of it: an absent field has its default.
async fn replace(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(Replacement(new)): Body<Replacement>,
) -> Result<Json<ResourceServerJson>, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    resource_server::update(&mut tx, (&id, &new), admin.now).await?;
    let row = resource_server::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(row.into()))
}

async fn remove(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    resource_server::delete(&mut tx, &id, admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_id(text: &str) -> Result<ResourceServerId, Problem> {
    ResourceServerId::parse(text)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

impl From<ResourceServerError> for Problem {
    fn from(error: ResourceServerError) -> Self {
        let status = match error {
            ResourceServerError::Invalid(_) | ResourceServerError::Fixed(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ResourceServerError::Taken(_) => StatusCode::CONFLICT,
            ResourceServerError::NotFound(_) => StatusCode::NOT_FOUND,
            ResourceServerError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
