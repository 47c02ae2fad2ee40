//! What a client's authorization requests may and must be (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2,
//! RFC 9101 section 10.5, RFC 9126 section 6).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::request_object::RequestAlg;
use crate::oauth::protocol::resource::{RESOURCES, Resource};
use crate::oauth::protocol::response::{ResponseMode, ResponseType};
use crate::oauth::protocol::web_uri::WebUri;

/// Most addresses that request objects may be fetched from.
const REQUEST_URIS: usize = 20;
/// Most default `acr` values, and characters of one.
const ACR_VALUES: usize = 16;
const ACR_CHARS: usize = 200;

/// The rules for its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// What it may ask the authorization endpoint for; `code` alone when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<ResponseType>,
    /// How its answers may travel; every way when empty (SECURITY R48).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_modes: Vec<ResponseMode>,
    /// What its request objects are signed with; any algorithm of its keys when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<RequestAlg>,
    /// Where its request objects may be fetched from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<WebUri>,
    /// Whether a request without a signed object is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_signed_request_object: bool,
    /// Whether a request that was not pushed is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    /// `max_age` of a request that names none, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Whether its ID tokens must say when the person signed in: all of them do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_auth_time: bool,
    /// `acr_values` of a request that names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// Where a sign-in may be begun from outside (OpenID Connect Core 1.0 section 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<WebUri>,
    /// The services that its tokens may be for, beside this server (RFC 8707).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
}

impl Requests {
    /// Whether it may ask for this.
    pub fn may_ask_for(&self, response_type: ResponseType) -> bool {
        if self.response_types.is_empty() {
            response_type == ResponseType::Code
        } else {
            self.response_types.contains(&response_type)
        }
    }

    /// Whether its answers may travel so.
    pub fn may_answer_by(&self, mode: ResponseMode) -> bool {
        self.response_modes.is_empty() || self.response_modes.contains(&mode)
    }

    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        Self {
            response_types: response_types(new, faults),
            response_modes: words(
                &new.response_modes,
                ("response_modes", ResponseMode::parse),
                faults,
            ),
            request_object_signing_alg: request_alg(new, faults),
            request_uris: request_uris(new, faults),
            require_signed_request_object: new.require_signed_request_object,
            require_pushed_authorization_requests: new.require_pushed_authorization_requests,
            default_max_age: new.default_max_age,
            require_auth_time: new.require_auth_time,
            default_acr_values: acr_values(new, faults),
            initiate_login_uri: faults
                .web_uri("initiate_login_uri", new.initiate_login_uri.as_deref()),
            resources: resources(new, faults),
        }
    }
}

fn response_types(new: &NewClient, faults: &mut Faults) -> Vec<ResponseType> {
    words(
        &new.response_types,
        ("response_types", ResponseType::read),
        faults,
    )
}

