//! What must hold of what clients and strangers send to the OAuth endpoints, before any key or database is asked.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use serde_json::{Map, Value};
use tessera::base::encoding::base64url;
use tessera::base::time::Timestamp;
use tessera::oauth::protocol::authorization_details::AuthorizationDetails;
use tessera::oauth::protocol::certificate::{Certificate, is_distinguished_name};
use tessera::oauth::protocol::claims_request::ClaimsRequest;
use tessera::oauth::protocol::client::{AuthMethod, ClientId, Origin};
use tessera::oauth::protocol::client_assertion;
use tessera::oauth::protocol::client_document;
use tessera::oauth::protocol::credentials::Presented;
use tessera::oauth::protocol::dpop::{self, Nonces, named_key};
use tessera::oauth::protocol::jwt_bearer;
use tessera::oauth::protocol::key_set::KeySet;
use tessera::oauth::protocol::params::Params;
use tessera::oauth::protocol::pkce::{self, CodeChallenge};
use tessera::oauth::protocol::redirect_uri::RedirectUri;
use tessera::oauth::protocol::registration::request::{self, Terms};
use tessera::oauth::protocol::request_object;
use tessera::oauth::protocol::resource::Resource;
use tessera::oauth::protocol::response;
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::oauth::protocol::software_statement;
use tessera::oauth::protocol::strict_json;
use tessera::oauth::protocol::user_code::UserCode;

use super::SEPARATOR;

/// Levels of JSON that are read.
const DEPTH: usize = 32;
/// The instant at which everything is asked.
const NOW: Timestamp = Timestamp::from_ms(1_735_689_600_000);
const ISSUER: &str = "https://id.example";

static NONCES: LazyLock<Nonces> =
    LazyLock::new(|| Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])));

/// A form, a query, a header or a value in one of them: read, or refused with a description that an answer may hold.
pub fn form(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    value(&text);
    let params = match Params::parse(data) {
        Ok(params) => params,
        Err(fault) => return assert_fault(&fault.to_string()),
    };
    for name in params_of(&text) {
        params.all(&name).into_iter().for_each(value);
    }
    for authorization in [None, Some(text.as_ref())] {
        drop(Presented::read(authorization, &params));
    }
    drop(params.check_unrepeated());
    drop(named_key(&params));
    if let Ok(Some(challenge)) = CodeChallenge::of_request(&params) {
        let verifier = params.get("code_verifier");
        let fits = pkce::verify(Some(&challenge), verifier).is_ok();
        assert!(!fits || verifier.is_some(), "nothing proves nothing");
    }
}

fn params_of(text: &str) -> Vec<String> {
    let pairs = text.split('&').map(|pair| pair.split('=').next());
    pairs.flatten().map(str::to_owned).collect()
}

/// One value, as everything that one can be.
fn value(text: &str) {
    if let Ok(scopes) = ScopeSet::parse(text) {
        assert_eq!(ScopeSet::parse(&scopes.to_string()), Ok(scopes));
    }
    if let Ok(uri) = RedirectUri::parse(text) {
        assert!(uri.matches(uri.as_str()));
        assert!(!uri.matches(&format!("{}x", uri.as_str())));
        assert!(!uri.as_str().to_ascii_lowercase().starts_with("javascript:"));
    }
    if let Ok(details) = AuthorizationDetails::parse(text) {
        assert!(details.iter().all(|detail| !detail.type_name().is_empty()));
    }
    if let Ok(client_id) = ClientId::parse(text) {
        assert_eq!(client_id.as_str(), text);
    }
    if let Some(code) = UserCode::parse(text) {
        let letters = code.letters();
        assert_eq!(UserCode::parse(letters).unwrap().letters(), letters);
    }
    drop(
        ClaimsRequest::parse(text).map(|wanted| (wanted.covering_scopes(), wanted.essential_acr())),
    );
    drop(Resource::parse(text));
    drop(response::mode(Some(text)));
    is_distinguished_name(text);
    client_document::is_address(text);
}

/// A JWT without its key, as text or as header and claims: a name may be read from it, but nobody has proved anything.
pub fn jwt(data: &[u8]) {
    drop(Certificate::parse(data));
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (header, claims) = text.split_once(SEPARATOR).unwrap_or((text, "{}"));
    let made = format!(
        "{}.{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes()),
        base64url(&[1; 64])
    );
    for token in [text, &made] {
        for access_token in [None, Some("a token")] {
            let expected = dpop::Expected {
                method: "POST",
                uri: "https://id.example/token",
                access_token,
                nonces: &NONCES,
                nonce_required: false,
            };
            assert!(dpop::check(token, &expected, NOW).is_err(), "{token}");
        }
        drop(client_assertion::claimed_client(token));
        drop(client_assertion::header(
            token,
            AuthMethod::PrivateKeyJwt,
            None,
        ));
        drop(jwt_bearer::claimed_issuer(token));
        drop(software_statement::header(token));
    }
    let Ok(claims) = serde_json::from_str::<Map<String, Value>>(claims) else {
        return;
    };
    let expected = request_object::Expected {
        client_id: "web",
        issuer: ISSUER,
        must_be_dated: false,
    };
    if let Err(fault) = request_object::read(claims, expected, NOW.seconds()) {
        assert_fault(&fault.to_string());
    }
}

/// JSON that describes a client or keys: read to something that can be checked, or refused.
pub fn json(data: &[u8]) {
    let scopes = ScopeSet::standard();
    let id = "https://app.example/client.json";
    if let Ok(id) = ClientId::parse(id)
        && let Ok(new) = client_document::read(&id, data, &scopes)
    {
        assert!(new.client_secret.is_none());
        drop(new.check());
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(value) = strict_json::parse(text, DEPTH) {
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(value));
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    drop(KeySet::parse(&value));
    let Value::Object(members) = value else {
        return;
    };
    let terms = Terms {
        origin: Origin::Open,
        scopes: &scopes,
        require_pkce: true,
    };
    match request::read(members, &terms) {
        Ok(new) => drop(new.check()),
        Err(fault) => assert_fault(&fault.to_string()),
    }
}

/// RFC 6749 section 5.2: the characters of a description.
fn assert_fault(description: &str) {
    let fits = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(description.chars().all(fits), "{description:?}");
}
