//! What kind of software a client is (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2). Kept and told again;
//! nothing is decided by it.

use serde::{Deserialize, Serialize};

use super::words;
use crate::oauth::protocol::registration::{Faults, NewClient};

/// Longest identifier or version, in characters.
const CHARS: usize = 200;

words! {
    /// Where the client says that it runs.
    ApplicationType {
        /// On a server or in a browser.
        Web = "web",
        /// On a person's device.
        Native = "native",
    }
}

/// The software.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Software {
    /// Where it says that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_type: Option<ApplicationType>,
    /// The same for all instances of the software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// The statement that it was registered with, told again (RFC 7591 section 3.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_statement: Option<String>,
}

impl Software {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let given = new
            .application_type
            .as_deref()
            .filter(|text| !text.is_empty());
        let application_type = given.and_then(|text| {
            let found = ApplicationType::parse(text);
            if found.is_none() {
                let message = format!("`{text}` is not supported; use web or native");
                faults.add("application_type", message);
            }
            found
        });
        let mut text = |field: &'static str, text: &Option<String>| {
            let text = text.clone().filter(|text| !text.is_empty())?;
            if text.chars().count() > CHARS || text.chars().any(char::is_control) {
                faults.add(
                    field,
                    format!("must be at most {CHARS} characters on one line"),
                );
            }
            Some(text)
        };
        Self {
            application_type,
            software_id: text("software_id", &new.software_id),
            software_version: text("software_version", &new.software_version),
            software_statement: new.software_statement.clone(),
        }
    }
}
