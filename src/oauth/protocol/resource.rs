//! Resource indicators (RFC 8707): for which services a token is meant, and so what stands in its `aud` (RFC 9068 section 3).
//!
//! A client may name the resources that are registered for it, and the issuer itself, which stands for Tessera's own APIs and for
//! userinfo; a registration without resources allows the issuer alone. Without `resource` a token is for the issuer. With it, a token is for
//! exactly what was named: one that does not name the issuer is refused at Tessera's own APIs and at userinfo, so that a service that
//! receives it cannot use it there. A client that wants both names both, and narrows at the token endpoint.

use serde::{Deserialize, Serialize};
use url::Url;

use super::audience::Audience;
use super::client::Client;
use super::error::{ErrorCode, Fault, quoted};
use super::own_api;
use super::params::Params;

/// Longest resource, in bytes.
const BYTES: usize = 2_000;
/// Most resources in one request or registration.
pub const RESOURCES: usize = 20;

/// An absolute URI without fragment (RFC 8707 section 2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resource(String);

/// Why a text is no resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an absolute URI in printable ASCII without fragment, at most {BYTES} bytes, such as `https://api.example/`"
)]
pub struct InvalidResource;

impl Resource {
    /// Parses a resource. The text is kept and compared as it was given.
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        let plain = text.len() <= BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plain && !text.contains('#') && Url::parse(text).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidResource)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Resource {
    type Error = InvalidResource;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.0
    }
}

/// What a client may name.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// Registered for it.
    pub registered: &'a [Resource],
    /// The issuer: always allowed.
    pub issuer: &'a str,
}

impl<'a> Allowed<'a> {
    /// What is registered for a client of this issuer.
    pub fn of(client: &'a Client, issuer: &'a str) -> Self {
        Self {
            registered: &client.settings.metadata.requests.resources,
            issuer,
        }
    }

    /// The audience that stands for a named resource; the issuer may be written with the slash that URL libraries put at its end.
    pub(super) fn audience(&self, text: &str) -> Option<String> {
        if text.strip_suffix('/').unwrap_or(text) == self.issuer {
            return Some(self.issuer.to_owned());
        }
        if own_api::is_named(text, self.issuer) {
            return Some(self.issuer.to_owned());
        }
        self.registered
            .iter()
            .any(|resource| resource.as_str() == text)
            .then(|| text.to_owned())
    }
}

/// The audiences that a request names, in its order; none when it names no resource.
pub fn wanted(params: &Params, allowed: Allowed<'_>) -> Result<Vec<String>, Fault> {
    let invalid = |description: String| Fault::new(ErrorCode::InvalidTarget, description);
    let mut audiences = Vec::new();
    for text in params.all("resource") {
        Resource::parse(text)
            .map_err(|error| invalid(format!("the resource {} {error}", quoted(text))))?;
        let audience = allowed.audience(text).ok_or_else(|| {
            invalid(format!(
                "the resource {} is not registered for this client; add it to its `resources`",
                quoted(text)
            ))
        })?;
        if !audiences.contains(&audience) {
            audiences.push(audience);
        }
    }
    if audiences.len() > RESOURCES {
        return Err(invalid(format!(
            "more than {RESOURCES} resources; name fewer"
        )));
    }
    Ok(audiences)
}

/// Whom an access token is for: what a token request names within what was granted, or all of that (RFC 8707 section 2.2). What the
/// client lost since is left out (SECURITY row 9).
pub fn narrowed(
    params: &Params,
    granted: &[String],
    allowed: Allowed<'_>,
) -> Result<Audience, Fault> {
    let invalid = |description: String| Fault::new(ErrorCode::InvalidTarget, description);
    let mut standing: Vec<String> = if granted.is_empty() {
        vec![allowed.issuer.to_owned()]
    } else {
        granted.to_vec()
    };
    standing.retain(|audience| allowed.audience(audience).is_some());
    let wanted = wanted(params, allowed)?;
    if let Some(other) = wanted.iter().find(|audience| !standing.contains(audience)) {
        return Err(invalid(format!(
            "the resource {} was not granted; authorize again and name it there",
            quoted(other)
        )));
    }
    if standing.is_empty() {
        return Err(invalid(
            "no resource of the grant is registered for this client any more; authorize again"
                .to_owned(),
        ));
    }
    Ok(Audience::of(if wanted.is_empty() {
        standing
    } else {
        wanted
    }))
}

