//! `GET /stores/{store}/export`: every tuple of a store at one revision, as NDJSON or CSV, in constant memory.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use super::access::{ReadGate, let_in_store};
use super::body;
use super::error::ApiError;
use super::stream::{self, Gone, Parts};
use crate::app::App;
use crate::policy::Export;
use crate::policy::system::StorePermission;
use crate::policy::tuple_file::LineFormat;

/// The routes of this file.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stores/{store}/export", get(export))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    format: String,
}

async fn export(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let now = let_in_store(&app, &headers, &store, StorePermission::Read).await?;
    let store = body::store_id(&store)?;
    let (format, media_type) = match asked.format.as_str() {
        "" | "ndjson" => (LineFormat::Ndjson, "application/x-ndjson"),
        "csv" => (LineFormat::Csv, "text/csv; charset=utf-8"),
        other => {
            return Err(ApiError::invalid(&format_args!(
                "format: `{other}` is not one of `ndjson`, `csv`"
            )));
        }
    };
    let place = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| {
        ApiError::busy("too many exports are under way; try again when one has ended")
    })?;
    let export = app.policy.export(store, now).await?;
    let revision = export.revision().clone();
    let (parts, answer) = stream::answer();
    let mut response = body::answer(&app.policy, &revision, None, answer);
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    let gate = ReadGate::of(app, headers, store.to_owned(), now);
    tokio::spawn(async move {
        let _place = place;
        // Without its end the answer breaks off, which is all that can still be said.
        if send(gate, export, format, &parts).await.is_ok() {
            parts.end().await;
        }
    });
    Ok(response)
}

async fn send(
    mut gate: ReadGate,
    mut export: Export,
    format: LineFormat,
    parts: &Parts,
) -> Result<(), Gone> {
    parts.send(format.head()).await?;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "an export broke off");
        Gone
    };
    loop {
        let page = export.next_page().await.map_err(|error| failed(&error))?;
        let Some(tuples) = page else { return Ok(()) };
        let lines = format.lines(&tuples).map_err(|error| failed(&error))?;
        let stopping = gate.app().stopping.clone();
        let sent = stopping.run_until_cancelled(parts.send(lines)).await;
        sent.ok_or(Gone)??;
        gate.ask_again().await.map_err(|_| Gone)?;
    }
}
