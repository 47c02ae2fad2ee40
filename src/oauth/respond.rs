//! How OAuth answers: the one place that turns errors into status, headers and RFC 6749's JSON.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::dpop::offer_nonce;
use super::error::OAuthError;
use super::protocol::error::{ErrorCode, Fault};
use crate::base::time::Seconds;
use crate::http::RequestId;
use crate::policy::PolicyError;
use crate::web::error_page::ErrorPage;

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        match self {
            Self::Fault(fault) => fault_json(&fault),
            Self::Client { fault, tried_basic } => {
                let mut response = fault_json(&fault);
                if tried_basic {
                    let challenge = HeaderValue::from_static("Basic realm=\"tessera\"");
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                }
                response
            }
            Self::Throttled(wait) => too_many(&self, wait),
            Self::Store(_)
            | Self::Keys(_)
            | Self::Seal(_)
            | Self::Policy(_)
            | Self::Inconsistent(_) => fault_json(&internal(&self)),
        }
    }
}

/// The fault that a client learns of a failure of ours; the cause goes to the log.
pub fn internal(error: &OAuthError) -> Fault {
    let id = RequestId::current();
    let id = id.as_ref().map_or("", RequestId::as_str);
    tracing::error!(error = %error, "an OAuth request failed");
    let unavailable = match error {
        OAuthError::Store(cause) | OAuthError::Policy(PolicyError::Store(cause)) => {
            cause.is_unavailable()
        }
        OAuthError::Fault(_)
        | OAuthError::Client { .. }
        | OAuthError::Throttled(_)
        | OAuthError::Keys(_)
        | OAuthError::Seal(_)
        | OAuthError::Policy(_)
        | OAuthError::Inconsistent(_) => false,
    };
    if unavailable {
        Fault::new(
            ErrorCode::TemporarilyUnavailable,
            format!("the database is unavailable; try again in a moment (request id {id})"),
        )
    } else {
        Fault::new(
            ErrorCode::ServerError,
            format!("the server failed; its log knows why under request id {id}"),
        )
    }
}

/// 429 with the time to wait. RFC 6749 has no code for it; this one says the same of the authorization endpoint.
fn too_many(error: &OAuthError, wait: Seconds) -> Response {
    let mut response = fault_json(&Fault::new(ErrorCode::TemporarilyUnavailable, error));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = HeaderValue::from(wait.get());
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// A fault as JSON (RFC 6749 section 5.2).
pub fn fault_json(fault: &Fault) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'static str,
        error_description: &'a str,
    }
    let body = Body {
        error: fault.code.as_str(),
        error_description: &fault.description,
    };
    let mut response = (status(fault.code), no_store(&body)).into_response();
    if fault.code == ErrorCode::UseDpopNonce {
        offer_nonce(&mut response);
    }
    response
}

/// What tells caches to keep nothing.
const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (PRAGMA, HeaderValue::from_static("no-cache")),
];

/// JSON that no cache keeps (RFC 6749 section 5.1).
pub fn no_store<T: Serialize>(body: &T) -> Response {
    (NO_STORE, Json(body)).into_response()
}

/// A JWT as the whole body, which no cache keeps.
pub fn jwt_no_store(media_type: &'static str, jwt: String) -> Response {
    let content_type = [(CONTENT_TYPE, HeaderValue::from_static(media_type))];
    (NO_STORE, content_type, jwt).into_response()
}

/// A redirect by 303, never 307: the next request carries no form (RFC 9700 section 4.12).
pub fn see_other(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        // Redirect URIs are printable ASCII and everything added is encoded.
        Err(_) => fault_page(&Fault::invalid_request(
            "the redirect URI is not a header value",
        )),
    }
}

/// A fault on our own page: client or redirect URI are not verified, so it goes nowhere else.
pub fn fault_page(fault: &Fault) -> Response {
    let id = RequestId::current();
    let (title, advice) = match fault.code {
        ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable => (
            "Something went wrong",
            "The server failed. Go back to the application and try again.".to_owned(),
        ),
        _ => (
            "This sign-in request is not valid",
            format!(
                "The application sent a request that cannot be answered: {}. Go back to the application and tell its owner.",
                fault.description
            ),
        ),
    };
    ErrorPage {
        status: status(fault.code),
        title,
        advice: &advice,
        request_id: id.as_ref().map(RequestId::as_str),
    }
    .respond()
}

const fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidClient
        | ErrorCode::InvalidToken
        | ErrorCode::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
        ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidGrant
        | ErrorCode::UnauthorizedClient
        | ErrorCode::UnsupportedGrantType
        | ErrorCode::InvalidScope
        | ErrorCode::UnsupportedResponseType
        | ErrorCode::AccessDenied
        | ErrorCode::LoginRequired
        | ErrorCode::ConsentRequired
        | ErrorCode::RequestNotSupported
        | ErrorCode::RequestUriNotSupported
        | ErrorCode::RegistrationNotSupported
        | ErrorCode::AuthorizationPending
        | ErrorCode::SlowDown
        | ErrorCode::ExpiredToken
        | ErrorCode::InvalidBindingMessage
        | ErrorCode::InvalidDpopProof
        | ErrorCode::UseDpopNonce
        | ErrorCode::InvalidRequestObject
        | ErrorCode::InvalidRequestUri
        | ErrorCode::InvalidTarget
        | ErrorCode::InvalidRedirectUri
        | ErrorCode::InvalidClientMetadata
        | ErrorCode::InvalidSoftwareStatement
        | ErrorCode::UnapprovedSoftwareStatement
        | ErrorCode::InvalidAuthorizationDetails
        | ErrorCode::UnmetAuthenticationRequirements => StatusCode::BAD_REQUEST,
    }
}
