//! `/stores/{store}/list-objects`, `/streamed-list-objects` and `/list-users`.
//!
//! Sorted, and whole up to OpenFGA's 1,000 entries an answer (a stream has no such bound). Beyond OpenFGA, a body may hold
//! `page_size` and `continuation_token`; the answer then holds a `continuation_token`, empty at the end. Who does not ask
//! for pages learns of what was left out from the header `Tessera-Has-More: true`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::let_in_store;
use super::body::{self, Basis, TupleKey, TupleKeys};
use super::check::contextual;
use super::error::ApiError;
use crate::app::App;
use crate::policy::engine::check::CheckError;
use crate::policy::engine::list::{ObjectsQuestion, UsersFilter, UsersQuestion};
use crate::policy::engine::relationship::Context;
use crate::policy::engine::tuple::{Object, Subject, is_type, parse_relation};
use crate::policy::system::StorePermission;
use crate::policy::{LIST_ENTRIES, ListPage, ListQuery, PolicyError, View};

/// Says that an answer without pages holds the first entries only.
const HAS_MORE: HeaderName = HeaderName::from_static("tessera-has-more");

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stores/{store}/list-objects", post(objects))
        .route("/stores/{store}/streamed-list-objects", post(streamed))
        .route("/stores/{store}/list-users", post(users))
}

/// What the lists have in common.
#[derive(Deserialize)]
struct Common {
    #[serde(flatten)]
    basis: Basis,
    #[serde(default)]
    context: Option<Context>,
    #[serde(default, alias = "pageSize")]
    page_size: Option<i64>,
    #[serde(default, alias = "continuationToken")]
    continuation_token: String,
}

#[derive(Deserialize)]
struct ListObjects {
    #[serde(flatten)]
    common: Common,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    relation: String,
    #[serde(default)]
    user: String,
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Option<TupleKeys>,
}

#[derive(Deserialize)]
struct ListUsers {
    #[serde(flatten)]
    common: Common,
    #[serde(default)]
    object: ObjectParts,
    #[serde(default)]
    relation: String,
    #[serde(default, alias = "userFilters")]
    user_filters: Vec<Filter>,
    /// A plain list, unlike everywhere else.
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Option<Vec<TupleKey>>,
}

#[derive(Default, Deserialize)]
struct ObjectParts {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    relation: String,
}

async fn objects(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let request: ListObjects = body::parse(&body)?;
    let view = request
        .common
        .basis
        .view(&app, &store, &headers, now)
        .await?;
    let size = request.common.size()?;
    let page = request.list(&app, &view, size)?;
    let shown: Vec<Value> = page
        .entries
        .iter()
        .map(|object| json!(object.to_string()))
        .collect();
    Ok(request
        .common
        .answer((&app, &view), "objects", &shown, &page.token))
}

