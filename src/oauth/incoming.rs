//! An authorization request as it comes in: plain parameters, a request object, or what was pushed before.
//!
//! The parameters of a request object are the only ones that count (RFC 9101 section 6.3), and a pushed request is what it was when it was
//! pushed (RFC 9126 section 4): whatever stands beside it in the URL is ignored.

use super::access_token;
use super::authorization_details;
use super::error::OAuthError;
use super::issue;
use super::par;
use super::protocol::authorize::{self, AuthorizeError, AuthorizeRequest};
use super::protocol::client::{Client, GrantType};
use super::protocol::error::Fault;
use super::protocol::params::Params;
use super::protocol::profile::{self, Requirement};
use super::request_object;
use crate::app::App;
use crate::base::time::Timestamp;

/// What a request comes to.
pub type Read = Result<AuthorizeRequest, AuthorizeError>;

/// Reads the request that a browser brings.
pub async fn read(
    app: &App,
    params: &Params,
    client: &Client,
    now: Timestamp,
) -> Result<Read, OAuthError> {
    if let Some(uri) = params.get("request_uri").filter(|uri| par::is_pushed(uri)) {
        let pushed = par::find(app, uri, client, now).await?;
        return Ok(pushed
            .filter(|request| is_still_registered(request, client))
            .ok_or_else(|| {
                // Its redirect URI is not known any more: the fault stays on our page.
                AuthorizeError::ShowPage(par::unknown())
            }));
    }
    let must_push = client
        .settings
        .metadata
        .requests
        .require_pushed_authorization_requests
        || app.config.requests.require_pushed;
    if must_push {
        let fault = profile::refusal(client, Requirement::Pushed).unwrap_or_else(|| {
            Fault::invalid_request(
                "this request must be pushed first (RFC 9126); send its `request_uri`",
            )
        });
        return Ok(Err(authorize::refuse(params, client, fault)));
    }
    read_sent(app, params, client, now).await
}

/// Reads a request from its parameters or its request object: at the authorization endpoint or as it is pushed.
pub async fn read_sent(
    app: &App,
    params: &Params,
    client: &Client,
    now: Timestamp,
) -> Result<Read, OAuthError> {
    let rules = &client.settings.metadata.requests;
    let issuer = &app.config.issuer;
    let read = match request_object::open(app, params, client, now).await {
        Err(fault) => Err(authorize::refuse(params, client, fault)),
        Ok(Some(inner)) => authorize::parse(&inner, client, issuer),
        Ok(None) if rules.require_signed_request_object && !params.is_repeated("request") => {
            let fault = Fault::invalid_request(
                "this client may send signed requests only; put the parameters into `request` (RFC 9101)",
            );
            Err(authorize::refuse(params, client, fault))
        }
        Ok(None) => authorize::parse(params, client, issuer),
    };
    let request = match read {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    let checked = match profile::check_request(client, &request) {
        Ok(()) => check_declared(app, (&request, client)).await?,
        Err(fault) => Err(fault),
    };
    Ok(match checked {
        Ok(()) => Ok(request),
        Err(fault) => {
            let redirect = request.answer_fault(fault);
            Err(AuthorizeError::RedirectBack(Box::new(redirect)))
        }
    })
}

/// What only the database knows: what the types of its details want, and what an access token that the answer itself would bring must be.
async fn check_declared(
    app: &App,
    (request, client): (&AuthorizeRequest, &Client),
) -> Result<Result<(), Fault>, OAuthError> {
    if let Err(fault) =
        authorization_details::check(&app.db, &request.authorization_details).await?
    {
        return Ok(Err(fault));
    }
    if !request.response_type.has_token() {
        return Ok(Ok(()));
    }
    let audience = issue::audience_of(app, &request.resources);
    let mut conn = app.db.read().await?;
    match access_token::check(app, &mut conn, client, (&audience, &request.scope)).await {
        Err(OAuthError::Fault(fault)) => Ok(Err(fault)),
        checked => checked.map(Ok),
    }
}

/// Whether the registration still allows what a kept request asks: it may have changed meanwhile (SECURITY row 9).
pub fn is_still_registered(request: &AuthorizeRequest, client: &Client) -> bool {
    let settings = &client.settings;
    let uris = &settings.redirect_uris;
    let response_type = request.response_type;
    uris.iter().any(|uri| uri.matches(&request.redirect_uri))
        && settings.metadata.requests.may_ask_for(response_type)
        && request
            .authorization_details
            .are_of(&settings.metadata.details.authorization_details_types)
        && (!response_type.has_code() || client.may_use(GrantType::AuthorizationCode))
}
