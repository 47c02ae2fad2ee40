//! What a client calls people: by the same name as everybody, or by one that only its sector has (OpenID Connect Core 1.0
//! section 8).
//!
//! The sector is the host of `sector_identifier_uri`, or else the one host of the client's redirect URIs; a client without any
//! has the host of its `jwks_uri` (OpenID Connect CIBA Core 1.0 section 4). Fetching the document is `oauth/sector.rs`'s.

use serde::{Deserialize, Serialize};
use url::Url;

use super::words;
use crate::oauth::protocol::redirect_uri::is_loopback;
use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::web_uri::WebUri;

words! {
    /// Who else knows a person by the same subject.
    SubjectType {
        /// Every client.
        Public = "public",
        /// The clients of the same sector.
        Pairwise = "pairwise",
    }
}

/// How people are called before this client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    /// `public` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// A JSON array of the redirect URIs of every client of the sector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<WebUri>,
}

impl Subject {
    /// Whether only the sector knows people by these subjects.
    pub fn is_pairwise(&self) -> bool {
        self.subject_type == Some(SubjectType::Pairwise)
    }

    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let subject_type = new.subject_type.as_deref().and_then(|text| {
            let parsed = SubjectType::parse(text);
            if parsed.is_none() {
                faults.add(
                    "subject_type",
                    format!("`{text}` is not supported; use public or pairwise"),
                );
            }
            parsed
        });
        let sector_identifier_uri = faults.web_uri(
            "sector_identifier_uri",
            new.sector_identifier_uri.as_deref(),
        );
        let pairwise = subject_type == Some(SubjectType::Pairwise);
        if pairwise && new.sector_identifier_uri.is_none() && common_host(&named(new)).is_none() {
            faults.add(
                "sector_identifier_uri",
                "is needed for pairwise subjects, because the redirect URIs do not have one web host in common",
            );
        }
        Self {
            subject_type,
            sector_identifier_uri,
        }
    }
}

/// The addresses that make a client one of its sector: its redirect URIs, or else where it publishes its keys.
pub fn named(new: &NewClient) -> Vec<&str> {
    of_sector(
        new.redirect_uris.iter().map(String::as_str),
        new.jwks_uri.as_deref(),
    )
}

/// The same of any client.
pub fn of_sector<'a>(
    redirect_uris: impl Iterator<Item = &'a str>,
    jwks_uri: Option<&'a str>,
) -> Vec<&'a str> {
    let redirect_uris: Vec<&str> = redirect_uris.collect();
    if redirect_uris.is_empty() {
        jwks_uri.into_iter().collect()
    } else {
        redirect_uris
    }
}

/// The host that all of these have; none when they differ, or when one is no web address of one owner: a private-use scheme, or
/// the person's own machine.
pub fn common_host(uris: &[&str]) -> Option<String> {
    let mut hosts = uris.iter().map(|uri| host(uri));
    let first = hosts.next()??;
    hosts
        .all(|host| host.as_ref() == Some(&first))
        .then_some(first)
}

/// The host of a web address beyond this machine.
pub fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http") && !is_loopback(&url);
    url.host_str().filter(|_| is_web).map(str::to_owned)
}

/// Whether the document at `sector_identifier_uri` is an array of texts that names all of these.
pub fn lists_all(document: &[u8], uris: &[&str]) -> bool {
    serde_json::from_slice::<Vec<String>>(document).is_ok_and(|listed| {
        uris.iter()
            .all(|uri| listed.iter().any(|listed| listed == uri))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(change: impl FnOnce(&mut NewClient)) -> Vec<&'static str> {
        let mut new = NewClient {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            subject_type: Some("pairwise".to_owned()),
            ..NewClient::default()
        };
        change(&mut new);
        let faults = new.check().err().unwrap_or_default();
        faults.iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn pairwise_needs_one_host_or_a_document() {
        let uris = |uris: &[&str]| {
            let uris: Vec<String> = uris.iter().map(|uri| (*uri).to_owned()).collect();
            faults_of(|new| new.redirect_uris = uris)
        };
        let none: [&str; 0] = [];
        assert_eq!(uris(&["https://app.example/cb"]), none);
        assert_eq!(
            uris(&["https://app.example/a", "https://app.example:8443/b"]),
            none
        );
        for several in [
            &["https://app.example/cb", "https://other.example/cb"][..],
            &["com.example.app:/cb"],
            &["http://127.0.0.1/cb"],
            &["https://app.example/cb", "com.example.app:/cb"],
        ] {
            assert_eq!(uris(several), ["sector_identifier_uri"], "{several:?}");
        }
        let with_document = faults_of(|new| {
            new.redirect_uris
                .push("https://other.example/cb".to_owned());
            new.sector_identifier_uri = Some("https://app.example/sector.json".to_owned());
        });
        assert_eq!(with_document, none);
        assert_eq!(
            faults_of(|new| new.sector_identifier_uri = Some("http://app.example/".to_owned())),
            ["sector_identifier_uri"]
        );
        assert_eq!(
            faults_of(|new| new.subject_type = Some("private".to_owned())),
            ["subject_type"]
        );
    }

    #[test]
    fn a_document_names_every_redirect_uri_letter_by_letter() {
        let uris = ["https://a.example/cb", "https://b.example/cb"];
        for (document, expect) in [
            (
                r#"["https://b.example/cb","https://a.example/cb","x"]"#,
                true,
            ),
            (r#"["https://a.example/cb"]"#, false),
            (r#"["https://a.example/cb","https://b.example/cb/"]"#, false),
            (
                r#"["https://a.example/cb","https://b.example/cb",1]"#,
                false,
            ),
            (r#"{"redirect_uris":[]}"#, false),
            ("", false),
        ] {
            assert_eq!(lists_all(document.as_bytes(), &uris), expect, "{document}");
        }
    }
}
