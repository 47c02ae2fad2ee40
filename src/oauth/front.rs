//! What the authorization endpoint itself hands out beside a code: an ID token, an access token (OpenID Connect Core 1.0 sections 3.2.2.5
//! and 3.3.2.5).
//!
//! Made after the commit that permits it. The hashes bind the parts to one another, so that none can be replaced on the way (section
//! 3.3.2.9). No refresh token comes from here.

use super::access_token;
use super::error::OAuthError;
use super::issue;
use super::protocol::authorize::AuthorizeRequest;
use super::protocol::claims::{IdClaims, TokenType};
use super::protocol::client::Client;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::response::{FrontToken, Parts, ResponseType};
use super::protocol::scope::ScopeSet;
use super::sealed;
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::store::grants::Grant;

/// Sees that the answer to a request can be encrypted as its client wants it, before a code is made, a pushed request used up or a flow ended
/// for it. The refusal goes to the client, but for one whose every answer is encrypted: that one can be told nothing.
pub async fn make_ready(
    app: &App,
    (request, client): (&AuthorizeRequest, &Client),
    now: Timestamp,
) -> Result<Result<(), Fault>, OAuthError> {
    let formats = &client.settings.metadata.tokens;
    if request.channel.signed
        && !sealed::can_seal(app, (client, formats.authorization()), now).await
    {
        return Err(Fault::new(
            ErrorCode::TemporarilyUnavailable,
            "no key at the client's `jwks_uri` fits `authorization_encrypted_response_alg`, or it cannot be fetched; \
             nothing was used up, so mend it and open the same address again",
        )
        .into());
    }
    if !request.response_type.has_id_token() {
        return Ok(Ok(()));
    }
    match sealed::make_ready(app, client, now).await {
        Err(OAuthError::Fault(fault)) => Ok(Err(fault)),
        ready => ready.map(Ok),
    }
}

/// The parts of the answer to a granted request.
pub async fn parts(
    app: &App,
    (request, client): (&AuthorizeRequest, &Client),
    (grant, code): (&Grant, Option<Secret<String>>),
    now: Timestamp,
) -> Result<Parts, OAuthError> {
    let response_type = request.response_type;
    let code = code.map(|code| code.expose().clone());
    let token = if response_type.has_token() {
        let audience = issue::audience_of(app, &grant.details.resources);
        let claims = issue::access_claims(app, grant, (grant.scope.clone(), audience), now);
        let minted = access_token::mint(app, client, claims, now).await?;
        Some(FrontToken {
            expires_in: minted.lives_seconds(),
            scope: minted.claims.scope.to_string(),
            access_token: minted.text,
        })
    } else {
        None
    };
    let id_token = if response_type.has_id_token() {
        // With no access token to fetch them with, the scopes' claims stand in the ID token (OpenID Connect Core 1.0 section 5.4).
        let scope = match response_type {
            ResponseType::IdToken => grant.scope.clone(),
            ResponseType::Code
            | ResponseType::CodeIdToken
            | ResponseType::CodeToken
            | ResponseType::CodeIdTokenToken => ScopeSet::default(),
        };
        let protection = client.settings.metadata.tokens.id_token();
        let hash = |value: &str| protection.signing.left_half_hash(value);
        let claims = IdClaims {
            nonce: request.nonce.clone(),
            at_hash: token.as_ref().map(|token| hash(&token.access_token)),
            c_hash: code.as_deref().map(hash),
            s_hash: request.state.as_deref().map(hash),
            person: issue::person_claims(app, grant, (&scope, &client.settings.scope)).await?,
            ..issue::id_claims(app, grant, now)
        };
        let signed = (TokenType::IdToken, &claims);
        Some(sealed::jwt(app, (client, protection), signed, now).await?)
    } else {
        None
    };
    Ok(Parts {
        code,
        id_token,
        token,
        session_state: None,
    })
}