/// The same as lines, without a bound on their number.
async fn streamed(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let request: ListObjects = body::parse(&body)?;
    let view = request
        .common
        .basis
        .view(&app, &store, &headers, now)
        .await?;
    let page = request.list(&app, &view, usize::MAX)?;
    let mut lines = String::new();
    for object in &page.entries {
        lines.push_str(&json!({"result": {"object": object.to_string()}}).to_string());
        lines.push('\n');
    }
    let media_type = HeaderValue::from_static("application/json");
    let mut response = body::answer_of(&app, &view, lines);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

async fn users(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let request: ListUsers = body::parse(&body)?;
    let view = request
        .common
        .basis
        .view(&app, &store, &headers, now)
        .await?;
    let page = request.list(&app, &view)?;
    let shown: Vec<Value> = page.entries.iter().map(user).collect();
    Ok(request
        .common
        .answer((&app, &view), "users", &shown, &page.token))
}

impl Common {
    fn size(&self) -> Result<usize, ApiError> {
        let Some(size) = self.page_size else {
            return Ok(LIST_ENTRIES);
        };
        usize::try_from(size)
            .ok()
            .filter(|size| (1..=LIST_ENTRIES).contains(size))
            .ok_or_else(|| {
                ApiError::bad(
                    "page_size_invalid",
                    &format_args!("PageSize: value must be inside range [1, {LIST_ENTRIES}]"),
                )
            })
    }

    /// What a page's token depends on beside the question.
    fn bound(&self) -> String {
        json!([self.basis.authorization_model_id, self.context]).to_string()
    }

    fn answer(
        &self,
        (app, view): (&App, &View),
        name: &str,
        entries: &[Value],
        token: &str,
    ) -> Response {
        let is_paged = self.page_size.is_some() || !self.continuation_token.is_empty();
        let shown = if is_paged {
            json!({name: entries, "continuation_token": token})
        } else {
            json!({name: entries})
        };
        let mut response = body::answer_of(app, view, Json(shown));
        if !is_paged && !token.is_empty() {
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(HAS_MORE, yes);
        }
        response.into_response()
    }
}

impl ListObjects {
    fn list(&self, app: &App, view: &View, size: usize) -> Result<ListPage<Object>, ApiError> {
        let contextual = match &self.contextual_tuples {
            Some(tuples) => contextual(&tuples.keys)?,
            None => Vec::new(),
        };
        let relation = parse_relation(&self.relation).map_err(|error| ApiError::invalid(&error))?;
        let context = self.common.context.clone().unwrap_or_default();
        let question = ObjectsQuestion {
            type_name: type_name("type", &self.r#type)?,
            relation: &relation,
            subject: &Subject::parse(&self.user).map_err(|error| ApiError::invalid(&error))?,
            circumstances: view.circumstances(&context),
        };
        let query = ListQuery {
            contextual: &contextual,
            bound: &self.common.bound(),
            size,
            token: &self.common.continuation_token,
        };
        app.policy
            .list_objects(view, question, query)
            .map_err(list_error)
    }
}

impl ListUsers {
    fn list(&self, app: &App, view: &View) -> Result<ListPage<Subject>, ApiError> {
        let invalid = |error| ApiError::invalid(&error);
        let [filter] = self.user_filters.as_slice() else {
            return Err(ApiError::invalid(
                "UserFilters: value must contain exactly 1 item(s)",
            ));
        };
        let contextual = contextual(self.contextual_tuples.as_deref().unwrap_or_default())?;
        let object = format!("{}:{}", self.object.r#type, self.object.id);
        let object = Object::parse(&object).map_err(invalid)?;
        let relation = parse_relation(&self.relation).map_err(invalid)?;
        let filter_relation = match filter.relation.as_str() {
            "" => None,
            relation => Some(parse_relation(relation).map_err(invalid)?),
        };
        let context = self.common.context.clone().unwrap_or_default();
        let question = UsersQuestion {
            object: &object,
            relation: &relation,
            filter: UsersFilter {
                type_name: type_name("user_filters", &filter.r#type)?,
                relation: filter_relation.as_deref(),
            },
            circumstances: view.circumstances(&context),
        };
        let query = ListQuery {
            contextual: &contextual,
            bound: &self.common.bound(),
            size: self.common.size()?,
            token: &self.common.continuation_token,
        };
        app.policy
            .list_users(view, question, query)
            .map_err(list_error)
    }
}

fn type_name<'t>(field: &str, text: &'t str) -> Result<&'t str, ApiError> {
    if is_type(text) {
        Ok(text)
    } else {
        Err(ApiError::invalid(&format_args!(
            "{field}: the type must be 1 to 254 bytes without white space, `:`, `#` or `@`"
        )))
    }
}

fn user(subject: &Subject) -> Value {
    match subject {
        Subject::Object(object) => {
            json!({"object": {"type": object.type_name(), "id": object.id()}})
        }
        Subject::Wildcard(type_name) => json!({"wildcard": {"type": type_name}}),
        Subject::Userset(object, relation) => json!({"userset": {
            "type": object.type_name(), "id": object.id(), "relation": relation,
        }}),
    }
}

/// The codes that are other ones for lists than for checks.
fn list_error(error: PolicyError) -> ApiError {
    match &error {
        PolicyError::Check(CheckError::UnknownType(_)) => ApiError::bad("type_not_found", &error),
        PolicyError::Check(CheckError::UnknownRelation { .. }) => {
            ApiError::bad("relation_not_found", &error)
        }
        _ => ApiError::with_contextual(error),
    }
}
