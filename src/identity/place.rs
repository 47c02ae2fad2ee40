//! Where somebody is signed in, in words that a person recognises: the browser, the system, the network.
//!
//! Read from what the browser says of itself, which anybody can make up: it is shown and decides nothing. Only the words are
//! kept, and of the address only the network.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::throttle::network_of;

/// Browsers by a part of what they say; the first that fits, because most of them name others as well.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
/// Systems likewise: Android says that it is Linux, iPads that they are like Macs.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Where a sign-in was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Browser and system, such as `Firefox on Linux`.
    pub browser: Option<String>,
    /// The network, such as `192.0.2.0/24`.
    pub network: Option<String>,
}

impl Place {
    /// The place of a request with this `User-Agent` from this address.
    pub fn of(user_agent: Option<&str>, address: Option<IpAddr>) -> Self {
        Self {
            browser: user_agent.map(words),
            network: address.map(network_of),
        }
    }
}

fn words(user_agent: &str) -> String {
    let named = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(part, _)| user_agent.contains(part));
        found.map(|(_, name)| *name)
    };
    match (named(BROWSERS), named(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "An unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_in_words() {
        for (user_agent, expect) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "An unknown browser"),
            ("<script>alert(1)</script> Linux", "A browser on Linux"),
            ("", "An unknown browser"),
        ] {
            assert_eq!(words(user_agent), expect, "{user_agent}");
        }
    }

    #[test]
    fn of_an_address_only_the_network_is_kept() {
        let place = Place::of(None, Some("192.0.2.77".parse().unwrap()));
        assert_eq!(place.network.as_deref(), Some("192.0.2.0/24"));
        assert_eq!(place.browser, None);
    }
}
