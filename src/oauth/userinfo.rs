//! `GET|POST /userinfo` (OpenID Connect Core 1.0 section 5.3): a person's claims, as far as the token's scopes go.
//!
//! A token is good here when its audience includes the issuer: one that was narrowed to another service cannot be used by that service here
//! (RFC 8707). Claims that the authorization request named (OpenID Connect Core 1.0 section 5.5) come beside those of the scopes.
//!
//! The token comes in the header, or in a form body (RFC 6750 section 2.2); never in the URL, where logs would keep it.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;

use super::bearer::{self, BearerError, Verified};
use super::cors::allow_origins_of;
use super::error::OAuthError;
use super::form::Form;
use super::issue;
use super::protocol::claims_request::claims_of;
use super::protocol::client::ClientId;
use super::protocol::scope::OPENID;
use super::respond::no_store;
use crate::app::App;
use crate::store::{clients, users};

/// The token in the header.
pub async fn get(State(app): State<Arc<App>>, request: Request) -> Result<Response, BearerError> {
    let token = bearer::token_of(request.headers())?.ok_or(BearerError::Missing)?;
    answer(&app, token).await
}

/// The token in the header or in a form body, not in both.
pub async fn post(State(app): State<Arc<App>>, request: Request) -> Result<Response, BearerError> {
    let in_header = bearer::token_of(request.headers())?.map(str::to_owned);
    let in_body = if request.headers().contains_key(CONTENT_TYPE) {
        let Form(params) = Form::from_request(request, &()).await?;
        params.check_unrepeated().map_err(OAuthError::Fault)?;
        params.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (in_header, in_body) {
        (Some(token), None) | (None, Some(token)) => answer(&app, &token).await,
        (None, None) => Err(BearerError::Missing),
        (Some(_), Some(_)) => Err(BearerError::Invalid),
    }
}

async fn answer(app: &App, token: &str) -> Result<Response, BearerError> {
    let now = app.clock.now();
    let verified = bearer::verify(app, token, now)
        .await?
        .filter(|verified| verified.claims.aud.contains(&app.config.issuer))
        .ok_or(BearerError::Invalid)?;
    let Verified {
        claims,
        grant: Some(grant),
    } = verified
    else {
        // A client has no claims of a person.
        return Err(BearerError::InsufficientScope(OPENID));
    };
    if !claims.scope.contains(OPENID) {
        return Err(BearerError::InsufficientScope(OPENID));
    }
    let mut conn = app.db.read().await.map_err(OAuthError::Store)?;
    let user = users::find(&mut conn, &grant.user_id)
        .await
        .map_err(OAuthError::Store)?
        .ok_or(BearerError::Invalid)?;
    let client_id = ClientId::parse(&claims.client_id).map_err(|_| BearerError::Invalid)?;
    let client = clients::find(&mut conn, &client_id)
        .await
        .map_err(OAuthError::Store)?
        .ok_or(BearerError::Invalid)?;
    let scopes = (&claims.scope, &client.settings.scope);
    let place = &grant.details.claims.userinfo;
    let person = issue::person(user);
    let mut response = no_store(&claims_of((&claims.sub, &person), scopes, place));
    allow_origins_of(&mut response, &client);
    Ok(response)
}
