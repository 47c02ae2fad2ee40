//! `/stores/{store}/assertions/{model}`: the checks that a model's author expects an answer of.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::put;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::let_in_store;
use super::body::{self, TupleKey};
use super::error::ApiError;
use crate::app::App;
use crate::policy::Assertion;
use crate::policy::engine::relationship::Context;
use crate::policy::system::StorePermission;

/// Assertions of one model.
const ASSERTIONS: usize = 100;
/// All of a model's assertions together, in bytes of JSON.
const ASSERTION_BYTES: usize = 64_000;
/// Tuples that one assertion may bring along.
const CONTEXTUAL_TUPLES: usize = 20;

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stores/{store}/assertions/{model}", put(write).get(list))
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    assertions: Vec<GivenAssertion>,
}

#[derive(Deserialize)]
struct GivenAssertion {
    #[serde(default, alias = "tupleKey")]
    tuple_key: TupleKey,
    #[serde(default)]
    expectation: bool,
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Vec<TupleKey>,
    #[serde(default)]
    context: Option<Context>,
}

async fn write(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path((store, model)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::WriteModels).await?;
    let store = body::store_id(&store)?;
    let model = body::model_id(&model)?;
    let given: Given = body::parse(&body)?;
    let assertions = read(&given.assertions)?;
    app.policy
        .write_assertions(store, model, &assertions, now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path((store, model)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let model = body::model_id(&model)?;
    let assertions = app.policy.assertions(store, model).await?;
    Ok(Json(
        json!({"authorization_model_id": model, "assertions": assertions}),
    ))
}

/// The assertions, within their limits.
fn read(given: &[GivenAssertion]) -> Result<Vec<Assertion>, ApiError> {
    if given.len() > ASSERTIONS {
        return Err(ApiError::invalid(&format_args!(
            "assertions: {} were given, at most {ASSERTIONS} are allowed",
            given.len()
        )));
    }
    let assertions = given
        .iter()
        .map(GivenAssertion::read)
        .collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = assertions
        .iter()
        .map(|one| one.shown.to_string().len())
        .sum();
    if bytes > ASSERTION_BYTES {
        return Err(ApiError::bad(
            "exceeded_entity_limit",
            &format_args!(
                "assertions: {bytes} bytes were given, at most {ASSERTION_BYTES} are allowed"
            ),
        ));
    }
    Ok(assertions)
}

impl GivenAssertion {
    fn read(&self) -> Result<Assertion, ApiError> {
        if self.contextual_tuples.len() > CONTEXTUAL_TUPLES {
            return Err(ApiError::invalid(&format_args!(
                "contextual_tuples: at most {CONTEXTUAL_TUPLES} are allowed in one assertion"
            )));
        }
        let asked = self.tuple_key.tuple()?;
        let contextual = self
            .contextual_tuples
            .iter()
            .map(TupleKey::relationship)
            .collect::<Result<Vec<_>, _>>()?;
        let brought: Vec<Value> = contextual
            .iter()
            .map(|one| body::shown(&one.tuple, &one.limits))
            .collect();
        let key = json!({
            "user": asked.subject.to_string(),
            "relation": asked.relation,
            "object": asked.object.to_string(),
        });
        let shown = json!({
            "tuple_key": key,
            "expectation": self.expectation,
            "contextual_tuples": brought,
            "context": self.context,
        });
        Ok(Assertion {
            asked,
            contextual,
            shown,
        })
    }
}
