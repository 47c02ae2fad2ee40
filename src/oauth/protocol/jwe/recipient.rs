//! Whom we encrypt to: the key of a client's JWK set (RFC 7517 section 5) that is meant for encryption and fits the algorithm.
//!
//! A key that says another `use`, another `alg` or other `key_ops` is passed over; of several the first is taken. Certificates in a key mean nothing.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, X25519};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{JweError, KeyManagement};
use crate::base::encoding::from_base64url;

/// First byte of an uncompressed point (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A curve to agree on (RFC 7518 section 6.2.1.1, RFC 8037 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

/// A client's key to encrypt to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    kid: Option<String>,
    key: PublicKey,
}

/// The key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Curve { curve: Curve, point: Vec<u8> },
}

/// A JWK, as far as it matters here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Recipient {
    /// The first of the keys (the member `keys` of a JWK set) that fits.
    pub fn choose(keys: &[Map<String, Value>], alg: KeyManagement) -> Result<Self, JweError> {
        let mut fitting = keys.iter().filter_map(|key| Self::read(key, alg));
        fitting.next().ok_or(JweError::NoKey(alg))
    }

    fn read(key: &Map<String, Value>, alg: KeyManagement) -> Option<Self> {
        let jwk = Jwk::deserialize(&Value::Object(key.clone())).ok()?;
        let key = jwk.is_for(alg).then(|| jwk.public_key(alg)).flatten()?;
        Some(Self { kid: jwk.kid, key })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) const fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// Whether a client with these keys can be encrypted to, tried out: an unfit key is found when it is registered.
pub fn fits(keys: &[Map<String, Value>], encryption: super::Encryption) -> Result<(), JweError> {
    let recipient = Recipient::choose(keys, encryption.alg)?;
    super::encrypt(&recipient, encryption, super::Plaintext::Claims(b"{}")).map(|_| ())
}

impl Jwk {
    fn is_for(&self, alg: KeyManagement) -> bool {
        let operation = |operation: &String| match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                operation == "encrypt" || operation == "wrapKey"
            }
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw => {
                operation == "deriveKey" || operation == "deriveBits"
            }
        };
        let is = |member: &Option<String>, text: &str| member.as_ref().is_none_or(|it| it == text);
        is(&self.public_key_use, "enc")
            && is(&self.alg, alg.as_str())
            && self
                .key_ops
                .as_ref()
                .is_none_or(|all| all.is_empty() || all.iter().any(operation))
    }

    fn public_key(&self, alg: KeyManagement) -> Option<PublicKey> {
        match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                (self.kty == "RSA").then_some(())?;
                Some(PublicKey::Rsa {
                    n: number(self.n.as_deref()?)?,
                    e: number(self.e.as_deref()?)?,
                })
            }
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw => {
                let curve = Curve::parse(self.crv.as_deref()?)?;
                (self.kty == curve.key_type()).then_some(())?;
                let x = coordinate(curve, self.x.as_deref())?;
                if curve == Curve::X25519 {
                    return Some(PublicKey::Curve { curve, point: x });
                }
                let mut point = vec![UNCOMPRESSED];
                point.extend(x);
                point.extend(coordinate(curve, self.y.as_deref())?);
                Some(PublicKey::Curve { curve, point })
            }
        }
    }
}

/// A coordinate has the length of the curve's field, with leading zeros (RFC 7518 section 6.2.1.2).
fn coordinate(curve: Curve, text: Option<&str>) -> Option<Vec<u8>> {
    from_base64url(text?).filter(|bytes| bytes.len() == curve.field_bytes())
}

/// A number without leading zeros, as some write them.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = from_base64url(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).map(<[u8]>::to_vec)
}

impl Curve {
    fn parse(text: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521, Self::X25519]
            .into_iter()
            .find(|curve| curve.as_str() == text)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
        }
    }

    pub(super) const fn agreement(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
            Self::X25519 => &X25519,
        }
    }

    const fn key_type(self) -> &'static str {
        match self {
            Self::P256 | Self::P384 | Self::P521 => "EC",
            Self::X25519 => "OKP",
        }
    }

    const fn field_bytes(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}
