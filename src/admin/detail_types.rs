//! `/admin/api/authorization-details-types`: declare, read, replace, forget the types of authorization details (RFC 9396).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::DetailTypeId;
use crate::http::Problem;
use crate::oauth::declared::{Replacement, Shown};
use crate::oauth::detail_type::{self, DetailTypeError, NewDetailType};
use crate::oauth::protocol::detail_type::DetailType;
use crate::policy::system::Permission;
use crate::store::authorization_details_types;

const LIST: &str = "/admin/api/authorization-details-types";
const ONE: &str = "/admin/api/authorization-details-types/{id}";

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
) -> Result<Json<Page<Shown<DetailType>>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found =
        authorization_details_types::list_after(&mut conn, after.as_ref(), page.limit() + 1)
            .await?;
    let found = found.into_iter().map(Shown::<DetailType>::from).collect();
    Ok(Json(Page::cut(found, page.limit(), |one| {
        one.id.clone().unwrap_or_default()
    })))
}

async fn register(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(new): Body<NewDetailType>,
) -> Result<Response, Problem> {
    let mut tx = app.db.write().await?;
    let row = detail_type::register(&mut tx, &new, admin.now).await?;
    tx.commit().await?;
    let location = [(LOCATION, format!("{}{LIST}/{}", app.config.path(), row.id))];
    Ok((
        StatusCode::CREATED,
        location,
        Json(Shown::<DetailType>::from(row)),
    )
        .into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Shown<DetailType>>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    Ok(Json(detail_type::get(&mut conn, &id).await?.into()))
}

/// The body is the whole of it: an absent field has its default.
async fn replace(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(Replacement(new)): Body<Replacement<NewDetailType>>,
) -> Result<Json<Shown<DetailType>>, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    detail_type::update(&mut tx, (&id, &new), admin.now).await?;
    let row = detail_type::get(&mut tx, &id).await?;
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
    detail_type::delete(&mut tx, &id, admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_id(text: &str) -> Result<DetailTypeId, Problem> {
    DetailTypeId::parse(text)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

impl From<DetailTypeError> for Problem {
    fn from(error: DetailTypeError) -> Self {
        let status = match error {
            DetailTypeError::Invalid(_) | DetailTypeError::Fixed(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            DetailTypeError::Taken(_) => StatusCode::CONFLICT,
            DetailTypeError::NotFound(_) => StatusCode::NOT_FOUND,
            DetailTypeError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
