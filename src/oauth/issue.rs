//! Minting: access tokens, ID tokens, and the token response (RFC 6749 section 5.1).
//!
//! A token costs one signature and a look at the services that it is for, unless its client wants it encrypted, too; it is made after the commit that permits it,
//! never while a transaction is open.

use serde::Serialize;
use serde_json::{Map, Value};

use super::access_token::{self, Minted};
use super::error::OAuthError;
use super::protocol::acr::Acr;
use super::protocol::audience::Audience;
use super::protocol::authorization_details::AuthorizationDetails;
use super::protocol::claims::{AccessClaims, IdClaims, Person, TokenType, new_jti};
use super::protocol::claims_request::claims_of;
use super::protocol::client::Client;
use super::protocol::confirmation::Confirmation;
use super::protocol::scope::{OPENID, ScopeSet};
use super::sealed;
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::identity::user::User;
use crate::store::grants::Grant;
use crate::store::users;

/// What a token request gets.
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    access_token: String,
    /// What it is, where the RFC wants it said (RFC 8693 section 2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    scope: ScopeSet,
    /// What the access token allows beyond scopes (RFC 9396 section 7).
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    authorization_details: AuthorizationDetails,
}

/// What a person's grant entitles to, this time.
#[derive(Debug)]
pub struct Entitlement<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// The scopes of this access token: those of the grant or fewer.
    pub scope: ScopeSet,
    /// Whom this access token is for: what the grant allows or less.
    pub audience: Audience,
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
    client: &Client,
    entitlement: Entitlement<'_>,
    now: Timestamp,
) -> Result<TokenResponse, OAuthError> {
    let Entitlement {
        grant,
        scope,
        audience,
        nonce,
        refresh_token,
        confirmation,
    } = entitlement;
    let claims = AccessClaims {
        cnf: confirmation,
        ..access_claims(app, grant, (scope, audience), now)
    };
    let minted = access_token::mint(app, client, claims, now).await?;
    let id_token = if minted.claims.scope.contains(OPENID) {
        let protection = client.settings.metadata.tokens.id_token();
        let scopes = (&ScopeSet::default(), &client.settings.scope);
        let claims = IdClaims {
            nonce,
            at_hash: Some(protection.signing.left_half_hash(&minted.text)),
            person: person_claims(app, grant, scopes).await?,
            ..id_claims(app, grant, now)
        };
        let signed = (TokenType::IdToken, &claims);
        Some(sealed::jwt(app, (client, protection), signed, now).await?)
    } else {
        None
    };
    Ok(TokenResponse {
        refresh_token: refresh_token.map(|token| token.expose().clone()),
        id_token,
        ..TokenResponse::of(minted)
    })
}

/// What a grant that was given for another proof entitles to.
#[derive(Debug)]
pub struct Exchanged<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// The scopes of the access token.
    pub scope: ScopeSet,
    /// Whom it is for.
    pub audience: Audience,
    /// The key that it is bound to.
    pub confirmation: Option<Confirmation>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// What the answer calls it.
    pub issued_token_type: Option<&'static str>,
}

/// An access token in a person's name, and nothing else: neither a refresh token nor an ID token comes of an exchange.
pub async fn exchanged(
    app: &App,
    client: &Client,
    exchanged: Exchanged<'_>,
    now: Timestamp,
) -> Result<TokenResponse, OAuthError> {
    let target = (exchanged.scope, exchanged.audience);
    let claims = AccessClaims {
        cnf: exchanged.confirmation,
        exp: exchanged.expires_at.seconds(),
        ..access_claims(app, exchanged.grant, target, now)
    };
    Ok(TokenResponse {
        issued_token_type: exchanged.issued_token_type,
        ..TokenResponse::of(access_token::mint(app, client, claims, now).await?)
    })
}

