//! A trusted issuer: who vouches, with which keys, for whom, to which clients, for how much.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::UserId;
use crate::base::time::Seconds;
use crate::oauth::protocol::client::{ClientId, ClientKeys};
use crate::oauth::protocol::key_set::KeySet;
use crate::oauth::protocol::registration::{Faults, MetadataFault};
use crate::oauth::protocol::scope::{OFFLINE_ACCESS, ScopeSet, TESSERA_ADMIN};
use crate::oauth::protocol::signing::SigningAlgorithm;

/// Longest issuer identifier and subject, in bytes.
const NAME_BYTES: usize = 512;
/// Most clients, and most subjects, of one issuer.
const ENTRIES: usize = 1_000;
/// How old an assertion may be when nothing else is said, in seconds.
const MAX_AGE: u32 = 300;
/// How old it may ever be, in seconds.
const MAX_AGE_MOST: u32 = 3_600;

/// Whom an assertion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A person.
    User(UserId),
    /// A client: the one that sends it, and no other.
    Client(ClientId),
}

impl Party {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("user", id) => UserId::parse(id).ok().map(Self::User),
            ("client", id) => ClientId::parse(id).ok().map(Self::Client),
            _ => None,
        }
    }
}

/// Whom the issuer's subjects stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subjects {
    /// The issuer uses our own user ids: it may vouch for everybody.
    UserIds,
    /// These and nobody else: `sub` -> `user:<id>` or `client:<client_id>`.
    Mapped(BTreeMap<String, String>),
}

/// An issuer whose assertions are grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// What administrators call it; an id in the admin API.
    pub name: String,
    /// Its identifier: `iss`, byte for byte.
    pub issuer: String,
    /// Its keys, given or published.
    #[serde(flatten)]
    pub keys: ClientKeys,
    /// What it may sign with.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The clients that may use its assertions.
    pub clients: Vec<String>,
    /// Most that it vouches for.
    pub scope: ScopeSet,
    /// How old its assertions may be.
    #[serde(with = "seconds")]
    pub max_age_seconds: Seconds,
    /// Whom its subjects stand for.
    pub subjects: Subjects,
}

/// A trusted issuer as it is handed in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewTrustedIssuer {
    /// Its identifier.
    pub issuer: String,
    /// Its public keys, a JWK set.
    pub jwks: Option<Value>,
    /// Where it publishes them.
    pub jwks_uri: Option<String>,
    /// What it may sign with; every asymmetric algorithm that we know when absent.
    pub algorithms: Option<Vec<String>>,
    /// The clients that may use its assertions.
    pub clients: Vec<String>,
    /// Most that it vouches for.
    pub scope: String,
    /// How old its assertions may be, in seconds.
    pub max_age_seconds: Option<u32>,
    /// `user_ids`, or `{"mapped": {"<sub>": "user:<id>"}}`.
    pub subjects: Option<Subjects>,
}

impl TrustedIssuer {
    /// Whether this client may use its assertions.
    pub fn serves(&self, client: &ClientId) -> bool {
        self.clients.iter().any(|id| id == client.as_str())
    }

    /// Whom a `sub` stands for.
    pub fn party(&self, sub: &str) -> Option<Party> {
        match &self.subjects {
            Subjects::UserIds => UserId::parse(sub).ok().map(Party::User),
            Subjects::Mapped(parties) => parties.get(sub).and_then(|party| Party::parse(party)),
        }
    }
}

impl NewTrustedIssuer {
    /// Checks everything; all faults. `own` is our own issuer identifier, which nobody else has.
    pub fn check(&self, name: &str, own: &str) -> Result<TrustedIssuer, Vec<MetadataFault>> {
        let mut faults = Faults::default();
        if ClientId::parse(name).is_err() {
            faults.add(
                "name",
                "must be 1 to 128 characters of `A-Z a-z 0-9 - . _ ~`",
            );
        }
        let plain = self.issuer.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || self.issuer.is_empty() || self.issuer.len() > NAME_BYTES {
            faults.add(
                "issuer",
                format!(
                    "must be the `iss` of its assertions, at most {NAME_BYTES} bytes of printable ASCII"
                ),
            );
        }
        if self.issuer == own {
            faults.add("issuer", "is this server's own; name another");
        }
        let trusted = TrustedIssuer {
            name: name.to_owned(),
            issuer: self.issuer.clone(),
            keys: self.keys(&mut faults),
            algorithms: self.algorithms(&mut faults),
            clients: self.clients(&mut faults),
            scope: self.scope(&mut faults),
            max_age_seconds: self.max_age(&mut faults),
            subjects: self.subjects(&mut faults),
        };
        let faults = faults.into_list();
        if faults.is_empty() {
            Ok(trusted)
        } else {
            Err(faults)
        }
    }

