//! Whose tokens a client may exchange (RFC 8693).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::resource::{RESOURCES, Resource};

/// What it is, when others send it their tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// The services that it is: access tokens for these may be handed in by it, though they were issued to others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_token_audiences: Vec<Resource>,
}

impl Exchange {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let field = "subject_token_audiences";
        let given = &new.subject_token_audiences;
        if given.len() > RESOURCES {
            faults.add(field, format!("must be at most {RESOURCES} audiences"));
        }
        let mut audiences: Vec<Resource> = Vec::new();
        for text in given {
            let parsed = Resource::parse(text).map_err(|error| format!("`{text}` {error}"));
            if let Some(audience) = faults.keep(field, parsed)
                && !audiences.contains(&audience)
            {
                audiences.push(audience);
            }
        }
        Self {
            subject_token_audiences: audiences,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_are_absolute_uris_and_few() {
        let check = |given: Vec<String>| {
            let new = NewClient {
                subject_token_audiences: given,
                ..NewClient::default()
            };
            let mut faults = Faults::default();
            let kept = Exchange::check(&new, &mut faults).subject_token_audiences;
            (kept.len(), faults.has("subject_token_audiences"))
        };
        let api = || "https://api.example".to_owned();
        assert_eq!(check(vec![api(), api()]), (1, false));
        assert_eq!(check(vec!["api".to_owned()]), (0, true));
        let many = (0..=RESOURCES).map(|n| format!("https://{n}.example"));
        assert!(check(many.collect()).1);
    }
}
