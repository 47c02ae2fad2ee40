//! Minting: access tokens, ID tokens, and the token response (RFC 6749 section 5.1).
//!
//! A token costs one signature and nothing else, unless its client wants it encrypted, too; it is made after the commit that permits it,
//! never while a transaction is open.

use serde::Serialize;

use super::error::OAuthError;
use super::protocol::claims::{AccessClaims, IdClaims, TokenType, new_jti};
use super::protocol::client::{Client, ClientId};
use super::protocol::confirmation::Confirmation;
use super::protocol::scope::{OPENID, ScopeSet};
use super::sealed;
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::store::grants::Grant;

/// What a token request gets.
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    scope: ScopeSet,
}

/// What a person's grant entitles to, this time.
#[derive(Debug)]
pub struct Entitlement<'a> {
    /// The client, whose algorithms sign and encrypt the ID token.
    pub client: &'a Client,
    /// The grant.
    pub grant: &'a Grant,
    /// The scopes of this access token: those of the grant or fewer.
    pub scope: ScopeSet,
    /// From the authorization request; only the first ID token has it (OpenID Connect Core 1.0 section 12.2).
    pub nonce: Option<String>,
    /// The refresh token to hand out.
    pub refresh_token: Option<Secret<String>>,
    /// The key that the access token is bound to.
    pub confirmation: Option<Confirmation>,
}

/// Tokens in a person's name.
pub async fn for_person(
    app: &App,
    entitlement: Entitlement<'_>,
    now: Timestamp,
) -> Result<TokenResponse, OAuthError> {
    let Entitlement {
        client,
        grant,
        scope,
        nonce,
        refresh_token,
        confirmation,
    } = entitlement;
    let claims = AccessClaims {
        sub: grant.user_id.as_str().to_owned(),
        sid: Some(grant.session_id.clone()),
        auth_time: Some(grant.auth_time.seconds()),
        jti: new_jti(Some(&grant.id)),
        cnf: confirmation,
        ..base_claims(app, &grant.client_id, scope, now)
    };
    let access_token = app.keys.sign(TokenType::AccessToken, &claims)?;
    let id_token = if claims.scope.contains(OPENID) {
        let protection = client.settings.metadata.tokens.id_token();
        let claims = IdClaims {
            iss: app.config.issuer.clone(),
            sub: claims.sub.clone(),
            aud: grant.client_id.clone(),
            iat: now.seconds(),
            exp: now.plus(app.config.tokens.id_token_ttl_seconds).seconds(),
            auth_time: grant.auth_time.seconds(),
            nonce,
            sid: grant.session_id.clone(),
            at_hash: protection.signing.left_half_hash(&access_token),
            amr: grant.amr.clone(),
        };
        let signed = (TokenType::IdToken, &claims);
        Some(sealed::jwt(app, (client, protection), signed, now).await?)
    } else {
        None
    };
    Ok(TokenResponse {
        access_token,
        token_type: Confirmation::token_type(claims.cnf.as_ref()),
        expires_in: app.config.tokens.access_token_ttl_seconds.get(),
        refresh_token: refresh_token.map(|token| token.expose().clone()),
        id_token,
        scope: claims.scope,
    })
}

/// A token for the client itself.
pub fn for_client(
    app: &App,
    client_id: &ClientId,
    (scope, confirmation): (ScopeSet, Option<Confirmation>),
    now: Timestamp,
) -> Result<TokenResponse, OAuthError> {
    let claims = AccessClaims {
        cnf: confirmation,
        ..base_claims(app, client_id.as_str(), scope, now)
    };
    Ok(TokenResponse {
        access_token: app.keys.sign(TokenType::AccessToken, &claims)?,
        token_type: Confirmation::token_type(claims.cnf.as_ref()),
        expires_in: app.config.tokens.access_token_ttl_seconds.get(),
        refresh_token: None,
        id_token: None,
        scope: claims.scope,
    })
}

/// The claims that every access token has, for the client itself.
fn base_claims(app: &App, client_id: &str, scope: ScopeSet, now: Timestamp) -> AccessClaims {
    AccessClaims {
        iss: app.config.issuer.clone(),
        sub: client_id.to_owned(),
        aud: app.config.issuer.clone().into(),
        client_id: client_id.to_owned(),
        iat: now.seconds(),
        exp: now
            .plus(app.config.tokens.access_token_ttl_seconds)
            .seconds(),
        jti: new_jti(None),
        scope,
        sid: None,
        auth_time: None,
        cnf: None,
    }
}
