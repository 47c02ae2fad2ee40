//! A client's public keys (RFC 7517): what may be registered, and which of them may have made a signature.
//!
//! The key decides what it verifies, never the signature's header: an RSA key RS256 and PS256, a P-256 key ES256, an Ed25519 key `EdDSA`
//! (RFC 8725 section 3.1). Keys are kept as they were handed in, so that what they are for (`use`, `alg`) stays readable.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::encoding::from_base64url;

/// Most keys of one set.
const KEYS: usize = 20;
/// Largest set, in bytes of its JSON.
const SET_BYTES: usize = 64 * 1024;
/// Smallest RSA modulus, in bits.
const RSA_BITS: usize = 2_048;
/// Members that make a key a private or a shared one (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Public keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    keys: Vec<Map<String, Value>>,
}

/// Why a JSON value is no set of public keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// It has not the shape.
    #[error(
        "must be a JWK set: an object whose member `keys` is a list of 1 to {KEYS} keys, at most {SET_BYTES} bytes"
    )]
    Malformed,
    /// One of the keys cannot be used.
    #[error("key {0} {1}")]
    Key(usize, KeyFault),
}

/// What is wrong with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It has a private part.
    #[error(
        "holds a private or shared key; register its public part only, and replace the key: it was shown"
    )]
    Private,
    /// Its type or curve is unknown.
    #[error(
        "must have `kty` RSA, `EC` with `crv` P-256, P-384 or P-521, or `OKP` with `crv` Ed25519 or X25519"
    )]
    Unknown,
    /// A number of it is missing or has the wrong length.
    #[error("lacks a member of its type, or one is no base64url of the right length")]
    Malformed,
    /// It is too small.
    #[error("is an RSA key of fewer than {RSA_BITS} bits; make a larger one")]
    Small,
}

impl KeySet {
    /// A set whose keys can all be used.
    pub fn parse(value: &Value) -> Result<Self, InvalidKeySet> {
        let keys = members(value).ok_or(InvalidKeySet::Malformed)?;
        if keys.is_empty() {
            return Err(InvalidKeySet::Malformed);
        }
        for (index, key) in keys.iter().enumerate() {
            check(key).map_err(|fault| InvalidKeySet::Key(index.saturating_add(1), fault))?;
        }
        Ok(Self { keys })
    }

    /// The keys of a fetched set that can be used; the others are left out (RFC 7517 section 5).
    pub fn usable(value: &Value) -> Result<Self, InvalidKeySet> {
        let mut keys = members(value).ok_or(InvalidKeySet::Malformed)?;
        keys.retain(|key| check(key).is_ok());
        Ok(Self { keys })
    }

    /// The keys, member by member.
    pub fn keys(&self) -> &[Map<String, Value>] {
        &self.keys
    }

    /// Whether a key has this id.
    pub fn has(&self, kid: &str) -> bool {
        let named = |key: &Map<String, Value>| key.get("kid").and_then(Value::as_str) == Some(kid);
        self.keys.iter().any(named)
    }

    /// The keys that may have made a signature with this header: of the algorithm's type, not for something else, and not under another id.
    pub fn verifying(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        self.jwks()
            .filter(|jwk| fits(jwk, kid, algorithm))
            .filter_map(|jwk| DecodingKey::from_jwk(&jwk).ok())
            .collect()
    }

    /// The keys that the library knows.
    pub fn jwks(&self) -> impl Iterator<Item = Jwk> {
        self.keys
            .iter()
            .filter_map(|key| Jwk::deserialize(&Value::Object(key.clone())).ok())
    }
}

fn fits(jwk: &Jwk, kid: Option<&str>, algorithm: Algorithm) -> bool {
    let common = &jwk.common;
    let own_kid = common.key_id.as_deref();
    let same_id = kid.is_none() || own_kid.is_none() || own_kid == kid;
    let for_signatures = match &common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
    };
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let same_algorithm = common
        .key_algorithm
        .is_none_or(|own| own == KeyAlgorithm::from(algorithm));
    same_id && for_signatures && verifies && same_algorithm && has_type_of(jwk, algorithm)
}

fn has_type_of(jwk: &Jwk, algorithm: Algorithm) -> bool {
    match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::PS256) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
            key.curve == EllipticCurve::Ed25519
        }
        (_, _) => false,
    }
}

/// The keys of a set, each an object; `None` when it is none or too large.
fn members(value: &Value) -> Option<Vec<Map<String, Value>>> {
    if value.to_string().len() > SET_BYTES {
        return None;
    }
    let keys = value.get("keys")?.as_array()?;
    if keys.len() > KEYS {
        return None;
    }
    keys.iter().map(|key| key.as_object().cloned()).collect()
}

