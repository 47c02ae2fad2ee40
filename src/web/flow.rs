//! The authorization request that waits behind a page, if one does.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{failed, links};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::flow::{self, Flow, FlowError};
use crate::oauth::paths;

/// `?flow=` of a page: an id of ours, never a URL (SECURITY row 5).
#[derive(Debug, Default, Deserialize)]
pub struct FlowQuery {
    flow: Option<String>,
}

/// Loads the flow that a page's address names; `None` when it names none.
pub async fn load(
    app: &App,
    query: &FlowQuery,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Flow>, Problem> {
    match &query.flow {
        None => Ok(None),
        Some(id) => flow::load(app, id, headers, now)
            .await
            .map(Some)
            .map_err(problem),
    }
}

/// A flow that cannot go on, told to the person.
pub fn problem(error: FlowError) -> Problem {
    match error {
        FlowError::Gone => Problem::new(StatusCode::BAD_REQUEST, error.to_string()),
        FlowError::WrongBrowser => Problem::new(StatusCode::FORBIDDEN, error.to_string()),
        FlowError::Store(_) => failed(error),
    }
}

/// Where a page leads when it is done.
pub fn next(app: &App, flow: Option<&Flow>) -> String {
    match flow {
        Some(_) => path(app, paths::CONTINUE, flow),
        None => links::path(&app.config, "/"),
    }
}

/// The path of a page that belongs to the flow.
pub fn path(app: &App, page: &str, flow: Option<&Flow>) -> String {
    let path = links::path(&app.config, page);
    match flow {
        Some(flow) => format!("{path}?flow={}", flow.id),
        None => path,
    }
}
