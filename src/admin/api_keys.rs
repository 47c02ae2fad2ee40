//! `/admin/api/api-keys`: make, list, read, revoke. The secret is in the answer that made the key, and in no other.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde::{Deserialize, Serialize};

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::ApiKeyId;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::api_key::{self, ApiKeyError, Issued, NewApiKey, parse_owner};
use crate::policy::system::Permission;
use crate::store::api_keys::{self, KeyRow};

const KEYS: &str = "/admin/api/api-keys";
const KEY: &str = "/admin/api/api-keys/{id}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(KEYS, Permission::ReadApiKeys, list)
        .post(KEYS, Permission::ManageApiKeys, create)
        .get(KEY, Permission::ReadApiKeys, read)
        .post(
            "/admin/api/api-keys/{id}/revoke",
            Permission::ManageApiKeys,
            revoke,
        )
}

/// A key, as the API shows it.
#[derive(Debug, Serialize)]
struct KeyJson {
    id: String,
    name: String,
    owner: String,
    permissions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
    /// Shown once, when the key is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl KeyJson {
    fn of(key: KeyRow, now: Timestamp) -> Self {
        Self {
            state: key.standing(now).as_str(),
            id: key.id.to_string(),
            name: key.name,
            owner: key.owner.subject(),
            permissions: key
                .permissions
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            store: key.store_id,
            created_at: key.created_at.rfc3339(),
            expires_at: key.expires_at.map(Timestamp::rfc3339),
            last_used_at: key.last_used_at.map(Timestamp::rfc3339),
            revoked_at: key.revoked_at.map(Timestamp::rfc3339),
            secret: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    name: String,
    owner: String,
    permissions: Option<Vec<String>>,
    store: Option<String>,
    expires_at: Option<String>,
}

/// Which keys, and which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    owner: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

async fn list(
    State(app): State<Arc<App>>,
    admin: Inside,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<KeyJson>>, Problem> {
    let page = PageQuery {
        after: query.after,
        limit: query.limit,
    };
    let owner = query.owner.as_deref().map(parse_owner).transpose()?;
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found = api_keys::list(&mut conn, owner.as_ref(), after.as_ref(), page.limit() + 1).await?;
    let found = found
        .into_iter()
        .map(|key| KeyJson::of(key, admin.now))
        .collect();
    Ok(Json(Page::cut(found, page.limit(), |key: &KeyJson| {
        key.id.clone()
    })))
}

async fn create(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(body): Body<CreateKey>,
) -> Result<Response, Problem> {
    let new = NewApiKey {
        owner: parse_owner(&body.owner)?,
        name: body.name,
        permissions: body.permissions,
        store: body.store,
        expires_at: body.expires_at.as_deref().map(parse_instant).transpose()?,
    };
    let mut tx = app.db.write().await?;
    let Issued { key, secret } = api_key::create(&mut tx, &app.sealer, &new, admin.now).await?;
    tx.commit().await?;
    let headers = [
        (LOCATION, format!("{}{KEYS}/{}", app.config.path(), key.id)),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    let shown = KeyJson {
        secret: Some(secret.expose().clone()),
        ..KeyJson::of(key, admin.now)
    };
    Ok((StatusCode::CREATED, headers, Json(shown)).into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<KeyJson>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    let key = api_key::get(&mut conn, &id).await?;
    Ok(Json(KeyJson::of(key, admin.now)))
}

async fn revoke(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<KeyJson>, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    let key = api_key::revoke(&mut tx, &id, admin.now).await?;
    tx.commit().await?;
    Ok(Json(KeyJson::of(key, admin.now)))
}

fn parse_id(text: &str) -> Result<ApiKeyId, Problem> {
    ApiKeyId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn parse_instant(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("`expires_at` is `{text}`; write an instant such as `2030-01-31T12:00:00Z`"),
        )
    })
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        let status = match error {
            ApiKeyError::Name | ApiKeyError::Limit(_) | ApiKeyError::Past(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ApiKeyError::NoOwner(_) | ApiKeyError::NoStore(_) | ApiKeyError::NotFound(_) => {
                StatusCode::NOT_FOUND
            }
            ApiKeyError::OwnerInactive(_) | ApiKeyError::TooMany(_) => StatusCode::CONFLICT,
            ApiKeyError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
