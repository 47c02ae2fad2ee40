//! `/stores/{store}/check` and `/stores/{store}/batch-check`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::{let_in_store, still_let_in_store};
use super::body::{self, Basis, TupleKey, TupleKeys};
use super::error::ApiError;
use crate::app::App;
use crate::policy::engine::relationship::{Context, Relationship};
use crate::policy::system::StorePermission;
use crate::policy::{CheckRequest, PolicyError, View};

/// Tuples that one check may bring along.
const CONTEXTUAL_TUPLES: usize = 100;
/// Checks in one batch.
const BATCH_CHECKS: usize = 50;
/// Longest correlation id, in characters.
const CORRELATION_CHARS: usize = 36;

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/stores/{store}/check", post(check))
        .route("/stores/{store}/batch-check", post(batch))
}

#[derive(Deserialize)]
struct Check {
    #[serde(flatten)]
    item: Item,
    #[serde(flatten)]
    basis: Basis,
}

/// One question.
#[derive(Deserialize)]
struct Item {
    #[serde(default, alias = "tupleKey")]
    tuple_key: Option<TupleKey>,
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Option<TupleKeys>,
    #[serde(default, alias = "correlationId")]
    correlation_id: String,
    #[serde(default)]
    context: Option<Context>,
    /// Beyond OpenFGA: the answer says why.
    #[serde(default)]
    explain: bool,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    checks: Vec<Item>,
    #[serde(flatten)]
    basis: Basis,
}

async fn check(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let request: Check = body::parse(&body)?;
    if request.item.explain {
        // An explanation shows tuples.
        still_let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    }
    let view = request.basis.view(&app, &store, &headers, now).await?;
    let mut shown = request.item.decide(&app, &view)?.shown();
    shown.insert("resolution".to_owned(), "".into());
    Ok(body::answer_of(&app, &view, Json(shown)))
}

async fn batch(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Check).await?;
    let request: Batch = body::parse(&body)?;
    if request.checks.iter().any(|item| item.explain) {
        still_let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    }
    well_formed(&request.checks)?;
    let view = request.basis.view(&app, &store, &headers, now).await?;
    let mut result = Map::new();
    for item in &request.checks {
        let shown = match item.decide(&app, &view) {
            Ok(decided) => decided.shown().into(),
            Err(error) => item_error(&error),
        };
        result.insert(item.correlation_id.clone(), shown);
        // A batch is up to fifty questions of unknown cost: others get a turn in between.
        tokio::task::yield_now().await;
    }
    Ok(body::answer_of(
        &app,
        &view,
        Json(json!({"result": result})),
    ))
}

/// An answer, with why if that was asked.
struct Decided {
    allowed: bool,
    explanation: Option<Value>,
}

impl Decided {
    fn shown(self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("allowed".to_owned(), self.allowed.into());
        if let Some(explanation) = self.explanation {
            shown.insert("explanation".to_owned(), explanation);
        }
        shown
    }
}

impl Item {
    /// The answer, counted.
    fn decide(&self, app: &App, view: &View) -> Result<Decided, ApiError> {
        let answer = self.ask(view);
        app.metrics.count_check(match &answer {
            Ok(decided) if decided.allowed => "allowed",
            Ok(_) => "denied",
            Err(_) => "error",
        });
        answer
    }

    fn ask(&self, view: &View) -> Result<Decided, ApiError> {
        let key = self.tuple_key.as_ref().ok_or_else(|| {
            ApiError::bad(
                "tuple_key_value_not_specified",
                "TupleKey: value is required",
            )
        })?;
        let asked = key.tuple()?;
        let contextual = self.contextual()?;
        let context = self.context.clone().unwrap_or_default();
        let request = CheckRequest {
            model_id: "",
            object: &asked.object,
            relation: &asked.relation,
            subject: &asked.subject,
            contextual: &contextual,
            context: &context,
        };
        let decided = if self.explain {
            view.explain(&request).map(|explanation| Decided {
                allowed: explanation.allowed,
                explanation: Some(explanation.to_json()),
            })
        } else {
            view.check(&request).map(|allowed| Decided {
                allowed,
                explanation: None,
            })
        };
        decided.map_err(|error| match error {
            PolicyError::NotAdmitted { .. } => ApiError::bad("invalid_tuple", &error),
            other => other.into(),
        })
    }

    fn contextual(&self) -> Result<Vec<Relationship>, ApiError> {
        self.contextual_tuples
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |keys| contextual(&keys.keys))
    }
}

/// Tuples that a request brings along.
pub(super) fn contextual(keys: &[TupleKey]) -> Result<Vec<Relationship>, ApiError> {
    if keys.len() > CONTEXTUAL_TUPLES {
        return Err(ApiError::invalid(&format_args!(
            "contextual_tuples: at most {CONTEXTUAL_TUPLES} are allowed"
        )));
    }
    keys.iter()
        .map(TupleKey::relationship)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ApiError::bad("invalid_tuple", &error.message))
}

/// The number of checks, and their correlation ids: `^[\w\d-]{1,36}$`, each once.
fn well_formed(checks: &[Item]) -> Result<(), ApiError> {
    if checks.is_empty() {
        return Err(ApiError::invalid(
            "batch check requires at least one check to evaluate, no checks were received",
        ));
    }
    if checks.len() > BATCH_CHECKS {
        return Err(ApiError::invalid(&format_args!(
            "batchCheck received {} checks, the maximum allowed is {BATCH_CHECKS}",
            checks.len()
        )));
    }
    let mut seen = HashSet::new();
    for id in checks.iter().map(|item| item.correlation_id.as_str()) {
        let fits = (1..=CORRELATION_CHARS).contains(&id.len())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !fits {
            return Err(ApiError::invalid(&format_args!(
                "correlation_id: `{id}` must be 1 to {CORRELATION_CHARS} letters, digits, `_` or `-`"
            )));
        }
        if !seen.insert(id) {
            return Err(ApiError::invalid(&format_args!(
                "received duplicate correlation id: {id}"
            )));
        }
    }
    Ok(())
}

/// An error inside a batch: it is that question's own.
fn item_error(error: &ApiError) -> Value {
    let field = if error.is_clients() {
        "input_error"
    } else {
        "internal_error"
    };
    json!({"error": {field: error.code, "message": error.message}})
}
