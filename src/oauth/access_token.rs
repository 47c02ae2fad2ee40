//! Access tokens as text: a JWT (RFC 9068), or a secret that stands for what is kept here, as the services that the token is for want it
//! ([`super::protocol::resource_server`]).
//!
//! Either way the token is its claims, and those are what [`super::bearer`] judges: whatever ends the one ends the other. A token is made
//! after the commit that permits it. What could refuse it is asked before, while nothing is spent ([`check`]).

use super::error::OAuthError;
use super::protocol::audience::Audience;
use super::protocol::claims::{AccessClaims, TokenType};
use super::protocol::client::{Client, ClientId};
use super::protocol::profile;
use super::protocol::resource_server::{Form, ResourceServer, TokenRules, Unsaid, may_introspect};
use super::protocol::scope::ScopeSet;
use crate::app::App;
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::store::{Conn, StoreError, access_tokens, resource_servers};

/// A token, and what it says or stands for.
#[derive(Debug)]
pub struct Minted {
    /// What its client gets.
    pub text: String,
    /// What it says or stands for: no more than was asked for, no longer than its services want.
    pub claims: AccessClaims,
}

impl Minted {
    /// How long it lives, in seconds.
    pub const fn lives_seconds(&self) -> i64 {
        self.claims.exp.saturating_sub(self.claims.iat)
    }
}

/// Makes a token as its audience wants it, for this client.
pub async fn mint(
    app: &App,
    client: &Client,
    claims: AccessClaims,
    now: Timestamp,
) -> Result<Minted, OAuthError> {
    let rules = {
        let mut conn = app.db.read().await?;
        rules(app, &mut conn, client, &claims.aud).await?
    };
    let claims = AccessClaims {
        // What it comes of may end sooner.
        exp: claims.exp.min(now.plus(rules.lifetime).seconds()),
        scope: rules.scope_within(&claims.scope)?,
        ..claims
    };
    let text = match rules.form {
        Form::Jwt(algorithm) => {
            let kind = TokenType::AccessToken;
            app.keys.sign_for(algorithm, kind, &claims, now).await?
        }
        Form::Opaque => {
            let secret = TokenKind::AccessToken.generate();
            let mut tx = app.db.write().await?;
            access_tokens::insert(&mut tx, &TokenHash::of(secret.expose()), &claims).await?;
            tx.commit().await?;
            secret.expose().clone()
        }
    };
    Ok(Minted { text, claims })
}

/// Refuses a token that could not be made: its services want different forms, or none of its scopes.
pub async fn check(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    (audience, scope): (&Audience, &ScopeSet),
) -> Result<(), OAuthError> {
    rules(app, conn, client, audience)
        .await?
        .scope_within(scope)?;
    Ok(())
}

async fn rules(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    audience: &Audience,
) -> Result<TokenRules, OAuthError> {
    let servers = servers_of(conn, audience.as_slice()).await?;
    let whom = (audience, app.config.issuer.as_str());
    let otherwise = Unsaid {
        lifetime: app.config.tokens.access_token_ttl_seconds,
        signing: profile::signing(client),
    };
    let rules = TokenRules::of(whom, &servers, otherwise)?;
    profile::check_access_token(client, rules.form)?;
    Ok(rules)
}

/// The registered ones of these services.
pub async fn servers_of(
    conn: &mut Conn,
    identifiers: &[String],
) -> Result<Vec<ResourceServer>, StoreError> {
    let mut servers = Vec::new();
    for identifier in identifiers {
        let found = resource_servers::find_named(conn, identifier).await?;
        servers.extend(found.map(|row| row.server));
    }
    Ok(servers)
}

/// What a token says or stands for, if it is one of ours. Of its times only what the database keeps: that it is good is for
/// [`super::bearer`] to say.
pub async fn read(
    app: &App,
    text: &str,
    now: Timestamp,
) -> Result<Option<AccessClaims>, OAuthError> {
    match TokenKind::AccessToken.hash(text) {
        Some(hash) => {
            let mut conn = app.db.read().await?;
            Ok(access_tokens::find(&mut conn, &hash, now).await?)
        }
        None => Ok(app.keys.verify(TokenType::AccessToken, text, now).await?),
    }
}

/// Whether a client may learn what a token for this audience says.
pub async fn may_be_told(
    app: &App,
    client: &ClientId,
    audience: &Audience,
) -> Result<bool, StoreError> {
    let mut conn = app.db.read().await?;
    let servers = servers_of(&mut conn, audience.as_slice()).await?;
    Ok(may_introspect(client, audience, &servers))
}
