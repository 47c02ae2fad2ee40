//! `/stores`: make, list, show, delete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{let_in, let_in_store};
use super::body;
use super::error::ApiError;
use crate::app::App;
use crate::policy::Store;
use crate::policy::system::{Permission, StorePermission};

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stores", post(create).get(list))
        .route("/stores/{store}", get(show).delete(remove))
}

#[derive(Deserialize)]
struct NewStore {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ListStores {
    page_size: Option<i64>,
    #[serde(default)]
    continuation_token: String,
    name: Option<String>,
}

async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let now = let_in(&app, &headers, Permission::ManageStores).await?;
    let new: NewStore = body::parse(&body)?;
    let store = app.policy.create_store(&new.name, now).await?;
    Ok((StatusCode::CREATED, Json(shown(&store))))
}

async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(query): Query<ListStores>,
) -> Result<impl IntoResponse, ApiError> {
    let_in(&app, &headers, Permission::ReadStores).await?;
    let name = query.name.as_deref().filter(|name| !name.is_empty());
    let (stores, token) = app
        .policy
        .stores(
            name,
            body::page_size(query.page_size)?,
            &query.continuation_token,
        )
        .await?;
    let stores: Vec<Value> = stores.iter().map(with_deletion).collect();
    Ok(Json(json!({"stores": stores, "continuation_token": token})))
}

async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let store = app.policy.store(body::store_id(&store)?).await?;
    Ok(Json(with_deletion(&store)))
}

async fn remove(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Manage).await?;
    app.policy
        .delete_store(body::store_id(&store)?, now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(store: &Store) -> Value {
    json!({
        "id": store.id,
        "name": store.name,
        "created_at": store.created_at.rfc3339(),
        "updated_at": store.updated_at.rfc3339(),
    })
}

fn with_deletion(store: &Store) -> Value {
    let mut shown = shown(store);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("deleted_at".to_owned(), Value::Null);
    }
    shown
}
