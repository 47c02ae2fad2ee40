//! Keys held against each other: what follows from what, and what does not go together. Pure.

use std::net::IpAddr;

use url::{Host, Url};

use super::Tls;
use super::draft::{Draft, issuer_for};
use super::value::sqlite_path;
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::oauth::protocol::acr::Acr;
use crate::store::DbOptions;

/// Longest path of an issuer.
const ISSUER_PATH_BYTES: usize = 100;
/// The health checks, which answer at the root too (`http::place`).
const OF_THE_PROCESS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// A key and what is wrong with it.
pub(super) type Fault = (&'static str, String);

/// What is wrong with an issuer identifier (RFC 8414 section 2), as the end of a sentence.
pub(super) fn issuer_fault(text: &str) -> Option<String> {
    let Ok(url) = Url::parse(text) else {
        return Some("is not a URL; write one such as https://id.example.com".to_owned());
    };
    let loopback = url.host().is_some_and(|host| is_loopback(&host));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Some(
                "is plain http beyond this machine; an issuer must be https (http on 127.0.0.1, [::1] or localhost only)"
                    .to_owned(),
            );
        }
        _ => return Some("must begin with https://".to_owned()),
    }
    let origin = url.origin().ascii_serialization();
    if text == origin {
        None
    } else if url.query().is_some() || url.fragment().is_some() {
        Some(format!("has a query or a fragment; write `{origin}`"))
    } else {
        let path = url.path().trim_end_matches('/');
        path_fault(path).map(str::to_owned).or_else(|| {
            let plain = format!("{origin}{path}");
            let fault = match text.strip_suffix('/') {
                _ if text == plain => return None,
                Some(text) if text == plain => "ends in a slash",
                Some(_) | None => "is not written in its plain form",
            };
            Some(format!("{fault}; write `{plain}`"))
        })
    }
}

/// What is wrong with an issuer's path. It stands in the path and the names of cookies (`Config::cookie_name`), in every link, and in the
/// rules of proxies: plain segments read the same everywhere.
fn path_fault(path: &str) -> Option<&'static str> {
    let is_plain = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
    };
    if path.len() > ISSUER_PATH_BYTES {
        Some("has a path of more than 100 characters; give a shorter one")
    } else if !path.split('/').skip(1).all(is_plain) {
        Some(
            "has a path with something else than letters, digits, `-`, `_` and `.` between its slashes (`.` not first); give a plain one, such as https://example.com/auth",
        )
    } else if OF_THE_PROCESS.contains(&path) {
        Some("has the path of a health check; give another path")
    } else {
        None
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Fills what follows from other keys, and tells what does not go together.
pub(super) fn finish(draft: &mut Draft, is_given: impl Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    tls(draft, &mut faults);
    client_certificates(draft, &mut faults);
    listen(draft, &mut faults);
    database(draft, &mut faults);
    refresh(draft, &is_given, &mut faults);
    lifetimes(draft, &mut faults);
    admin(draft, &mut faults);
    faults
}

fn tls(draft: &mut Draft, faults: &mut Vec<Fault>) {
    draft.config.tls = match (&draft.tls_cert, &draft.tls_key) {
        (Some(cert), Some(key)) => Some(Tls {
            cert: cert.clone(),
            key: key.clone(),
        }),
        (None, None) => None,
        (Some(_), None) => {
            faults.push((
                "tls.key",
                "is missing beside tls.cert; give both".to_owned(),
            ));
            None
        }
        (None, Some(_)) => {
            faults.push((
                "tls.cert",
                "is missing beside tls.key; give both".to_owned(),
            ));
            None
        }
    };
}

fn client_certificates(draft: &mut Draft, faults: &mut Vec<Fault>) {
    let speaks_tls = draft.tls_cert.is_some() || draft.tls_key.is_some();
    if draft.config.client_certificates.asked && !speaks_tls {
        faults.push((
            "tls.client_certificates",
            "needs tls.cert and tls.key: only a server that speaks TLS itself can ask; behind a proxy give tls.client_certificate_header"
                .to_owned(),
        ));
    }
    if let Some(name) = &draft.client_certificate_header {
        if draft.config.trusted_proxies.is_empty() {
            faults.push((
                "tls.client_certificate_header",
                "is believed from proxies only; name them in trusted_proxies".to_owned(),
            ));
        }
        match http::HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => draft.config.client_certificates.header = Some(name),
            Err(_) => faults.push((
                "tls.client_certificate_header",
                format!("`{name}` is no name of a header; write one such as Client-Cert"),
            )),
        }
    }
    let certificates = &draft.config.client_certificates;
    if certificates.authorities.is_some()
        && !certificates.asked
        && draft.client_certificate_header.is_none()
    {
        faults.push((
            "tls.client_ca",
            "has nothing to judge; give tls.client_certificates or tls.client_certificate_header beside it"
                .to_owned(),
        ));
    }
}

