//! Client authentication: exactly the registered method, the secret compared in constant time (RFC 6749 section 2.3).

use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::error::OAuthError;
use super::protocol::client::{AuthMethod, Client, ClientId};
use super::protocol::credentials::Presented;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::params::Params;
use crate::app::App;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::Secret;
use crate::store::clients;
use crate::store::seal::Sealer;

/// The purpose of the MAC key for client secrets.
const SECRET_KEY_PURPOSE: &str = "client secret";

/// The active client that made this request.
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Client, OAuthError> {
    let tried_basic = headers.contains_key(AUTHORIZATION);
    let header = authorization(headers)?;
    let presented = Presented::read(header, params).map_err(|fault| match fault.code {
        ErrorCode::InvalidClient => OAuthError::Client { fault, tried_basic },
        _ => OAuthError::Fault(fault),
    })?;
    let client = match ClientId::parse(&presented.client_id) {
        Ok(client_id) => clients::find(&mut app.db.read().await?, &client_id).await?,
        Err(_) => None,
    };
    let refuse = |description: &str| OAuthError::Client {
        fault: Fault::new(ErrorCode::InvalidClient, description),
        tried_basic,
    };
    let wrong = "the client is unknown, disabled, or its secret is wrong";
    let client = client
        .filter(Client::is_active)
        .ok_or_else(|| refuse(wrong))?;
    let registered = client.settings.token_endpoint_auth_method;
    if registered != presented.method {
        return Err(refuse(&format!(
            "this client must authenticate with its registered method {}",
            registered.as_str()
        )));
    }
    let proved = match (registered, &client.secret_mac, &presented.secret) {
        (AuthMethod::None, _, None) => true,
        (_, Some(mac), Some(secret)) => secret_matches(&app.sealer, &client.client_id, secret, mac),
        (_, _, _) => false,
    };
    if proved {
        Ok(client)
    } else {
        Err(refuse(wrong))
    }
}

/// The one `Authorization` header.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(
            Fault::invalid_request("the Authorization header stands more than once").into(),
        );
    }
    // What is not ASCII is not Basic either; an empty text says so.
    Ok(first.map(|value| value.to_str().unwrap_or_default()))
}

/// The stored form of a secret: a MAC under a key that is not in the database's reach, bound to its client.
pub fn secret_mac(sealer: &Sealer, client_id: &ClientId, secret: &Secret<String>) -> String {
    let key = sealer.derive_mac_key(SECRET_KEY_PURPOSE);
    base64url(hmac::sign(&key, &message(client_id, secret)).as_ref())
}

/// Whether the secret has this MAC, in constant time.
pub fn secret_matches(
    sealer: &Sealer,
    client_id: &ClientId,
    secret: &Secret<String>,
    mac: &str,
) -> bool {
    let key = sealer.derive_mac_key(SECRET_KEY_PURPOSE);
    from_base64url(mac)
        .is_some_and(|mac| hmac::verify(&key, &message(client_id, secret), &mac).is_ok())
}

/// A client id has no NUL, so the pair has one text.
fn message(client_id: &ClientId, secret: &Secret<String>) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(
        [
            client_id.as_str().as_bytes(),
            b"\0",
            secret.expose().as_bytes(),
        ]
        .concat(),
    )
}
