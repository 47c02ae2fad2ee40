//! Where a request's path lies for a server whose issuer has a path: below that path, or where a specification puts it.
//!
//! Inside, every route is written as if the server lived at the root of its origin. What is asked for elsewhere on the host belongs to
//! somebody else, but for two kinds of addresses: the health checks, which load balancers ask at the root, and the well-known documents,
//! whose specifications put the issuer's path behind the well-known part (RFC 8414 section 3.1, RFC 9728 section 3.1, Authorization API
//! 1.0 section 9.2). OpenID Connect Discovery appends; clients that read both try that document behind the well-known part too.

use http::Uri;
use http::uri::PathAndQuery;

/// Answered at the root as well: they are about the process, not about the issuer.
pub const OF_THE_PROCESS: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// Documents that are found with the issuer's path behind them.
const WELL_KNOWN: [&str; 4] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/authzen-configuration",
];

/// The same address without the issuer's path; `None` when it is not this server's.
pub fn inside(uri: &Uri, issuer_path: &str) -> Option<Uri> {
    let mut path = route(uri.path(), issuer_path)?;
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

fn route(path: &str, issuer_path: &str) -> Option<String> {
    if OF_THE_PROCESS.contains(&path) {
        return Some(path.to_owned());
    }
    let inserted = || {
        WELL_KNOWN.into_iter().find_map(|document| {
            let rest = below(path.strip_prefix(document)?, issuer_path)?;
            Some(format!("{document}{}", rest.trim_end_matches('/')))
        })
    };
    below(path, issuer_path)
        .map(str::to_owned)
        .or_else(inserted)
}

/// What follows the issuer's path; `/` for the path itself.
fn below<'p>(path: &'p str, issuer_path: &str) -> Option<&'p str> {
    match path.strip_prefix(issuer_path)? {
        "" => Some("/"),
        rest if rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, expected: Option<&str>) {
        let uri: Uri = asked.parse().unwrap();
        let found = inside(&uri, "/auth/x").map(|uri| uri.to_string());
        assert_eq!(found.as_deref(), expected, "{asked}");
    }

    #[test]
    fn a_path_below_the_issuers_loses_it() {
        check("/auth/x", Some("/"));
        check("/auth/x/", Some("/"));
        check("/auth/x?a=1", Some("/?a=1"));
        check("/auth/x/token", Some("/token"));
        check(
            "/auth/x/login?flow=1&a=/auth/x",
            Some("/login?flow=1&a=/auth/x"),
        );
        check("/auth/x/auth/x/token", Some("/auth/x/token"));
        check(
            "https://id.example/auth/x/token",
            Some("https://id.example/token"),
        );
    }

    #[test]
    fn well_known_documents_are_found_on_both_sides() {
        for document in WELL_KNOWN {
            check(&format!("/auth/x{document}"), Some(document));
            check(&format!("{document}/auth/x"), Some(document));
            check(&format!("{document}/auth/x/"), Some(document));
            check(document, None);
            check(&format!("{document}/auth/xy"), None);
            check(&format!("{document}/auth"), None);
        }
        check(
            "/.well-known/oauth-protected-resource/auth/x/stores",
            Some("/.well-known/oauth-protected-resource/stores"),
        );
    }

    #[test]
    fn health_is_at_the_root_and_nothing_else_is() {
        for path in OF_THE_PROCESS {
            check(path, Some(path));
            check(&format!("/auth/x{path}"), Some(path));
        }
        for path in [
            "/",
            "/token",
            "/auth",
            "/auth/",
            "/auth/xy",
            "/auth/x%2ftoken",
            "/AUTH/X/token",
            "/livez/",
            "/auth%2fx/token",
            "/.well-known/jwks.json/auth/x",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn what_is_ambiguous_stays_so() {
        check("/auth/x//token", Some("//token"));
        check("/auth/x/../token", Some("/../token"));
    }
}
