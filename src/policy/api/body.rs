//! What requests have in common: JSON bodies, ids, pages, tuple keys, and how fresh an answer must be.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::base::id::is_ulid;
use crate::policy::engine::tuple::Tuple;
use crate::policy::token::{Revision, Tokens};
use crate::policy::{Consistency, Policy};

/// Names the revision that an answer is true of.
pub(super) const REVISION: HeaderName = HeaderName::from_static("tessera-revision");
/// Asks for an answer no older than a revision.
const AT_LEAST: HeaderName = HeaderName::from_static("tessera-at-least");
const MODEL_ID: HeaderName = HeaderName::from_static("openfga-authorization-model-id");
const DEFAULT_PAGE: u32 = 50;
const LARGEST_PAGE: i64 = 100;

/// Parses a body; an empty one is an empty object. Unknown fields are ignored, as protobuf JSON does.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| {
        ApiError::invalid(&format_args!("the body is not the expected JSON: {error}"))
    })
}

/// A store's id from the path.
pub(super) fn store_id(text: &str) -> Result<&str, ApiError> {
    if text.len() != 26 {
        let message = "StoreId: value length must be 26 characters";
        return Err(ApiError::bad("store_id_invalid_length", message));
    }
    id(text, "StoreId")
}

/// A model's id; empty: the latest.
pub(super) fn model_id(text: &str) -> Result<&str, ApiError> {
    if text.is_empty() {
        return Ok(text);
    }
    id(text, "AuthorizationModelId")
}

fn id<'t>(text: &'t str, field: &str) -> Result<&'t str, ApiError> {
    if is_ulid(text) {
        Ok(text)
    } else {
        Err(ApiError::invalid(&format_args!(
            "{field}: value must be a ULID, 26 upper-case letters and digits"
        )))
    }
}

/// A page's size within its bounds.
pub(super) fn page_size(given: Option<i64>) -> Result<u32, ApiError> {
    match given {
        None => Ok(DEFAULT_PAGE),
        Some(size) if (1..=LARGEST_PAGE).contains(&size) => {
            Ok(u32::try_from(size).unwrap_or(DEFAULT_PAGE))
        }
        Some(_) => Err(ApiError::bad(
            "page_size_invalid",
            "PageSize: value must be inside range [1, 100]",
        )),
    }
}

/// A tuple's key as JSON. `condition` has room here and is refused.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TupleKey {
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) relation: String,
    #[serde(default)]
    pub(super) object: String,
    #[serde(default)]
    condition: Option<serde_json::Value>,
}

impl TupleKey {
    /// The tuple, whose three parts must be there.
    pub(super) fn tuple(&self) -> Result<Tuple, ApiError> {
        if self
            .condition
            .as_ref()
            .is_some_and(|condition| !condition.is_null())
        {
            return Err(ApiError::invalid(
                "conditions are not supported yet; leave `condition` out of the tuple",
            ));
        }
        Tuple::parse(&self.object, &self.relation, &self.user)
            .map_err(|error| ApiError::invalid(&error))
    }
}

/// A list of tuple keys.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TupleKeys {
    #[serde(default, rename = "tuple_keys", alias = "tupleKeys")]
    pub(super) keys: Vec<TupleKey>,
    #[serde(default, alias = "onDuplicate")]
    pub(super) on_duplicate: String,
    #[serde(default, alias = "onMissing")]
    pub(super) on_missing: String,
}

impl TupleKeys {
    /// The tuples.
    pub(super) fn tuples(&self) -> Result<Vec<Tuple>, ApiError> {
        self.keys.iter().map(TupleKey::tuple).collect()
    }
}

/// How fresh an answer must be: OpenFGA's field, or our header, whichever asks for more.
pub(super) fn consistency(
    tokens: &Tokens,
    store_id: &str,
    preference: &str,
    headers: &HeaderMap,
) -> Result<Consistency, ApiError> {
    match preference {
        "HIGHER_CONSISTENCY" => return Ok(Consistency::Full),
        "" | "UNSPECIFIED" | "MINIMIZE_LATENCY" => {}
        other => {
            return Err(ApiError::invalid(&format_args!(
                "consistency: `{other}` is not one of MINIMIZE_LATENCY, HIGHER_CONSISTENCY"
            )));
        }
    }
    let Some(token) = headers.get(AT_LEAST) else {
        return Ok(Consistency::MinimizeLatency);
    };
    let token = token.to_str().unwrap_or_default();
    let revision = tokens
        .read_revision(store_id, token)
        .map_err(|error| ApiError::invalid(&error))?;
    Ok(Consistency::AtLeast(revision))
}

/// An answer with the revision that it is true of, and the model, if one decided.
pub(super) fn answer(
    policy: &Policy,
    revision: &Revision,
    model_id: Option<&str>,
    body: impl IntoResponse,
) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    if let Ok(token) = HeaderValue::from_str(&policy.tokens().revision(revision)) {
        headers.insert(REVISION, token);
    }
    if let Some(id) = model_id.and_then(|id| HeaderValue::from_str(id).ok()) {
        headers.insert(MODEL_ID, id);
    }
    response
}
