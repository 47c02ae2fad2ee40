//! Discovery (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2) and `/jwks`.
//!
//! Derived from the enums that the endpoints match on and the paths that the router binds, so that it says what is true and
//! nothing else. URLs come from the configured issuer, never from a request's `Host` (SECURITY row 29).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;

use super::paths;
use super::protocol::acr::Acr;
use super::protocol::authorize::Prompt;
use super::protocol::claims::UserClaims;
use super::protocol::client::{AssertionAlg, AuthMethod, DeliveryMode, GrantType, SubjectType};
use super::protocol::dpop::ProofAlgorithm;
use super::protocol::jwe::{ContentEncryption, KeyManagement};
use super::protocol::own_api::OWN_APIS;
use super::protocol::pkce;
use super::protocol::request_object::RequestAlg;
use super::protocol::response::{ResponseMode, ResponseType};
use super::protocol::scope::{
    ADDRESS, EMAIL, OFFLINE_ACCESS, OPENID, PHONE, PROFILE, TESSERA_ADMIN,
};
use super::protocol::signing::SigningAlgorithm;
use super::signed_metadata::{self, CACHE};
use crate::app::App;
use crate::config::{ClientCertificates, Config, RegistrationPolicy};
use crate::http::Problem;
use crate::store::authorization_details_types;

/// Most types of authorization details that the document names.
const DETAIL_TYPES: u32 = 500;
/// Claims of an ID token besides those of the person.
const TOKEN_CLAIMS: [&str; 9] = [
    "acr",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "sid",
    "amr",
];

const SCOPES: [&str; 7] = [
    OPENID,
    PROFILE,
    EMAIL,
    ADDRESS,
    PHONE,
    OFFLINE_ACCESS,
    TESSERA_ADMIN,
];

/// How clients become known without an administrator, and what their tokens open here.
#[derive(Debug, Serialize)]
struct Joining {
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    client_id_metadata_document_supported: bool,
    protected_resources: Vec<String>,
}

impl Joining {
    fn of(config: &Config) -> Self {
        let (issuer, rules) = (&config.issuer, &config.registration);
        let registers = rules.policy != RegistrationPolicy::Off;
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            registration_endpoint: registers.then(|| at(paths::REGISTER)),
            client_id_metadata_document_supported: rules.client_id_metadata_documents,
            protected_resources: OWN_APIS.into_iter().map(at).collect(),
        }
    }
}

/// The server's metadata.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the document's members are what they are"
)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    end_session_endpoint: String,
    device_authorization_endpoint: String,
    backchannel_authentication_endpoint: String,
    backchannel_token_delivery_modes_supported: &'static [DeliveryMode],
    backchannel_authentication_request_signing_alg_values_supported: &'static [RequestAlg],
    scopes_supported: [&'static str; 7],
    response_types_supported: &'static [ResponseType],
    response_modes_supported: &'static [ResponseMode],
    grant_types_supported: &'static [GrantType],
    prompt_values_supported: &'static [Prompt],
    subject_types_supported: &'static [SubjectType],
    id_token_signing_alg_values_supported: &'static [SigningAlgorithm],
    id_token_encryption_alg_values_supported: &'static [KeyManagement],
    id_token_encryption_enc_values_supported: &'static [ContentEncryption],
    userinfo_signing_alg_values_supported: &'static [SigningAlgorithm],
    userinfo_encryption_alg_values_supported: &'static [KeyManagement],
    userinfo_encryption_enc_values_supported: &'static [ContentEncryption],
    introspection_signing_alg_values_supported: &'static [SigningAlgorithm],
    introspection_encryption_alg_values_supported: &'static [KeyManagement],
    introspection_encryption_enc_values_supported: &'static [ContentEncryption],
    token_endpoint_auth_methods_supported: Vec<AuthMethod>,
    token_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    revocation_endpoint_auth_methods_supported: Vec<AuthMethod>,
    revocation_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    introspection_endpoint_auth_methods_supported: Vec<AuthMethod>,
    introspection_endpoint_auth_signing_alg_values_supported: &'static [AssertionAlg],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
    code_challenge_methods_supported: [&'static str; 1],
    claims_supported: Vec<&'static str>,
    dpop_signing_alg_values_supported: &'static [ProofAlgorithm],
    authorization_response_iss_parameter_supported: bool,
    authorization_signing_alg_values_supported: &'static [SigningAlgorithm],
    authorization_encryption_alg_values_supported: &'static [KeyManagement],
    authorization_encryption_enc_values_supported: &'static [ContentEncryption],
    acr_values_supported: &'static [Acr],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    #[serde(flatten)]
    sessions: SessionMetadata,
    require_request_uri_registration: bool,
    #[serde(flatten)]
    joining: Joining,
    request_object_signing_alg_values_supported: &'static [RequestAlg],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_details_types_supported: Vec<String>,
}

/// How sessions end and are watched (OpenID Connect Back-Channel Logout 1.0 section 2.1, Front-Channel Logout 1.0 section 3, Session Management 1.0
/// section 3.3).
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the members of the specifications"
)]
struct SessionMetadata {
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_session_iframe: Option<String>,
}

