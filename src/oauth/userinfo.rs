//! `GET|POST /userinfo` (OpenID Connect Core 1.0 section 5.3): a person's claims, as far as the token's scopes go.
//!
//! The answer is JSON, or a JWT where the client registered for one that is signed or encrypted (section 5.3.2).
//! A token is good here when its audience includes the issuer: one that was narrowed to another service cannot be used by that service here
//! (RFC 8707). Claims that the authorization request named (OpenID Connect Core 1.0 section 5.5) come beside those of the scopes.
//!
//! The token comes in the header, or in a form body (RFC 6750 section 2.2); never in the URL, where logs would keep it.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::bearer::{self, BearerError, Presented, Scheme, Verified};
use super::cors::allow_origins_of;
use super::error::OAuthError;
use super::form::Form;
use super::issue;
use super::protocol::claims::{TokenType, UserInfoJwt};
use super::protocol::claims_request::claims_of;
use super::protocol::client::{Client, ClientId, UserInfoFormat};
use super::protocol::scope::OPENID;
use super::respond::{jwt_no_store, no_store};
use super::sealed;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::store::{clients, users};

/// The token in the header.
pub async fn get(State(app): State<Arc<App>>, request: Request) -> Result<Response, BearerError> {
    let headers = request.headers();
    let presented = bearer::token_of(headers)?.ok_or(BearerError::Missing)?;
    answer(&app, headers, presented).await
}

/// The token in the header or in a form body, not in both.
pub async fn post(State(app): State<Arc<App>>, request: Request) -> Result<Response, BearerError> {
    let headers = request.headers().clone();
    let in_header = bearer::token_of(&headers)?;
    let in_body = if headers.contains_key(CONTENT_TYPE) {
        let Form(params) = Form::from_request(request, &()).await?;
        params.check_unrepeated().map_err(OAuthError::Fault)?;
        params.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (in_header, in_body) {
        (Some(presented), None) => answer(&app, &headers, presented).await,
        (None, Some(token)) => {
            let presented = Presented {
                scheme: Scheme::Bearer,
                token: &token,
            };
            answer(&app, &headers, presented).await
        }
        (None, None) => Err(BearerError::Missing),
        (Some(_), Some(_)) => Err(BearerError::Invalid),
    }
}

async fn answer(
    app: &App,
    headers: &HeaderMap,
    presented: Presented<'_>,
) -> Result<Response, BearerError> {
    let now = app.clock.now();
    let verified = bearer::admit(app, headers, presented, now).await?;
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
    let person = issue::person(&user);
    let mut members = claims_of((&claims.sub, &person), scopes, place);
    drop(conn);
    if let Some(Ok(act)) = claims.act.map(serde_json::to_value) {
        members.insert("act".to_owned(), act);
    }
    let mut response = format(app, &client, members, now).await?;
    allow_origins_of(&mut response, &client);
    Ok(response)
}

/// The answer in the form that the client registered for.
async fn format(
    app: &App,
    client: &Client,
    claims: Map<String, Value>,
    now: Timestamp,
) -> Result<Response, OAuthError> {
    let named = |claims| UserInfoJwt {
        iss: app.config.issuer.clone(),
        aud: client.client_id.as_str().to_owned(),
        claims,
    };
    let jwt = match client.settings.metadata.tokens.userinfo() {
        UserInfoFormat::Plain => return Ok(no_store(&claims)),
        UserInfoFormat::Encrypted(encryption) => {
            sealed::unsigned(app, (client, encryption), &named(claims), now).await?
        }
        UserInfoFormat::Signed(protection) => {
            let signed = (TokenType::UserInfo, &named(claims));
            sealed::jwt(app, (client, protection), signed, now).await?
        }
    };
    Ok(jwt_no_store("application/jwt", jwt))
}
