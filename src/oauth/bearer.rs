//! Access tokens that come back to us: at userinfo, at introspection, and at Tessera's own APIs (RFC 6750, RFC 9068 section 4).
//! At Tessera's own APIs, and only there, an API key ([`super::api_key`]) stands in the place of an access token.
//!
//! Signature and `typ` (or the hash of a token that says nothing itself), issuer, expiry, revocation of the token, standing of its grant (client, person, sign-in): all of it at every use,
//! because here, unlike at a resource server, the database is at hand. A token that is bound to a key comes with a proof of it
//! ([`super::dpop`]); introspection and the like, which only ask about a token, do without.

use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::access_token;
use super::api_key;
use super::dpop;
use super::error::OAuthError;
use super::mtls;
use super::protocol::acr::Acr;
use super::protocol::api_key::ApiKey;
use super::protocol::claims::AccessClaims;
use super::protocol::client::ClientId;
use super::protocol::dpop::{ProofAlgorithm, ProofError};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::scope::{ScopeSet, TESSERA_ADMIN};
use super::protocol::step_up::{Authentication, Demand};
use super::respond::fault_json;
use crate::app::App;
use crate::base::id::ApiKeyId;
use crate::base::time::Timestamp;
use crate::policy::system::{Limits, Reach};
use crate::store::grants::{self, Grant, Standing};
use crate::store::{Conn, clients, revoked_access_tokens};

/// Who calls one of Tessera's own APIs, and with how much of their power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who acts, as the system store writes it: `user:<user id>` or `client:<client id>`.
    pub subject: String,
    /// What of the subject's power the credential brings.
    pub reach: Reach,
    /// What the caller proved who they are with.
    pub credential: Credential,
}

/// What a caller proved who they are with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token.
    AccessToken {
        /// The client that carries it.
        client_id: String,
        /// Its scopes.
        scope: ScopeSet,
        /// When and how the person signed in, when a client acts in their name.
        authentication: Option<Authentication>,
    },
    /// An API key.
    ApiKey(ApiKeyId),
}

/// Why a caller was not let in.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// There is no bearer token.
    #[error("the request has no access token; send `Authorization: Bearer <access token>`")]
    Missing,
    /// The token or API key is not good.
    #[error(
        "the access token or API key is malformed, expired, revoked or for somebody else; get a new one"
    )]
    Invalid,
    /// Who shows the token does not show that they hold its key.
    #[error(transparent)]
    Possession(#[from] ProofError),
    /// The person signed in too long ago, or not strongly enough.
    #[error(
        "the person signed in too long ago, or not strongly enough, for this; authorize again with the `acr_values` and `max_age` of the challenge"
    )]
    StepUp(Demand),
    /// The token lacks a scope.
    #[error("the access token lacks the scope `{0}`; authorize again and ask for it")]
    InsufficientScope(&'static str),
    /// A fault of ours.
    #[error(transparent)]
    Internal(#[from] OAuthError),
}

/// How a token was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// With a proof of possession (RFC 9449 section 7.1).
    Dpop,
}

/// A token as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
}

/// An access token that is good now, and where it came from.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What it says.
    pub claims: AccessClaims,
    /// The grant it came from; none when a client acts as itself.
    pub grant: Option<Grant>,
}

/// Who calls, for Tessera's own APIs. In a person's name a client needs the scope `tessera:admin`; as itself it needs none: its roles decide.
/// An API key needs none either: its limits stand in the scope's place.
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Caller, BearerError> {
    let presented = token_of(headers)?.ok_or(BearerError::Missing)?;
    if ApiKey::is_meant(presented.token) {
        return api_key_caller(app, presented, now).await;
    }
    caller(admit(app, headers, presented, now).await?)
}

