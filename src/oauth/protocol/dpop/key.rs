//! The public key in a proof's header (RFC 7517), its thumbprint (RFC 7638), and what it signed.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ProofError;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::sha256;
use crate::oauth::protocol::client::words;

/// Members of a JWK that only a private or symmetric key has (RFC 7518 section 6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// Bytes of a coordinate of P-256, and of an Ed25519 key.
const CURVE_BYTES: usize = 32;
/// Bytes of the smallest and the largest RSA modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// Bytes of the largest RSA exponent: a larger one only makes verification slow.
const EXPONENT_BYTES: usize = 4;

words! {
    /// How a proof may be signed: asymmetric only, and of those what FAPI 2.0 section 5.4 allows.
    ProofAlgorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// RSASSA-PSS with SHA-256, 2048 bits or more.
        Ps256 = "PS256",
        /// Ed25519, under its older name.
        EdDsa = "EdDSA",
        /// Ed25519 (RFC 9864 section 2.2).
        Ed25519 = "Ed25519",
    }
}

/// A key's RFC 7638 thumbprint: SHA-256 in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

/// A text that is no thumbprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the RFC 7638 thumbprint of a key: SHA-256 in base64url, 43 characters")]
pub struct InvalidThumbprint;

impl Thumbprint {
    /// Parses a thumbprint.
    pub fn parse(text: &str) -> Result<Self, InvalidThumbprint> {
        let is_hash = from_base64url(text).is_some_and(|bytes| bytes.len() == CURVE_BYTES);
        if is_hash {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidThumbprint)
        }
    }

    /// The thumbprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = InvalidThumbprint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.0
    }
}

/// A public key, decoded.
pub(super) enum PublicKey {
    P256 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Reads the key that `algorithm` needs; members that say nothing about the key are ignored.
    pub(super) fn read(
        jwk: &Map<String, Value>,
        algorithm: ProofAlgorithm,
    ) -> Result<Self, ProofError> {
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(ProofError::PrivateKey);
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(from_base64url);
        let on_curve = |name: &str| bytes(name).filter(|bytes| bytes.len() == CURVE_BYTES);
        let key = match (algorithm, text("kty"), text("crv")) {
            (ProofAlgorithm::Es256, Some("EC"), Some("P-256")) => on_curve("x")
                .zip(on_curve("y"))
                .map(|(x, y)| Self::P256 { x, y }),
            (ProofAlgorithm::EdDsa | ProofAlgorithm::Ed25519, Some("OKP"), Some("Ed25519")) => {
                on_curve("x").map(|x| Self::Ed25519 { x })
            }
            (ProofAlgorithm::Ps256, Some("RSA"), _) => {
                let n = bytes("n").filter(|n| RSA_BYTES.contains(&n.len()) && is_plain(n));
                let e = bytes("e").filter(|e| e.len() <= EXPONENT_BYTES && is_plain(e));
                n.zip(e).map(|(n, e)| Self::Rsa { n, e })
            }
            _ => None,
        };
        key.ok_or(ProofError::Key)
    }

    /// RFC 7638 section 3: the required members, in order.
    pub(super) fn thumbprint(&self) -> Thumbprint {
        let members = match self {
            Self::P256 { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                base64url(x),
                base64url(y)
            ),
            Self::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url(x))
            }
            Self::Rsa { n, e } => format!(
                r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
                base64url(e),
                base64url(n)
            ),
        };
        Thumbprint(base64url(sha256(members.as_bytes()).as_ref()))
    }

    /// Whether the key made this signature.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256 { x, y } => {
                // SEC 1 section 2.3.3: an uncompressed point.
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::Ed25519 { x } => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PSS_2048_8192_SHA256,
                message,
                signature,
            ),
        }
        .is_ok()
    }
}

/// Whether a number has no leading zero (RFC 7518 section 6.3.1): one key, one thumbprint.
fn is_plain(number: &[u8]) -> bool {
    number.first().is_some_and(|first| *first != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(jwk: &str, algorithm: ProofAlgorithm) -> Result<PublicKey, ProofError> {
        PublicKey::read(&serde_json::from_str(jwk).unwrap(), algorithm)
    }

    #[test]
    fn thumbprints_are_the_examples_of_the_rfcs() {
        // RFC 9449 section 6.1, RFC 8037 appendix A.3.
        for (jwk, algorithm, expect) in [
            (
                r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                    "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
                ProofAlgorithm::Es256,
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                ProofAlgorithm::EdDsa,
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
        ] {
            let key = read(jwk, algorithm).ok().unwrap();
            assert_eq!(key.thumbprint().as_str(), expect);
        }
    }

    #[test]
    fn a_key_is_public_of_the_algorithms_type_and_of_its_size() {
        let coordinate = "A".repeat(43);
        let ec = |crv: &str, x: &str, more: &str| {
            format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{coordinate}"{more}}}"#)
        };
        let rsa = |n: usize, e: &str| {
            let n = base64url(&vec![255; n]);
            format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)
        };
        let zero_first = base64url(&[&[0], &[255_u8; 256][..]].concat());
        for (jwk, algorithm, expect) in [
            (ec("P-256", &coordinate, ""), "ES256", None),
            (
                ec("P-256", &coordinate, r#","use":"sig","ext":true"#),
                "ES256",
                None,
            ),
            (
                ec("P-256", &coordinate, r#","d":"AA""#),
                "ES256",
                Some(ProofError::PrivateKey),
            ),
            (
                ec("P-256", &coordinate, r#","d":null"#),
                "ES256",
                Some(ProofError::PrivateKey),
            ),
            (ec("P-384", &coordinate, ""), "ES256", Some(ProofError::Key)),
            (ec("P-256", "AA", ""), "ES256", Some(ProofError::Key)),
            (ec("P-256", "!", ""), "ES256", Some(ProofError::Key)),
            (ec("P-256", &coordinate, ""), "PS256", Some(ProofError::Key)),
            (ec("P-256", &coordinate, ""), "EdDSA", Some(ProofError::Key)),
            (
                r#"{"kty":"oct","k":"AA"}"#.to_owned(),
                "ES256",
                Some(ProofError::PrivateKey),
            ),
            (rsa(256, "AQAB"), "PS256", None),
            (rsa(128, "AQAB"), "PS256", Some(ProofError::Key)),
            (rsa(1_025, "AQAB"), "PS256", Some(ProofError::Key)),
            (rsa(256, "AAAB"), "PS256", Some(ProofError::Key)),
            (rsa(256, "AQAAAAAB"), "PS256", Some(ProofError::Key)),
            (
                format!(r#"{{"kty":"RSA","n":"{zero_first}","e":"AQAB"}}"#),
                "PS256",
                Some(ProofError::Key),
            ),
            ("{}".to_owned(), "ES256", Some(ProofError::Key)),
        ] {
            let algorithm = ProofAlgorithm::parse(algorithm).unwrap();
            assert_eq!(read(&jwk, algorithm).err(), expect, "{jwk}");
        }
    }

    #[test]
    fn a_thumbprint_is_a_hash_in_base64url() {
        for (text, expect) in [
            ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", true),
            ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4", false),
            ("0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I", false),
            ("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=", false),
            ("", false),
        ] {
            assert_eq!(Thumbprint::parse(text).is_ok(), expect, "{text}");
        }
    }
}
