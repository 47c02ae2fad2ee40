//! `/stores/{store}/authorization-models`: write, list, show.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::let_in_store;
use super::body;
use super::error::ApiError;
use crate::app::App;
use crate::policy::engine::json as model_json;
use crate::policy::system::StorePermission;
use crate::policy::{PolicyError, StoredModel, allow_model};

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/stores/{store}/authorization-models",
            post(write).get(list),
        )
        .route("/stores/{store}/authorization-models/{model}", get(show))
}

#[derive(Deserialize)]
struct ListModels {
    page_size: Option<i64>,
    #[serde(default)]
    continuation_token: String,
}

async fn write(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::WriteModels).await?;
    let store = body::store_id(&store)?;
    let body: Value = body::parse(&body)?;
    let model = model_json::parse(&body).map_err(PolicyError::from)?;
    allow_model(&app.config, &model)?;
    let (id, written) = app.policy.write_model(store, &model, now).await?;
    let shown = Json(json!({"authorization_model_id": id}));
    let answer = (StatusCode::CREATED, shown);
    Ok(body::answer(
        &app.policy,
        &written.revision(),
        Some(&id),
        answer,
    ))
}

async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    Query(query): Query<ListModels>,
) -> Result<impl IntoResponse, ApiError> {
    let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let (models, token) = app
        .policy
        .models(
            body::store_id(&store)?,
            body::page_size(query.page_size)?,
            &query.continuation_token,
        )
        .await?;
    let models: Vec<Value> = models.iter().map(shown).collect();
    Ok(Json(
        json!({"authorization_models": models, "continuation_token": token}),
    ))
}

async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path((store, model)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let model = app.policy.model(store, body::model_id(&model)?).await?;
    Ok(Json(json!({"authorization_model": shown(&model)})))
}

fn shown(stored: &StoredModel) -> Value {
    let mut value = model_json::emit(&stored.model);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("id".to_owned(), Value::String(stored.id.clone()));
    }
    value
}