/// Whom a client's own token is for.
pub fn of_client(params: &Params, allowed: Allowed<'_>) -> Result<Audience, Fault> {
    let wanted = wanted(params, allowed)?;
    Ok(if wanted.is_empty() {
        allowed.issuer.to_owned().into()
    } else {
        Audience::of(wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example";

    fn registered() -> Vec<Resource> {
        [
            "https://api.example/",
            "https://b.example",
            "urn:example:files",
        ]
        .map(|text| Resource::parse(text).unwrap())
        .to_vec()
    }

    fn params(resources: &[&str]) -> Params {
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(resources.iter().map(|text| ("resource", text)))
            .finish();
        Params::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_resource_is_an_absolute_uri_without_fragment() {
        for (text, valid) in [
            ("https://api.example", true),
            ("https://api.example/v1?x=1", true),
            ("urn:example:files", true),
            ("https://api.example/#part", false),
            ("https://api.example/#", false),
            ("/v1", false),
            ("api", false),
            ("", false),
            ("https://api.example/ x", false),
            ("https://äpi.example/", false),
        ] {
            assert_eq!(Resource::parse(text).is_ok(), valid, "{text}");
        }
    }

    #[track_caller]
    fn check_wanted(resources: &[&str], expect: Option<&[&str]>) {
        let registered = registered();
        let allowed = Allowed {
            registered: &registered,
            issuer: ISSUER,
        };
        let found = wanted(&params(resources), allowed);
        match expect {
            Some(expect) => assert_eq!(found.unwrap(), expect),
            None => assert_eq!(found.unwrap_err().code, ErrorCode::InvalidTarget),
        }
    }

    #[test]
    fn only_what_is_registered_may_be_named() {
        check_wanted(&[], Some(&[]));
        check_wanted(&["https://api.example/"], Some(&["https://api.example/"]));
        check_wanted(
            &[
                "https://b.example",
                "https://api.example/",
                "https://b.example",
            ],
            Some(&["https://b.example", "https://api.example/"]),
        );
        check_wanted(&["https://id.example"], Some(&[ISSUER]));
        check_wanted(&["https://id.example/"], Some(&[ISSUER]));
        check_wanted(
            &["https://id.example/admin/api", "https://id.example/stores"],
            Some(&[ISSUER]),
        );
        check_wanted(&["https://api.example"], None);
        check_wanted(&["https://API.example/"], None);
        check_wanted(&["https://id.example/admin"], None);
        check_wanted(&["https://api.example/", "https://evil.example"], None);
        check_wanted(&["https://b.example#x"], None);
        check_wanted(&["relative"], None);
    }

    #[track_caller]
    fn check_narrowed(granted: &[&str], resources: &[&str], expect: Option<&[&str]>) {
        let registered = registered();
        let allowed = Allowed {
            registered: &registered,
            issuer: ISSUER,
        };
        let granted: Vec<String> = granted.iter().map(|text| (*text).to_owned()).collect();
        let found = narrowed(&params(resources), &granted, allowed);
        match expect {
            Some(expect) => assert_eq!(found.unwrap().as_slice(), expect),
            None => assert_eq!(found.unwrap_err().code, ErrorCode::InvalidTarget),
        }
    }

    #[test]
    fn a_token_is_for_what_was_granted_or_less() {
        check_narrowed(&[], &[], Some(&[ISSUER]));
        check_narrowed(&[], &[ISSUER], Some(&[ISSUER]));
        check_narrowed(&[], &["https://b.example"], None);
        let both = &["https://b.example", "https://api.example/"];
        check_narrowed(both, &[], Some(both));
        check_narrowed(
            both,
            &["https://api.example/"],
            Some(&["https://api.example/"]),
        );
        check_narrowed(both, &[ISSUER], None);
        check_narrowed(both, &["urn:example:files"], None);
        check_narrowed(&["https://gone.example"], &[], None);
        check_narrowed(
            &["https://gone.example", "https://b.example"],
            &[],
            Some(&["https://b.example"]),
        );
    }
}
