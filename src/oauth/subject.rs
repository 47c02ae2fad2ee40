//! What a person is called before a client (OpenID Connect Core 1.0 section 8): the one place that decides it.
//!
//! `public`: the account's id. `pairwise`: an HMAC of the client's sector and the account's id, under a key derived from the
//! oldest data key, so that it is the same on every node, after every restart, and cannot be computed or undone by anybody
//! else. A grant keeps the subject that it began with, so everything that comes of it says the same (section 12.2), access tokens
//! too: a client can read those. Our own APIs find the person by the grant.

use aws_lc_rs::hmac;

use super::protocol::client::subject::{common_host, host, of_sector};
use super::protocol::client::{Client, ClientMetadata, PAIRWISE_PREFIX};
use super::protocol::redirect_uri::RedirectUri;
use super::protocol::web_uri::WebUri;
use crate::base::encoding::base64url;
use crate::base::id::{SessionId, UserId, ulid_of};
use crate::store::seal::Sealer;

/// The purpose of the MAC key for pairwise subjects.
const KEY_PURPOSE: &str = "pairwise subject";
/// The purpose of the MAC key for the `sid` of their clients.
const SID_KEY_PURPOSE: &str = "pairwise sid";

/// What the client calls the person.
pub fn subject_for(sealer: &Sealer, client: &Client, user_id: &UserId) -> String {
    pairwise(sealer, client, user_id).unwrap_or_else(|| user_id.as_str().to_owned())
}

/// The same, when it is not the account's id.
pub fn pairwise(sealer: &Sealer, client: &Client, user_id: &UserId) -> Option<String> {
    if !client.settings.metadata.subject.is_pairwise() {
        return None;
    }
    let key = sealer.derive_mac_key(KEY_PURPOSE);
    // Neither a host nor an id of ours has a NUL, so the pair has one text.
    let message = format!("{}\0{user_id}", sector(client));
    let tag = hmac::sign(&key, message.as_bytes());
    Some(format!("{PAIRWISE_PREFIX}{}", base64url(tag.as_ref())))
}

/// What a client of pairwise subjects calls a sign-in: a session's own id would tell clients of two sectors that they speak of
/// one person.
pub fn pairwise_sid(
    sealer: &Sealer,
    (client_id, metadata): (&str, &ClientMetadata),
    session_id: &SessionId,
) -> Option<SessionId> {
    if !metadata.subject.is_pairwise() {
        return None;
    }
    let key = sealer.derive_mac_key(SID_KEY_PURPOSE);
    let tag = hmac::sign(&key, format!("{client_id}\0{session_id}").as_bytes());
    let (bits, _) = tag.as_ref().split_first_chunk::<16>()?;
    let ulid = ulid_of(u128::from_be_bytes(*bits)).to_ascii_lowercase();
    SessionId::parse(&format!("ses_{ulid}")).ok()
}

/// The same, or the session's id where the client knows people by the account's.
pub fn sid_for(
    sealer: &Sealer,
    client: (&str, &ClientMetadata),
    session_id: &SessionId,
) -> SessionId {
    pairwise_sid(sealer, client, session_id).unwrap_or_else(|| session_id.clone())
}

/// The client's sector.
fn sector(client: &Client) -> String {
    let settings = &client.settings;
    let uri = &settings.metadata.subject.sector_identifier_uri;
    let by_document = uri
        .as_ref()
        .and_then(|uri| host(uri.as_str()).or_else(|| Some(uri.as_str().to_owned())));
    let jwks_uri = settings.metadata.keys.jwks_uri.as_ref();
    let redirect_uris = settings.redirect_uris.iter().map(RedirectUri::as_str);
    let by_host = || common_host(&of_sector(redirect_uris, jwks_uri.map(WebUri::as_str)));
    // The check at registration leaves nobody without; a client is a sector of its own rather than everybody's.
    by_document
        .or_else(by_host)
        .unwrap_or_else(|| format!("client:{}", client.client_id))
}
