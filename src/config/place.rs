//! Where the server lives on its host: the issuer's path, and what follows from it for cookies.
//!
//! Two servers under two paths of one host share an origin. Their cookies have names of their own, so that a server never takes, replaces
//! or ends the session of another, not even where one path begins with the other.

use super::Config;

impl Config {
    /// The issuer's path, without a slash at its end: empty where the server lives at the root of its origin.
    pub fn path(&self) -> &str {
        let after_scheme = self.issuer.split_once("://").map_or("", |(_, rest)| rest);
        let path = after_scheme
            .find('/')
            .and_then(|at| after_scheme.get(at..))
            .unwrap_or_default();
        path.trim_end_matches('/')
    }

    /// Whether browsers reach the server by https.
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    /// A cookie's full name (RFC 6265bis section 4.1.3): `__Host-` where the issuer is https, `__Secure-` where it has a path too, because
    /// the first demands `Path=/`. The path stands in the name with `~` for `/`, which no path of an issuer holds.
    pub fn cookie_name(&self, name: &str) -> String {
        let path = self.path();
        let prefix = match (self.is_https(), path) {
            (true, "") => "__Host-",
            (true, _) => "__Secure-",
            (false, _) => "",
        };
        format!("{prefix}{name}{}", path.replace('/', "~"))
    }

    /// The `Path` of every cookie.
    pub fn cookie_path(&self) -> &str {
        match self.path() {
            "" => "/",
            path => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_named_and_placed_by_the_issuer() {
        for (issuer, path, name, place) in [
            ("https://id.example", "", "__Host-tessera", "/"),
            ("https://id.example/", "", "__Host-tessera", "/"),
            ("http://127.0.0.1:8080", "", "tessera", "/"),
            (
                "https://id.example/auth",
                "/auth",
                "__Secure-tessera~auth",
                "/auth",
            ),
            (
                "https://id.example/auth/x",
                "/auth/x",
                "__Secure-tessera~auth~x",
                "/auth/x",
            ),
            ("http://[::1]:8080/a", "/a", "tessera~a", "/a"),
        ] {
            let config = Config {
                issuer: issuer.to_owned(),
                ..Config::default()
            };
            assert_eq!(config.path(), path, "{issuer}");
            assert_eq!(config.cookie_name("tessera"), name, "{issuer}");
            assert_eq!(config.cookie_path(), place, "{issuer}");
        }
    }
}
