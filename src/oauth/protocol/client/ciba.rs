//! How a client asks people without a redirect (OpenID Connect CIBA Core 1.0 section 4).

use serde::{Deserialize, Serialize};

use super::words;
use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::request_object::RequestAlg;
use crate::oauth::protocol::web_uri::WebUri;

words! {
    /// How the client learns that the person decided. The mode `push`, which would carry tokens to the client, is not supported
    /// (FAPI-CIBA section 5.2.2).
    DeliveryMode {
        /// It asks at the token endpoint.
        Poll = "poll",
        /// It is told to ask.
        Ping = "ping",
    }
}

/// What a client registered for the grant type ciba.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ciba {
    /// How it learns of a decision; `poll` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_token_delivery_mode: Option<DeliveryMode>,
    /// Where the server says that there is a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_client_notification_endpoint: Option<WebUri>,
    /// What signs its requests; a client without it does not sign (section 7.1.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_authentication_request_signing_alg: Option<RequestAlg>,
}

impl Ciba {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let mode = new
            .backchannel_token_delivery_mode
            .as_deref()
            .and_then(|text| {
                let mode = DeliveryMode::parse(text);
                if mode.is_none() {
                    faults.add(
                        "backchannel_token_delivery_mode",
                        format!("`{text}` is not supported; use poll or ping"),
                    );
                }
                mode
            });
        let endpoint = faults.web_uri(
            "backchannel_client_notification_endpoint",
            new.backchannel_client_notification_endpoint.as_deref(),
        );
        if mode == Some(DeliveryMode::Ping) && endpoint.is_none() {
            faults.add(
                "backchannel_client_notification_endpoint",
                "the delivery mode ping needs an address that is told",
            );
        }
        if new.backchannel_user_code_parameter {
            faults.add(
                "backchannel_user_code_parameter",
                "user codes are not supported; leave it out",
            );
        }
        Self {
            backchannel_token_delivery_mode: mode,
            backchannel_client_notification_endpoint: endpoint,
            backchannel_authentication_request_signing_alg: signing_alg(new, faults),
        }
    }

    /// Where a decision is told; `None` for a client that polls.
    pub fn pinged_at(&self) -> Option<&WebUri> {
        match self.backchannel_token_delivery_mode {
            Some(DeliveryMode::Ping) => self.backchannel_client_notification_endpoint.as_ref(),
            Some(DeliveryMode::Poll) | None => None,
        }
    }
}

fn signing_alg(new: &NewClient, faults: &mut Faults) -> Option<RequestAlg> {
    let text = new
        .backchannel_authentication_request_signing_alg
        .as_deref()?;
    let alg = RequestAlg::parse(text);
    if alg.is_none() {
        faults.add(
            "backchannel_authentication_request_signing_alg",
            format!("`{text}` is not supported; use RS256, PS256, ES256 or EdDSA"),
        );
    }
    alg
}
