//! Client authentication: exactly the registered method, and the proof that it asks for (RFC 6749 section 2.3, RFC 7523, RFC 8705).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::client_guesses::{Guesser, Unjudged};
use super::error::OAuthError;
use super::protocol::client::{AuthMethod, Client, ClientId};
use super::protocol::credentials::{Presented, Proof};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::params::Params;
use super::{assertion, client_secret, known_client, mtls};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::ClientAddress;
use crate::store::StoreError;
use crate::store::seal::SealError;

/// What a client is told that is not known or whose proof is wrong.
const WRONG: &str = "the client is unknown, disabled, or its secret is wrong";

/// Why a proof does not hold.
pub(super) enum Refusal {
    /// It is wrong; what the client is told.
    Wrong(String),
    /// Not judged: a fault of ours, or too many guesses before.
    Internal(OAuthError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        Self::Internal(error.into())
    }
}

/// The active client that made this request. Its certificate, if any, is the request's
/// ([`ClientCertificate::current`](crate::http::ClientCertificate::current)).
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Client, OAuthError> {
    let tried_basic = headers.contains_key(AUTHORIZATION);
    let header = authorization(headers)?;
    let presented = Presented::read(header, params).map_err(|fault| match fault.code {
        ErrorCode::InvalidClient => OAuthError::Client { fault, tried_basic },
        _ => OAuthError::Fault(fault),
    })?;
    let client = match ClientId::parse(&presented.client_id) {
        Ok(client_id) => known_client::find(app, &client_id, app.clock.now())
            .await
            .map_err(|error| unusable(error, tried_basic))?,
        Err(_) => None,
    };
    let refuse = |description: &str| OAuthError::Client {
        fault: Fault::new(ErrorCode::InvalidClient, description),
        tried_basic,
    };
    let client = client
        .filter(Client::is_active)
        .ok_or_else(|| refuse(WRONG))?;
    let registered = client.settings.token_endpoint_auth_method;
    if !presented.proof.is_of(registered) {
        return Err(refuse(&format!(
            "this client must authenticate with its registered method {}",
            registered.as_str()
        )));
    }
    let now = app.clock.now();
    match prove(app, &client, &presented.proof, now).await {
        Ok(()) => Ok(client),
        Err(Refusal::Wrong(description)) => Err(refuse(&description)),
        Err(Refusal::Internal(error)) => Err(error),
    }
}

/// Judges what proves the client's secret, or a signature; `None` if it is wrong. What is made with a secret is a guess at it, too.
pub(super) async fn judge<T>(
    app: &App,
    client: &Client,
    now: Timestamp,
    attempt: impl Fn() -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(guesser) = guesser(client) else {
        return Ok(attempt());
    };
    let judged = app.client_guesses.judge(&app.db, (&guesser, now), attempt);
    judged.await.map_err(|error| match error {
        Unjudged::Wait(seconds) => Refusal::Internal(OAuthError::Throttled(seconds)),
        Unjudged::Store(error) => error.into(),
    })
}

/// Whose guesses this one is counted with; none where there is no secret to guess, or no request.
fn guesser(client: &Client) -> Option<Guesser> {
    let method = client.settings.token_endpoint_auth_method;
    let address = ClientAddress::current().filter(|_| method.has_secret())?;
    Some(Guesser::new(&client.client_id, address.0))
}

/// Whether the proof, which is of the client's method, holds.
async fn prove(app: &App, client: &Client, proof: &Proof, now: Timestamp) -> Result<(), Refusal> {
    match proof {
        Proof::Basic(secret) | Proof::Post(secret) => {
            let is_good = || client_secret::is_good(&app.sealer, client, secret, now);
            let good = judge(app, client, now, || is_good().then_some(())).await?;
            good.ok_or_else(|| Refusal::Wrong(WRONG.to_owned()))
        }
        Proof::Assertion(assertion) => assertion::verify(app, client, assertion, now).await,
        Proof::Bare => match client.settings.token_endpoint_auth_method {
            AuthMethod::TlsClientAuth => mtls::authenticate_by_name(app, client, now),
            AuthMethod::SelfSignedTlsClientAuth => {
                mtls::authenticate_by_key(app, client, now).await
            }
            AuthMethod::None => Ok(()),
            AuthMethod::ClientSecretBasic
            | AuthMethod::ClientSecretPost
            | AuthMethod::ClientSecretJwt
            | AuthMethod::PrivateKeyJwt => Err(Refusal::Wrong(WRONG.to_owned())),
        },
    }
}

/// A client whose document cannot be used did not prove who it is.
fn unusable(error: OAuthError, tried_basic: bool) -> OAuthError {
    match error {
        OAuthError::Fault(fault) => OAuthError::Client {
            fault: Fault::new(ErrorCode::InvalidClient, fault.description),
            tried_basic,
        },
        error => error,
    }
}

/// The one `Authorization` header.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(
            Fault::invalid_request("the Authorization header stands more than once").into(),
        );
    }
    // What is not ASCII is not Basic either; an empty text says so.
    Ok(first.map(|value| value.to_str().unwrap_or_default()))
}