fn check(key: &Map<String, Value>) -> Result<(), KeyFault> {
    if PRIVATE.iter().any(|name| key.contains_key(*name)) {
        return Err(KeyFault::Private);
    }
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name: &str| {
        text(name)
            .and_then(from_base64url)
            .ok_or(KeyFault::Malformed)
    };
    let lengths = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => {
            number("e")?;
            return if bits(&number("n")?) < RSA_BITS {
                Err(KeyFault::Small)
            } else {
                Ok(())
            };
        }
        (Some("EC"), Some("P-256")) => (32, Some(32)),
        (Some("EC"), Some("P-384")) => (48, Some(48)),
        (Some("EC"), Some("P-521")) => (66, Some(66)),
        (Some("OKP"), Some("Ed25519" | "X25519")) => (32, None),
        (_, _) => return Err(KeyFault::Unknown),
    };
    let (x, y) = lengths;
    let fits = number("x")?.len() == x
        && match y {
            None => true,
            Some(length) => number("y")?.len() == length,
        };
    if fits {
        Ok(())
    } else {
        Err(KeyFault::Malformed)
    }
}

/// The bits of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let mut bytes = number.iter().skip_while(|byte| **byte == 0);
    let Some(first) = bytes.next() else { return 0 };
    let in_first = 8_u32.saturating_sub(first.leading_zeros());
    bytes
        .count()
        .saturating_mul(8)
        .saturating_add(usize::try_from(in_first).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::encoding::base64url;

    fn ec(kid: &str) -> Value {
        let number = base64url(&[1; 32]);
        json!({ "kty": "EC", "crv": "P-256", "x": number, "y": number, "kid": kid })
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key.as_object_mut().unwrap().insert(name.to_owned(), value);
        key
    }

    fn rsa(bytes: usize) -> Value {
        json!({ "kty": "RSA", "n": base64url(&vec![0x80; bytes]), "e": "AQAB" })
    }

    #[track_caller]
    fn check_key(key: Value, expect: Option<KeyFault>) {
        let set = json!({ "keys": Value::Array(vec![key]) });
        let expect = expect.map(|fault| InvalidKeySet::Key(1, fault));
        assert_eq!(KeySet::parse(&set).err(), expect, "{set}");
    }

    #[test]
    fn only_public_keys_of_known_types_and_enough_bits_are_registered() {
        check_key(ec("a"), None);
        check_key(rsa(256), None);
        check_key(
            json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&[1; 32]) }),
            None,
        );
        check_key(rsa(255), Some(KeyFault::Small));
        check_key(rsa(0), Some(KeyFault::Small));
        check_key(with(ec("a"), "d", json!("AA")), Some(KeyFault::Private));
        check_key(with(rsa(256), "p", json!("AA")), Some(KeyFault::Private));
        check_key(json!({ "kty": "oct", "k": "AA" }), Some(KeyFault::Private));
        check_key(json!({ "kty": "oct" }), Some(KeyFault::Unknown));
        check_key(
            with(ec("a"), "crv", json!("secp256k1")),
            Some(KeyFault::Unknown),
        );
        check_key(with(ec("a"), "x", json!("AA")), Some(KeyFault::Malformed));
        check_key(with(ec("a"), "y", json!(1)), Some(KeyFault::Malformed));
    }

    #[test]
    fn a_set_is_a_bounded_list_of_objects() {
        for value in [
            json!([]),
            json!({}),
            json!({ "keys": [] }),
            json!({ "keys": "x" }),
            json!({ "keys": ["x"] }),
            json!({ "keys": vec![ec("a"); KEYS + 1] }),
            json!({ "keys": [with(ec("a"), "note", json!("x".repeat(SET_BYTES)))] }),
        ] {
            assert_eq!(KeySet::parse(&value), Err(InvalidKeySet::Malformed));
        }
    }

    #[test]
    fn a_fetched_set_keeps_what_can_be_used() {
        let set = json!({ "keys": [ec("a"), rsa(128), { "kty": "unheard of" }] });
        let set = KeySet::usable(&set).unwrap();
        assert_eq!(set.keys().len(), 1);
        assert!(set.has("a") && !set.has("b"));
    }

    #[test]
    fn a_key_verifies_what_its_type_and_its_members_allow() {
        let count = |key: Value, kid: Option<&str>, algorithm| {
            let set = KeySet::parse(&json!({ "keys": [key] })).unwrap();
            set.verifying(kid, algorithm).len()
        };
        assert_eq!(count(ec("a"), None, Algorithm::ES256), 1);
        assert_eq!(count(ec("a"), Some("a"), Algorithm::ES256), 1);
        assert_eq!(count(ec("a"), Some("b"), Algorithm::ES256), 0);
        assert_eq!(
            count(rsa(256), Some("b"), Algorithm::RS256),
            1,
            "it has no id"
        );
        assert_eq!(count(rsa(256), None, Algorithm::PS256), 1);
        // Neither another family nor a public key taken for a shared one.
        assert_eq!(count(rsa(256), None, Algorithm::HS256), 0);
        assert_eq!(count(rsa(256), None, Algorithm::ES256), 0);
        assert_eq!(count(ec("a"), None, Algorithm::HS256), 0);
        for (name, value, expect) in [
            ("use", json!("sig"), 1),
            ("use", json!("enc"), 0),
            ("key_ops", json!(["verify"]), 1),
            ("key_ops", json!(["deriveKey"]), 0),
            ("alg", json!("ES256"), 1),
            ("alg", json!("ECDH-ES"), 0),
        ] {
            let key = with(ec("a"), name, value.clone());
            assert_eq!(count(key, None, Algorithm::ES256), expect, "{name} {value}");
        }
    }
}