impl SessionMetadata {
    fn of(config: &Config) -> Self {
        Self {
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            check_session_iframe: config
                .sessions
                .check_session_iframe
                .then(|| format!("{}{}", config.issuer, paths::CHECK_SESSION)),
        }
    }
}

impl Metadata {
    /// The metadata of a server with this configuration and these types of authorization details.
    pub fn of(config: &Config, detail_types: Vec<String>) -> Self {
        let issuer = &config.issuer;
        let methods = methods(&config.client_certificates);
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            issuer: issuer.clone(),
            authorization_endpoint: at(paths::AUTHORIZE),
            pushed_authorization_request_endpoint: at(paths::PAR),
            require_pushed_authorization_requests: config.requests.require_pushed,
            token_endpoint: at(paths::TOKEN),
            userinfo_endpoint: at(paths::USERINFO),
            jwks_uri: at(paths::JWKS),
            introspection_endpoint: at(paths::INTROSPECT),
            revocation_endpoint: at(paths::REVOKE),
            end_session_endpoint: at(paths::LOGOUT),
            device_authorization_endpoint: at(paths::DEVICE_AUTHORIZATION),
            backchannel_authentication_endpoint: at(paths::BACKCHANNEL_AUTHENTICATION),
            backchannel_token_delivery_modes_supported: DeliveryMode::ALL,
            backchannel_authentication_request_signing_alg_values_supported: RequestAlg::ALL,
            scopes_supported: SCOPES,
            response_types_supported: ResponseType::ALL,
            response_modes_supported: ResponseMode::ALL,
            grant_types_supported: GrantType::ALL,
            prompt_values_supported: Prompt::ALL,
            subject_types_supported: SubjectType::ALL,
            id_token_signing_alg_values_supported: SigningAlgorithm::ALL,
            id_token_encryption_alg_values_supported: KeyManagement::ALL,
            id_token_encryption_enc_values_supported: ContentEncryption::ALL,
            userinfo_signing_alg_values_supported: SigningAlgorithm::ALL,
            userinfo_encryption_alg_values_supported: KeyManagement::ALL,
            userinfo_encryption_enc_values_supported: ContentEncryption::ALL,
            introspection_signing_alg_values_supported: SigningAlgorithm::ALL,
            introspection_encryption_alg_values_supported: KeyManagement::ALL,
            introspection_encryption_enc_values_supported: ContentEncryption::ALL,
            introspection_endpoint_auth_methods_supported: methods
                .iter()
                .copied()
                .filter(|method| *method != AuthMethod::None)
                .collect(),
            revocation_endpoint_auth_methods_supported: methods.clone(),
            token_endpoint_auth_methods_supported: methods,
            token_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            revocation_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            introspection_endpoint_auth_signing_alg_values_supported: AssertionAlg::ALL,
            tls_client_certificate_bound_access_tokens: config.client_certificates.possible(),
            code_challenge_methods_supported: [pkce::METHOD],
            claims_supported: UserClaims::names().chain(TOKEN_CLAIMS).collect(),
            dpop_signing_alg_values_supported: ProofAlgorithm::ALL,
            authorization_response_iss_parameter_supported: true,
            sessions: SessionMetadata::of(config),
            authorization_signing_alg_values_supported: SigningAlgorithm::ALL,
            authorization_encryption_alg_values_supported: KeyManagement::ALL,
            authorization_encryption_enc_values_supported: ContentEncryption::ALL,
            acr_values_supported: Acr::ALL,
            claims_parameter_supported: true,
            request_parameter_supported: true,
            request_uri_parameter_supported: true,
            require_request_uri_registration: true,
            joining: Joining::of(config),
            request_object_signing_alg_values_supported: RequestAlg::ALL,
            authorization_details_types_supported: detail_types,
        }
    }
}

/// The methods that work here: certificates need somewhere to come from, and names in them an authority.
fn methods(certificates: &ClientCertificates) -> Vec<AuthMethod> {
    let works = |method: &AuthMethod| match method {
        AuthMethod::TlsClientAuth => certificates.possible() && certificates.authorities.is_some(),
        AuthMethod::SelfSignedTlsClientAuth => certificates.possible(),
        AuthMethod::ClientSecretBasic
        | AuthMethod::ClientSecretPost
        | AuthMethod::ClientSecretJwt
        | AuthMethod::PrivateKeyJwt
        | AuthMethod::None => true,
    };
    AuthMethod::ALL.iter().copied().filter(works).collect()
}

/// The metadata.
pub async fn get(State(app): State<Arc<App>>) -> Response {
    let types = async {
        let mut conn = app.db.read().await?;
        authorization_details_types::names(&mut conn, DETAIL_TYPES).await
    };
    match types.await {
        Ok(types) => signed_metadata::respond(&app, &Metadata::of(&app.config, types)),
        Err(error) => Problem::from(error).into_response(),
    }
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
