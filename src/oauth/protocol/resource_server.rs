//! Resource servers: what the services that tokens are for (RFC 8707) want of their access tokens, and what follows for one token.
//!
//! A service that nobody registered gets what every service got before there was a registry: a JWT, signed with RS256 (or what the profile
//! of the client asks for), for as long as the configuration says, with every scope that the client was given. One token has one form: services that want different ones are asked for
//! one by one. Lifetimes and scopes only ever become less.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::client::{ClientId, words};
use super::error::{ErrorCode, Fault, quoted};
use super::registration::{Faults, MetadataFault};
use super::resource::Resource;
use super::scope::{OFFLINE_ACCESS, OPENID, ScopeSet};
use super::signing::SigningAlgorithm;
use crate::base::time::Seconds;

/// Longest name, in characters.
const NAME_CHARS: usize = 100;
/// Shortest and longest lifetime of an access token, in seconds: the configuration's own bounds.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 30..=86_400;
/// Most clients that may ask about a service's tokens.
const INTROSPECTION_CLIENTS: usize = 50;

words! {
    /// What an access token looks like to the service that receives it.
    AccessTokenFormat {
        /// It says everything itself, signed (RFC 9068).
        Jwt = "jwt",
        /// It says nothing; the service asks (RFC 7662).
        Opaque = "opaque",
    }
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceServer {
    /// What requests call it and what stands in `aud`.
    pub identifier: Resource,
    /// What people call it.
    pub name: String,
    /// What its access tokens look like.
    pub access_token_format: AccessTokenFormat,
    /// The scopes that mean something there; every scope when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// How long its access tokens live at most, in seconds; as long as the configuration says when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_ttl_seconds: Option<i64>,
    /// What signs its JWTs; `RS256` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_signing_alg: Option<SigningAlgorithm>,
    /// The clients that may ask about its tokens; any client that authenticates when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub introspection_clients: Vec<ClientId>,
}

/// A service as it is handed in: by the setup file and the admin API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewResourceServer {
    /// An absolute URI without fragment.
    pub identifier: String,
    /// The identifier when absent.
    pub name: Option<String>,
    /// `jwt` when absent.
    pub access_token_format: Option<String>,
    /// Every scope when absent.
    pub scope: Option<String>,
    /// In seconds; as long as the configuration says when absent.
    pub access_token_ttl_seconds: Option<i64>,
    /// `RS256` when absent.
    pub access_token_signing_alg: Option<String>,
    /// Any client that authenticates when empty.
    pub introspection_clients: Vec<String>,
}

impl NewResourceServer {
    /// Checks everything; all faults, in the order of the fields.
    pub fn check(&self) -> Result<ResourceServer, Vec<MetadataFault>> {
        let mut faults = Faults::default();
        let identifier = faults.keep("identifier", Resource::parse(&self.identifier));
        let name = self.name.as_deref().unwrap_or(&self.identifier).trim();
        if name.is_empty()
            || name.chars().any(char::is_control)
            || (self.name.is_some() && name.chars().count() > NAME_CHARS)
        {
            let message = format!("must be 1 to {NAME_CHARS} characters on one line");
            faults.add("name", message);
        }
        let format = self.format(&mut faults);
        let scope = self.scope.as_deref().map(ScopeSet::parse);
        let scope = scope.and_then(|scope| faults.keep("scope", scope));
        if scope.as_ref().is_some_and(ScopeSet::is_empty) {
            faults.add(
                "scope",
                "must name a scope; leave it out to allow every one",
            );
        }
        if let Some(seconds) = self.access_token_ttl_seconds
            && !TTL_SECONDS.contains(&seconds)
        {
            let (least, most) = (TTL_SECONDS.start(), TTL_SECONDS.end());
            let message = format!("must be from {least} to {most}");
            faults.add("access_token_ttl_seconds", message);
        }
        let alg = self.alg(format, &mut faults);
        let introspection_clients = self.clients(&mut faults);
        match identifier {
            Some(identifier) if faults.is_empty() => Ok(ResourceServer {
                identifier,
                name: name.to_owned(),
                access_token_format: format,
                scope,
                access_token_ttl_seconds: self.access_token_ttl_seconds,
                access_token_signing_alg: alg,
                introspection_clients,
            }),
            Some(_) | None => Err(faults.into_list()),
        }
    }

