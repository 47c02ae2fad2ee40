//! `POST /token`: authenticate the client, match the grant (RFC 6749 section 3.2). One file a grant; those that clients poll for share one.

mod authorization_code;
mod client_credentials;
mod handed_in;
mod jwt_bearer;
mod polled;
mod refresh_token;
mod token_exchange;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use self::polled::Polls;
use super::access_token;
use super::client_auth;
use super::cors::allow_origins_of;
use super::dpop;
use super::error::OAuthError;
use super::form::Form;
use super::issue::TokenResponse;
use super::mtls;
use super::protocol::audience::Audience;
use super::protocol::authorization_details::AuthorizationDetails;
use super::protocol::client::{Client, GrantType};
use super::protocol::confirmation::Confirmation;
use super::protocol::error::{ErrorCode, Fault, quoted};
use super::protocol::params::Params;
use super::protocol::profile;
use super::protocol::resource::{self, Allowed};
use super::protocol::scope::ScopeSet;
use super::respond::no_store;
use super::sealed;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::store::Tx;
use crate::store::grants::Grant;

/// Answers a token request.
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    let now = app.clock.now();
    let answer = async {
        profile::check_client(&client)?;
        let proved = dpop::confirmation(&app, &headers, &client, now).await?;
        let request = TokenRequest {
            client: &client,
            params: &params,
            confirmation: mtls::confirmation(&client, proved)?,
            now,
        };
        exchange(&app, &request).await
    };
    let mut response = match answer.await {
        Ok(tokens) => no_store(&tokens),
        Err(error) => axum::response::IntoResponse::into_response(error),
    };
    allow_origins_of(&mut response, &client);
    Ok(response)
}

/// A token request whose client is authenticated.
struct TokenRequest<'a> {
    client: &'a Client,
    params: &'a Params,
    /// The key that the client proved to hold, for tokens to be bound to.
    confirmation: Option<Confirmation>,
    now: Timestamp,
}

/// The resources that a client may name.
fn allowed_resources<'a>(app: &'a App, client: &'a Client) -> Allowed<'a> {
    Allowed::of(client, &app.config.issuer)
}

/// Whom the next access token of a grant is for, and what it allows beyond scopes: what the request narrows it to, within what the client is
/// still registered for. Nothing of it is refused later, when something is spent.
async fn narrowed(
    app: &App,
    tx: &mut Tx,
    request: &TokenRequest<'_>,
    (grant, scope): (&Grant, &ScopeSet),
) -> Result<(Audience, AuthorizationDetails), OAuthError> {
    let (client, params) = (request.client, request.params);
    let granted = &grant.details;
    let audience = resource::narrowed(params, &granted.resources, allowed_resources(app, client))?;
    access_token::check(app, tx, client, (&audience, scope)).await?;
    let types = &client.settings.metadata.details.authorization_details_types;
    let details = granted.authorization_details.of_types(types);
    Ok((audience, details.narrowed(params)?))
}

async fn exchange(app: &App, request: &TokenRequest<'_>) -> Result<TokenResponse, OAuthError> {
    let text = request.params.require("grant_type")?;
    let grant_type = GrantType::parse(text).ok_or_else(|| {
        Fault::new(
            ErrorCode::UnsupportedGrantType,
            format!("the grant type {} is not supported", quoted(text)),
        )
    })?;
    if !request.client.may_use(grant_type) {
        return Err(Fault::new(
            ErrorCode::UnauthorizedClient,
            format!("this client is not registered for the grant type {text}"),
        )
        .into());
    }
    if grant_type != GrantType::ClientCredentials {
        sealed::make_ready(app, request.client, request.now).await?;
    }
    let tokens = match grant_type {
        GrantType::AuthorizationCode => authorization_code::exchange(app, request).await,
        GrantType::RefreshToken => refresh_token::exchange(app, request).await,
        GrantType::ClientCredentials => client_credentials::exchange(app, request).await,
        GrantType::DeviceCode => polled::exchange(app, request, Polls::Device).await,
        GrantType::Ciba => polled::exchange(app, request, Polls::Backchannel).await,
        GrantType::TokenExchange => token_exchange::exchange(app, request).await,
        GrantType::JwtBearer => jwt_bearer::exchange(app, request).await,
    }?;
    app.metrics.count_token(grant_type.as_str());
    Ok(tokens)
}
