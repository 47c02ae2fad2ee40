//! How the process is: `/livez` (it answers), `/readyz` (it can serve), `/metrics` (it counts).
//!
//! A load balancer sends requests while `/readyz` answers 200 and an orchestrator restarts when `/livez` does not; a database
//! that is away must therefore fail the first and not the second. No answer holds a secret, an address or a cause.

use std::fmt::Display;
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
use crate::policy::Consistency;
use crate::store::{StoreError, q};

/// Longest wait for one check's answer.
const CHECK_SECONDS: u64 = 2;

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
    /// The revision of Tessera's own permission store on this node.
    revision: Option<i64>,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
    keys: Check,
    policy: Check,
}

impl Checks {
    fn all(&self) -> [Check; 3] {
        [self.database, self.keys, self.policy]
    }
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
    let (database, revision) = tokio::join!(database(&app), policy(&app));
    let checks = Checks {
        database: database.into(),
        keys: (!app.keys.active_kid().is_empty()).into(),
        policy: revision.is_some().into(),
    };
    let ready = checks.all().iter().all(|check| *check == Check::Ok);
    let (code, status) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let body = Readiness {
        status,
        version: env!("CARGO_PKG_VERSION"),
        revision,
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
        let count: i64 = app
            .db
            .read()
            .await?
            .one(q("SELECT COUNT(*) FROM meta"))
            .await?;
        Ok::<_, StoreError>(count)
    };
    in_time("the database", ask).await.is_some()
}

/// The revision of the permission data in memory, when it is no older than it may be.
async fn policy(app: &App) -> Option<i64> {
    let (store, now) = (app.policy.system_store(), app.clock.now());
    let ask = app
        .policy
        .view(store, "", &Consistency::MinimizeLatency, now);
    in_time("the permission data", ask).await?;
    app.policy.system_revision()
}

/// The answer, unless it fails or takes too long; the log knows which.
async fn in_time<T, E: Display>(what: &str, ask: impl Future<Output = Result<T, E>>) -> Option<T> {
    match tokio::time::timeout(Duration::from_secs(CHECK_SECONDS), ask).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: {what} failed");
            None
        }
        Err(_) => {
            tracing::warn!("not ready: {what} did not answer within {CHECK_SECONDS} s");
            None
        }
    }
}