fn admin(draft: &mut Draft, faults: &mut Vec<Fault>) {
    let Some(text) = &draft.admin_acr else {
        return;
    };
    draft.config.admin.acr = Acr::parse(text);
    if draft.config.admin.acr.is_none() {
        let known: Vec<&str> = Acr::ALL.iter().map(|acr| acr.as_str()).collect();
        let known = known.join(", ");
        faults.push((
            "admin.acr",
            format!("`{text}` is no strength that this server knows; write one of {known}"),
        ));
    }
}

fn listen(draft: &mut Draft, faults: &mut Vec<Fault>) {
    // Half a pair is a mistake of its own; it means TLS all the same.
    let tls = draft.tls_cert.is_some() || draft.tls_key.is_some();
    let listen = draft.config.listen;
    let beyond = !listen.ip().is_loopback();
    if beyond && !tls && draft.config.trusted_proxies.is_empty() {
        faults.push((
            "listen",
            format!(
                "{listen} is reachable from other machines, and plain HTTP would show passwords and tokens on the way; \
                 give tls.cert and tls.key, or declare the proxy in front in trusted_proxies, or listen on 127.0.0.1"
            ),
        ));
    }
    match &draft.issuer {
        Some(issuer) if tls && issuer.starts_with("http:") => faults.push((
            "issuer",
            format!("`{issuer}` is http, but the server speaks TLS; write it with https"),
        )),
        Some(_) => {}
        None if beyond && is_unspecified(listen.ip()) => faults.push((
            "issuer",
            "must be given when the server listens on every address: the URL that browsers see, such as https://id.example.com"
                .to_owned(),
        )),
        None if beyond && !tls => faults.push((
            "issuer",
            "must be given behind a proxy: the https URL that browsers see, such as https://id.example.com"
                .to_owned(),
        )),
        None => draft.issuer = Some(issuer_for(listen, tls)),
    }
    if let Some(issuer) = &draft.issuer {
        draft.config.issuer.clone_from(issuer);
    }
}

const fn is_unspecified(address: IpAddr) -> bool {
    address.is_unspecified()
}

fn database(draft: &mut Draft, faults: &mut Vec<Fault>) {
    let data_dir = &draft.config.data_dir;
    let url = draft.database_url.get_or_insert_with(|| {
        Secret::new(format!("sqlite:{}", data_dir.join("tessera.db").display()))
    });
    if draft.master_key.is_some() && draft.master_key_file.is_some() {
        faults.push((
            "master_key_file",
            "is given beside master_key; give one of them".to_owned(),
        ));
    }
    draft.config.database = if let Some(rest) = url.expose().strip_prefix("sqlite:") {
        DbOptions::Sqlite {
            path: sqlite_path(rest).into(),
        }
    } else {
        if draft.master_key.is_none() && draft.master_key_file.is_none() {
            faults.push((
                "master_key",
                "must be given with PostgreSQL, the same on every node: set TESSERA_MASTER_KEY or master_key_file; \
                 make one with `tessera keys generate-master`"
                    .to_owned(),
            ));
        }
        DbOptions::Postgres {
            url: url.expose().clone(),
            max_connections: draft.max_connections.0,
        }
    };
    if draft.master_key.is_none() {
        draft
            .master_key_file
            .get_or_insert_with(|| data_dir.join("master.key"));
    }
    if let Some(file) = &draft.master_key_file {
        draft.config.master_key_file.clone_from(file);
    }
}

