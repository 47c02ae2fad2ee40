//! `/admin/api/trusted-issuers`: whose assertions are grants (RFC 7523 section 2.1). Whoever trusts an issuer lets it speak for people,
//! so only an administrator does.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::http::Problem;
use crate::oauth::protocol::jwt_bearer::{NewTrustedIssuer, TrustedIssuer};
use crate::oauth::protocol::registration::MetadataFault;
use crate::policy::system::Permission;
use crate::store::trusted_issuers::{self, TrustedIssuerRow};
use crate::store::{StoreError, Tx};

const ISSUERS: &str = "/admin/api/trusted-issuers";
const ISSUER: &str = "/admin/api/trusted-issuers/{name}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(ISSUERS, Permission::ReadTrust, list)
        .get(ISSUER, Permission::ReadTrust, read)
        .put(ISSUER, Permission::ManageTrust, put)
        .delete(ISSUER, Permission::ManageTrust, remove)
}

/// An issuer, as the API shows it.
#[derive(Debug, Serialize)]
struct IssuerJson {
    #[serde(flatten)]
    trusted: TrustedIssuer,
    created_at: String,
    updated_at: String,
}

impl From<TrustedIssuerRow> for IssuerJson {
    fn from(row: TrustedIssuerRow) -> Self {
        Self {
            trusted: row.trusted,
            created_at: row.created_at.rfc3339(),
            updated_at: row.updated_at.rfc3339(),
        }
    }
}

/// What `PUT` takes: what can be changed, and what `GET` shows beside it, so that what was read can be changed and sent back.
#[derive(Debug)]
struct Replacement(NewTrustedIssuer);

/// Members of [`IssuerJson`] that no body changes.
const READ_ONLY: [&str; 3] = ["name", "created_at", "updated_at"];

impl<'de> Deserialize<'de> for Replacement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = serde_json::Map::deserialize(deserializer)?;
        members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        NewTrustedIssuer::deserialize(Value::Object(members))
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<IssuerJson>>, Problem> {
    let mut conn = app.db.read().await?;
    let rows = trusted_issuers::list(&mut conn, page.after.as_deref(), page.limit() + 1).await?;
    let rows = rows.into_iter().map(IssuerJson::from).collect();
    Ok(Json(Page::cut(rows, page.limit(), |row: &IssuerJson| {
        row.trusted.name.clone()
    })))
}

async fn read(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<IssuerJson>, Problem> {
    let row = trusted_issuers::find(&mut app.db.read().await?, &name).await?;
    row.map(|row| Json(row.into())).ok_or_else(|| absent(&name))
}

async fn put(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(name): Path<String>,
    Body(Replacement(new)): Body<Replacement>,
) -> Result<Json<IssuerJson>, Problem> {
    let trusted = new
        .check(&name, &app.config.issuer)
        .map_err(|faults| faulty(&faults))?;
    let mut tx = app.db.write().await?;
    trusted_issuers::put(&mut tx, &trusted, admin.now)
        .await
        .map_err(|error| taken(error, &trusted.issuer))?;
    record(&mut tx, &name, "put", admin.now).await?;
    let row = trusted_issuers::find(&mut tx, &name).await?;
    tx.commit().await?;
    row.map(|row| Json(row.into())).ok_or_else(|| absent(&name))
}

async fn remove(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db.write().await?;
    if !trusted_issuers::delete(&mut tx, &name).await? {
        return Err(absent(&name));
    }
    record(&mut tx, &name, "removed", admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn record(
    tx: &mut Tx,
    name: &str,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::TrustChanged {
        issuer: name.to_owned(),
        change,
    };
    events::record(tx, &event, now).await
}

fn absent(name: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("no trusted issuer is named `{name}`; `GET /admin/api/trusted-issuers` lists them"),
    )
}

fn faulty(faults: &[MetadataFault]) -> Problem {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, texts.join("; "))
}

fn taken(error: StoreError, issuer: &str) -> Problem {
    if error.is_already_exists() {
        return Problem::new(
            StatusCode::CONFLICT,
            format!("another trusted issuer is `{issuer}`; change that one"),
        );
    }
    error.into()
}
