//! Opens request objects: by value, or fetched from a registered address; verified with a key of the client (RFC 9101 section 6).
//!
//! The algorithm is the one that the client registered, or one that fits a key of its own; the header's `jku`, `x5u` and `jwk` mean nothing.
//! An address is fetched through the guarded client, only when the client registered it (SECURITY row 47), and each time anew: what was
//! fetched is verified, so nothing is gained by trusting a copy.

use http::header::ACCEPT;
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::protocol::client::Client;
use super::protocol::error::{ErrorCode, Fault, quoted};
use super::protocol::jws_header::is_plain;
use super::protocol::params::Params;
use super::protocol::request_object::{Expected, RequestAlg, invalid, is_typ, read};
use crate::app::App;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::sha256;
use crate::base::time::Timestamp;

/// Largest fetched object, in bytes.
const OBJECT_BYTES: usize = 32 * 1024;
/// A SHA-256 in base64url, in characters.
const HASH_CHARS: usize = 43;

/// The parameters of the request's object; none when the request has no object.
pub async fn open(
    app: &App,
    params: &Params,
    client: &Client,
    now: Timestamp,
) -> Result<Option<Params>, Fault> {
    let object = match (params.get("request"), params.get("request_uri")) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Fault::invalid_request(
                "`request` and `request_uri` stand together; send one of them",
            ));
        }
        (Some(object), None) => object.to_owned(),
        (None, Some(uri)) => fetch(app, client, uri).await?,
    };
    let registered = client.settings.metadata.requests.request_object_signing_alg;
    let claims = verify(app, &object, (client, registered), now).await?;
    let expected = Expected {
        client_id: client.client_id.as_str(),
        issuer: &app.config.issuer,
        must_be_dated: client
            .settings
            .metadata
            .requests
            .require_signed_request_object,
    };
    read(claims, expected, now.seconds()).map(Some)
}

/// The claims, if a key of the client made the signature.
pub(super) async fn verify(
    app: &App,
    object: &str,
    (client, registered): (&Client, Option<RequestAlg>),
    now: Timestamp,
) -> Result<Map<String, Value>, Fault> {
    let published = &client.settings.metadata.keys;
    if !published.has_set() {
        return Err(Fault::new(
            ErrorCode::RequestNotSupported,
            "this client has no keys to verify a request object with; register `jwks` or `jwks_uri` or send plain parameters",
        ));
    }
    let header = jsonwebtoken::decode_header(object).map_err(|_| {
        invalid("the request object is not a JWT signed with a supported algorithm (unsigned and encrypted ones are not)")
    })?;
    if !is_typ(header.typ.as_deref()) || !is_plain(object) {
        return Err(invalid(
            "the request object's header must have `typ` oauth-authz-req+jwt and none of `crit`, `b64`, `enc` and `zip`",
        ));
    }
    let alg = RequestAlg::ALL
        .iter()
        .copied()
        .find(|alg| algorithm(*alg) == header.alg)
        .filter(|alg| registered.is_none_or(|registered| registered == *alg))
        .ok_or_else(|| {
            invalid("the request object is not signed with the algorithm that is registered for this client")
        })?;
    let mut validation = Validation::new(algorithm(alg));
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let kid = header.kid.as_deref();
    let keys = app.remote_keys.of(published, kid, now).await;
    let keys = keys.ok_or_else(|| {
        invalid("the keys of the client could not be fetched; see the server's log")
    })?;
    keys.verifying(kid, header.alg)
        .iter()
        .find_map(|key| jsonwebtoken::decode(object, key, &validation).ok())
        .map(|data| data.claims)
        .ok_or_else(|| {
            invalid("no registered key of the client made the request object's signature")
        })
}

const fn algorithm(alg: RequestAlg) -> Algorithm {
    match alg {
        RequestAlg::Rs256 => Algorithm::RS256,
        RequestAlg::Ps256 => Algorithm::PS256,
        RequestAlg::Es256 => Algorithm::ES256,
        RequestAlg::EdDsa => Algorithm::EdDSA,
    }
}

/// Fetches an object by reference (OpenID Connect Core 1.0 section 6.2).
async fn fetch(app: &App, client: &Client, uri: &str) -> Result<String, Fault> {
    let refused = |description: &str| Fault::new(ErrorCode::InvalidRequestUri, description);
    let registered = &client.settings.metadata.requests.request_uris;
    if registered.is_empty() {
        return Err(Fault::new(
            ErrorCode::RequestUriNotSupported,
            "this client has no `request_uris`; register them, push the request, or send plain parameters",
        ));
    }
    let (address, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    if !registered.iter().any(|known| known.as_str() == address) {
        return Err(refused(&format!(
            "the request URI {} is not registered for this client",
            quoted(uri)
        )));
    }
    let request = http::Request::get(address)
        .header(ACCEPT, "application/oauth-authz-req+jwt, application/jwt")
        .body(Vec::new())
        .map_err(|_| refused("the request URI is no address"))?;
    let unread =
        || refused("what the request URI names could not be fetched; see the server's log");
    let answer = app.outbound.send(request).await.map_err(|error| {
        tracing::warn!(%error, "a request object could not be fetched");
        unread()
    })?;
    if answer.status != http::StatusCode::OK || answer.body.len() > OBJECT_BYTES {
        tracing::warn!(status = %answer.status, "a request object could not be fetched");
        return Err(unread());
    }
    if is_hash(fragment) && base64url(sha256(&answer.body).as_ref()) != fragment {
        return Err(refused(
            "what the request URI names has another hash than its fragment says",
        ));
    }
    let text = String::from_utf8(answer.body).map_err(|_| unread())?;
    Ok(text.trim().to_owned())
}

/// Whether a fragment is the hash of what the address holds.
fn is_hash(fragment: &str) -> bool {
    fragment.len() == HASH_CHARS && from_base64url(fragment).is_some()
}
