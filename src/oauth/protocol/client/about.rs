//! What a client says about itself to people (RFC 7591 section 2).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::web_uri::WebUri;

/// Most contacts, and characters of one.
const CONTACTS: usize = 10;
const CONTACT_CHARS: usize = 254;

/// Where people learn more of the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Its own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<WebUri>,
    /// What it does with people's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<WebUri>,
    /// What people agree to who use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<WebUri>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<WebUri>,
    /// Whom an administrator asks, usually e-mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

impl About {
    /// Whether there is something to read.
    pub fn has_pages(&self) -> bool {
        let pages = [&self.client_uri, &self.policy_uri, &self.tos_uri];
        pages.into_iter().any(Option::is_some)
    }

    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let contacts = new.contacts.clone();
        let is_unfit = |contact: &String| {
            contact.is_empty()
                || contact.chars().count() > CONTACT_CHARS
                || contact.chars().any(char::is_control)
        };
        if contacts.len() > CONTACTS || contacts.iter().any(is_unfit) {
            faults.add(
                "contacts",
                format!("must be at most {CONTACTS} texts of 1 to {CONTACT_CHARS} characters on one line"),
            );
        }
        Self {
            client_uri: faults.web_uri("client_uri", new.client_uri.as_deref()),
            policy_uri: faults.web_uri("policy_uri", new.policy_uri.as_deref()),
            tos_uri: faults.web_uri("tos_uri", new.tos_uri.as_deref()),
            logo_uri: faults.web_uri("logo_uri", new.logo_uri.as_deref()),
            contacts,
        }
    }
}
