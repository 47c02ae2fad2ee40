//! The authorization request that waits behind a page, if one does.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::links;
use crate::app::App;
use crate::base::id::FlowId;
use crate::http::Problem;

/// `?flow=` of a page.
#[derive(Debug, Default, Deserialize)]
pub struct FlowQuery {
    flow: Option<String>,
}

/// What pages show of an authorization request.
#[derive(Clone, Debug)]
pub struct PendingFlow {
    /// Its id.
    pub id: FlowId,
    /// What the application is called.
    pub client_name: String,
    /// Where the browser will be sent.
    pub redirect_uri: String,
    /// Who the application thinks will sign in.
    pub login_hint: Option<String>,
}

/// Loads the flow that a page's address names; `None` when it names none.
pub async fn load(
    _app: &App,
    query: &FlowQuery,
    _headers: &HeaderMap,
) -> Result<Option<PendingFlow>, Problem> {
    match &query.flow {
        None => Ok(None),
        Some(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "this sign-in is no longer waiting; go back to the application and begin again",
        )),
    }
}

/// Where a page leads when it is done.
pub fn next(app: &App, flow: Option<&PendingFlow>) -> String {
    match flow {
        Some(_) => path(app, "/authorize/continue", flow),
        None => links::path(&app.config, "/"),
    }
}

/// The path of a page that belongs to the flow.
pub fn path(app: &App, page: &str, flow: Option<&PendingFlow>) -> String {
    let path = links::path(&app.config, page);
    flow.map_or(path.clone(), |flow| format!("{path}?flow={}", flow.id))
}
