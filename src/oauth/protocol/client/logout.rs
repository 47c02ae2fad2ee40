//! How a client learns that a session has ended (OpenID Connect Back-Channel Logout 1.0 section 2.2, Front-Channel Logout 1.0
//! section 2).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::redirect_uri::origin_of;
use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::web_uri::WebUri;

/// Where and how it is told, and what ends with the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logout {
    /// Where a logout token is sent, from server to server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<WebUri>,
    /// Whether it needs `sid` in the logout token. It is always there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_logout_session_required: bool,
    /// What the signed-out page loads in a frame, so that the client's own cookies are at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<WebUri>,
    /// Whether it needs `iss` and `sid` in the frame's query. They are always there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub frontchannel_logout_session_required: bool,
    /// Whether its offline access ends when somebody signs out, too. By default it survives (Back-Channel Logout 1.0 section 2.7).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub revoke_offline_access_at_logout: bool,
}

impl Logout {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let frontchannel_logout_uri = faults.web_uri(
            "frontchannel_logout_uri",
            new.frontchannel_logout_uri.as_deref(),
        );
        if let Some(uri) = &frontchannel_logout_uri {
            // Front-Channel Logout 1.0 section 2: scheme, host and port of a redirect URI.
            let origin = origin_of(uri.as_str());
            let is_its_own = new.redirect_uris.iter().any(|uri| origin_of(uri) == origin);
            if !is_its_own {
                faults.add(
                    "frontchannel_logout_uri",
                    "must have the scheme, host and port of one of `redirect_uris`",
                );
            }
        }
        Self {
            backchannel_logout_uri: faults.web_uri(
                "backchannel_logout_uri",
                new.backchannel_logout_uri.as_deref(),
            ),
            backchannel_logout_session_required: new.backchannel_logout_session_required,
            frontchannel_logout_uri,
            frontchannel_logout_session_required: new.frontchannel_logout_session_required,
            revoke_offline_access_at_logout: new.revoke_offline_access_at_logout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut NewClient), expect: &[&str]) {
        let mut new = NewClient {
            redirect_uris: [
                "https://app.example/cb",
                "https://app.example:8443/cb",
                "http://127.0.0.1:3000/cb",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..NewClient::default()
        };
        change(&mut new);
        let fields: Vec<&str> = match new.check() {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.field).collect(),
        };
        assert_eq!(fields, expect);
    }

    #[test]
    fn a_frame_is_of_the_clients_own_origin() {
        for (uri, good) in [
            ("https://app.example/out?x=1", true),
            ("https://app.example:443/out", true),
            ("https://app.example:8443/out", true),
            ("http://127.0.0.1:3000/out", true),
            ("https://app.example:8444/out", false),
            ("https://other.example/out", false),
            ("https://app.example.evil.example/out", false),
            ("https://www.app.example/out", false),
            ("http://127.0.0.1:3001/out", false),
        ] {
            let expect: &[&str] = if good {
                &[]
            } else {
                &["frontchannel_logout_uri"]
            };
            check(
                |new| new.frontchannel_logout_uri = Some(uri.to_owned()),
                expect,
            );
        }
    }

    #[test]
    fn where_a_logout_is_told_is_an_absolute_uri_without_fragment() {
        for (uri, good) in [
            ("https://other.example/out?x=1", true),
            ("https://app.example/out#x", false),
            ("/out", false),
            ("http://app.example/out", false),
            ("javascript:alert(1)", false),
        ] {
            let expect: &[&str] = if good {
                &[]
            } else {
                &["backchannel_logout_uri"]
            };
            check(
                |new| new.backchannel_logout_uri = Some(uri.to_owned()),
                expect,
            );
        }
        check(
            |new| new.frontchannel_logout_uri = Some("https://app.example/out#x".to_owned()),
            &["frontchannel_logout_uri"],
        );
    }
}
