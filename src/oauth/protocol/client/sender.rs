//! Whether a client's tokens must be bound to a key (RFC 9449 section 5.2).

use serde::{Deserialize, Serialize};

use crate::oauth::protocol::registration::{Faults, NewClient};

/// What the client demands of its own token requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sender {
    /// Whether a token request without a DPoP proof is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
}

impl Sender {
    /// Takes what was handed in: nothing of it can be wrong.
    pub(in crate::oauth::protocol) const fn check(new: &NewClient, _faults: &mut Faults) -> Self {
        Self {
            dpop_bound_access_tokens: new.dpop_bound_access_tokens,
        }
    }
}