    fn keys(&self, faults: &mut Faults) -> ClientKeys {
        let jwks = self.jwks.as_ref().filter(|value| !value.is_null());
        let has_uri = self.jwks_uri.as_deref().is_some_and(|uri| !uri.is_empty());
        if jwks.is_some() == has_uri {
            faults.add("jwks", "exactly one of jwks and jwks_uri is given");
        }
        ClientKeys {
            jwks: jwks.and_then(|value| faults.keep("jwks", KeySet::parse(value))),
            jwks_uri: faults.web_uri("jwks_uri", self.jwks_uri.as_deref()),
            ..ClientKeys::default()
        }
    }

    fn algorithms(&self, faults: &mut Faults) -> Vec<SigningAlgorithm> {
        let Some(texts) = &self.algorithms else {
            return SigningAlgorithm::ALL.to_vec();
        };
        let known: Vec<SigningAlgorithm> = texts
            .iter()
            .filter_map(|text| SigningAlgorithm::parse(text))
            .collect();
        if known.is_empty() || known.len() != texts.len() {
            faults.add(
                "algorithms",
                "must be some of RS256, PS256, ES256 and EdDSA",
            );
        }
        known
    }

    fn clients(&self, faults: &mut Faults) -> Vec<String> {
        if self.clients.is_empty() || self.clients.len() > ENTRIES {
            faults.add(
                "clients",
                format!("must name 1 to {ENTRIES} clients that may use the assertions"),
            );
        }
        for id in &self.clients {
            let parsed = ClientId::parse(id).map_err(|error| format!("`{id}` {error}"));
            faults.keep("clients", parsed);
        }
        self.clients.clone()
    }

    fn scope(&self, faults: &mut Faults) -> ScopeSet {
        let scope = faults
            .keep("scope", ScopeSet::parse(&self.scope))
            .unwrap_or_default();
        // Its word would make administrators, and tokens without an end.
        for never in [TESSERA_ADMIN, OFFLINE_ACCESS] {
            if scope.contains(never) {
                faults.add(
                    "scope",
                    format!("`{never}` is for nobody else to vouch for; leave it out"),
                );
            }
        }
        scope
    }

    fn max_age(&self, faults: &mut Faults) -> Seconds {
        let seconds = self.max_age_seconds.unwrap_or(MAX_AGE);
        if !(1..=MAX_AGE_MOST).contains(&seconds) {
            faults.add("max_age_seconds", format!("must be 1 to {MAX_AGE_MOST}"));
        }
        Seconds::new(i64::from(seconds))
    }

    fn subjects(&self, faults: &mut Faults) -> Subjects {
        let Some(subjects) = self.subjects.clone() else {
            faults.add(
                "subjects",
                "must say whom a `sub` stands for: `user_ids`, or `{\"mapped\": {\"<sub>\": \"user:<id>\"}}`",
            );
            return Subjects::Mapped(BTreeMap::new());
        };
        if let Subjects::Mapped(parties) = &subjects {
            if parties.is_empty() || parties.len() > ENTRIES {
                faults.add("subjects", format!("must map 1 to {ENTRIES} subjects"));
            }
            for (sub, party) in parties {
                if sub.is_empty() || sub.len() > NAME_BYTES || Party::parse(party).is_none() {
                    faults.add(
                        "subjects",
                        format!(
                            "`{sub}` is mapped to `{party}`; write `user:<user id>` or `client:<client_id>`"
                        ),
                    );
                }
            }
        }
        subjects
    }
}

/// A length of time as a number of seconds.
mod seconds {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::base::time::Seconds;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the shape that serde asks for"
    )]
    pub fn serialize<S: Serializer>(length: &Seconds, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(length.get())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        i64::deserialize(deserializer).map(Seconds::new)
    }
}
