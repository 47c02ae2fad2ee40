//! How a kind of value is read, and how it is written in TOML.

use std::path::PathBuf;

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::check::issuer_fault;
use super::draft::Draft;
use super::given::Given;
use super::keys::{Key, Kind};
use super::{LogFormat, RegistrationPolicy};
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::oauth::protocol::resource::Resource;
use crate::oauth::protocol::scope::{ScopeSet, TESSERA_ADMIN};
use crate::oauth::protocol::software_statement::StatementIssuer;
use crate::store::seal::MasterKey;

/// What stands in the place of a secret.
const HIDDEN: &str = "hidden";

/// A value in TOML, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The value itself.
    Whole(String),
    /// The value with its secrets replaced; not to be loaded again.
    Hidden(String),
}

impl Key {
    /// Reads a value into the draft; the message says what would be right.
    pub(super) fn set(&self, draft: &mut Draft, given: &Given) -> Result<(), String> {
        match &self.kind {
            Kind::Seconds(field, min, max) => {
                let wanted = format!("a number of seconds from {min} to {max}");
                *field(draft) = Seconds::new(number(given, *min, *max, &wanted)?);
            }
            Kind::Count(field, min, max) => {
                let wanted = format!("a number from {min} to {max}");
                let number = number(given, (*min).into(), (*max).into(), &wanted)?;
                *field(draft) = u32::try_from(number).map_err(|_| given.is_not(&wanted))?;
            }
            Kind::OneOf(field, allowed) => {
                let found = given.int().and_then(|number| u32::try_from(number).ok());
                let Some(number) = found.filter(|number| allowed.contains(number)) else {
                    let words: Vec<String> = allowed.iter().map(u32::to_string).collect();
                    return Err(given.is_not(&format!("one of {}", words.join(", "))));
                };
                *field(draft) = number;
            }
            Kind::Switch(field) => {
                *field(draft) = given
                    .bool()
                    .ok_or_else(|| given.is_not("`true` or `false`"))?;
            }
            Kind::Address(field) => {
                *field(draft) = parsed(given, "ADDRESS:PORT, such as 127.0.0.1:8080")?;
            }
            Kind::Networks(field) => *field(draft) = networks(given)?,
            Kind::Path(field) => *field(draft) = path(given)?,
            Kind::OptionalPath(field) => *field(draft) = Some(path(given)?),
            Kind::OptionalText(field) => {
                let text = given.text().filter(|text| !text.trim().is_empty());
                let text = text.ok_or_else(|| given.is_not("a text"))?;
                *field(draft) = Some(text.to_owned());
            }
            Kind::Issuer(field) => {
                let text = given.text().ok_or_else(|| given.is_not("a text"))?;
                issuer_fault(text).map_or(Ok(()), |fault| Err(format!("`{text}` {fault}")))?;
                *field(draft) = Some(text.to_owned());
            }
            Kind::DatabaseUrl(field) => *field(draft) = Some(database_url(given)?),
            Kind::SecretText(field) => *field(draft) = Some(master_key(given)?),
            Kind::LogFilter(field) => {
                let text = given.text().unwrap_or_default();
                EnvFilter::builder()
                    .parse(text)
                    .ok()
                    .filter(|_| !text.is_empty())
                    .ok_or_else(|| {
                        given.is_not("a filter such as `info` or `info,tessera=debug`")
                    })?;
                text.clone_into(field(draft));
            }
            Kind::LogFormat(field) => {
                *field(draft) = match given.text() {
                    Some("text") => LogFormat::Text,
                    Some("json") => LogFormat::Json,
                    _ => return Err(given.is_not("`text` or `json`")),
                };
            }
            Kind::Policy(field) => {
                let named = |policy: &RegistrationPolicy| given.text() == Some(policy.as_str());
                let found = RegistrationPolicy::ALL.into_iter().find(named);
                *field(draft) = found.ok_or_else(|| given.is_not("`off`, `token` or `open`"))?;
            }
            Kind::Scopes(field) => *field(draft) = scopes(given)?,
            Kind::Resources(field) => *field(draft) = resources(given)?,
            Kind::Issuers(field) => *field(draft) = issuers(given)?,
        }
        Ok(())
    }

