//! `POST /bc-authorize` (OpenID Connect CIBA Core 1.0 section 7): a client asks a person to agree, wherever the person is. The
//! person decides at `/approvals` ([`approval`]); the client polls, and is told when to in the mode ping ([`ping`]). A request may be signed
//! ([`signed`]).
//!
//! A name that nobody has is asked like any other and answered alike: the request waits for nobody and expires. The error
//! `unknown_user_id` of section 13 would tell every client who has an account here (SECURITY row 39). Requests to one person
//! are bounded over all clients and all the person's names (row 38).

pub mod approval;
pub mod ping;
mod signed;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::authorization_details;
use super::client_auth;
use super::error::OAuthError;
use super::form::Form;
use super::protocol::backchannel::{Hint, parse};
use super::protocol::claims::{IdClaims, TokenType};
use super::protocol::client::{Client, ClientKind, GrantType};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::grant::GrantDetails;
use super::protocol::params::Params;
use super::protocol::polling::INTERVAL;
use super::respond::{fault_json, no_store};
use crate::app::App;
use crate::base::id::{BackchannelId, UserId};
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::{Seconds, Timestamp};
use crate::events::{self, Event};
use crate::identity::identifier::Canonical;
use crate::identity::throttle::{self, Reservation};
use crate::store::backchannel_requests::{self, NewRequest};
use crate::store::{pairwise_subjects, users};

/// What the client gets (section 7.3).
#[derive(Debug, Serialize)]
struct Acknowledgement {
    auth_req_id: String,
    expires_in: i64,
    interval: i64,
}

/// What came of a request.
enum Outcome {
    Accepted(Acknowledgement),
    /// The person was asked too often.
    Wait(Seconds),
}

/// Answers a client.
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    Ok(match ask(&app, &client, &params, app.clock.now()).await? {
        Outcome::Accepted(acknowledgement) => no_store(&acknowledgement),
        Outcome::Wait(seconds) => too_many(seconds),
    })
}

async fn ask(
    app: &App,
    client: &Client,
    params: &Params,
    now: Timestamp,
) -> Result<Outcome, OAuthError> {
    if !client.may_use(GrantType::Ciba) || client.kind() != ClientKind::Confidential {
        return Err(Fault::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for the grant type urn:openid:params:grant-type:ciba",
        )
        .into());
    }
    let inner = signed::open(app, params, client, now).await?;
    let request = parse(inner.as_ref().unwrap_or(params), client, &app.config.issuer)?;
    authorization_details::check(&app.db, &request.authorization_details).await??;
    let (user_id, name) = person(app, client, &request.hint, now).await?;
    let auth_req_id = TokenKind::AuthReqId.generate();
    let id = BackchannelId::new(now);
    let sealed_ping = match &request.notification_token {
        Some(token) => Some(ping::seal(&app.sealer, &id, (&auth_req_id, token))?),
        None => None,
    };
    let new = NewRequest {
        id,
        auth_req_id_hash: TokenHash::of(auth_req_id.expose()),
        client_id: client.client_id.as_str().to_owned(),
        user_id,
        scope: request.scope.clone(),
        details: GrantDetails {
            resources: request.resources.clone(),
            authorization_details: request.authorization_details.clone(),
            ..GrantDetails::default()
        },
        binding_message: request.binding_message.clone(),
        sealed_ping,
        created_at: now,
        expires_at: now.plus(request.expires_in),
    };
    if let Reservation::Wait(seconds) = keep(app, &new, &name, now).await? {
        return Ok(Outcome::Wait(seconds));
    }
    Ok(Outcome::Accepted(Acknowledgement {
        auth_req_id: auth_req_id.expose().clone(),
        expires_in: request.expires_in.get(),
        interval: INTERVAL.get(),
    }))
}

/// Whom the hint names, and the name that is counted when it names nobody.
async fn person(
    app: &App,
    client: &Client,
    hint: &Hint,
    now: Timestamp,
) -> Result<(Option<UserId>, Canonical), OAuthError> {
    let mut conn = app.db.read().await?;
    match hint {
        Hint::Login(login) => {
            let name = Canonical::of_typed(login);
            let found = users::find_credentials(&mut conn, &name).await?;
            Ok((found.map(|found| found.user.id), name))
        }
        Hint::IdToken(token) => {
            let claims: Option<IdClaims> = app.keys.verify(TokenType::IdToken, token, now).await?;
            // It may have expired: it says who, not that they are signed in.
            let subject = claims
                .filter(|claims| claims.iss == app.config.issuer)
                .filter(|claims| claims.aud == client.client_id.as_str())
                .map(|claims| claims.sub)
                .ok_or_else(|| {
                    Fault::invalid_request(
                        "`id_token_hint` is not an ID token of this server for this client",
                    )
                })?;
            let name = Canonical::of_typed(&subject);
            let found = match UserId::parse(&subject) {
                Ok(id) => users::find(&mut conn, &id).await?.map(|user| user.id),
                Err(_) => pairwise_subjects::find(&mut conn, &subject).await?,
            };
            Ok((found, name))
        }
    }
}

/// Counts the request and keeps it, with its event.
async fn keep(
    app: &App,
    new: &NewRequest,
    name: &Canonical,
    now: Timestamp,
) -> Result<Reservation, OAuthError> {
    let mut tx = app.db.write().await?;
    let reservation = throttle::reserve_request(&mut tx, new.user_id.as_ref(), name, now).await?;
    if reservation == Reservation::Granted {
        backchannel_requests::insert(&mut tx, new).await?;
        let event = Event::PersonAsked {
            user_id: new.user_id.clone(),
            client_id: new.client_id.clone(),
        };
        events::record(&mut tx, &event, now).await?;
        tx.commit().await?;
    }
    Ok(reservation)
}

/// Section 13: the server itself denies the request, with 403.
fn too_many(wait: Seconds) -> Response {
    let fault = Fault::new(
        ErrorCode::AccessDenied,
        "this person was asked too often without agreeing; ask again later",
    );
    let mut response = fault_json(&fault);
    *response.status_mut() = StatusCode::FORBIDDEN;
    let seconds = HeaderValue::from(wait.get());
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}
