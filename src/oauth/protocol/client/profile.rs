//! Which profile a client is held to.

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::profile::Profile;
use crate::oauth::protocol::registration::{Faults, NewClient};

/// The client's profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profiled {
    /// Its name; none when the client is held to nothing beyond what every client is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Profiled {
    /// Checks what was handed in. Whether the rest meets the profile is asked when all of it is known.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let given = new.profile.as_deref().filter(|text| !text.is_empty());
        let profile = given.and_then(|text| {
            let found = Profile::parse(text);
            if found.is_none() {
                let known: Vec<&str> = Profile::ALL.iter().map(|one| one.as_str()).collect();
                faults.add(
                    "profile",
                    format!("`{text}` is not known; use {}", known.join(", ")),
                );
            }
            found
        });
        Self { profile }
    }
}