/// `strict` is a name for windows of 0: a window given beside it says two things at once.
fn refresh(draft: &mut Draft, is_given: impl Fn(&str) -> bool, faults: &mut Vec<Fault>) {
    let windows = &mut draft.config.tokens.refresh;
    if !draft.strict {
        return;
    }
    for (key, window) in [
        ("tokens.refresh.grace_seconds", &mut windows.grace_seconds),
        (
            "tokens.refresh.recovery_seconds",
            &mut windows.recovery_seconds,
        ),
        (
            "tokens.refresh.recovery_browser_seconds",
            &mut windows.recovery_browser_seconds,
        ),
    ] {
        if is_given(key) && window.get() != 0 {
            faults.push((
                key,
                "is more than 0 beside tokens.refresh.strict; remove one of them".to_owned(),
            ));
        }
        *window = Seconds::new(0);
    }
}

fn lifetimes(draft: &Draft, faults: &mut Vec<Fault>) {
    let config = &draft.config;
    let (tokens, keys, sessions) = (&config.tokens, &config.keys, &config.sessions);
    let mut at_most = |key: &'static str, value: Seconds, other: &str, bound: Seconds| {
        if value > bound {
            let fault = format!("{value} is longer than {other} ({bound}); make it at most that");
            faults.push((key, fault));
        }
    };
    let refresh_ttl = tokens.refresh_token_ttl_seconds;
    at_most(
        "tokens.access_token_ttl_seconds",
        tokens.access_token_ttl_seconds,
        "tokens.refresh_token_ttl_seconds",
        refresh_ttl,
    );
    at_most(
        "tokens.refresh.recovery_browser_seconds",
        tokens.refresh.recovery_browser_seconds,
        "tokens.refresh_token_ttl_seconds",
        refresh_ttl,
    );
    at_most(
        "sessions.idle_seconds",
        sessions.idle_seconds,
        "sessions.absolute_seconds",
        sessions.absolute_seconds,
    );
    at_most(
        "keys.publish_ahead_seconds",
        keys.publish_ahead_seconds,
        "half of keys.rotate_after_seconds",
        Seconds::new(keys.rotate_after_seconds.get() / 2),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, expected: Option<&str>) {
        let found = issuer_fault(issuer);
        match expected {
            None => assert_eq!(found, None, "{issuer}"),
            Some(part) => assert!(
                found.as_ref().is_some_and(|f| f.contains(part)),
                "{issuer}: {found:?}"
            ),
        }
    }

    #[test]
    fn an_issuer_is_an_origin_or_a_path_of_one_in_its_plain_form() {
        check("https://id.example.com", None);
        check("https://id.example.com:8443", None);
        check("http://127.0.0.1:8080", None);
        check("http://[::1]:8080", None);
        check("http://localhost", None);
        check("http://id.example.com", Some("must be https"));
        check("http://localhost.example.com", Some("must be https"));
        check(
            "https://id.example.com/",
            Some("write `https://id.example.com`"),
        );
        check("https://id.example.com/auth", None);
        check("https://id.example.com/auth/x-1_y.z", None);
        check("http://127.0.0.1:8080/auth", None);
        check(
            "https://id.example.com/auth/",
            Some("ends in a slash; write `https://id.example.com/auth`"),
        );
        check(
            "https://ID.example.com/auth",
            Some("write `https://id.example.com/auth`"),
        );
        check(
            "https://id.example.com/auth/../x",
            Some("write `https://id.example.com/x`"),
        );
        for path in ["a//b", "a%20b", "a~b", "a;b", ".well-known/x", "a/.b", "ä"] {
            check(
                &format!("https://id.example.com/{path}"),
                Some("has a path with something else"),
            );
        }
        check("https://id.example.com/livez", Some("health check"));
        check("https://id.example.com/livez/x", None);
        check(
            &format!("https://id.example.com/{}", "a".repeat(100)),
            Some("100"),
        );
        check("https://id.example.com?x", Some("query"));
        check("https://id.example.com#x", Some("fragment"));
        check(
            "https://ID.example.com",
            Some("write `https://id.example.com`"),
        );
        check("https://id.example.com:443", Some("plain form"));
        check("https://me@id.example.com", Some("plain form"));
        check("id.example.com", Some("not a URL"));
        check("ftp://id.example.com", Some("https://"));
    }

    fn draft(change: impl FnOnce(&mut Draft)) -> (Draft, Vec<&'static str>) {
        let mut draft = Draft::default();
        change(&mut draft);
        let faults = finish(&mut draft, |_| true);
        (draft, faults.into_iter().map(|(key, _)| key).collect())
    }

    #[test]
    fn the_default_issuer_follows_the_address_and_tls() {
        for (listen, tls, issuer) in [
            ("127.0.0.1:8080", false, "http://127.0.0.1:8080"),
            ("127.0.0.1:80", false, "http://127.0.0.1"),
            ("[::1]:9000", false, "http://[::1]:9000"),
            ("192.0.2.1:443", true, "https://192.0.2.1"),
            ("192.0.2.1:8443", true, "https://192.0.2.1:8443"),
        ] {
            let (draft, faults) = draft(|d| {
                d.config.listen = listen.parse().unwrap();
                if tls {
                    d.tls_cert = Some("c".into());
                    d.tls_key = Some("k".into());
                }
            });
            assert_eq!((draft.config.issuer.as_str(), faults), (issuer, vec![]));
        }
    }

    #[test]
    fn plain_http_stays_on_loopback_or_behind_a_declared_proxy() {
        let (_, faults) = draft(|d| d.config.listen = "0.0.0.0:80".parse().unwrap());
        assert_eq!(faults, ["listen", "issuer"]);
        let (_, faults) = draft(|d| {
            d.config.listen = "0.0.0.0:80".parse().unwrap();
            d.config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
            d.issuer = Some("https://id.example.com".to_owned());
        });
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn postgres_wants_a_master_key_and_sqlite_has_its_file() {
        let postgres = Some(Secret::new("postgres://db/t".to_owned()));
        let (_, faults) = draft(|d| d.database_url = postgres.clone());
        assert_eq!(faults, ["master_key"]);
        let (found, faults) = draft(|d| {
            d.database_url = postgres;
            d.master_key_file = Some("/run/secrets/key".into());
        });
        assert!(faults.is_empty());
        assert!(matches!(found.config.database, DbOptions::Postgres { .. }));
        let (found, _) = draft(|d| d.config.data_dir = "/var/lib/tessera".into());
        assert_eq!(
            found.config.master_key_file.to_str(),
            Some("/var/lib/tessera/master.key")
        );
        assert!(
            matches!(found.config.database, DbOptions::Sqlite { path } if path.to_str() == Some("/var/lib/tessera/tessera.db"))
        );
    }

    #[test]
    fn certificates_of_clients_come_from_somewhere() {
        let (_, faults) = draft(|d| d.config.client_certificates.asked = true);
        assert_eq!(faults, ["tls.client_certificates"]);
        let (_, faults) = draft(|d| d.config.client_certificates.authorities = Some("ca".into()));
        assert_eq!(faults, ["tls.client_ca"]);
        let header = |name: &str, proxies: &[&str]| {
            draft(|d| {
                d.client_certificate_header = Some(name.to_owned());
                d.config.client_certificates.authorities = Some("ca".into());
                d.config.trusted_proxies = proxies.iter().map(|one| one.parse().unwrap()).collect();
            })
        };
        let (found, faults) = header("Client-Cert", &["10.0.0.0/8"]);
        assert_eq!(faults, [""; 0]);
        let name = found.config.client_certificates.header.unwrap();
        assert_eq!(name.as_str(), "client-cert");
        let (_, faults) = header("Client-Cert", &[]);
        assert_eq!(faults, ["tls.client_certificate_header"]);
        let (_, faults) = header("Client Cert", &["10.0.0.0/8"]);
        assert_eq!(faults, ["tls.client_certificate_header"]);
    }

    #[test]
    fn keys_that_contradict_each_other_are_named() {
        let (_, faults) = draft(|d| d.tls_cert = Some("c".into()));
        assert_eq!(faults, ["tls.key"]);
        let (_, faults) = draft(|d| d.strict = true);
        assert_eq!(faults.len(), 3, "given windows beside strict");
        let (_, faults) = draft(|d| d.config.sessions.idle_seconds = Seconds::new(90_000));
        assert_eq!(faults, ["sessions.idle_seconds"]);
        let (_, faults) = draft(|d| d.config.keys.rotate_after_seconds = Seconds::new(3_600));
        assert_eq!(faults, ["keys.publish_ahead_seconds"]);
    }
}
