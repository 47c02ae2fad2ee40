//! How a client's secret is kept, and whether a presented one is right (RFC 6749 section 2.3.1).
//!
//! A secret that comes with requests is kept as a MAC: nothing that the database gives away is the secret. One that the client signs with
//! (`client_secret_jwt`) must be known to verify the signature; of such clients alone it is sealed beside the MAC. While a rotation
//! overlaps, the secret before the present one is good as well.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::protocol::client::{AuthMethod, Client, ClientId};
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::Secret;
use crate::base::time::{Seconds, Timestamp};
use crate::store::clients::KeptSecret;
use crate::store::seal::{Place, SealError, Sealer};

/// The purpose of the MAC key for client secrets.
const KEY_PURPOSE: &str = "client secret";
/// Longest time that a replaced secret may stay good: 30 days.
pub const OVERLAP_SECONDS_MAX: Seconds = Seconds::new(30 * 86_400);

/// Whether secrets of this method are kept so that they can be read again.
pub const fn is_sealed(method: AuthMethod) -> bool {
    matches!(method, AuthMethod::ClientSecretJwt)
}

/// The form in which a secret is kept.
pub fn keep(
    sealer: &Sealer,
    client_id: &ClientId,
    method: AuthMethod,
    secret: &Secret<String>,
) -> Result<KeptSecret, SealError> {
    let key = sealer.derive_mac_key(KEY_PURPOSE);
    let seal = || sealer.seal(place(client_id), secret.expose().as_bytes());
    Ok(KeptSecret {
        mac: base64url(hmac::sign(&key, &message(client_id, secret)).as_ref()),
        sealed: is_sealed(method).then(seal).transpose()?,
    })
}

/// Whether this is the client's present secret, in constant time.
pub fn is_current(sealer: &Sealer, client: &Client, secret: &Secret<String>) -> bool {
    client
        .secret_mac
        .as_deref()
        .is_some_and(|mac| has_mac(sealer, &client.client_id, secret, mac))
}

/// Whether this is a secret of the client that is good at `now`.
pub fn is_good(sealer: &Sealer, client: &Client, secret: &Secret<String>, now: Timestamp) -> bool {
    let former = client
        .former_secret(now)
        .is_some_and(|former| has_mac(sealer, &client.client_id, secret, &former.mac));
    is_current(sealer, client, secret) || former
}

/// The client's secrets that are good at `now`, of a client that signs with them.
pub fn signing(
    sealer: &Sealer,
    client: &Client,
    now: Timestamp,
) -> Result<Vec<Zeroizing<Vec<u8>>>, SealError> {
    let former = client
        .former_secret(now)
        .and_then(|former| former.sealed.as_ref());
    client
        .sealed_secret
        .iter()
        .chain(former)
        .map(|sealed| sealer.open_sealed(place(&client.client_id), sealed))
        .collect()
}

fn has_mac(sealer: &Sealer, client_id: &ClientId, secret: &Secret<String>, mac: &str) -> bool {
    let key = sealer.derive_mac_key(KEY_PURPOSE);
    from_base64url(mac)
        .is_some_and(|mac| hmac::verify(&key, &message(client_id, secret), &mac).is_ok())
}

/// A client id has no NUL, so the pair has one text.
fn message(client_id: &ClientId, secret: &Secret<String>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(
        [
            client_id.as_str().as_bytes(),
            b"\0",
            secret.expose().as_bytes(),
        ]
        .concat(),
    )
}

/// Where a secret is sealed. A rotation moves it to the column of the former one without opening it, so both share this place.
fn place(client_id: &ClientId) -> Place<'_> {
    Place {
        table: "clients",
        column: "sealed_secret",
        row: client_id.as_str(),
    }
}
