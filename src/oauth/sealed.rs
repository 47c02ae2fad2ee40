//! What is signed for one client, with the algorithm that it registered for, and encrypted to its key where it asked for that: ID tokens, and
//! the answers of userinfo and introspection. First signed, then encrypted (OpenID Connect Core 1.0 section 16.14).

use serde::Serialize;

use super::error::OAuthError;
use super::keys::KeysError;
use super::protocol::claims::TokenType;
use super::protocol::client::{Client, Protection};
use super::protocol::jwe::{Encryption, Plaintext, Recipient, encrypt};
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
        Some(encryption) => seal(client, encryption, Plaintext::Jwt(&jwt))?,
    })
}

/// Claims that are encrypted to the client, and not signed.
pub fn unsigned<T: Serialize>(
    client: &Client,
    encryption: Encryption,
    claims: &T,
) -> Result<String, OAuthError> {
    let claims = serde_json::to_vec(claims)
        .map_err(|_| OAuthError::Inconsistent("claims that are no JSON"))?;
    Ok(seal(client, encryption, Plaintext::Claims(&claims))?)
}

fn seal(
    client: &Client,
    encryption: Encryption,
    plaintext: Plaintext<'_>,
) -> Result<String, KeysError> {
    let jwks = client.settings.metadata.keys.jwks.as_ref();
    let keys = jwks.map(|jwks| jwks.keys()).unwrap_or_default();
    let recipient = Recipient::choose(keys, encryption.alg)?;
    Ok(encrypt(&recipient, encryption, plaintext)?)
}
