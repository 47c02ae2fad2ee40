//! A client's own public keys (RFC 7591 section 2): what its request objects are verified with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::oauth::protocol::registration::{Faults, NewClient};

/// Most keys of a set.
const KEYS: usize = 20;
/// Members that only a private or a shared key has.
const PRIVATE: [&str; 2] = ["d", "k"];

/// Its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jwks {
    /// As a JWK set (RFC 7517 section 5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
}

impl Jwks {
    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let is_set = |set: &Value| {
            let keys = set.get("keys").and_then(Value::as_array);
            keys.is_some_and(|keys| keys.len() <= KEYS && keys.iter().all(is_public))
        };
        if new.jwks.as_ref().is_some_and(|set| !is_set(set)) {
            faults.add(
                "jwks",
                format!("must be a JWK set of at most {KEYS} public keys: an object whose member `keys` is a list"),
            );
        }
        Self {
            jwks: new.jwks.clone(),
        }
    }
}

fn is_public(key: &Value) -> bool {
    key.is_object() && PRIVATE.iter().all(|member| key.get(member).is_none())
}
