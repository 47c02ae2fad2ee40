//! Clients whose id is the address of their metadata (OAuth Client ID Metadata Document, draft-ietf-oauth-client-id-metadata-document-01).
//!
//! What such an id looks like (section 3), what the document must say (section 4), and for how long it is good (section 4.4). Fetching it is
//! `oauth::client_document`'s business. Nobody vouches for such a client: whoever controls the address is it.

use serde_json::{Map, Value};
use url::Url;

use super::client::{AuthMethod, ClientId, Origin};
use super::error::Fault;
use super::freshness::Bounds;
use super::redirect_uri::is_loopback;
use super::registration::NewClient;
use super::registration::request::{self, Terms};
use super::scope::ScopeSet;

/// Longest address, in bytes.
const ADDRESS_BYTES: usize = 500;
/// Largest document, in bytes (section 6.6).
pub const DOCUMENT_BYTES: usize = 5 * 1024;
/// How long a document is used without looking again.
pub const FRESH_SECONDS: Bounds = Bounds {
    least: 300,
    otherwise: 3_600,
    most: 86_400,
};

/// Whether a client id is such an address: `https` (`http` on a loopback address, which the guarded client refuses unless the operator allows
/// it), with a path, without user, password, fragment and dot segments, written as every URL parser writes it.
pub fn is_address(text: &str) -> bool {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() > ADDRESS_BYTES || !printable || text.contains(['\\', '#', '\'', '"']) {
        return false;
    }
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let secure = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    // Only what the parser leaves as it is has no dot segment, default port or capital in its host.
    let bare = url.username().is_empty() && url.password().is_none();
    secure
        && bare
        && url.as_str() == text
        && url.path() != "/"
        && url.host_str().is_some_and(|host| !host.is_empty())
}

/// Why a document is not used. Told to whoever uses the client id: the document is public.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// It has no JSON object.
    #[error(
        "it must be a JSON object of at most {DOCUMENT_BYTES} bytes, served as application/json"
    )]
    Malformed,
    /// It is another client's.
    #[error("its `client_id` must be exactly its own address")]
    OtherClient,
    /// It has a secret, which everybody could read.
    #[error("it must have no `client_secret`; it is public")]
    Secret,
    /// It wants to authenticate by a shared secret, or in a way that is not supported.
    #[error(
        "its `token_endpoint_auth_method` must be none or private_key_jwt; nothing secret can be shared with it"
    )]
    Method,
    /// Its metadata is not in order.
    #[error("{0}")]
    Metadata(String),
}

/// The client that a document describes.
pub fn read(
    client_id: &ClientId,
    body: &[u8],
    scopes: &ScopeSet,
) -> Result<NewClient, DocumentFault> {
    if body.len() > DOCUMENT_BYTES {
        return Err(DocumentFault::Malformed);
    }
    let mut members: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| DocumentFault::Malformed)?;
    if members.get("client_id").and_then(Value::as_str) != Some(client_id.as_str()) {
        return Err(DocumentFault::OtherClient);
    }
    if ["client_secret", "client_secret_expires_at"]
        .iter()
        .any(|name| members.contains_key(*name))
    {
        return Err(DocumentFault::Secret);
    }
    let method = members
        .get("token_endpoint_auth_method")
        .filter(|value| !value.is_null());
    let method = match method {
        // The default of RFC 7591 needs a secret, which there is not.
        None => Some(AuthMethod::None),
        Some(value) => value.as_str().and_then(AuthMethod::parse),
    };
    let method = method
        .filter(|method| matches!(method, AuthMethod::None | AuthMethod::PrivateKeyJwt))
        .ok_or(DocumentFault::Method)?;
    members.insert(
        "token_endpoint_auth_method".to_owned(),
        method.as_str().into(),
    );
    let terms = Terms {
        origin: Origin::Document,
        scopes,
        require_pkce: true,
    };
    let metadata = |fault: Fault| DocumentFault::Metadata(fault.description);
    let mut new = request::read(members, &terms).map_err(metadata)?;
    if new.client_name.as_deref().is_none_or(str::is_empty) {
        new.client_name = host(client_id);
    }
    if let Err(faults) = new.check() {
        return Err(metadata(request::fault_of(&faults)));
    }
    Ok(new)
}

