//! `/admin/api/resource-servers`: register, read, replace, forget the services that tokens are for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::ResourceServerId;
use crate::http::Problem;
use crate::oauth::declared::{Replacement, Shown};
use crate::oauth::protocol::resource_server::ResourceServer;
use crate::oauth::resource_server::{self, NewResourceServer, ResourceServerError};
use crate::policy::system::Permission;
use crate::store::resource_servers;

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

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Shown<ResourceServer>>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found = resource_servers::list_after(&mut conn, after.as_ref(), page.limit() + 1).await?;
    let found = found
        .into_iter()
        .map(Shown::<ResourceServer>::from)
        .collect();
    Ok(Json(Page::cut(found, page.limit(), |one| {
        one.id.clone().unwrap_or_default()
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
        Json(Shown::<ResourceServer>::from(row)),
    )
        .into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Shown<ResourceServer>>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    Ok(Json(resource_server::get(&mut conn, &id).await?.into()))
}

/// The body is the whole of it: an absent field has its default.
async fn replace(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(Replacement(new)): Body<Replacement<NewResourceServer>>,
) -> Result<Json<Shown<ResourceServer>>, Problem> {
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
