//! `GET /.well-known/authzen-configuration`: where the endpoints are (Authorization API 1.0 section 9).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{ApiError, body, default_store};
use crate::app::App;

/// Where the document of the default store is.
pub(super) const PATH: &str = "/.well-known/authzen-configuration";

pub(super) async fn of_default(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    default_store(&app).await?;
    Ok(Json(document(&app.config.issuer)))
}

/// The same for a store, whether it exists or not: the document is public, so it must not tell.
pub(super) async fn of_store(
    State(app): State<Arc<App>>,
    Path(store): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let store = body::store_id(&store)?;
    Ok(Json(document(&format!(
        "{}/stores/{store}",
        app.config.issuer
    ))))
}

fn document(base: &str) -> Value {
    json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
        "search_action_endpoint": format!("{base}/access/v1/search/action"),
    })
}
