//! `POST /stores/{store}/import`: a stream of tuples, NDJSON or CSV, as long as it likes, read line by line.
//!
//! The answer is NDJSON: lines that say how far it is, then one that says how it ended, with the line to go on from. So the
//! status is 200 also for an import that a bad line ends; only who may not begin hears of it by the status. What a client
//! that was cut off had sent is written up to its last whole line.

mod upload;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use self::upload::Upload;
use super::access::WriteGate;
use super::body;
use super::error::ApiError;
use super::stream;
use super::tuples::on_conflict;
use crate::app::App;
use crate::http::{RequestId, is_media_type};
use crate::policy::tuple_file::LineFormat;
use crate::policy::{
    ImportCause, ImportFault, ImportMode, ImportOptions, ImportProgress, OnConflict, Policy,
};

/// The routes of this file: their bodies have no bound, so they stand outside the layer that sets one.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/stores/{store}/import", post(import))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    on_duplicate: String,
    #[serde(default)]
    mode: String,
    #[serde(default = "first_line")]
    from_line: u64,
}

const fn first_line() -> u64 {
    1
}

async fn import(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(store): Path<String>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, ApiError> {
    let gate = WriteGate::open(Arc::clone(&app), headers.clone(), store.clone()).await?;
    let format = format(&headers);
    let mut upload = Upload::new(gate, body);
    upload.let_in(format).await?;
    let options = options((&app, body::store_id(&store)?), format, &asked)?;
    let place = Arc::clone(&app.imports).try_acquire_owned().map_err(|_| {
        ApiError::busy("too many imports are under way; try again when one has ended")
    })?;
    app.policy
        .can_import(&options.store_id, app.clock.now())
        .await?;
    if options.mode == ImportMode::AllOrNothing {
        upload.keep()?;
    }
    let (parts, answer) = stream::answer();
    let work = async move {
        let _place = place;
        let mut upload = upload.answering(parts);
        let (progress, result) = app.policy.import(&mut upload, &options).await;
        upload.end(last_line(&app.policy, &progress, result)).await;
    };
    match RequestId::current() {
        Some(id) => tokio::spawn(id.scope(work)),
        None => tokio::spawn(work),
    };
    let media_type = HeaderValue::from_static("application/x-ndjson");
    Ok(([(CONTENT_TYPE, media_type)], answer).into_response())
}

fn format(headers: &HeaderMap) -> Option<LineFormat> {
    let is = |names: &[&str]| names.iter().any(|name| is_media_type(headers, name));
    if is(&["application/x-ndjson", "application/ndjson"]) {
        Some(LineFormat::Ndjson)
    } else {
        is(&["text/csv"]).then_some(LineFormat::Csv)
    }
}

fn options(
    (app, store): (&App, &str),
    format: Option<LineFormat>,
    asked: &Asked,
) -> Result<ImportOptions, ApiError> {
    let message = "Content-Type: must be `application/x-ndjson` or `text/csv`";
    let format = format.ok_or_else(|| ApiError::unsupported_media_type(message))?;
    let mode = match asked.mode.as_str() {
        "" | "up_to_fault" => ImportMode::UpToFault,
        "all_or_nothing" => ImportMode::AllOrNothing,
        other => {
            return Err(ApiError::invalid(&format_args!(
                "mode: `{other}` is not one of `up_to_fault`, `all_or_nothing`"
            )));
        }
    };
    if asked.from_line == 0 {
        return Err(ApiError::invalid("from_line: lines are counted from 1"));
    }
    Ok(ImportOptions {
        store_id: store.to_owned(),
        format,
        from_line: asked.from_line,
        // Unlike a write: an import is repeated when it was cut off.
        on_duplicate: match asked.on_duplicate.as_str() {
            "" => OnConflict::Ignore,
            value => on_conflict("on_duplicate", value)?,
        },
        mode,
        inline_expressions: app.config.policy_inline_expressions,
    })
}

/// How far an import is, as a line.
fn shown(progress: &ImportProgress) -> Value {
    json!({
        "lines": progress.lines,
        "written": progress.written,
        "unchanged": progress.unchanged,
        "position": progress.position,
    })
}

/// How it ended.
fn last_line(
    policy: &Policy,
    progress: &ImportProgress,
    result: Result<(), ImportFault<ApiError>>,
) -> Value {
    let mut line = shown(progress);
    let mut say = |name: &str, value: Value| {
        if let Some(fields) = line.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if let Some(revision) = &progress.revision {
        say("revision", policy.tokens().revision(revision).into());
    }
    match result {
        Ok(()) => say("done", true.into()),
        Err(fault) => {
            let error = match fault.cause {
                ImportCause::Malformed(message) => ApiError::invalid(&message),
                ImportCause::Policy(error) => error.into(),
                ImportCause::Host(error) => error,
            };
            let ApiError { code, message, .. } = error;
            say(
                "error",
                match fault.line {
                    Some(line) => json!({"code": code, "message": message, "line": line}),
                    None => json!({"code": code, "message": message}),
                },
            );
        }
    }
    line
}
