//! A trusted issuer's assertion for an access token (RFC 7523 section 2.1): in a person's name, or for the client itself.
//!
//! Nobody signs in here, so the token says neither when nor in which session; it has no refresh token, because another assertion is as
//! good (RFC 7521 section 4.1). The account must be usable, as at every sign-in.

use super::{TokenRequest, allowed_resources};
use crate::app::App;
use crate::base::id::{GrantId, SessionId, UserId};
use crate::oauth::access_token;
use crate::oauth::assertion_grant::{self, Vouched};
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Exchanged, TokenResponse};
use crate::oauth::protocol::error::quoted;
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::jwt_bearer::Party;
use crate::oauth::protocol::resource;
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::token_exchange::narrowed_scope;
use crate::oauth::subject::pairwise;
use crate::store::grants::{self, Grant};

/// Exchanges the assertion.
pub(super) async fn exchange(
    app: &App,
    request: &TokenRequest<'_>,
) -> Result<TokenResponse, OAuthError> {
    let assertion = request.params.require("assertion")?;
    let vouched = assertion_grant::verify(app, request.client, assertion, request.now)
        .await
        .map_err(|refusal| refusal.into_error(OAuthError::invalid_grant))?;
    match &vouched.party {
        Party::User(user_id) => for_person(app, request, (&vouched, user_id)).await,
        Party::Client(id) if *id == request.client.client_id => {
            for_client(app, request, &vouched).await
        }
        Party::Client(id) => Err(OAuthError::invalid_grant(format!(
            "the assertion is about the client {}, which must send it itself",
            quoted(id.as_str())
        ))),
    }
}

/// The scopes: those asked for, within what the issuer vouches for and the client is registered for.
fn scope_of(request: &TokenRequest<'_>, vouched: &Vouched) -> Result<ScopeSet, OAuthError> {
    let registered = &request.client.settings.scope;
    let wanted = request.params.get("scope");
    Ok(narrowed_scope(&vouched.issuer.scope, registered, wanted)?)
}

async fn for_client(
    app: &App,
    request: &TokenRequest<'_>,
    vouched: &Vouched,
) -> Result<TokenResponse, OAuthError> {
    let TokenRequest { client, now, .. } = *request;
    let scope = scope_of(request, vouched)?.impersonal();
    let audience = resource::of_client(request.params, allowed_resources(app, client))?;
    let mut tx = app.db.write().await?;
    access_token::check(app, &mut tx, client, (&audience, &scope)).await?;
    assertion_grant::use_up(&mut tx, vouched, client, now)
        .await
        .map_err(|refusal| refusal.into_error(OAuthError::invalid_grant))?;
    tx.commit().await?;
    let bound = (scope, audience, request.confirmation.clone());
    issue::for_client(app, client, bound, now).await
}

async fn for_person(
    app: &App,
    request: &TokenRequest<'_>,
    (vouched, user_id): (&Vouched, &UserId),
) -> Result<TokenResponse, OAuthError> {
    let TokenRequest { client, now, .. } = *request;
    let scope = scope_of(request, vouched)?;
    let audience = resource::of_client(request.params, allowed_resources(app, client))?;
    let grant = Grant {
        id: GrantId::new(now),
        client_id: client.client_id.as_str().to_owned(),
        user_id: user_id.clone(),
        session_id: SessionId::new(now),
        scope: scope.clone(),
        // What was void when the assertion was made stays void.
        auth_time: vouched.accepted.issued_at,
        amr: Vec::new(),
        details: GrantDetails {
            asserted_by: Some(vouched.issuer.issuer.clone()),
            subject: pairwise(&app.sealer, client, user_id),
            ..GrantDetails::default()
        },
        created_at: now,
    };
    let mut tx = app.db.write().await?;
    // Before the assertion is used up.
    access_token::check(app, &mut tx, client, (&audience, &scope)).await?;
    assertion_grant::use_up(&mut tx, vouched, client, now)
        .await
        .map_err(|refusal| refusal.into_error(OAuthError::invalid_grant))?;
    if !grants::insert(&mut tx, &grant).await? {
        return Err(OAuthError::invalid_grant(
            "the account is unknown, locked, or was changed after the assertion was made",
        ));
    }
    tx.commit().await?;
    let exchanged = Exchanged {
        grant: &grant,
        scope,
        audience,
        confirmation: request.confirmation.clone(),
        expires_at: now.plus(app.config.tokens.access_token_ttl_seconds),
        issued_token_type: None,
    };
    issue::exchanged(app, client, exchanged, now).await
}
