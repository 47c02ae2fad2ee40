//! Discovery (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2) and `/jwks`.
//!
//! Derived from the enums that the endpoints match on and the paths that the router binds, so that it says what is true and
//! nothing else. URLs come from the configured issuer, never from a request's `Host` (SECURITY row 29).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use url::Url;

use super::keys::ALGORITHM;
use super::paths;
use super::protocol::authorize::{Prompt, RESPONSE_MODE, RESPONSE_TYPE};
use super::protocol::claims::UserClaims;
use super::protocol::client::{AuthMethod, DeliveryMode, GrantType};
use super::protocol::pkce;
use super::protocol::scope::{EMAIL, OFFLINE_ACCESS, OPENID, PROFILE, TESSERA_ADMIN};
use crate::app::App;
use crate::http::Problem;

/// Documents change with the configuration only, keys are published a day ahead.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// Claims of an ID token besides those of the person.
const TOKEN_CLAIMS: [&str; 8] = [
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "sid",
    "amr",
];

/// The server's metadata.
#[derive(Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    end_session_endpoint: String,
    device_authorization_endpoint: String,
    backchannel_authentication_endpoint: String,
    backchannel_token_delivery_modes_supported: &'static [DeliveryMode],
    scopes_supported: [&'static str; 5],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: &'static [GrantType],
    prompt_values_supported: &'static [Prompt],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: &'static [AuthMethod],
    revocation_endpoint_auth_methods_supported: &'static [AuthMethod],
    introspection_endpoint_auth_methods_supported: Vec<AuthMethod>,
    code_challenge_methods_supported: [&'static str; 1],
    claims_supported: Vec<&'static str>,
    authorization_response_iss_parameter_supported: bool,
    // The default of OpenID Connect Discovery would be true.
    request_uri_parameter_supported: bool,
}

impl Metadata {
    /// The metadata of an issuer.
    pub fn of(issuer: &str) -> Self {
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at(paths::AUTHORIZE),
            token_endpoint: at(paths::TOKEN),
            userinfo_endpoint: at(paths::USERINFO),
            jwks_uri: at(paths::JWKS),
            introspection_endpoint: at(paths::INTROSPECT),
            revocation_endpoint: at(paths::REVOKE),
            end_session_endpoint: at(paths::LOGOUT),
            device_authorization_endpoint: at(paths::DEVICE_AUTHORIZATION),
            backchannel_authentication_endpoint: at(paths::BACKCHANNEL_AUTHENTICATION),
            backchannel_token_delivery_modes_supported: DeliveryMode::ALL,
            scopes_supported: [OPENID, PROFILE, EMAIL, OFFLINE_ACCESS, TESSERA_ADMIN],
            response_types_supported: [RESPONSE_TYPE],
            response_modes_supported: [RESPONSE_MODE],
            grant_types_supported: GrantType::ALL,
            prompt_values_supported: Prompt::ALL,
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: [ALGORITHM],
            token_endpoint_auth_methods_supported: AuthMethod::ALL,
            revocation_endpoint_auth_methods_supported: AuthMethod::ALL,
            introspection_endpoint_auth_methods_supported: AuthMethod::ALL
                .iter()
                .copied()
                .filter(|method| *method != AuthMethod::None)
                .collect(),
            code_challenge_methods_supported: [pkce::METHOD],
            claims_supported: UserClaims::NAMES.into_iter().chain(TOKEN_CLAIMS).collect(),
            authorization_response_iss_parameter_supported: true,
            request_uri_parameter_supported: false,
        }
    }
}

/// The metadata.
pub async fn get(State(app): State<Arc<App>>) -> Response {
    (
        [(CACHE_CONTROL, CACHE)],
        Json(Metadata::of(&app.config.issuer)),
    )
        .into_response()
}

/// The metadata where RFC 8414 section 3.1 puts it for an issuer with a path: the path follows the well-known part.
pub async fn get_of_path(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response {
    let issuer_path = Url::parse(&app.config.issuer)
        .map(|url| url.path().trim_matches('/').to_owned())
        .unwrap_or_default();
    if issuer_path.is_empty() || issuer_path != path.trim_end_matches('/') {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "this server is not the issuer of that path",
        )
        .into_response();
    }
    get(State(app)).await
}

/// The keys.
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (CACHE_CONTROL, CACHE),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/jwk-set+json"),
        ),
    ];
    (headers, app.keys.jwks()).into_response()
}
