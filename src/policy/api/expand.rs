//! `/stores/{store}/expand`: why somebody is in a relation, one level deep.

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
use crate::policy::engine::expand::{Branch, Expanded};
use crate::policy::engine::tuple::{Object, parse_relation};
use crate::policy::system::StorePermission;

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stores/{store}/expand", post(expand))
}

#[derive(Deserialize)]
struct Expand {
    #[serde(default, alias = "tupleKey")]
    tuple_key: TupleKey,
    #[serde(default, alias = "contextualTuples")]
    contextual_tuples: Option<TupleKeys>,
    #[serde(flatten)]
    basis: Basis,
}

async fn expand(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let request: Expand = body::parse(&body)?;
    let (object, relation) = asked(&request.tuple_key)?;
    let contextual = match &request.contextual_tuples {
        Some(tuples) => contextual(&tuples.keys)?,
        None => Vec::new(),
    };
    let view = request.basis.view(&app, &store, &headers, now).await?;
    let tree = view
        .expand(&object, &relation, &contextual)
        .map_err(ApiError::with_contextual)?;
    Ok(body::answer_of(
        &app,
        &view,
        Json(json!({"tree": {"root": node(&tree)}})),
    ))
}

fn asked(key: &TupleKey) -> Result<(Object, String), ApiError> {
    if key.object.is_empty() || key.relation.is_empty() {
        return Err(ApiError::bad(
            "invalid_expand_input",
            "Invalid input. Make sure you provide an object and a relation",
        ));
    }
    let invalid = |error| ApiError::invalid(&error);
    Ok((
        Object::parse(&key.object).map_err(invalid)?,
        parse_relation(&key.relation).map_err(invalid)?,
    ))
}

fn node(tree: &Expanded) -> Value {
    let nodes =
        |children: &[Expanded]| json!({"nodes": children.iter().map(node).collect::<Vec<_>>()});
    let (kind, value) = match &tree.value {
        Branch::Users(users) => ("leaf", json!({"users": {"users": users}})),
        Branch::Computed(userset) => ("leaf", json!({"computed": {"userset": userset}})),
        Branch::TupleToUserset { tupleset, computed } => {
            let computed: Vec<Value> = computed
                .iter()
                .map(|userset| json!({"userset": userset}))
                .collect();
            let value = json!({"tupleset": tupleset, "computed": computed});
            ("leaf", json!({"tupleToUserset": value}))
        }
        Branch::Union(children) => ("union", nodes(children)),
        Branch::Intersection(children) => ("intersection", nodes(children)),
        Branch::Difference(sides) => {
            let value = json!({"base": node(&sides.0), "subtract": node(&sides.1)});
            ("difference", value)
        }
    };
    json!({"name": tree.name, kind: value})
}
