//! Web addresses in a client's metadata: its pages, its keys, where it wants to be told of things.

use serde::{Deserialize, Serialize};
use url::Url;

use super::redirect_uri::is_loopback;

/// Longest address, in bytes.
const BYTES: usize = 2_000;

/// An `https` address without user, password and fragment; `http` on a loopback address, for development.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUri(String);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebUri {
    /// No absolute URL, or too long.
    #[error("must be an absolute URL of at most {BYTES} bytes such as `https://app.example/about`")]
    Malformed,
    /// Not https.
    #[error("must begin with `https://` (`http://` only on a loopback address such as 127.0.0.1)")]
    Insecure,
    /// It has a user, a password or a fragment.
    #[error("must have no user, password or fragment")]
    Spare,
}

impl WebUri {
    /// Parses an address. The text is kept as it was given.
    pub fn parse(text: &str) -> Result<Self, InvalidWebUri> {
        if text.len() > BYTES
            || text
                .bytes()
                .any(|byte| byte.is_ascii_control() || byte == b' ')
        {
            return Err(InvalidWebUri::Malformed);
        }
        let url = Url::parse(text).map_err(|_| InvalidWebUri::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(InvalidWebUri::Insecure),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidWebUri::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(InvalidWebUri::Spare);
        }
        Ok(Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WebUri {
    type Error = InvalidWebUri;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<WebUri> for String {
    fn from(uri: WebUri) -> Self {
        uri.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_plain() {
        for (text, expect) in [
            ("https://app.example/about?x=1", None),
            ("http://127.0.0.1:3000/keys", None),
            ("http://localhost/keys", None),
            ("http://app.example/", Some(InvalidWebUri::Insecure)),
            ("javascript:alert(1)", Some(InvalidWebUri::Insecure)),
            ("data:text/html,x", Some(InvalidWebUri::Insecure)),
            ("/about", Some(InvalidWebUri::Malformed)),
            ("https:///x y", Some(InvalidWebUri::Malformed)),
            ("https://a@app.example/", Some(InvalidWebUri::Spare)),
            ("https://app.example/#top", Some(InvalidWebUri::Spare)),
        ] {
            assert_eq!(WebUri::parse(text).err(), expect, "{text}");
        }
        let long = format!("https://app.example/{}", "x".repeat(BYTES));
        assert_eq!(WebUri::parse(&long), Err(InvalidWebUri::Malformed));
    }
}
