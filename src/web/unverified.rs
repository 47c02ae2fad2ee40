//! What people are told of an application that nobody vouches for, before they allow it anything (SECURITY R57).

use maud::{Markup, html};
use url::{Host, Url};

use crate::oauth::protocol::client::{Client, Origin};
use crate::oauth::protocol::client_document::host;

/// The warning; nothing for an application that somebody vouches for.
pub(super) fn warning(client: &Client, redirect_uri: &str) -> Markup {
    let known_by = match client.origin {
        Origin::Operator | Origin::Token => return html! {},
        Origin::Open => None,
        Origin::Document => host(&client.client_id),
    };
    html! {
        div .notice role="note" {
            p {
                strong { "Not verified." } " Nobody here has checked this application; its name is what it calls itself. "
                @if let Some(host) = known_by { "It comes from " code { (host) } ". " }
                "Allow it only if you have just begun this yourself."
            }
            @if leads_to_own_device(redirect_uri) {
                p { "The answer goes to a program on your own device. Deny if you did not start one." }
            }
        }
    }
}

/// Whether the answer goes to whatever program listens on the person's own device.
fn leads_to_own_device(redirect_uri: &str) -> bool {
    let Ok(url) = Url::parse(redirect_uri) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_lead_to_the_own_device() {
        for (uri, expect) in [
            ("http://127.0.0.1:3000/cb", true),
            ("http://localhost/cb", true),
            ("http://[::1]:1/cb", true),
            ("https://localhost.example/cb", false),
            ("https://app.example/cb", false),
            ("com.example.app:/cb", false),
        ] {
            assert_eq!(leads_to_own_device(uri), expect, "{uri}");
        }
    }
}
