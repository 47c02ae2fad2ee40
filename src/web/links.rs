//! Where pages lead: always what the configuration says, never what a request says (SECURITY row 29).

use url::Url;

use crate::config::Config;

/// The path of one of this server's pages, below the issuer's own path.
///
/// A path and not a URL: a browser that reached the server under another name stays there, and `form-action 'self'` holds.
pub fn path(config: &Config, page: &str) -> String {
    format!("{}{page}", config.path())
}

/// The scheme, host and port of the issuer, as browsers write them in `Origin`.
pub fn origin(config: &Config) -> Option<String> {
    Url::parse(&config.issuer)
        .ok()
        .map(|issuer| issuer.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lie_below_the_issuer() {
        for (issuer, expected) in [
            ("https://id.example", "/login"),
            ("https://id.example/", "/login"),
            ("https://id.example/auth", "/auth/login"),
        ] {
            let config = Config {
                issuer: issuer.to_owned(),
                ..Config::default()
            };
            assert_eq!(path(&config, "/login"), expected, "{issuer}");
            assert_eq!(origin(&config).as_deref(), Some("https://id.example"));
        }
    }
}
