//! Redirect URIs: what may be registered, and the one comparison (RFC 9700 section 2.1, RFC 8252 sections 7 and 8).
//!
//! Schemes are an allow-list, at registration and whenever a stored URI is read again: `https`; `http` on loopback only
//! (`127.0.0.1`, `[::1]`, `localhost`), since over plain HTTP to any other host the code travels readable; and private-use schemes, which carry a
//! dot (`com.example.app`), so that `javascript:` or `data:` can never be one. The comparison is byte for byte; only the
//! port of a loopback IP literal is free, because a native app learns its port when it starts. `localhost` has no such exception: it may resolve
//! to something else.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

/// Longest redirect URI, in bytes.
const REDIRECT_URI_BYTES: usize = 2_048;
/// `http` origins without a port whose port is free.
const LOOPBACK_LITERALS: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// A URI that an answer may be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

/// Why a text may not be registered as a redirect URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Not an absolute URI in printable ASCII.
    #[error(
        "`{0}` is not an absolute URI in printable ASCII; write it like `https://app.example/callback`"
    )]
    Malformed(String),
    /// The scheme is not on the list.
    #[error(
        "the scheme of `{0}` is not allowed; use https, http on 127.0.0.1, [::1] or localhost, or a private-use scheme with a dot"
    )]
    Scheme(String),
    /// It has a fragment (RFC 6749 section 3.1.2).
    #[error("`{0}` has a fragment; remove the `#` and what follows")]
    Fragment(String),
    /// It has a user name or password.
    #[error("`{0}` has a user name; remove everything between `//` and `@`")]
    UserInfo(String),
    /// It has a wildcard.
    #[error("`{0}` has a wildcard in its host; register every URI by itself")]
    Wildcard(String),
    /// It has another canonical form.
    #[error("`{given}` is not in its canonical form; write `{canonical}`")]
    NotCanonical {
        /// What was given.
        given: String,
        /// What a browser would make of it.
        canonical: String,
    },
}

