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
use super::body::{self, Basis, TupleKey, TupleKeys};
use super::check::contextual;
use super::error::ApiError;
use crate::app::App;
use crate::policy::engine::relationship::{Context, Relationship};
use crate::policy::engine::tuple::Tuple;
use crate::policy::engine::what_if::Hypothesis;
use crate::policy::system::StorePermission;
use crate::policy::{CheckRequest, View};

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
    #[serde(flatten)]
    basis: Basis,
}

#[derive(Deserialize)]
struct Check {
    #[serde(default, alias = "tupleKey")]
    tuple_key: TupleKey,
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Option<TupleKeys>,
    #[serde(default)]
    context: Option<Context>,
}

/// A check whose answers are compared.
struct Asked {
    tuple: Tuple,
    contextual: Vec<Relationship>,
    context: Context,
}

async fn what_if(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let request: WhatIf = body::parse(&body)?;
    request.within_limits()?;
    let (writes, deletes) = (request.writes.relationships()?, request.deletes.tuples()?);
    let asked = request
        .checks
        .into_iter()
        .map(Check::asked)
        .collect::<Result<Vec<Asked>, ApiError>>()?;
    let view = request.basis.view(&app, &store, &headers, now).await?;
    let changed = view.changed(Hypothesis {
        writes: &writes,
        deletes: &deletes,
    })?;
    let mut differences = Vec::new();
    for one in &asked {
        let (before, after) = (one.answer(&view)?, one.answer(&changed)?);
        if before != after {
            differences.push(shown(&one.tuple, before, after));
        }
        // Up to two hundred questions of unknown cost: others get a turn in between.
        tokio::task::yield_now().await;
    }
    Ok(body::answer_of(
        &app,
        &view,
        Json(json!({"changes": differences})),
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

impl Check {
    fn asked(self) -> Result<Asked, ApiError> {
        let tuples = self.contextual_tuples.unwrap_or_default();
        Ok(Asked {
            tuple: self.tuple_key.tuple()?,
            contextual: contextual(&tuples.keys)?,
            context: self.context.unwrap_or_default(),
        })
    }
}

impl Asked {
    fn answer(&self, view: &View) -> Result<bool, ApiError> {
        let request = CheckRequest {
            model_id: "",
            object: &self.tuple.object,
            relation: &self.tuple.relation,
            subject: &self.tuple.subject,
            contextual: &self.contextual,
            context: &self.context,
        };
        view.check(&request).map_err(ApiError::with_contextual)
    }
}

fn shown(tuple: &Tuple, before: bool, after: bool) -> Value {
    json!({
        "tuple_key": {
            "user": tuple.subject.to_string(),
            "relation": tuple.relation,
            "object": tuple.object.to_string(),
        },
        "before": before,
        "after": after,
    })
}
