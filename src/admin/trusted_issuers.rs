//! `/admin/api/trusted-issuers`: whose assertions are grants (RFC 7523 section 2.1). Whoever trusts an issuer lets it speak for people,
//! so only an administrator does.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::http::Problem;
use crate::oauth::declared::{Replacement, Shown};
use crate::oauth::protocol::jwt_bearer::{NewTrustedIssuer, TrustedIssuer};
use crate::oauth::trusted_issuer::{self, TrustError};
use crate::policy::system::Permission;
use crate::store::trusted_issuers;

const ISSUERS: &str = "/admin/api/trusted-issuers";
const ISSUER: &str = "/admin/api/trusted-issuers/{name}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(ISSUERS, Permission::ReadTrust, list)
        .get(ISSUER, Permission::ReadTrust, read)
        .put(ISSUER, Permission::ManageTrust, put)
        .delete(ISSUER, Permission::ManageTrust, remove)
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<Shown<TrustedIssuer>>>, Problem> {
    let mut conn = app.db.read().await?;
    let rows = trusted_issuers::list(&mut conn, page.after.as_deref(), page.limit() + 1).await?;
    let rows = rows.into_iter().map(Shown::from).collect();
    Ok(Json(Page::cut(
        rows,
        page.limit(),
        |row: &Shown<TrustedIssuer>| row.declared.name.clone(),
    )))
}

async fn read(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Shown<TrustedIssuer>>, Problem> {
    let mut conn = app.db.read().await?;
    Ok(Json(trusted_issuer::get(&mut conn, &name).await?.into()))
}

async fn put(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(name): Path<String>,
    Body(Replacement(new)): Body<Replacement<NewTrustedIssuer>>,
) -> Result<Json<Shown<TrustedIssuer>>, Problem> {
    let mut tx = app.db.write().await?;
    trusted_issuer::put(&mut tx, (&name, &new), &app.config.issuer, admin.now).await?;
    let row = trusted_issuer::get(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(Json(row.into()))
}

async fn remove(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db.write().await?;
    trusted_issuer::delete(&mut tx, &name, admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TrustError> for Problem {
    fn from(error: TrustError) -> Self {
        let status = match error {
            TrustError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            TrustError::Taken(_) => StatusCode::CONFLICT,
            TrustError::NotFound(_) => StatusCode::NOT_FOUND,
            TrustError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
