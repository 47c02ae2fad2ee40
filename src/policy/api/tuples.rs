//! `/stores/{store}/write`, `/read` and `/changes`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{let_in_store, let_in_to_write};
use super::body::{self, TupleKey, TupleKeys};
use super::error::ApiError;
use super::watch;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::policy::engine::relationship::{Limits, Relationship};
use crate::policy::engine::tuple::{Object, Subject, is_type, parse_relation};
use crate::policy::system::StorePermission;
use crate::policy::{
    Change, Changes, ChangesFrom, OnConflict, Precondition, TupleQuery, allow_tuples,
};

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stores/{store}/write", post(write))
        .route("/stores/{store}/read", post(read))
        .route("/stores/{store}/changes", get(changes))
}

#[derive(Default, Deserialize)]
struct Write {
    #[serde(default)]
    writes: Option<TupleKeys>,
    #[serde(default)]
    deletes: Option<TupleKeys>,
    #[serde(default, alias = "authorizationModelId")]
    authorization_model_id: String,
    #[serde(default)]
    preconditions: Option<Preconditions>,
}

/// Beyond OpenFGA: what must be so before.
#[derive(Default, Deserialize)]
struct Preconditions {
    #[serde(default, alias = "mustExist")]
    must_exist: Vec<TupleKey>,
    #[serde(default, alias = "mustNotExist")]
    must_not_exist: Vec<TupleKey>,
}

impl Preconditions {
    fn read(&self) -> Result<Vec<Precondition>, ApiError> {
        let exist = self.must_exist.iter();
        let not = self.must_not_exist.iter();
        exist
            .map(|key| Ok(Precondition::MustExist(key.tuple()?)))
            .chain(not.map(|key| Ok(Precondition::MustNotExist(key.tuple()?))))
            .collect()
    }
}

async fn write(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_to_write(&app, &headers, &store, || types_in(&body)).await?;
    let store = body::store_id(&store)?;
    let request: Write = body::parse(&body)?;
    let model = body::model_id(&request.authorization_model_id)?;
    let (writes, deletes) = (
        request.writes.unwrap_or_default(),
        request.deletes.unwrap_or_default(),
    );
    let changes = Changes {
        writes: writes.relationships()?,
        deletes: deletes.tuples()?,
        preconditions: request.preconditions.unwrap_or_default().read()?,
        on_duplicate: on_conflict("on_duplicate", &writes.on_duplicate)?,
        on_missing: on_conflict("on_missing", &deletes.on_missing)?,
    };
    allow_tuples(&app.config, &changes.writes)?;
    let written = app.policy.write(store, model, &changes, now).await?;
    Ok(body::answer(
        &app.policy,
        &written.revision(),
        None,
        Json(json!({})),
    ))
}

/// The types of the objects that a write names anywhere; none when its body is not one.
fn types_in(body: &Bytes) -> BTreeSet<String> {
    let request: Write = body::parse(body).unwrap_or_default();
    let preconditions = request.preconditions.unwrap_or_default();
    let lists = [
        request.writes.unwrap_or_default().keys,
        request.deletes.unwrap_or_default().keys,
        preconditions.must_exist,
        preconditions.must_not_exist,
    ];
    lists
        .iter()
        .flatten()
        .map(|key| key.object.split(':').next().unwrap_or_default().to_owned())
        .collect()
}

pub(super) fn on_conflict(field: &str, value: &str) -> Result<OnConflict, ApiError> {
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
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let request: Read = body::parse(&body)?;
    let key = request.tuple_key.unwrap_or_default();
    let page = app
        .policy
        .read(
            store,
            query(&key)?,
            (
                body::page_size(request.page_size)?,
                &request.continuation_token,
            ),
            now,
        )
        .await?;
    let tuples: Vec<Value> = page
        .tuples
        .iter()
        .map(|(Relationship { tuple, limits }, at)| {
            json!({"key": body::shown(tuple, limits), "timestamp": at.rfc3339()})
        })
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
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let is_stream = watch::is_asked(&headers);
    let last_id = watch::last_event_id(&headers).filter(|_| is_stream);
    let token = last_id.unwrap_or(&query.continuation_token);
    let from = match (token, query.start_time.as_str()) {
        ("", "") => ChangesFrom::Beginning,
        ("", text) => ChangesFrom::Time(start_time(text, now)?),
        (token, _) => ChangesFrom::Token(token),
    };
    if is_stream {
        let of = (store, query.r#type.as_str());
        return watch::open(app, headers.clone(), of, from).await;
    }
    let size = body::page_size(query.page_size)?;
    let page = app.policy.changes(store, &query.r#type, size, from).await?;
    let changes: Vec<Value> = page
        .changes
        .iter()
        .filter_map(|(change, at)| shown_change(change, *at))
        .collect();
    let shown = json!({"changes": changes, "continuation_token": page.token});
    Ok(Json(shown).into_response())
}

/// A change of a tuple as JSON; changes of models are not shown.
pub(super) fn shown_change(change: &Change, at: Timestamp) -> Option<Value> {
    let (key, operation) = match change {
        Change::Write(Relationship { tuple, limits }) => {
            (body::shown(tuple, limits), "TUPLE_OPERATION_WRITE")
        }
        Change::Delete(tuple) => (
            body::shown(tuple, &Limits::default()),
            "TUPLE_OPERATION_DELETE",
        ),
        Change::Model(_) => return None,
    };
    Some(json!({"tuple_key": key, "operation": operation, "timestamp": at.rfc3339()}))
}

fn start_time(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    Timestamp::parse_rfc3339(text)
        .filter(|at| *at < now)
        .ok_or_else(|| {
            ApiError::bad(
                "invalid_start_time",
                "start_time must be an RFC 3339 time in the past, such as `2025-01-01T00:00:00Z`",
            )
        })
}
