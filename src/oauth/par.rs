//! `POST /par`: pushed authorization requests (RFC 9126).
//!
//! The client authenticates as at the token endpoint, and the request is held against every rule at once, before a browser is involved.
//! What comes back names the request: 256 random bits, for this client, for a minute or so, and once. The first use begins the sign-in,
//! which from then on goes by its flow: a page may be loaded again, the name may not be used again (SECURITY R60).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::authorize::hinted_subject;
use super::client_auth;
use super::cors::allow_origins_of;
use super::dpop;
use super::error::OAuthError;
use super::form::Form;
use super::incoming;
use super::protocol::authorize::{AuthorizeError, AuthorizeRequest};
use super::protocol::client::Client;
use super::protocol::dpop::code_key;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::params::Params;
use super::protocol::response::Outcome;
use super::respond::no_store;
use crate::app::App;
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::store::used_jtis::{self, Purpose};
use crate::store::{Tx, pushed_requests};

/// How the names of pushed requests begin (RFC 9126 section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// Keeps a request and answers its name.
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    let mut response = match push(&app, &headers, &params, &client).await {
        Ok(pushed) => (StatusCode::CREATED, no_store(&pushed)).into_response(),
        Err(error) => error.into_response(),
    };
    allow_origins_of(&mut response, &client);
    Ok(response)
}

/// What the client gets (RFC 9126 section 2.2).
#[derive(Debug, Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: i64,
}

async fn push(
    app: &App,
    headers: &HeaderMap,
    params: &Params,
    client: &Client,
) -> Result<Pushed, OAuthError> {
    if params.get("request_uri").is_some() {
        return Err(Fault::invalid_request(
            "`request_uri` cannot be pushed; send the parameters or `request` (RFC 9126 section 2.1)",
        )
        .into());
    }
    let now = app.clock.now();
    let proved = dpop::proved_key(app, headers, now).await?;
    let mut request = incoming::read_sent(app, params, client, now)
        .await?
        .map_err(fault_of)?;
    request.dpop_jkt = code_key(request.dpop_jkt.take(), proved)?;
    hinted_subject(app, &request, now).await??;
    let secret = TokenKind::PushedRequest.generate();
    let ttl = app.config.requests.pushed_ttl_seconds;
    let mut tx = app.db.write().await?;
    let hash = TokenHash::of(secret.expose());
    pushed_requests::insert(&mut tx, &hash, &request, now.plus(ttl)).await?;
    tx.commit().await?;
    Ok(Pushed {
        request_uri: format!("{URN}{}", secret.expose()),
        expires_in: ttl.get(),
    })
}

/// Here every fault is answered to the client itself.
fn fault_of(error: AuthorizeError) -> Fault {
    match error {
        AuthorizeError::ShowPage(fault) => fault,
        AuthorizeError::RedirectBack(redirect) => match redirect.outcome {
            Outcome::Fault(fault) => fault,
            // A request that is only read is never granted.
            Outcome::Granted(_) => Fault::invalid_request("the request cannot be read"),
        },
    }
}

/// Whether a `request_uri` names a pushed request.
pub fn is_pushed(request_uri: &str) -> bool {
    request_uri.starts_with(URN)
}

/// The pushed request of this client, while it waits for its answer. Looking at it uses nothing up: a page may be loaded again, and who
/// merely follows the link spoils nothing (FAPI 2.0 Security Profile section 5.3.2.2, note 3).
pub async fn find(
    app: &App,
    request_uri: &str,
    client: &Client,
    now: Timestamp,
) -> Result<Option<AuthorizeRequest>, OAuthError> {
    let secret = request_uri.strip_prefix(URN).unwrap_or_default();
    let Some(hash) = TokenKind::PushedRequest.hash(secret) else {
        return Ok(None);
    };
    let mut conn = app.db.read().await?;
    let client_id = client.client_id.as_str();
    let request = pushed_requests::find_live(&mut conn, &hash, client_id, now).await?;
    Ok(request.map(|request| AuthorizeRequest {
        pushed: Some(hash.as_str().to_owned()),
        ..request
    }))
}

/// Uses up the name under which a request was pushed, in the transaction that answers it: of any number of answers one goes out. The name is
/// remembered as long as a flow that began with it can live.
pub async fn use_up(
    app: &App,
    tx: &mut Tx,
    request: &AuthorizeRequest,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let Some(hash) = &request.pushed else {
        return Ok(());
    };
    let hash = TokenHash::from_stored(hash.clone());
    let until = now
        .plus(app.config.requests.pushed_ttl_seconds)
        .plus(app.config.tokens.flow_ttl_seconds);
    let owner = (Purpose::PushedRequest, request.client_id.as_str());
    pushed_requests::delete(tx, &hash).await?;
    if used_jtis::insert(tx, owner, &hash, until).await? {
        Ok(())
    } else {
        Err(unknown().into())
    }
}

/// A name that names nothing, or nothing any more.
pub fn unknown() -> Fault {
    Fault::new(
        ErrorCode::InvalidRequestUri,
        "the pushed request is unknown, used, expired or another client's; push it again",
    )
}