    /// The value in TOML; `None` when there is none. Secrets are hidden.
    pub(super) fn show(&self, draft: &mut Draft) -> Option<Shown> {
        Some(Shown::Whole(match &self.kind {
            Kind::Seconds(field, ..) => field(draft).get().to_string(),
            Kind::Count(field, ..) | Kind::OneOf(field, _) => field(draft).to_string(),
            Kind::Switch(field) => field(draft).to_string(),
            Kind::Address(field) => quote(&field(draft).to_string()),
            Kind::Networks(field) => {
                let items: Vec<String> = field(draft)
                    .iter()
                    .map(|network| quote(&network.to_string()))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Path(field) => quote(&field(draft).to_string_lossy()),
            Kind::OptionalPath(field) => quote(&field(draft).as_ref()?.to_string_lossy()),
            Kind::Issuer(field) | Kind::OptionalText(field) => quote(field(draft).as_ref()?),
            Kind::DatabaseUrl(field) => {
                let url = field(draft).as_ref()?.expose();
                let shown = without_password(url);
                if shown != *url {
                    return Some(Shown::Hidden(quote(&shown)));
                }
                quote(url)
            }
            Kind::SecretText(field) => {
                field(draft).as_ref()?;
                return Some(Shown::Hidden(quote(HIDDEN)));
            }
            Kind::LogFilter(field) => quote(field(draft)),
            Kind::LogFormat(field) => quote(match field(draft) {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            }),
            Kind::Policy(field) => quote(field(draft).as_str()),
            Kind::Scopes(field) => quote(&field(draft).to_string()),
            Kind::Issuers(field) => {
                let items: Vec<String> =
                    field(draft).iter().map(|one| quote(&one.text())).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Resources(field) => {
                let items: Vec<String> = field(draft)
                    .iter()
                    .map(|resource| quote(resource.as_str()))
                    .collect();
                format!("[{}]", items.join(", "))
            }
        }))
    }
}

fn number(given: &Given, min: i64, max: i64, wanted: &str) -> Result<i64, String> {
    given
        .int()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| given.is_not(wanted))
}

fn parsed<T: std::str::FromStr>(given: &Given, wanted: &str) -> Result<T, String> {
    given
        .text()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| given.is_not(wanted))
}

fn path(given: &Given) -> Result<PathBuf, String> {
    given
        .text()
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
        .ok_or_else(|| given.is_not("a path"))
}

fn networks(given: &Given) -> Result<Vec<IpNet>, String> {
    let list = given
        .list()
        .ok_or_else(|| given.is_not("a list of networks, such as [\"10.0.0.0/8\"]"))?;
    list.iter()
        .map(|item| {
            item.parse::<IpNet>()
                .or_else(|_| item.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| format!("`{item}` is not a network such as 10.0.0.0/8 or fd00::/8"))
        })
        .collect()
}

fn scopes(given: &Given) -> Result<ScopeSet, String> {
    let text = given.text().ok_or_else(|| given.is_not("a text"))?;
    let scopes = ScopeSet::parse(text).map_err(|error| error.to_string())?;
    if scopes.is_empty() {
        return Err(given.is_not("a scope or several"));
    }
    if scopes.contains(TESSERA_ADMIN) {
        return Err(format!(
            "`{TESSERA_ADMIN}` is for applications that an administrator registered; leave it out"
        ));
    }
    Ok(scopes)
}

fn issuers(given: &Given) -> Result<Vec<StatementIssuer>, String> {
    let list = given
        .list()
        .ok_or_else(|| given.is_not("a list of issuers, each with the address of its keys"))?;
    list.iter()
        .map(|item| StatementIssuer::parse(item))
        .collect()
}

fn resources(given: &Given) -> Result<Vec<Resource>, String> {
    let list = given
        .list()
        .ok_or_else(|| given.is_not("a list of URIs, such as [\"https://api.example\"]"))?;
    list.iter()
        .map(|item| Resource::parse(item).map_err(|error| format!("`{item}` {error}")))
        .collect()
}

/// Messages about it never repeat it: it may hold a password.
fn database_url(given: &Given) -> Result<Secret<String>, String> {
    const WANTED: &str = "the value is not a database URL; write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME";
    let text = given.text().ok_or(WANTED)?;
    let valid = match text.split_once(':') {
        Some(("sqlite", path)) => !sqlite_path(path).is_empty() && !path.contains(":memory:"),
        Some(("postgres" | "postgresql", _)) => {
            Url::parse(text).is_ok_and(|url| !url.cannot_be_a_base())
        }
        _ => false,
    };
    if valid {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err(WANTED.to_owned())
    }
}

/// The path in what follows `sqlite:`; both `sqlite:PATH` and `sqlite://PATH` are in use.
pub(super) fn sqlite_path(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
}

fn master_key(given: &Given) -> Result<Secret<String>, String> {
    given
        .text()
        .filter(|text| MasterKey::parse(text).is_some())
        .map(|text| Secret::new(text.to_owned()))
        .ok_or_else(|| {
            "the value is not 32 bytes in base64url; make one with `tessera keys generate-master`"
                .to_owned()
        })
}