/// Known words, each once, in the order of their meaning.
fn words<T: Ord>(
    texts: &[String],
    (field, parse): (&'static str, fn(&str) -> Option<T>),
    faults: &mut Faults,
) -> Vec<T> {
    let mut words = Vec::new();
    for text in texts {
        match parse(text) {
            Some(word) => words.push(word),
            None => faults.add(
                field,
                format!("`{text}` is not supported; discovery lists what is"),
            ),
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}

fn request_alg(new: &NewClient, faults: &mut Faults) -> Option<RequestAlg> {
    let text = new.request_object_signing_alg.as_deref()?;
    let alg = RequestAlg::parse(text);
    if alg.is_none() {
        faults.add(
            "request_object_signing_alg",
            format!("`{text}` is not supported; use RS256, PS256, ES256 or EdDSA"),
        );
    }
    alg
}

/// Without their fragments, which say which version of the object is meant (OpenID Connect Core 1.0 section 6.2).
fn request_uris(new: &NewClient, faults: &mut Faults) -> Vec<WebUri> {
    if new.request_uris.len() > REQUEST_URIS {
        faults.add(
            "request_uris",
            format!("must be at most {REQUEST_URIS} addresses"),
        );
    }
    let mut uris = Vec::new();
    for text in &new.request_uris {
        let (address, _) = text.split_once('#').unwrap_or((text, ""));
        if let Some(uri) = faults.keep("request_uris", WebUri::parse(address))
            && !uris.contains(&uri)
        {
            uris.push(uri);
        }
    }
    uris
}

fn acr_values(new: &NewClient, faults: &mut Faults) -> Vec<String> {
    let values = &new.default_acr_values;
    let is_unfit = |value: &String| {
        value.is_empty() || value.len() > ACR_CHARS || !value.bytes().all(|b| b.is_ascii_graphic())
    };
    if values.len() > ACR_VALUES || values.iter().any(is_unfit) {
        faults.add(
            "default_acr_values",
            format!(
                "must be at most {ACR_VALUES} words of 1 to {ACR_CHARS} printable ASCII characters"
            ),
        );
    }
    values.clone()
}

fn resources(new: &NewClient, faults: &mut Faults) -> Vec<Resource> {
    if new.resources.len() > RESOURCES {
        faults.add("resources", format!("must be at most {RESOURCES} URIs"));
    }
    let mut resources = Vec::new();
    for text in &new.resources {
        if let Some(resource) = faults.keep("resources", Resource::parse(text))
            && !resources.contains(&resource)
        {
            resources.push(resource);
        }
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faulty(change: impl FnOnce(&mut NewClient)) -> Vec<&'static str> {
        let mut new = NewClient {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            ..NewClient::default()
        };
        change(&mut new);
        match new.check() {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.field).collect(),
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn hybrid_answers_are_off_unless_registered() {
        let none = Requests::default();
        assert!(none.may_ask_for(ResponseType::Code));
        assert!(!none.may_ask_for(ResponseType::CodeIdToken));
        assert!(none.may_answer_by(ResponseMode::FormPost));
        let some = Requests {
            response_types: vec![ResponseType::IdToken],
            response_modes: vec![ResponseMode::FormPost],
            ..Requests::default()
        };
        assert!(some.may_ask_for(ResponseType::IdToken));
        assert!(!some.may_ask_for(ResponseType::Code));
        assert!(!some.may_answer_by(ResponseMode::Query));
    }

    #[test]
    fn every_fault_is_named_by_its_field() {
        type Change = fn(&mut NewClient);

        assert_eq!(faulty(|_| {}), Vec::<&str>::new());
        assert_eq!(
            faulty(|new| {
                new.response_types = texts(&["code", "id_token code"]);
                new.response_modes = texts(&["jwt"]);
                new.request_object_signing_alg = Some("PS256".to_owned());
                new.request_uris = texts(&["https://app.example/r#hash"]);
                new.resources = texts(&["https://api.example/"]);
                new.default_acr_values = texts(&["urn:x"]);
            }),
            Vec::<&str>::new()
        );
        let faults: [(Change, &str); 8] = [
            (
                |new| new.response_types = texts(&["token"]),
                "response_types",
            ),
            (
                |new| new.response_modes = texts(&["web_message"]),
                "response_modes",
            ),
            (
                |new| new.request_object_signing_alg = Some("none".to_owned()),
                "request_object_signing_alg",
            ),
            (
                |new| new.request_object_signing_alg = Some("HS256".to_owned()),
                "request_object_signing_alg",
            ),
            (
                |new| new.request_uris = texts(&["http://app.example/r"]),
                "request_uris",
            ),
            (
                |new| new.resources = texts(&["https://api.example/#x"]),
                "resources",
            ),
            (
                |new| new.default_acr_values = texts(&["a b"]),
                "default_acr_values",
            ),
            (
                |new| new.initiate_login_uri = Some("javascript:alert(1)".to_owned()),
                "initiate_login_uri",
            ),
        ];
        for (change, field) in faults {
            assert_eq!(faulty(change), [field]);
        }
    }
}
