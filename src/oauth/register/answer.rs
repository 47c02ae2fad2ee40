//! What the registration endpoints answer (RFC 7591 section 3.2, RFC 7592 section 3).

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::http::Problem;
use crate::oauth::error::OAuthError;
use crate::oauth::paths;
use crate::oauth::protocol::client::Client;
use crate::oauth::protocol::error::{ErrorCode, Fault};
use crate::oauth::respond::{fault_json, no_store};
use crate::store::StoreError;

/// Why a request was not done.
#[derive(Debug)]
pub enum RegisterError {
    /// Clients do not register themselves here.
    Off,
    /// The token is missing or not good.
    Token,
    /// Too many from this network.
    Wait(Seconds),
    /// Anything else.
    OAuth(OAuthError),
}

/// What was issued with a registration.
pub(super) struct Issued<'a> {
    /// What the client manages its registration with.
    pub(super) token: &'a str,
    /// Its secret, if it was made now.
    pub(super) secret: Option<&'a Secret<String>>,
}

/// The client information response: everything that is registered.
pub(super) fn client(
    app: &App,
    status: StatusCode,
    client: &Client,
    issued: &Issued<'_>,
) -> Result<Response, RegisterError> {
    let inconsistent = OAuthError::Inconsistent("a client's settings are no JSON object");
    let Ok(Value::Object(mut members)) = serde_json::to_value(&client.settings) else {
        return Err(RegisterError::OAuth(inconsistent));
    };
    // Nothing that a registering client could ask for.
    members.remove("skip_consent");
    let id = client.client_id.as_str();
    let mut tell = |name: &str, value: Value| members.insert(name.to_owned(), value);
    tell("client_id", id.into());
    tell("client_id_issued_at", client.created_at.seconds().into());
    let uri = format!("{}{}/{id}", app.config.issuer, paths::REGISTER);
    tell("registration_client_uri", uri.into());
    tell("registration_access_token", issued.token.into());
    if client.secret_mac.is_some() {
        // It does not expire.
        tell("client_secret_expires_at", 0.into());
    }
    if let Some(secret) = issued.secret {
        tell("client_secret", secret.expose().as_str().into());
    }
    Ok((status, no_store::<Map<String, Value>>(&members)).into_response())
}

impl IntoResponse for RegisterError {
    fn into_response(self) -> Response {
        match self {
            Self::Off => Problem::new(
                StatusCode::NOT_FOUND,
                "applications do not register themselves at this server; ask its administrator, who may set `registration.policy`",
            )
            .into_response(),
            Self::Token => {
                let fault = Fault::new(
                    ErrorCode::InvalidToken,
                    "the registration needs a token that is good here; ask the administrator for an initial access token, or send the registration access token",
                );
                let mut response = fault_json(&fault);
                let challenge = HeaderValue::from_static("Bearer realm=\"tessera\", error=\"invalid_token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                response
            }
            Self::Wait(seconds) => {
                let fault = Fault::new(
                    ErrorCode::TemporarilyUnavailable,
                    format!("too many registrations from this network; try again in {seconds}"),
                );
                let wait = [(RETRY_AFTER, seconds.get().to_string())];
                (StatusCode::TOO_MANY_REQUESTS, wait, fault_json(&fault)).into_response()
            }
            Self::OAuth(error) => error.into_response(),
        }
    }
}

impl From<Fault> for RegisterError {
    fn from(fault: Fault) -> Self {
        Self::OAuth(fault.into())
    }
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        Self::OAuth(error.into())
    }
}