/// Who calls, asked again while a long request lasts: a proof that was taken when it began is not asked for twice.
pub async fn authenticate_again(
    app: &App,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Caller, BearerError> {
    let presented = token_of(headers)?.ok_or(BearerError::Missing)?;
    if ApiKey::is_meant(presented.token) {
        return api_key_caller(app, presented, now).await;
    }
    caller(verify_ours(app, presented.token, now).await?)
}

/// The access token, if it is good, for us, and shown by who may show it.
pub async fn admit(
    app: &App,
    headers: &HeaderMap,
    presented: Presented<'_>,
    now: Timestamp,
) -> Result<Verified, BearerError> {
    let verified = verify_ours(app, presented.token, now).await?;
    if !mtls::holds(verified.claims.cnf.as_ref()) {
        return Err(BearerError::Invalid);
    }
    dpop::check_possession(app, headers, &presented, &verified.claims, now).await?;
    Ok(verified)
}

async fn verify_ours(app: &App, token: &str, now: Timestamp) -> Result<Verified, BearerError> {
    verify(app, token, now)
        .await?
        .filter(|verified| verified.claims.aud.contains(&app.config.issuer))
        .ok_or(BearerError::Invalid)
}

impl Caller {
    /// Refuses a person who signed in too long ago, or not strongly enough (RFC 9470). Programs never signed in.
    pub fn require(&self, demand: Demand, now: Timestamp) -> Result<(), BearerError> {
        match &self.credential {
            Credential::AccessToken {
                authentication: Some(authentication),
                ..
            } if !demand.is_met_by(*authentication, now) => Err(BearerError::StepUp(demand)),
            Credential::AccessToken { .. } | Credential::ApiKey(_) => Ok(()),
        }
    }
}

fn caller(Verified { claims, grant }: Verified) -> Result<Caller, BearerError> {
    // From the grant, to the millisecond.
    let authentication = grant.as_ref().map(|grant| Authentication {
        at: grant.auth_time,
        acr: Acr::of(&grant.amr),
    });
    let subject = match grant {
        None => format!("client:{}", claims.client_id),
        Some(_) if !claims.scope.contains(TESSERA_ADMIN) => {
            return Err(BearerError::InsufficientScope(TESSERA_ADMIN));
        }
        Some(grant) => format!("user:{}", grant.user_id),
    };
    Ok(Caller {
        subject,
        reach: Reach::Whole,
        credential: Credential::AccessToken {
            authentication,
            client_id: claims.client_id,
            scope: claims.scope,
        },
    })
}

async fn api_key_caller(
    app: &App,
    presented: Presented<'_>,
    now: Timestamp,
) -> Result<Caller, BearerError> {
    if presented.scheme != Scheme::Bearer {
        return Err(BearerError::Invalid);
    }
    let key = api_key::verify(&app.db, &app.sealer, presented.token, now)
        .await
        .map_err(OAuthError::Store)?
        .ok_or(BearerError::Invalid)?;
    Ok(Caller {
        subject: key.owner.subject(),
        reach: Reach::Limited(Limits::kept(&key.permissions, key.store_id)),
        credential: Credential::ApiKey(key.id),
    })
}

/// The token of the `Authorization` header (RFC 6750 section 2.1, RFC 9449 section 7.1); none when there is no such header.
pub fn token_of(headers: &HeaderMap) -> Result<Option<Presented<'_>>, BearerError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BearerError::Invalid);
    }
    let text = value.to_str().map_err(|_| BearerError::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(BearerError::Missing)?;
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return Err(BearerError::Missing);
    };
    Ok(Some(Presented {
        scheme,
        token: token.trim(),
    }))
}