    fn format(&self, faults: &mut Faults) -> AccessTokenFormat {
        let text = self.access_token_format.as_deref().unwrap_or("jwt");
        AccessTokenFormat::parse(text).unwrap_or_else(|| {
            let message = format!("{} is unknown; use jwt or opaque", quoted(text));
            faults.add("access_token_format", message);
            AccessTokenFormat::Jwt
        })
    }

    fn alg(&self, format: AccessTokenFormat, faults: &mut Faults) -> Option<SigningAlgorithm> {
        const FIELD: &str = "access_token_signing_alg";
        let text = self.access_token_signing_alg.as_deref()?;
        let alg = SigningAlgorithm::parse(text);
        if alg.is_none() {
            let known: Vec<&str> = SigningAlgorithm::ALL
                .iter()
                .map(|one| one.as_str())
                .collect();
            let message = format!("{} is unknown; use {}", quoted(text), known.join(", "));
            faults.add(FIELD, message);
        }
        if format == AccessTokenFormat::Opaque {
            faults.add(
                FIELD,
                "an opaque token is not signed; remove one of the two",
            );
        }
        alg
    }

    fn clients(&self, faults: &mut Faults) -> Vec<ClientId> {
        const FIELD: &str = "introspection_clients";
        if self.introspection_clients.len() > INTROSPECTION_CLIENTS {
            faults.add(
                FIELD,
                format!("must be at most {INTROSPECTION_CLIENTS} ids"),
            );
        }
        let texts = self.introspection_clients.iter();
        let mut clients: Vec<ClientId> = texts
            .filter_map(|text| faults.keep(FIELD, ClientId::parse(text)))
            .collect();
        clients.sort_unstable();
        clients.dedup();
        clients
    }
}

impl ResourceServer {
    /// What signs its JWTs.
    pub fn signing(&self) -> SigningAlgorithm {
        self.access_token_signing_alg
            .unwrap_or(SigningAlgorithm::DEFAULT)
    }

    fn form(&self, otherwise: SigningAlgorithm) -> Form {
        match self.access_token_format {
            AccessTokenFormat::Jwt => Form::Jwt(self.access_token_signing_alg.unwrap_or(otherwise)),
            AccessTokenFormat::Opaque => Form::Opaque,
        }
    }
}

/// What one access token looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Signed with this algorithm.
    Jwt(SigningAlgorithm),
    /// A secret that stands for what is kept here.
    Opaque,
}

/// What holds where no service said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Unsaid {
    /// How long a token lives.
    pub lifetime: Seconds,
    /// What signs it.
    pub signing: SigningAlgorithm,
}

/// What one access token must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// What it looks like.
    pub form: Form,
    /// How long it lives.
    pub lifetime: Seconds,
    /// Most that it may have; no bound when absent.
    pub scope: Option<ScopeSet>,
}

impl TokenRules {
    /// The rules of a token for `audience`, of which `servers` are registered. The issuer, where nobody registered it, takes any form:
    /// it reads its own tokens.
    pub fn of(
        (audience, issuer): (&Audience, &str),
        servers: &[ResourceServer],
        otherwise: Unsaid,
    ) -> Result<Self, Fault> {
        let find = |identifier: &str| {
            servers
                .iter()
                .find(|server| server.identifier.as_str() == identifier)
        };
        let mut form: Option<(Form, &str)> = None;
        let mut scope = Some(ScopeSet::default());
        let mut lifetime = otherwise.lifetime;
        for identifier in audience.as_slice() {
            let server = find(identifier);
            let allowed = server.and_then(|server| server.scope.as_ref());
            scope = scope.zip(allowed).map(|(all, more)| all.union(more));
            if let Some(seconds) = server.and_then(|server| server.access_token_ttl_seconds) {
                lifetime = lifetime.min(Seconds::new(seconds));
            }
            let wanted = match server {
                Some(server) => server.form(otherwise.signing),
                None if identifier == issuer => continue,
                None => Form::Jwt(otherwise.signing),
            };
            match form {
                Some((settled, first)) if settled != wanted => {
                    return Err(disagree(first, identifier));
                }
                Some(_) => {}
                None => form = Some((wanted, identifier)),
            }
        }
        Ok(Self {
            form: form.map_or(Form::Jwt(otherwise.signing), |(form, _)| form),
            lifetime,
            scope,
        })
    }

