//! `POST /register`: a client registers itself (RFC 7591, OpenID Connect Dynamic Client Registration 1.0).
//!
//! Who may is the operator's decision (`registration.policy`). What may be registered is decided in `protocol::registration`; the use of an initial
//! access token, the client and what it manages itself with are written in one transaction. The client's own management is in [`manage`].

mod answer;
pub mod manage;
mod statement;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use self::answer::{Issued, RegisterError};
use super::client::{self, ClientError, Registered};
use super::error::OAuthError;
use super::protocol::client::Origin;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::registration::request::{self, Terms};
use super::sector;
use crate::app::App;
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::config::RegistrationPolicy;
use crate::http::{ClientAddress, is_media_type};
use crate::identity::throttle::{self, Reservation};
use crate::store::{initial_access_tokens, registration_access_tokens};

/// Largest metadata that is read, in bytes.
const METADATA_BYTES: usize = 128 * 1024;

/// Registers a client.
pub async fn post(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    members: Result<Members, RegisterError>,
) -> Result<Response, RegisterError> {
    let now = app.clock.now();
    let entrance = enter(&app, &headers, address, now).await?;
    let read = statement::apply(&app, members?.0, None, now).await?;
    let (registered, token) = register(&app, &entrance, read, now).await?;
    let issued = Issued {
        token: token.expose(),
        secret: registered.generated_secret.as_ref(),
    };
    answer::client(&app, StatusCode::CREATED, &registered.client, &issued)
}

/// Why this request may register.
enum Entrance {
    /// It brought an initial access token.
    Token(TokenHash),
    /// Anybody may.
    Open,
}

impl Entrance {
    const fn origin(&self) -> Origin {
        match self {
            Self::Token(_) => Origin::Token,
            Self::Open => Origin::Open,
        }
    }
}

async fn enter(
    app: &App,
    headers: &HeaderMap,
    ClientAddress(address): ClientAddress,
    now: Timestamp,
) -> Result<Entrance, RegisterError> {
    let rules = &app.config.registration;
    match (rules.policy, bearer(headers)) {
        (RegistrationPolicy::Off, _) => Err(RegisterError::Off),
        (RegistrationPolicy::Token, None) => Err(RegisterError::Token),
        // A token that is not good is not ignored, whatever the policy: its owner counts on it.
        (RegistrationPolicy::Token | RegistrationPolicy::Open, Some(token)) => {
            let hash = TokenKind::InitialAccessToken.hash(token);
            let hash = hash.ok_or(RegisterError::Token)?;
            let mut conn = app.db.read().await?;
            if initial_access_tokens::is_live(&mut conn, &hash, now).await? {
                Ok(Entrance::Token(hash))
            } else {
                Err(RegisterError::Token)
            }
        }
        (RegistrationPolicy::Open, None) => {
            match throttle::reserve_unknown(&app.db, address, rules.network_limit, now).await? {
                Reservation::Granted => Ok(Entrance::Open),
                Reservation::Wait(seconds) => Err(RegisterError::Wait(seconds)),
            }
        }
    }
}

async fn register(
    app: &App,
    entrance: &Entrance,
    (members, statement): (Map<String, Value>, Option<String>),
    now: Timestamp,
) -> Result<(Registered, Secret<String>), RegisterError> {
    let origin = entrance.origin();
    let mut new = request::read(members, &terms(app, origin))?;
    new.software_statement = statement;
    sector::verify(app, None, &mut new).await?;
    let token = TokenKind::RegistrationAccessToken.generate();
    let mut tx = app.db.write().await?;
    if let Entrance::Token(hash) = entrance
        && initial_access_tokens::take_use(&mut tx, hash, now)
            .await?
            .is_none()
    {
        return Err(RegisterError::Token);
    }
    let registered = client::register_from(&mut tx, &app.sealer, (&new, origin), now).await?;
    let hash = TokenHash::of(token.expose());
    registration_access_tokens::insert(&mut tx, &registered.client.client_id, &hash, now).await?;
    // Metadata that is refused gives the use of the token back: nothing was written.
    tx.commit().await?;
    Ok((registered, token))
}

/// On what terms clients of this origin are registered.
pub(super) fn terms(app: &App, origin: Origin) -> Terms<'_> {
    let rules = &app.config.registration;
    Terms {
        origin,
        scopes: &rules.scopes,
        require_pkce: rules.require_pkce,
    }
}

/// The bearer token of a request; an empty one, which is never good, when something else stands there.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next()?;
    let only = values.next().is_none();
    let token = first
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| only && scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    Some(token.unwrap_or_default())
}

/// The members of a JSON object.
pub struct Members(Map<String, Value>);

impl<S: Sync> FromRequest<S> for Members {
    type Rejection = RegisterError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, RegisterError> {
        if !is_media_type(request.headers(), "application/json") {
            let advice = "the body must be JSON; send Content-Type: application/json";
            return Err(Fault::invalid_request(advice).into());
        }
        let body = to_bytes(request.into_body(), METADATA_BYTES).await;
        let body = body.map_err(|_| {
            Fault::invalid_request(format!("the body is longer than {METADATA_BYTES} bytes"))
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let text = format!("the body must be a JSON object: {error}");
            Fault::new(ErrorCode::InvalidClientMetadata, text).into()
        })
    }
}

impl From<ClientError> for RegisterError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Invalid(faults) => request::fault_of(&faults).into(),
            // It was forgotten while it asked.
            ClientError::NotFound(_) => Self::Token,
            ClientError::Store(error) => error.into(),
            ClientError::Seal(error) => Self::OAuth(error.into()),
            ClientError::Taken(_)
            | ClientError::Public(_)
            | ClientError::NoSecret(_)
            | ClientError::Overlap => {
                Self::OAuth(OAuthError::Inconsistent("a registered client cannot be so"))
            }
        }
    }
}
