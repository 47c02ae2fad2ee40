//! What requests have in common: JSON bodies, ids, pages, tuple keys, and how fresh an answer must be.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::app::App;
use crate::base::id::is_ulid;
use crate::base::time::Timestamp;
use crate::policy::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use crate::policy::engine::tuple::Tuple;
use crate::policy::token::{Revision, Tokens};
use crate::policy::tuple_file::bounded;
use crate::policy::{Consistency, Policy, View};

/// Names the revision that an answer is true of.
pub(super) const REVISION: HeaderName = HeaderName::from_static("tessera-revision");
/// Asks for an answer no older than a revision.
const AT_LEAST: HeaderName = HeaderName::from_static("tessera-at-least");
/// Names the model that decided; on AuthZEN requests, the one that shall.
pub(super) const MODEL_ID: HeaderName = HeaderName::from_static("openfga-authorization-model-id");
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

/// By which model, and how fresh: what every question of the OpenFGA API may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Basis {
    #[serde(default, alias = "authorizationModelId")]
    pub(super) authorization_model_id: String,
    #[serde(default)]
    consistency: String,
}

impl Basis {
    /// The store as it is to this question. The caller was let in at `now`.
    pub(super) async fn view(
        &self,
        app: &App,
        store: &str,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<View, ApiError> {
        let store = store_id(store)?;
        let model = model_id(&self.authorization_model_id)?;
        let freshness = consistency(app.policy.tokens(), store, &self.consistency, headers)?;
        Ok(app.policy.view(store, model, &freshness, now).await?)
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

/// A tuple's key as JSON, with what limits it. Beyond OpenFGA: `expires_at`, RFC 3339.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TupleKey {
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) relation: String,
    #[serde(default)]
    pub(super) object: String,
    #[serde(default)]
    condition: Option<ConditionKey>,
    #[serde(default, alias = "expiresAt")]
    expires_at: Option<String>,
}

/// A tuple's condition as JSON.
#[derive(Debug, Deserialize)]
struct ConditionKey {
    #[serde(default)]
    name: String,
    #[serde(default)]
    context: Option<Context>,
}

impl TupleKey {
    /// The tuple with what limits it.
    pub(super) fn relationship(&self) -> Result<Relationship, ApiError> {
        let tuple = self.tuple()?;
        let condition = match &self.condition {
            Some(ConditionKey { name, context }) if !name.is_empty() => {
                let context = context.clone().unwrap_or_default();
                bounded(&context).map_err(|message| ApiError::invalid(&message))?;
                Some(TupleCondition {
                    name: name.clone(),
                    context,
                })
            }
            Some(_) | None => None,
        };
        let expires_at = match self.expires_at.as_deref() {
            None | Some("") => None,
            Some(text) => Some(Timestamp::parse_rfc3339(text).ok_or_else(|| {
                ApiError::invalid(&format_args!(
                    "expires_at: `{text}` is not an RFC 3339 time such as `2030-01-01T00:00:00Z`"
                ))
            })?),
        };
        Ok(Relationship {
            tuple,
            limits: Limits {
                condition,
                expires_at,
            },
        })
    }

    /// The tuple, whose three parts must be there.
    pub(super) fn tuple(&self) -> Result<Tuple, ApiError> {
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

    /// The tuples with what limits them.
    pub(super) fn relationships(&self) -> Result<Vec<Relationship>, ApiError> {
        self.keys.iter().map(TupleKey::relationship).collect()
    }
}

/// A tuple with its limits as JSON.
pub(super) fn shown(tuple: &Tuple, limits: &Limits) -> Value {
    let condition = limits
        .condition
        .as_ref()
        .map(|condition| json!({"name": condition.name, "context": condition.context}));
    let mut shown = json!({
        "user": tuple.subject.to_string(),
        "relation": tuple.relation,
        "object": tuple.object.to_string(),
        "condition": condition,
    });
    if let (Some(at), Some(fields)) = (limits.expires_at, shown.as_object_mut()) {
        fields.insert("expires_at".to_owned(), at.rfc3339().into());
    }
    shown
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

/// An answer that a view gave, with its revision and the model that decided.
pub(super) fn answer_of(app: &App, view: &View, body: impl IntoResponse) -> Response {
    let (revision, model) = (view.revision(), Some(view.model_id()));
    answer(&app.policy, &revision, model, body)
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