/// The host that vouches for nothing but itself, as people are told.
pub fn host(client_id: &ClientId) -> Option<String> {
    let url = Url::parse(client_id.as_str()).ok()?;
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ADDRESS: &str = "https://app.example/client.json";

    #[test]
    fn an_address_has_one_form() {
        for (text, expect) in [
            (ADDRESS, true),
            ("https://app.example/oauth/client", true),
            ("https://app.example:8443/client.json?v=1", true),
            ("http://127.0.0.1:3000/client.json", true),
            ("http://localhost:3000/client.json", true),
            ("https://app.example", false),
            ("https://app.example/", false),
            ("http://app.example/client.json", false),
            ("https://app.example/client.json#x", false),
            ("https://app.example/client.json#", false),
            ("https://user@app.example/client.json", false),
            ("https://user:pass@app.example/client.json", false),
            ("https://app.example/a/../client.json", false),
            ("https://app.example/./client.json", false),
            ("https://app.example/%2e%2e/client.json", false),
            ("https://app.example/a/..", false),
            ("https://APP.example/client.json", false),
            ("HTTPS://app.example/client.json", false),
            ("https://app.example:443/client.json", false),
            ("https://app.example\\client.json", false),
            ("https:app.example/client.json", false),
            ("https:///client.json", false),
            ("https://2130706433/client.json", false),
            ("ftp://app.example/client.json", false),
            ("javascript:alert(1)//x/", false),
            ("https://\u{e4}pp.example/client.json", false),
            ("https://app.example/a b", false),
            ("web", false),
            ("", false),
        ] {
            assert_eq!(is_address(text), expect, "{text}");
        }
        assert!(!is_address(&format!(
            "https://app.example/{}",
            "x".repeat(ADDRESS_BYTES)
        )));
    }

    fn read_with(change: impl FnOnce(&mut Map<String, Value>)) -> Result<NewClient, DocumentFault> {
        let document = json!({
            "client_id": ADDRESS,
            "client_name": "App",
            "redirect_uris": ["http://127.0.0.1/cb"],
            "scope": "openid tessera:admin",
            "skip_consent": true
        });
        let Value::Object(mut members) = document else {
            panic!("no object")
        };
        change(&mut members);
        let body = serde_json::to_vec(&members).unwrap();
        read(
            &ClientId::parse(ADDRESS).unwrap(),
            &body,
            &ScopeSet::standard(),
        )
    }

    #[test]
    fn a_document_describes_a_client_without_secret() {
        let settings = read_with(|_| {}).unwrap().check().unwrap().settings;
        assert_eq!(settings.token_endpoint_auth_method, AuthMethod::None);
        assert_eq!(settings.scope.to_string(), "openid");
        assert!(settings.require_pkce && !settings.skip_consent);
        let unnamed = read_with(|members| drop(members.remove("client_name"))).unwrap();
        assert_eq!(unnamed.client_name.as_deref(), Some("app.example"));
    }

    #[test]
    fn a_document_that_is_not_its_own_or_needs_a_secret_is_not_used() {
        let set = |name: &'static str, value: Value| {
            read_with(move |members| drop(members.insert(name.to_owned(), value))).err()
        };
        for other in [
            json!("https://app.example/client.json?"),
            json!("web"),
            json!(1),
            Value::Null,
        ] {
            assert_eq!(set("client_id", other), Some(DocumentFault::OtherClient));
        }
        assert_eq!(
            set("client_secret", json!("x")),
            Some(DocumentFault::Secret)
        );
        assert_eq!(
            set("client_secret_expires_at", json!(0)),
            Some(DocumentFault::Secret)
        );
        for method in [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "tls_client_auth",
            "x",
        ] {
            let fault = set("token_endpoint_auth_method", json!(method));
            assert_eq!(fault, Some(DocumentFault::Method), "{method}");
        }
        for (name, value) in [
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("redirect_uris", json!(["https://app.example/cb#x"])),
            ("grant_types", json!(["client_credentials"])),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
        ] {
            let fault = set(name, value.clone());
            assert!(
                matches!(fault, Some(DocumentFault::Metadata(_))),
                "{name} {value}"
            );
        }
        let long = "x".repeat(DOCUMENT_BYTES);
        assert_eq!(set("note", json!(long)), Some(DocumentFault::Malformed));
        let id = ClientId::parse(ADDRESS).unwrap();
        for body in [&b"[]"[..], b"", b"<html>", b"{"] {
            assert_eq!(
                read(&id, body, &ScopeSet::standard()).err(),
                Some(DocumentFault::Malformed)
            );
        }
    }
}
