//! `/stores/{store}/write`, `/read` and `/changes`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::access::let_in;
use super::body::{self, TupleKey, TupleKeys};
use super::error::ApiError;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::policy::engine::tuple::{Object, Subject, Tuple, is_type, parse_relation};
use crate::policy::system::Permission;
use crate::policy::{Change, Changes, ChangesFrom, OnConflict, TupleQuery};

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stores/{store}/write", post(write))
        .route("/stores/{store}/read", post(read))
        .route("/stores/{store}/changes", get(changes))
}

#[derive(Deserialize)]
struct Write {
    #[serde(default)]
    writes: Option<TupleKeys>,
    #[serde(default)]
    deletes: Option<TupleKeys>,
    #[serde(default, alias = "authorizationModelId")]
    authorization_model_id: String,
}

async fn write(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in(&app, &headers, Permission::ManageStores).await?;
    let store = body::store_id(&store)?;
    let request: Write = body::parse(&body)?;
    let model = body::model_id(&request.authorization_model_id)?;
    let (writes, deletes) = (
        request.writes.unwrap_or_default(),
        request.deletes.unwrap_or_default(),
    );
    let changes = Changes {
        writes: writes.tuples()?,
        deletes: deletes.tuples()?,
        on_duplicate: on_conflict("on_duplicate", &writes.on_duplicate)?,
        on_missing: on_conflict("on_missing", &deletes.on_missing)?,
    };
    let written = app.policy.write(store, model, &changes, now).await?;
    Ok(body::answer(
        &app.policy,
        &written.revision(),
        None,
        Json(json!({})),
    ))
}

fn on_conflict(field: &str, value: &str) -> Result<OnConflict, ApiError> {
    match value {
        "" | "error" => Ok(OnConflict::Error),
        "ignore" => Ok(OnConflict::Ignore),
        other => Err(ApiError::invalid(&format_args!(
            "{field}: `{other}` is not one of `error`, `ignore`"
        ))),
    }
}

#[derive(Deserialize)]
struct Read {
    #[serde(default, alias = "tupleKey")]
    tuple_key: Option<TupleKey>,
    #[serde(default, alias = "pageSize")]
    page_size: Option<i64>,
    #[serde(default, alias = "continuationToken")]
    continuation_token: String,
}

/// Answers from the database, so always the latest commit, whatever consistency is asked.
async fn read(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let_in(&app, &headers, Permission::ReadStores).await?;
    let store = body::store_id(&store)?;
    let request: Read = body::parse(&body)?;
    let key = request.tuple_key.unwrap_or_default();
    let page = app
        .policy
        .read(
            store,
            query(&key)?,
            body::page_size(request.page_size)?,
            &request.continuation_token,
        )
        .await?;
    let tuples: Vec<Value> = page
        .tuples
        .iter()
        .map(|(tuple, at)| json!({"key": shown(tuple), "timestamp": at.rfc3339()}))
        .collect();
    Ok(Json(
        json!({"tuples": tuples, "continuation_token": page.token}),
    ))
}

/// Everything, or an object's type with an id or a user.
fn query(key: &TupleKey) -> Result<TupleQuery<'_>, ApiError> {
    let invalid = |error| ApiError::invalid(&error);
    if key.object.is_empty() && key.relation.is_empty() && key.user.is_empty() {
        return Ok(TupleQuery::default());
    }
    let Some((object_type, object_id)) = key.object.split_once(':') else {
        return Err(ApiError::invalid(
            "the 'tuple_key' field was provided but the object type field is required and both the object id and user cannot be empty",
        ));
    };
    if object_id.is_empty() && key.user.is_empty() {
        return Err(ApiError::invalid(
            "the 'tuple_key' field was provided but the object type field is required and both the object id and user cannot be empty",
        ));
    }
    if object_id.is_empty() {
        if !is_type(object_type) {
            return Err(ApiError::invalid("invalid 'object' field format"));
        }
    } else {
        Object::parse(&key.object).map_err(invalid)?;
    }
    if !key.relation.is_empty() {
        parse_relation(&key.relation).map_err(invalid)?;
    }
    if !key.user.is_empty() {
        Subject::parse(&key.user).map_err(invalid)?;
    }
    Ok(TupleQuery {
        object_type,
        object_id,
        relation: &key.relation,
        subject: &key.user,
    })
}

#[derive(Deserialize)]
struct ListChanges {
    #[serde(default)]
    r#type: String,
    page_size: Option<i64>,
    #[serde(default)]
    continuation_token: String,
    #[serde(default)]
    start_time: String,
}

async fn changes(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    Query(query): Query<ListChanges>,
) -> Result<impl IntoResponse, ApiError> {
    let now = let_in(&app, &headers, Permission::ReadStores).await?;
    let store = body::store_id(&store)?;
    let from = match (query.continuation_token.as_str(), query.start_time.as_str()) {
        ("", "") => ChangesFrom::Beginning,
        ("", text) => ChangesFrom::Time(start_time(text, now)?),
        (token, _) => ChangesFrom::Token(token),
    };
    let size = body::page_size(query.page_size)?;
    let page = app.policy.changes(store, &query.r#type, size, from).await?;
    let changes: Vec<Value> = page
        .changes
        .iter()
        .filter_map(|(change, at)| {
            let (tuple, operation) = match change {
                Change::Write(tuple) => (tuple, "TUPLE_OPERATION_WRITE"),
                Change::Delete(tuple) => (tuple, "TUPLE_OPERATION_DELETE"),
                Change::Model(_) => return None,
            };
            let at = at.rfc3339();
            Some(json!({"tuple_key": shown(tuple), "operation": operation, "timestamp": at}))
        })
        .collect();
    Ok(Json(
        json!({"changes": changes, "continuation_token": page.token}),
    ))
}

fn start_time(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok())
        .map(Timestamp::from_ms)
        .filter(|at| *at < now)
        .ok_or_else(|| {
            ApiError::bad(
                "invalid_start_time",
                "start_time must be an RFC 3339 time in the past, such as `2025-01-01T00:00:00Z`",
            )
        })
}

fn shown(tuple: &Tuple) -> Value {
    json!({
        "user": tuple.subject.to_string(),
        "relation": tuple.relation,
        "object": tuple.object.to_string(),
        "condition": null,
    })
}