/// A database URL that may be shown.
fn without_password(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return HIDDEN.to_owned();
    };
    if url.scheme() == "sqlite" {
        return text.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    let shown: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| match name.as_ref() {
            "password" | "sslpassword" => (name.into_owned(), HIDDEN.to_owned()),
            _ => (name.into_owned(), value.into_owned()),
        })
        .collect();
    if !shown.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.to_string()
}

/// A TOML string.
fn quote(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, word: &str, expected: Result<&str, &str>) {
        let mut draft = Draft::default();
        let key = Key::find(key).unwrap();
        match (key.set(&mut draft, &Given::Word(word.to_owned())), expected) {
            (Ok(()), Ok(shown)) => {
                let (Shown::Whole(found) | Shown::Hidden(found)) = key.show(&mut draft).unwrap();
                assert_eq!(found, shown);
            }
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (found, _) => panic!("{word}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn words_are_read_as_what_the_key_wants() {
        check("tokens.code_ttl_seconds", "30", Ok("30"));
        check("tokens.code_ttl_seconds", "61", Err("from 5 to 60"));
        check(
            "tokens.code_ttl_seconds",
            "1m",
            Err("`1m` is not a number of seconds"),
        );
        check("keys.rsa_bits", "3072", Ok("3072"));
        check("keys.rsa_bits", "1024", Err("one of 2048, 3072, 4096"));
        check("listen", "[::1]:9000", Ok("\"[::1]:9000\""));
        check("listen", "localhost:9000", Err("ADDRESS:PORT"));
        check("log.format", "json", Ok("\"json\""));
        check("log.format", "xml", Err("`text` or `json`"));
        check(
            "log.filter",
            "info,tessera=debug",
            Ok("\"info,tessera=debug\""),
        );
        check("log.filter", "tessera=loud", Err("is not a filter"));
        check("tokens.refresh.strict", "true", Ok("true"));
        check("tokens.refresh.strict", "yes", Err("`true` or `false`"));
        check(
            "trusted_proxies",
            "10.0.0.0/8, 192.0.2.7",
            Ok("[\"10.0.0.0/8\", \"192.0.2.7/32\"]"),
        );
        check(
            "trusted_proxies",
            "10.0.0.0/8,all",
            Err("`all` is not a network"),
        );
        check("data", "", Err("is not a path"));
        check("policy.default_store", "docs", Ok("\"docs\""));
        check("policy.default_store", " ", Err("is not a text"));
        check("registration.policy", "open", Ok("\"open\""));
        check("registration.policy", "on", Err("`off`, `token` or `open`"));
        check("registration.scopes", "openid api", Ok("\"api openid\""));
        check(
            "registration.scopes",
            "openid tessera:admin",
            Err("an administrator registered"),
        );
        check("registration.scopes", "", Err("is not a scope"));
        check(
            "registration.resources",
            "https://api.example/, urn:x",
            Ok("[\"https://api.example/\", \"urn:x\"]"),
        );
        check(
            "registration.resources",
            "api",
            Err("must be an absolute URI"),
        );
    }

    #[test]
    fn a_password_is_neither_shown_nor_repeated() {
        check(
            "database.url",
            "postgres://me:hunter2@db:5432/t?sslmode=require&password=hunter2",
            Ok("\"postgres://me:hidden@db:5432/t?sslmode=require&password=hidden\""),
        );
        check("database.url", "postgres://db/t", Ok("\"postgres://db/t\""));
        check("database.url", "sqlite:a b.db", Ok("\"sqlite:a b.db\""));
        for wrong in [
            "mysql://me:hunter2@db/t",
            "sqlite:",
            "sqlite::memory:",
            "hunter2",
        ] {
            check(
                "database.url",
                wrong,
                Err("write sqlite:PATH or postgres://"),
            );
            let key = Key::find("database.url").unwrap();
            let message = key
                .set(&mut Draft::default(), &Given::Word(wrong.to_owned()))
                .unwrap_err();
            assert!(!message.contains("hunter2"));
        }
        check("master_key", &"A".repeat(43), Ok("\"hidden\""));
        check("master_key", "hunter2", Err("32 bytes in base64url"));
    }

    #[test]
    fn a_file_gives_the_right_type_and_not_its_text() {
        let mut draft = Draft::default();
        let mut set = |key: &str, given| Key::find(key).unwrap().set(&mut draft, &given);
        assert!(set("tokens.code_ttl_seconds", Given::Int(30)).is_ok());
        assert!(set("tokens.code_ttl_seconds", Given::Text("30".to_owned())).is_err());
        assert!(set("trusted_proxies", Given::Text("10.0.0.0/8".to_owned())).is_err());
        assert!(
            set(
                "trusted_proxies",
                Given::List(vec!["10.0.0.0/8".to_owned()])
            )
            .is_ok()
        );
        assert!(set("listen", Given::Int(8080)).is_err());
    }
}