impl TokenResponse {
    /// The response with an access token and nothing beside it.
    fn of(minted: Minted) -> Self {
        Self {
            token_type: Confirmation::token_type(minted.claims.cnf.as_ref()),
            expires_in: minted.lives_seconds(),
            access_token: minted.text,
            issued_token_type: None,
            refresh_token: None,
            id_token: None,
            scope: minted.claims.scope,
            authorization_details: minted.claims.authorization_details,
        }
    }
}

/// The claims of an access token in a person's name, bound to no key.
pub(super) fn access_claims(
    app: &App,
    grant: &Grant,
    (scope, audience): (ScopeSet, Audience),
    now: Timestamp,
) -> AccessClaims {
    let details = &grant.details;
    let signed_in = details.asserted_by.is_none();
    let origins = details.derived_from.as_ref();
    AccessClaims {
        sub: grant.subject().to_owned(),
        authorization_details: details
            .authorization_details
            .for_audience(&audience, &details.resources),
        aud: audience,
        // Who was vouched for did not sign in here.
        sid: signed_in.then(|| grant.sid().clone()),
        auth_time: signed_in.then(|| grant.auth_time.seconds()),
        acr: signed_in
            .then(|| Acr::of(&grant.amr).map(|acr| acr.as_str().to_owned()))
            .flatten(),
        act: origins.and_then(|origins| origins.act.clone()),
        jti: new_jti(Some(&grant.id)),
        ..base_claims(app, &grant.client_id, scope, now)
    }
}

/// The claims that every ID token of a grant has.
pub(super) fn id_claims(app: &App, grant: &Grant, now: Timestamp) -> IdClaims {
    IdClaims {
        iss: app.config.issuer.clone(),
        sub: grant.subject().to_owned(),
        aud: grant.client_id.clone(),
        iat: now.seconds(),
        exp: now.plus(app.config.tokens.id_token_ttl_seconds).seconds(),
        auth_time: grant.auth_time.seconds(),
        nonce: None,
        sid: grant.sid().clone(),
        at_hash: None,
        c_hash: None,
        s_hash: None,
        acr: Acr::of(&grant.amr).map(|acr| acr.as_str().to_owned()),
        amr: grant.amr.clone(),
        person: Map::new(),
    }
}

/// The person's claims in an ID token: those of `scope`, and those that the request named for it within `registered`.
pub(super) async fn person_claims(
    app: &App,
    grant: &Grant,
    (scope, registered): (&ScopeSet, &ScopeSet),
) -> Result<Map<String, Value>, OAuthError> {
    let place = &grant.details.claims.id_token;
    if scope.is_empty() && place.is_empty() {
        return Ok(Map::new());
    }
    let mut conn = app.db.read().await?;
    let Some(user) = users::find(&mut conn, &grant.user_id).await? else {
        return Ok(Map::new());
    };
    let mut claims = claims_of(
        (grant.subject(), &person(&user)),
        (scope, registered),
        place,
    );
    // It stands in the ID token already.
    claims.remove("sub");
    Ok(claims)
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

/// Whom the tokens of a grant to these resources are for, when a request does not narrow it.
pub(super) fn audience_of(app: &App, resources: &[String]) -> Audience {
    if resources.is_empty() {
        app.config.issuer.clone().into()
    } else {
        Audience::of(resources.to_vec())
    }
}

/// A token for the client itself.
pub async fn for_client(
    app: &App,
    client: &Client,
    (scope, audience, confirmation): (ScopeSet, Audience, Option<Confirmation>),
    now: Timestamp,
) -> Result<TokenResponse, OAuthError> {
    let claims = AccessClaims {
        aud: audience,
        cnf: confirmation,
        ..base_claims(app, client.client_id.as_str(), scope, now)
    };
    Ok(TokenResponse::of(
        access_token::mint(app, client, claims, now).await?,
    ))
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
        acr: None,
        cnf: None,
        act: None,
        may_act: None,
        authorization_details: AuthorizationDetails::default(),
    }
}
