//! A client's keys (RFC 7591 section 2): what is encrypted to it.

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::key_set::KeySet;
use crate::oauth::protocol::registration::{Faults, NewClient};

/// The keys of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientKeys {
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<KeySet>,
}

impl ClientKeys {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let value = new.jwks.as_ref().filter(|value| !value.is_null());
        Self {
            jwks: value.and_then(|value| faults.keep("jwks", KeySet::parse(value))),
        }
    }
}
