//! What is signed for one client, with the algorithm that it registered for, and encrypted to its key where it asked for that: ID tokens, and
//! the answers of userinfo and introspection. First signed, then encrypted (OpenID Connect Core 1.0 section 16.14).

use std::sync::Arc;

use serde::Serialize;

use super::error::OAuthError;
use super::keys::KeysError;
use super::protocol::claims::TokenType;
use super::protocol::client::{Client, Protection};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::jwe::{Encryption, JweError, Plaintext, Recipient, encrypt};
use super::protocol::key_set::KeySet;
use super::protocol::scope::OPENID;
use crate::app::App;
use crate::base::time::Timestamp;

/// Claims as a JWT for the client.
pub async fn jwt<T: Serialize>(
    app: &App,
    (client, protection): (&Client, Protection),
    (kind, claims): (TokenType, &T),
    now: Timestamp,
) -> Result<String, OAuthError> {
    let signing = protection.signing;
    let jwt = app.keys.sign_for(signing, kind, claims, now).await?;
    Ok(match protection.encryption {
        None => jwt,
        Some(encryption) => seal(app, (client, encryption), Plaintext::Jwt(&jwt), now).await?,
    })
}

/// Sees that the client's ID tokens can be encrypted, before anything is used up for one: a published key may be out of reach.
/// What was fetched is kept, so that sealing finds it.
pub async fn make_ready(app: &App, client: &Client, now: Timestamp) -> Result<(), OAuthError> {
    let protection = client.settings.metadata.tokens.id_token();
    if !client.settings.scope.contains(OPENID) || can_seal(app, (client, protection), now).await {
        return Ok(());
    }
    Err(Fault::new(
        ErrorCode::TemporarilyUnavailable,
        "no key at the client's `jwks_uri` fits `id_token_encrypted_response_alg`, or it cannot be fetched; \
         nothing was used up, so mend it and send the same again",
    )
    .into())
}

/// Whether what is protected like this can be made now: what is not encrypted always, the rest if there is a key.
/// What was fetched is kept, so that sealing finds it.
pub async fn can_seal(
    app: &App,
    (client, protection): (&Client, Protection),
    now: Timestamp,
) -> bool {
    match protection.encryption {
        None => true,
        Some(encryption) => keys(app, client, encryption, now).await.is_ok(),
    }
}

/// Claims that are encrypted to the client, and not signed.
pub async fn unsigned<T: Serialize>(
    app: &App,
    (client, encryption): (&Client, Encryption),
    claims: &T,
    now: Timestamp,
) -> Result<String, OAuthError> {
    let claims = serde_json::to_vec(claims)
        .map_err(|_| OAuthError::Inconsistent("claims that are no JSON"))?;
    let plaintext = Plaintext::Claims(&claims);
    Ok(seal(app, (client, encryption), plaintext, now).await?)
}

/// Encrypts to the client's key: the registered one, or the one that it publishes.
async fn seal(
    app: &App,
    (client, encryption): (&Client, Encryption),
    plaintext: Plaintext<'_>,
    now: Timestamp,
) -> Result<String, KeysError> {
    let keys = keys(app, client, encryption, now).await?;
    let recipient = Recipient::choose(keys.keys(), encryption.alg)?;
    Ok(encrypt(&recipient, encryption, plaintext)?)
}

/// The client's keys, with one that fits among them.
async fn keys(
    app: &App,
    client: &Client,
    encryption: Encryption,
    now: Timestamp,
) -> Result<Arc<KeySet>, JweError> {
    let alg = encryption.alg;
    let fits = |set: &KeySet| Recipient::choose(set.keys(), alg).is_ok();
    let registered = &client.settings.metadata.keys;
    let keys = app.remote_keys.find(registered, now, fits).await;
    keys.filter(|set| fits(set)).ok_or(JweError::NoKey(alg))
}