impl RedirectUri {
    /// Parses a URI for registration. Only the form that a URL parser leaves unchanged passes: no `..`, no default
    /// port, no capital in the host, no backslash, so that no later parser can read it otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let malformed = || InvalidRedirectUri::Malformed(text.chars().take(200).collect());
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() > REDIRECT_URI_BYTES || !printable || text.contains('\\') {
            return Err(malformed());
        }
        let url = Url::parse(text).map_err(|_| malformed())?;
        if text.contains('#') {
            return Err(InvalidRedirectUri::Fragment(text.to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidRedirectUri::UserInfo(text.to_owned()));
        }
        if !is_allowed_scheme(&url) {
            return Err(InvalidRedirectUri::Scheme(text.to_owned()));
        }
        if url.host_str().is_some_and(|host| host.contains('*')) {
            return Err(InvalidRedirectUri::Wildcard(text.to_owned()));
        }
        // `https://app.example` means `https://app.example/`; both are common and compared as written.
        if url.as_str() != text && url.as_str().strip_suffix('/') != Some(text) {
            return Err(InvalidRedirectUri::NotCanonical {
                given: text.to_owned(),
                canonical: url.into(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a request may name `presented` where this URI is registered.
    pub fn matches(&self, presented: &str) -> bool {
        self.0 == presented || self.matches_on_another_port(presented)
    }

    /// RFC 8252 section 7.3. Works on the text alone: the host must be followed by a port or the registered rest itself.
    fn matches_on_another_port(&self, presented: &str) -> bool {
        LOOPBACK_LITERALS.iter().any(|origin| {
            match (self.0.strip_prefix(origin), presented.strip_prefix(origin)) {
                (Some(registered), Some(presented)) => without_port(registered)
                    .zip(without_port(presented))
                    .is_some_and(|(registered, presented)| registered == presented),
                _ => false,
            }
        })
    }

    /// The URI as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The web origin that the answer goes to, when the scheme has origins: for CORS and for `form-action`.
    pub fn origin(&self) -> Option<String> {
        origin_of(&self.0)
    }

    /// Whether the URI belongs to an app on the person's own device: a private-use scheme or loopback.
    pub fn is_native(&self) -> bool {
        !self.0.starts_with("https:")
    }
}

/// The origin of an `http` or `https` URI.
pub fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Adds parameters to a URI's query, keeping the one it has.
pub fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = uri.to_owned();
    let mut separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        text.push_str(separator);
        text.push_str(name);
        text.push('=');
        text.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        separator = "&";
    }
    text
}

/// Puts parameters into a URI's fragment. A redirect URI has none (RFC 6749 section 3.1.2).
pub fn with_fragment(uri: &str, parameters: &[(&str, &str)]) -> String {
    let fragment = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    format!("{uri}#{fragment}")
}

fn is_allowed_scheme(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        scheme => scheme.contains('.'),
    }
}

/// Whether the host is this machine: what is sent there over plain HTTP does not leave it.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What follows an optional port; `None` when a colon is followed by no port.
fn without_port(after_host: &str) -> Option<&str> {
    let Some(numbered) = after_host.strip_prefix(':') else {
        return Some(after_host);
    };
    let digits = numbered.bytes().take_while(u8::is_ascii_digit).count();
    let (port, rest) = numbered.split_at_checked(digits)?;
    port.parse::<u16>().ok().filter(|port| *port != 0)?;
    Some(rest)
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for (text, allowed) in [
            ("https://app.example/cb", true),
            ("https://app.example", true),
            ("https://app.example/cb?x=1", true),
            ("https://app.example:8443/cb", true),
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:9000/cb", true),
            ("http://[::1]:9000/cb", true),
            ("http://localhost:3000/cb", true),
            ("com.example.app:/cb", true),
            ("com.example.app://cb", true),
            ("http://app.example/cb", false),
            ("http://127.0.0.2/cb", false),
            ("http://localhost.evil.example/cb", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("vbscript:x", false),
            ("file:///etc/passwd", false),
            ("app:/cb", false),
            ("https://app.example/cb#", false),
            ("https://app.example/cb#x", false),
            ("https://user@app.example/cb", false),
            ("https://user:pw@app.example/cb", false),
            ("https://app.example/a/../cb", false),
            ("https://app.example/%2e%2e/cb", false),
            ("https://app.example:443/cb", false),
            ("https://APP.example/cb", false),
            ("HTTPS://app.example/cb", false),
            ("https:\\\\app.example\\cb", false),
            ("https:/app.example/cb", false),
            ("https://*.app.example/cb", false),
            ("https://app.example/c b", false),
            ("https://äpp.example/cb", false),
            ("/cb", false),
            ("//app.example/cb", false),
            ("", false),
            (" https://app.example/cb", false),
        ] {
            assert_eq!(RedirectUri::parse(text).is_ok(), allowed, "{text}");
        }
    }

    #[track_caller]
    fn check(registered: &str, presented: &str, expect: bool) {
        let registered = RedirectUri::parse(registered).unwrap();
        assert_eq!(
            registered.matches(presented),
            expect,
            "{registered} {presented}"
        );
    }

    #[test]
    fn only_the_port_of_a_loopback_literal_is_free() {
        check("https://app.example/cb", "https://app.example/cb", true);
        check("https://app.example/cb", "https://app.example/CB", false);
        check(
            "https://app.example/cb",
            "https://app.example:443/cb",
            false,
        );
        check("https://app.example", "https://app.example/", false);
        check("http://127.0.0.1/cb", "http://127.0.0.1:5123/cb", true);
        check("http://127.0.0.1:9000/cb", "http://127.0.0.1/cb", true);
        check("http://[::1]/cb", "http://[::1]:5123/cb", true);
        check("http://127.0.0.1", "http://127.0.0.1:5123", true);
        check("http://127.0.0.1/cb", "http://[::1]/cb", false);
        check("http://127.0.0.1/cb", "https://127.0.0.1/cb", false);
        check(
            "http://localhost:3000/cb",
            "http://localhost:3001/cb",
            false,
        );
        check(
            "http://127.0.0.1/cb",
            "http://127.0.0.1:80@evil.example/cb",
            false,
        );
        check(
            "http://127.0.0.1",
            "http://127.0.0.1:80@evil.example",
            false,
        );
        check("http://127.0.0.1", "http://127.0.0.1.evil.example", false);
        check("http://127.0.0.1", "http://127.0.0.1@evil.example", false);
        check("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false);
        check("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false);
        check("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false);
        check("http://127.0.0.1/cb", "http://127.0.0.1:80/../cb", false);
    }

    #[test]
    fn parameters_join_the_query() {
        for (uri, expect) in [
            (
                "https://a.example/cb",
                "https://a.example/cb?code=1+2&state=%26",
            ),
            (
                "https://a.example/cb?x=1",
                "https://a.example/cb?x=1&code=1+2&state=%26",
            ),
            (
                "https://a.example/cb?",
                "https://a.example/cb?code=1+2&state=%26",
            ),
        ] {
            assert_eq!(with_query(uri, &[("code", "1 2"), ("state", "&")]), expect);
        }
    }
}