    /// What the token may have of `scope`. What speaks of the person's sign-in and not of a service stays.
    pub fn scope_within(&self, scope: &ScopeSet) -> Result<ScopeSet, Fault> {
        let Some(allowed) = &self.scope else {
            return Ok(scope.clone());
        };
        let of_the_sign_in = [OPENID, OFFLINE_ACCESS].join(" ");
        let of_the_sign_in = ScopeSet::parse(&of_the_sign_in).unwrap_or_default();
        let within = scope.intersection(&allowed.union(&of_the_sign_in));
        if within.is_empty() && !scope.is_empty() {
            return Err(Fault::new(
                ErrorCode::InvalidScope,
                format!(
                    "none of the scopes means anything at the resource; ask for some of `{allowed}`"
                ),
            ));
        }
        Ok(within)
    }
}

fn disagree(one: &str, other: &str) -> Fault {
    Fault::new(
        ErrorCode::InvalidTarget,
        format!(
            "the resources {} and {} take access tokens of different forms; ask for one at a time",
            quoted(one),
            quoted(other)
        ),
    )
}

/// Whether a client may learn what a token for `audience` says: one of the services that it is for must take its questions.
pub fn may_introspect(client: &ClientId, audience: &Audience, servers: &[ResourceServer]) -> bool {
    audience.as_slice().iter().any(|identifier| {
        let mut registered = servers.iter();
        registered
            .find(|server| server.identifier.as_str() == identifier)
            .is_none_or(|server| {
                server.introspection_clients.is_empty()
                    || server.introspection_clients.contains(client)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example";
    const DAY: Unsaid = Unsaid {
        lifetime: Seconds::new(86_400),
        signing: SigningAlgorithm::DEFAULT,
    };

    fn server(identifier: &str, change: impl FnOnce(&mut NewResourceServer)) -> ResourceServer {
        let mut new = NewResourceServer {
            identifier: identifier.to_owned(),
            ..NewResourceServer::default()
        };
        change(&mut new);
        new.check().unwrap()
    }

    fn servers() -> Vec<ResourceServer> {
        vec![
            server("urn:jwt", |new| {
                new.scope = Some("read write".to_owned());
            }),
            server("urn:es256", |new| {
                new.access_token_signing_alg = Some("ES256".to_owned());
                new.access_token_ttl_seconds = Some(60);
            }),
            server("urn:opaque", |new| {
                new.access_token_format = Some("opaque".to_owned());
                new.scope = Some("pay".to_owned());
                new.introspection_clients = vec!["bank".to_owned()];
            }),
            server("urn:opaque-too", |new| {
                new.access_token_format = Some("opaque".to_owned());
                new.access_token_ttl_seconds = Some(90);
            }),
        ]
    }

    fn audience(list: &[&str]) -> Audience {
        Audience::of(list.iter().map(|one| (*one).to_owned()).collect())
    }

    #[track_caller]
    fn check(list: &[&str], expect: Result<(Form, i64, Option<&str>), ErrorCode>) {
        let found = TokenRules::of((&audience(list), ISSUER), &servers(), DAY);
        let expect = expect.map(|(form, lifetime, scope)| TokenRules {
            form,
            lifetime: Seconds::new(lifetime),
            scope: scope.map(|text| ScopeSet::parse(text).unwrap()),
        });
        assert_eq!(found.map_err(|fault| fault.code), expect, "{list:?}");
    }

    #[test]
    fn a_token_is_what_all_of_its_audience_takes() {
        let rs256 = Form::Jwt(SigningAlgorithm::Rs256);
        let es256 = Form::Jwt(SigningAlgorithm::Es256);
        check(&[ISSUER], Ok((rs256, 86_400, None)));
        check(&["urn:unknown"], Ok((rs256, 86_400, None)));
        check(&["urn:jwt"], Ok((rs256, 86_400, Some("read write"))));
        check(&["urn:jwt", "urn:unknown"], Ok((rs256, 86_400, None)));
        check(&["urn:es256"], Ok((es256, 60, None)));
        check(&["urn:opaque"], Ok((Form::Opaque, 86_400, Some("pay"))));
        check(&[ISSUER, "urn:opaque"], Ok((Form::Opaque, 86_400, None)));
        check(
            &["urn:opaque", "urn:opaque-too"],
            Ok((Form::Opaque, 90, None)),
        );
        check(&["urn:es256", ISSUER], Ok((es256, 60, None)));
        for mixed in [
            ["urn:jwt", "urn:opaque"],
            ["urn:opaque", "urn:unknown"],
            ["urn:es256", "urn:jwt"],
            ["urn:unknown", "urn:es256"],
        ] {
            check(&mixed, Err(ErrorCode::InvalidTarget));
        }
    }

    #[test]
    fn the_issuer_may_be_registered_like_any_other() {
        let own = server(ISSUER, |new| {
            new.access_token_format = Some("opaque".to_owned());
        });
        let rules = TokenRules::of((&audience(&[ISSUER]), ISSUER), &[own], DAY).unwrap();
        assert_eq!(rules.form, Form::Opaque);
    }

    #[test]
    fn a_client_with_an_algorithm_of_its_own_gets_it_where_no_service_chose() {
        let es256 = Unsaid {
            signing: SigningAlgorithm::Es256,
            ..DAY
        };
        for list in [
            &[ISSUER][..],
            &["urn:unknown"],
            &["urn:jwt"],
            &["urn:es256", "urn:jwt", ISSUER],
        ] {
            let rules = TokenRules::of((&audience(list), ISSUER), &servers(), es256).unwrap();
            assert_eq!(rules.form, Form::Jwt(SigningAlgorithm::Es256), "{list:?}");
        }
        let chosen = server("urn:rs256", |new| {
            new.access_token_signing_alg = Some("RS256".to_owned());
        });
        let rules = TokenRules::of((&audience(&["urn:rs256"]), ISSUER), &[chosen], es256);
        assert_eq!(rules.unwrap().form, Form::Jwt(SigningAlgorithm::Rs256));
    }

    #[test]
    fn a_lifetime_never_becomes_longer() {
        let rules = TokenRules::of(
            (&audience(&["urn:opaque-too"]), ISSUER),
            &servers(),
            Unsaid {
                lifetime: Seconds::new(40),
                ..DAY
            },
        );
        assert_eq!(rules.unwrap().lifetime, Seconds::new(40));
    }

    #[test]
    fn scopes_are_those_that_mean_something_there() {
        let rules = TokenRules::of((&audience(&["urn:jwt"]), ISSUER), &servers(), DAY).unwrap();
        for (scope, expect) in [
            ("read pay", Ok("read")),
            (
                "openid offline_access profile write",
                Ok("offline_access openid write"),
            ),
            ("", Ok("")),
            ("pay", Err(ErrorCode::InvalidScope)),
        ] {
            let within = rules.scope_within(&ScopeSet::parse(scope).unwrap());
            let within = within.map(|scope| scope.to_string());
            let expect = expect.map(str::to_owned);
            assert_eq!(within.map_err(|fault| fault.code), expect, "{scope}");
        }
    }

    #[test]
    fn who_is_not_asked_by_a_service_learns_nothing_of_its_tokens() {
        for (client, list, expect) in [
            ("bank", &["urn:opaque"][..], true),
            ("shop", &["urn:opaque"], false),
            ("shop", &["urn:opaque", "urn:opaque-too"], true),
            ("shop", &["urn:jwt"], true),
            ("shop", &["urn:unknown"], true),
            ("shop", &[ISSUER], true),
            ("shop", &[], false),
        ] {
            let client_id = ClientId::parse(client).unwrap();
            let found = may_introspect(&client_id, &audience(list), &servers());
            assert_eq!(found, expect, "{client} {list:?}");
        }
    }

    #[test]
    fn every_fault_is_named() {
        let new = NewResourceServer {
            identifier: "relative#x".to_owned(),
            name: Some("a\nb".to_owned()),
            access_token_format: Some("opaque".to_owned()),
            scope: Some(String::new()),
            access_token_ttl_seconds: Some(29),
            access_token_signing_alg: Some("none".to_owned()),
            introspection_clients: vec!["a b".to_owned()],
        };
        let faults = new.check().unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "identifier",
                "name",
                "scope",
                "access_token_ttl_seconds",
                "access_token_signing_alg",
                "access_token_signing_alg",
                "introspection_clients",
            ]
        );
        let unknown = NewResourceServer {
            identifier: "urn:x".to_owned(),
            access_token_format: Some("xml".to_owned()),
            access_token_ttl_seconds: Some(86_401),
            ..NewResourceServer::default()
        };
        let faults = unknown.check().unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["access_token_format", "access_token_ttl_seconds"]);
    }
}
