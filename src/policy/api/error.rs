//! The wire errors of OpenFGA's API: one place that chooses status and code.

use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::http::RequestId;
use crate::oauth::bearer::BearerError;
use crate::policy::PolicyError;
use crate::policy::engine::check::CheckError;
use crate::policy::engine::json::JsonError;
use crate::policy::token::TokenError;
use crate::store::StoreError;

/// An error on its way to a client: `{"code": .., "message": ..}`.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What the caller was refused for, when they did not prove who they are.
    refusal: Option<Box<BearerError>>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: &(impl Display + ?Sized)) -> Self {
        Self {
            status,
            code,
            message: message.to_string(),
            refusal: None,
        }
    }

    /// The same error, with the challenge of this refusal.
    pub(super) fn refused_for(self, refusal: BearerError) -> Self {
        Self {
            refusal: Some(Box::new(refusal)),
            ..self
        }
    }

    /// 400 with one of OpenFGA's validation codes.
    pub(super) fn bad(code: &'static str, message: &(impl Display + ?Sized)) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 `validation_error`.
    pub(super) fn invalid(message: &(impl Display + ?Sized)) -> Self {
        Self::bad("validation_error", message)
    }

    /// 404: nothing answers at this place.
    pub(super) fn not_found(message: &(impl Display + ?Sized)) -> Self {
        Self::new(StatusCode::NOT_FOUND, "undefined_endpoint", message)
    }

    pub(super) fn missing_token() -> Self {
        let message = "missing bearer token; send `Authorization: Bearer <access token>`";
        Self::new(StatusCode::UNAUTHORIZED, "bearer_token_missing", message)
    }

    pub(super) fn invalid_token(error: &impl Display) -> Self {
        let code = "auth_failed_invalid_bearer_token";
        Self::new(StatusCode::UNAUTHORIZED, code, error)
    }

    pub(super) fn forbidden(error: &impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", error)
    }

    pub(super) fn busy(message: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "resource_exhausted", message)
    }

    pub(super) fn unsupported_media_type(message: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "validation_error",
            message,
        )
    }

    pub(super) fn unavailable(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }

    /// A fault of ours: the log knows the cause, the client the request's id only.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a permission request failed");
        let id = RequestId::current().map_or_else(String::new, |id| format!(" {}", id.as_str()));
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            &format_args!("Internal Server Error; the log knows why under request id{id}"),
        )
    }

    /// Of lists and trees: a contextual tuple that the model does not admit has one code, one with a wrong condition another.
    /// A check has one for both.
    pub(super) fn with_contextual(error: PolicyError) -> Self {
        match &error {
            PolicyError::NotAdmitted { reason, .. } if !reason.is_about_condition() => {
                Self::bad("invalid_tuple", &error)
            }
            _ => error.into(),
        }
    }

    /// Whether the fault is the client's.
    pub(super) fn is_clients(&self) -> bool {
        self.status.is_client_error()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "message": self.message});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(refusal) = &self.refusal {
            refusal.challenge(&mut response);
        }
        response
    }
}

impl From<PolicyError> for ApiError {
    fn from(error: PolicyError) -> Self {
        match &error {
            PolicyError::StoreNotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "store_id_not_found", &error)
            }
            PolicyError::SystemStore => Self::forbidden(&error),
            PolicyError::ModelNotFound(_) => Self::bad("authorization_model_not_found", &error),
            PolicyError::NoModel(_) => Self::bad("latest_authorization_model_not_found", &error),
            PolicyError::Json(JsonError::NoTypes) => {
                Self::bad("type_definitions_too_few_items", &error)
            }
            PolicyError::Dsl(_) | PolicyError::Json(JsonError::Wrong { .. }) => {
                Self::bad("invalid_authorization_model", &error)
            }
            PolicyError::InvalidModel(_) => Self::bad("invalid_authorization_model", &error),
            PolicyError::ModelTooLarge { .. } | PolicyError::TooManyChanges { .. } => {
                Self::bad("exceeded_entity_limit", &error)
            }
            PolicyError::StoreName
            | PolicyError::InlineExpressions
            | PolicyError::Tuple(_)
            | PolicyError::NotAdmitted { .. }
            | PolicyError::UnknownSubject(_)
            | PolicyError::Token(TokenError::Revision) => Self::invalid(&error),
            PolicyError::NothingToWrite => Self::bad("invalid_write_input", &error),
            PolicyError::Duplicate(_) => {
                Self::bad("cannot_allow_duplicate_tuples_in_one_request", &error)
            }
            PolicyError::AlreadyThere(_) | PolicyError::NotThere(_) => {
                Self::bad("write_failed_due_to_invalid_input", &error)
            }
            PolicyError::OtherLimits(_) => Self::new(StatusCode::CONFLICT, "Aborted", &error),
            PolicyError::Check(check) => check_error(check),
            PolicyError::Token(TokenError::Page) => Self::bad("invalid_continuation_token", &error),
            PolicyError::Token(TokenError::PageOfOtherType) => {
                Self::bad("query_string_type_continuation_token_mismatch", &error)
            }
            PolicyError::RevisionNotThere | PolicyError::Precondition { .. } => {
                Self::new(StatusCode::CONFLICT, "failed_precondition", &error)
            }
            PolicyError::Full(_) => Self::bad("exceeded_entity_limit", &error),
            PolicyError::Store(store) if store.is_unavailable() => {
                tracing::error!(%error, "the database is unavailable");
                let message = "the database is unavailable; try again in a moment";
                Self::unavailable(message)
            }
            PolicyError::Store(_) => Self::internal(&error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        PolicyError::Store(error).into()
    }
}

fn check_error(error: &CheckError) -> ApiError {
    match error {
        CheckError::UnknownType(_)
        | CheckError::UnknownRelation { .. }
        | CheckError::Condition(_) => ApiError::invalid(error),
        // As OpenFGA answers at its own deadline.
        CheckError::OutOfTime => ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "deadline_exceeded",
            error,
        ),
        CheckError::TooDeep | CheckError::Exhausted => {
            ApiError::bad("authorization_model_resolution_too_complex", error)
        }
        CheckError::Full(_) => ApiError::bad("exceeded_entity_limit", error),
    }
}
