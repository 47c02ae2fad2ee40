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
