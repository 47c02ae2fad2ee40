//! How the process is: `/livez` (it answers), `/readyz` (it can serve), `/metrics` (it counts).
//!
//! A load balancer sends requests while `/readyz` answers 200 and an orchestrator restarts when `/livez` does not; a database
//! that is away must therefore fail the first and not the second. No answer holds a secret, an address or a cause.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::Problem;
use crate::app::App;
use crate::store::{StoreError, q};

/// Longest wait for the database's answer.
const DATABASE_SECONDS: u64 = 2;

/// The routes of this room.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// Whether the process can serve, and what it lacks if not.
#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    version: &'static str,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
}

/// One thing that must work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Ok,
    Failed,
}

impl From<bool> for Check {
    fn from(ok: bool) -> Self {
        if ok { Self::Ok } else { Self::Failed }
    }
}

async fn livez() -> &'static str {
    "ok\n"
}

async fn readyz(State(app): State<Arc<App>>) -> Response {
    let checks = Checks {
        database: database(&app).await.into(),
    };
    let ready = checks.database == Check::Ok;
    let (code, status) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let body = Readiness {
        status,
        version: env!("CARGO_PKG_VERSION"),
        checks,
    };
    (code, Json(body)).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let text = app
        .metrics
        .text()
        .map_err(|error| Problem::internal(&error))?;
    Ok((
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    ))
}

/// Whether the database answers in time.
async fn database(app: &App) -> bool {
    let ask = async {
        let one: i64 = app
            .db
            .read()
            .await?
            .one(q("SELECT COUNT(*) FROM meta"))
            .await?;
        Ok::<_, StoreError>(one)
    };
    match tokio::time::timeout(Duration::from_secs(DATABASE_SECONDS), ask).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            false
        }
        Err(_) => {
            tracing::warn!(
                seconds = DATABASE_SECONDS,
                "the database does not answer in time"
            );
            false
        }
    }
}