/// The access token, if it is good at `now`. The audience is the caller's question.
pub async fn verify(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Option<Verified>, OAuthError> {
    let claims = access_token::read(app, token, now).await?;
    let Some(claims) =
        claims.filter(|claims| claims.iss == app.config.issuer && claims.expires_at() > now)
    else {
        return Ok(None);
    };
    let mut conn = app.db.read().await?;
    if revoked_access_tokens::contains(&mut conn, &claims.jti).await? {
        return Ok(None);
    }
    match claims.grant_id() {
        Some(grant_id) => {
            let grant = grants::find(&mut conn, &grant_id, now)
                .await?
                .filter(|found| {
                    found.standing == Standing::Live
                        && found.grant.subject() == claims.sub
                        && found.grant.client_id == claims.client_id
                })
                .map(|found| found.grant);
            match grant {
                Some(grant) if !origins_revoked(&mut conn, &grant).await? => Ok(Some(Verified {
                    claims,
                    grant: Some(grant),
                })),
                Some(_) | None => Ok(None),
            }
        }
        None if is_active_client(&mut conn, &claims).await? => Ok(Some(Verified {
            claims,
            grant: None,
        })),
        None => Ok(None),
    }
}

/// Whether a token that the grant was made from was revoked alone (RFC 7009).
async fn origins_revoked(conn: &mut Conn, grant: &Grant) -> Result<bool, OAuthError> {
    let origins = grant.details.derived_from.as_ref();
    for jti in origins.into_iter().flat_map(|origins| &origins.tokens) {
        if revoked_access_tokens::contains(conn, jti).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A token without a grant is a client's own: its `sub` is that client, and the client may be used.
async fn is_active_client(conn: &mut Conn, claims: &AccessClaims) -> Result<bool, OAuthError> {
    let Ok(client_id) = ClientId::parse(&claims.client_id) else {
        return Ok(false);
    };
    let client = clients::find(conn, &client_id).await?;
    Ok(claims.sub == claims.client_id && client.is_some_and(|client| client.is_active()))
}

impl BearerError {
    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid | Self::Possession(_) | Self::StepUp(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Puts the `WWW-Authenticate` into an answer (RFC 6750 section 3, RFC 9449 section 7.1): without a code when no token was sent.
    pub fn challenge(&self, response: &mut Response) {
        let algorithms: Vec<&str> = ProofAlgorithm::ALL
            .iter()
            .map(|algorithm| algorithm.as_str())
            .collect();
        let of_keys = format!("DPoP realm=\"tessera\", algs=\"{}\"", algorithms.join(" "));
        let bearer = "Bearer realm=\"tessera\"";
        let challenges = match self {
            Self::Missing => vec![bearer.to_owned(), of_keys],
            Self::Invalid => vec![
                format!("{bearer}, error=\"invalid_token\""),
                format!("{of_keys}, error=\"invalid_token\""),
            ],
            Self::Possession(ProofError::TokenIsNotBound) => {
                vec![format!("{bearer}, error=\"invalid_token\"")]
            }
            Self::Possession(error) => {
                vec![format!("{of_keys}, error=\"{}\"", error.code().as_str())]
            }
            Self::StepUp(demand) => {
                let code = ErrorCode::InsufficientUserAuthentication.as_str();
                let error = format!(
                    "error=\"{code}\", error_description=\"sign in again\"{}",
                    demand.parameters()
                );
                vec![format!("{bearer}, {error}"), format!("{of_keys}, {error}")]
            }
            Self::InsufficientScope(scope) => vec![format!(
                "{bearer}, error=\"insufficient_scope\", scope=\"{scope}\""
            )],
            Self::Internal(_) => Vec::new(),
        };
        for challenge in challenges {
            // Nothing in them but our own ASCII.
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                response.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
        }
        if matches!(self, Self::Possession(ProofError::Nonce)) {
            dpop::offer_nonce(response);
        }
    }
}

impl IntoResponse for BearerError {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::Missing | Self::Invalid => ErrorCode::InvalidToken,
            Self::Possession(error) => error.code(),
            Self::StepUp(_) => ErrorCode::InsufficientUserAuthentication,
            Self::InsufficientScope(_) => ErrorCode::InsufficientScope,
            Self::Internal(_) => ErrorCode::ServerError,
        };
        if let Self::Internal(error) = self {
            return error.into_response();
        }
        // A proof that is not good is 400 at the token endpoint and 401 here.
        let body = fault_json(&Fault::new(code, &self));
        let mut response = (self.status(), body).into_response();
        self.challenge(&mut response);
        response
    }
}
