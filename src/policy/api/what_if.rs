//! `/stores/{store}/what-if`: which answers a change of tuples would change. Nothing is written.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::let_in_store;
use super::body::{self, TupleKey, TupleKeys};
use super::error::ApiError;
use crate::app::App;
use crate::policy::CheckRequest;
use crate::policy::engine::relationship::Context;
use crate::policy::engine::tuple::Tuple;
use crate::policy::engine::what_if::{Difference, Hypothesis};
use crate::policy::system::StorePermission;

/// Tuples that a change may add and delete together, as in a write.
const TUPLES: usize = 100;
/// Checks whose answers are compared.
const CHECKS: usize = 100;

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stores/{store}/what-if", post(what_if))
}

#[derive(Deserialize)]
struct WhatIf {
    #[serde(default)]
    writes: TupleKeys,
    #[serde(default)]
    deletes: TupleKeys,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default, alias = "authorizationModelId")]
    authorization_model_id: String,
    #[serde(default)]
    consistency: String,
}

#[derive(Deserialize)]
struct Check {
    #[serde(default, alias = "tupleKey")]
    tuple_key: TupleKey,
    #[serde(default)]
    context: Option<Context>,
}

async fn what_if(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let request: WhatIf = body::parse(&body)?;
    let model = body::model_id(&request.authorization_model_id)?;
    request.within_limits()?;
    let (writes, deletes) = (request.writes.relationships()?, request.deletes.tuples()?);
    let asked = request
        .checks
        .iter()
        .map(|check| check.tuple_key.tuple())
        .collect::<Result<Vec<Tuple>, ApiError>>()?;
    let freshness = body::consistency(app.policy.tokens(), store, &request.consistency, &headers)?;
    let view = app.policy.view(store, model, &freshness, now).await?;
    let hypothesis = Hypothesis {
        writes: &writes,
        deletes: &deletes,
    };
    let mut changes = Vec::new();
    for (tuple, check) in asked.iter().zip(&request.checks) {
        let context = check.context.clone().unwrap_or_default();
        let found = view.what_if(hypothesis, &[request_of(tuple, &context)])?;
        changes.extend(found.iter().map(|change| shown(tuple, change)));
        // Up to two hundred questions of unknown cost: others get a turn in between.
        tokio::task::yield_now().await;
    }
    Ok(body::answer(
        &app.policy,
        &view.revision(),
        Some(view.model_id()),
        Json(json!({"changes": changes})),
    ))
}

impl WhatIf {
    fn within_limits(&self) -> Result<(), ApiError> {
        let tuples = self.writes.keys.len() + self.deletes.keys.len();
        if tuples == 0 || tuples > TUPLES {
            return Err(ApiError::invalid(&format_args!(
                "writes, deletes: {tuples} tuples were given; give 1 to {TUPLES}"
            )));
        }
        if self.checks.is_empty() || self.checks.len() > CHECKS {
            return Err(ApiError::invalid(&format_args!(
                "checks: {} were given; give 1 to {CHECKS}",
                self.checks.len()
            )));
        }
        Ok(())
    }
}

const fn request_of<'a>(asked: &'a Tuple, context: &'a Context) -> CheckRequest<'a> {
    CheckRequest {
        model_id: "",
        object: &asked.object,
        relation: asked.relation.as_str(),
        subject: &asked.subject,
        contextual: &[],
        context,
    }
}

fn shown(tuple: &Tuple, change: &Difference) -> Value {
    json!({
        "tuple_key": {
            "user": tuple.subject.to_string(),
            "relation": tuple.relation,
            "object": tuple.object.to_string(),
        },
        "before": change.before,
        "after": change.after,
    })
}
