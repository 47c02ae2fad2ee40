//! `POST /access/v1/evaluations`: many questions with common defaults (Authorization API 1.0 section 7).
//!
//! The questions are answered in order. One that cannot be read is a denial of its own, not the end of the others.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::entity::{EntityError, Item, fields, present};
use super::evaluation::Decision;
use super::{ApiError, InPath, Session};
use crate::app::App;

/// Questions in one request.
const EVALUATIONS: usize = 100;

/// Which questions are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Semantic {
    /// All.
    ExecuteAll,
    /// Those up to the first that is denied.
    DenyOnFirstDeny,
    /// Those up to the first that is permitted.
    PermitOnFirstPermit,
}

pub(super) async fn answer(
    app: State<Arc<App>>,
    store: InPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let session = Session::open(app, &headers, store, &body).await?;
    let semantic = Semantic::read(&session.request)?;
    let items = match present(&session.request, "evaluations") {
        None => return session.single().await,
        Some(Value::Array(items)) if items.is_empty() => return session.single().await,
        Some(Value::Array(items)) => items,
        Some(_) => return Err(ApiError::invalid("`evaluations` must be an array")),
    };
    if items.len() > EVALUATIONS {
        return Err(ApiError::invalid(&format_args!(
            "`evaluations` has {} items, at most {EVALUATIONS} are allowed; send several requests",
            items.len()
        )));
    }
    defaults_are_objects(&session.request)?;
    let mut shown = Vec::with_capacity(items.len());
    for item in items {
        let decision = session.one_of_many(item).await?;
        let ends = semantic.ends_with(decision.allowed);
        shown.push(decision.shown());
        if ends {
            break;
        }
        // Questions are of unknown cost: others get a turn in between.
        tokio::task::yield_now().await;
    }
    Ok(session.answer(json!({"evaluations": shown})))
}

impl Session {
    async fn one_of_many(&self, item: &Value) -> Result<Decision, ApiError> {
        let read = fields("evaluations[]", item).and_then(|item| Item::read(item, &self.request));
        match read {
            Ok(item) => self.decide(item).await,
            Err(error) => Ok(Decision::refused(&ApiError::invalid(&error))),
        }
    }
}

impl Semantic {
    fn read(request: &Map<String, Value>) -> Result<Self, ApiError> {
        let Some(options) = present(request, "options") else {
            return Ok(Self::ExecuteAll);
        };
        let options = fields("options", options).map_err(|error| ApiError::invalid(&error))?;
        match present(options, "evaluations_semantic").map(Value::as_str) {
            None | Some(Some("execute_all")) => Ok(Self::ExecuteAll),
            Some(Some("deny_on_first_deny")) => Ok(Self::DenyOnFirstDeny),
            Some(Some("permit_on_first_permit")) => Ok(Self::PermitOnFirstPermit),
            Some(_) => Err(ApiError::invalid(
                "`options.evaluations_semantic` must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
            )),
        }
    }

    const fn ends_with(self, allowed: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !allowed,
            Self::PermitOnFirstPermit => allowed,
        }
    }
}

/// A default of a wrong type is a fault of the request, not of the question that would take it.
fn defaults_are_objects(request: &Map<String, Value>) -> Result<(), ApiError> {
    ["subject", "action", "resource", "context"]
        .into_iter()
        .filter_map(|name| Some((name, present(request, name)?)))
        .try_for_each(|(name, value)| fields(name, value).map(|_| ()))
        .map_err(|error: EntityError| ApiError::invalid(&error))
}
