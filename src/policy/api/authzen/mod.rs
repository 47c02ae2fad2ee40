//! OpenID AuthZEN Authorization API 1.0: the same checks, asked in subjects, actions and resources.
//!
//! | Routes | File |
//! |---|---|
//! | `/access/v1/evaluation` | `evaluation` |
//! | `/access/v1/evaluations` | `evaluations` |
//! | `/access/v1/search/subject`, `resource`, `action` | `search` |
//! | `/.well-known/authzen-configuration` | `metadata` |
//! | entities, and how they become tuples | `entity` |
//! | an access token as the subject | `token` |
//!
//! Each stands at the root, for the store that `policy.default_store` names, and under `/stores/{store}`. A denial is 200
//! with `decision: false`; 400 is for requests that ask nothing, 401 and 403 for the caller.

mod entity;
mod evaluation;
mod evaluations;
mod metadata;
mod search;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, extract};
use http::HeaderName;
use serde_json::{Map, Value};

use super::access::let_in_store;
use super::body;
use super::error::ApiError;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::is_media_type;
use crate::policy::View;
use crate::policy::system::StorePermission;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id of a request that is given back.
const REQUEST_ID_BYTES: usize = 128;

/// The store in the path; none at the root.
type InPath = Option<Path<String>>;

/// The routes of this room.
pub(super) fn router() -> Router<Arc<App>> {
    let access = Router::new()
        .route("/access/v1/evaluation", post(evaluation::answer))
        .route("/access/v1/evaluations", post(evaluations::answer))
        .route("/access/v1/search/subject", post(search::subject))
        .route("/access/v1/search/resource", post(search::resource))
        .route("/access/v1/search/action", post(search::action));
    let of_store = Router::new()
        .route(
            "/stores/{store}/access/v1/search/subject",
            post(search::subject),
        )
        .route(
            "/stores/{store}/access/v1/search/resource",
            post(search::resource),
        )
        .route(
            "/stores/{store}/access/v1/search/action",
            post(search::action),
        );
    access
        .merge(of_store)
        .route(metadata::PATH, get(metadata::of_default))
        .route(
            "/stores/{store}/access/v1/evaluation",
            post(evaluation::answer),
        )
        .route(
            "/stores/{store}/access/v1/evaluations",
            post(evaluations::answer),
        )
        .route(
            "/stores/{store}/.well-known/authzen-configuration",
            get(metadata::of_store),
        )
        .route(
            "/.well-known/authzen-configuration/stores/{store}",
            get(metadata::of_store),
        )
        .layer(from_fn(echo))
}

/// Gives the caller's `X-Request-ID` back, and ties it to our own id in the log.
async fn echo(request: Request, next: Next) -> Response {
    let given = request.headers().get(X_REQUEST_ID).cloned();
    let given = given.filter(|id| id.len() <= REQUEST_ID_BYTES);
    let mut response = next.run(request).await;
    if let Some(id) = given {
        tracing::debug!(caller_request_id = ?id, "answered under the caller's id");
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// A request that was let in: what it says, and the store as it is to it.
struct Session {
    app: Arc<App>,
    now: Timestamp,
    view: View,
    request: Map<String, Value>,
}

impl Session {
    /// Lets the caller in, reads the body as a JSON object, and takes the store's view.
    async fn open(
        extract::State(app): extract::State<Arc<App>>,
        headers: &HeaderMap,
        store: InPath,
        body: &Bytes,
    ) -> Result<Self, ApiError> {
        let store = match store {
            Some(Path(store)) => Ok(store),
            None => default_store(&app).await,
        };
        // Who may not ask is not told whether there is a default store.
        let of = store.as_deref().unwrap_or_default();
        let now = let_in_store(&app, headers, of, StorePermission::Check).await?;
        if !is_media_type(headers, "application/json") {
            return Err(ApiError::invalid(
                "the body must be JSON; send `Content-Type: application/json`",
            ));
        }
        let request = object(body)?;
        let store = store?;
        let store = body::store_id(&store)?.to_owned();
        let model = headers
            .get(body::MODEL_ID)
            .map_or("", |id| id.to_str().unwrap_or("?"));
        let model = body::model_id(model)?;
        let freshness = body::consistency(app.policy.tokens(), &store, "", headers)?;
        let view = app.policy.view(&store, model, &freshness, now).await?;
        Ok(Self {
            app,
            now,
            view,
            request,
        })
    }

    fn answer(&self, shown: Value) -> Response {
        body::answer(
            &self.app.policy,
            &self.view.revision(),
            Some(self.view.model_id()),
            Json(shown),
        )
    }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::invalid("the body must be a JSON object")),
        Err(error) => Err(ApiError::invalid(&format_args!(
            "the body is not JSON: {error}"
        ))),
    }
}

/// The id of the store that the endpoints at the root ask.
async fn default_store(app: &App) -> Result<String, ApiError> {
    let Some(wanted) = &app.config.policy_default_store else {
        return Err(ApiError::not_found(
            "no store answers here; set `policy.default_store`, or ask under `/stores/{store}`",
        ));
    };
    app.policy.find_store(wanted).await?.ok_or_else(|| {
        ApiError::not_found(&format_args!(
            "`policy.default_store` is `{wanted}`, which is not the id or name of exactly one store; correct it"
        ))
    })
}
