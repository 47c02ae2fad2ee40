//! `GET|POST /userinfo` (OpenID Connect Core 1.0 section 5.3): a person's claims, as far as the token's scopes go.
//!
//! The token comes in the header, or in a form body (RFC 6750 section 2.2); never in the URL, where logs would keep it.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::bearer::{self, BearerError, Presented, Scheme, Verified};
use super::cors::allow_origins_of;
use super::error::OAuthError;
use super::form::Form;
use super::protocol::claims::{Person, UserClaims};
use super::protocol::client::ClientId;
use super::protocol::scope::OPENID;
use super::respond::no_store;
use crate::app::App;
use crate::identity::user::User;
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
    let verified = bearer::admit(app, headers, presented, app.clock.now()).await?;
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
    let person = person(&user);
    let mut response = no_store(&UserClaims::of(claims.sub, &person, &claims.scope));
    if let Ok(client_id) = ClientId::parse(&claims.client_id)
        && let Some(client) = clients::find(&mut conn, &client_id)
            .await
            .map_err(OAuthError::Store)?
    {
        allow_origins_of(&mut response, &client);
    }
    Ok(response)
}

/// What the account says of a person, by the names of OpenID Connect Core 1.0 section 5.1.
pub(super) fn person(user: &User) -> Person {
    let mut person = user.profile.claims();
    let mut know = |name: &str, value: Value| person.insert(name.to_owned(), value);
    know("preferred_username", user.username.as_str().into());
    know("updated_at", user.updated_at.seconds().into());
    if let Some(name) = &user.name {
        know("name", name.as_str().into());
    }
    if let Some(email) = &user.email {
        know("email", email.as_str().into());
        know("email_verified", user.email_verified.into());
    }
    person
}
