//! `POST /revoke` (RFC 7009): a client gives back a token of its own.
//!
//! A refresh token, whatever its generation, takes its grant with it and so every access token of it; an access token goes alone. A token that is
//! not ours or not good any more is no error: the client's wish is fulfilled (section 2.2). Another client's token is refused.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};

use super::access_token;
use super::client_auth;
use super::cors::allow_origins_of;
use super::error::OAuthError;
use super::form::Form;
use super::protocol::claims::AccessClaims;
use super::protocol::client::Client;
use super::protocol::params::Params;
use super::protocol::refresh_token::{RefreshToken, TAG_KEY_PURPOSE};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::{grants, revoked_access_tokens};

/// Answers a revocation request.
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    let mut response = match revoke(&app, &client, &params, app.clock.now()).await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(error) => error.into_response(),
    };
    allow_origins_of(&mut response, &client);
    Ok(response)
}

async fn revoke(
    app: &App,
    client: &Client,
    params: &Params,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let text = params.require("token")?;
    let tag_key = app.sealer.derive_mac_key(TAG_KEY_PURPOSE);
    if let Some(token) = RefreshToken::parse(text, &tag_key) {
        return revoke_grant(app, client, &token, now).await;
    }
    match access_token::read(app, text, now).await? {
        Some(claims) => revoke_access_token(app, client, &claims, now).await,
        None => Ok(()),
    }
}

async fn revoke_grant(
    app: &App,
    client: &Client,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let mut tx = app.db.write().await?;
    let Some(found) = grants::find(&mut tx, token.family(), now).await? else {
        return Ok(());
    };
    if found.grant.client_id != client.client_id.as_str() {
        return Err(another_client());
    }
    if grants::revoke(&mut tx, token.family(), "revoked_by_client", now).await? {
        let event = Event::GrantRevoked {
            grant_id: found.grant.id,
            reason: "revoked_by_client",
        };
        events::record(&mut tx, &event, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn revoke_access_token(
    app: &App,
    client: &Client,
    claims: &AccessClaims,
    now: Timestamp,
) -> Result<(), OAuthError> {
    if claims.client_id != client.client_id.as_str() {
        return Err(another_client());
    }
    if claims.expires_at() <= now {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    revoked_access_tokens::insert(&mut tx, &claims.jti, claims.expires_at()).await?;
    tx.commit().await?;
    Ok(())
}

fn another_client() -> OAuthError {
    OAuthError::invalid_grant("the token was issued to another client")
}
