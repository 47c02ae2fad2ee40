//! One key pair of one algorithm: made by aws-lc-rs, parsed once, named by its thumbprint (RFC 7638).

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::json;
use zeroize::Zeroizing;

use super::KeysError;
use crate::base::encoding::base64url;
use crate::base::secret::sha256;
use crate::oauth::protocol::signing::SigningAlgorithm;

/// Bytes of a coordinate of P-256.
const P256_BYTES: usize = 32;

/// A private key that signs with one algorithm and no other, whatever else the mathematics would allow.
#[derive(Debug)]
pub(super) enum Pair {
    Rs256(rsa::KeyPair),
    Ps256(rsa::KeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// A new key: its id, its private key to be sealed, its public key.
#[derive(Debug)]
pub(super) struct NewKey {
    pub(super) kid: String,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
    pub(super) public_jwk: String,
}

/// Makes a key; an RSA key has at least 2048 bits. That takes a core for a tenth of a second: call it where blocking is allowed.
pub(super) fn generate(algorithm: SigningAlgorithm, rsa_bits: u32) -> Result<NewKey, KeysError> {
    let pkcs8 = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
            let pair = rsa::KeyPair::generate(size(rsa_bits)).map_err(|_| KeysError::Key)?;
            let der = pair.as_der().map_err(|_| KeysError::Key)?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::Es256 => {
            let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let made = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new());
            made.map_err(|_| KeysError::Key)?.as_ref().to_vec()
        }
        SigningAlgorithm::EdDsa => {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
            made.map_err(|_| KeysError::Key)?.as_ref().to_vec()
        }
    };
    let pkcs8 = Zeroizing::new(pkcs8);
    let (kid, public_jwk) = Pair::from_pkcs8(algorithm, &pkcs8)?.describe()?;
    Ok(NewKey {
        kid,
        pkcs8,
        public_jwk,
    })
}

const fn size(bits: u32) -> KeySize {
    match bits {
        ..=2048 => KeySize::Rsa2048,
        2049..=3072 => KeySize::Rsa3072,
        3073.. => KeySize::Rsa4096,
    }
}

impl Pair {
    /// Parses a private key.
    pub(super) fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, KeysError> {
        let rsa = || rsa::KeyPair::from_pkcs8(pkcs8).map_err(|_| KeysError::Key);
        Ok(match algorithm {
            SigningAlgorithm::Rs256 => Self::Rs256(rsa()?),
            SigningAlgorithm::Ps256 => Self::Ps256(rsa()?),
            SigningAlgorithm::Es256 => Self::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(|_| KeysError::Key)?,
            ),
            SigningAlgorithm::EdDsa => {
                Self::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeysError::Key)?)
            }
        })
    }

    /// The algorithm it signs with.
    pub(super) const fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Rs256(_) => SigningAlgorithm::Rs256,
            Self::Ps256(_) => SigningAlgorithm::Ps256,
            Self::Es256(_) => SigningAlgorithm::Es256,
            Self::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// The key's id (RFC 7638 section 3, RFC 8037 section 2) and its public JWK (RFC 7517 section 4).
    pub(super) fn describe(&self) -> Result<(String, String), KeysError> {
        let alg = self.algorithm().as_str();
        // The thumbprint's members stand in the order of their names, without white space.
        let (members, mut jwk) = match self {
            Self::Rs256(pair) | Self::Ps256(pair) => {
                let public = pair.public_key();
                let n = base64url(public.modulus().big_endian_without_leading_zero());
                let e = base64url(public.exponent().big_endian_without_leading_zero());
                (
                    format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
                    json!({"kty": "RSA", "n": n, "e": e}),
                )
            }
            Self::Es256(pair) => {
                // SEC 1 section 2.3.3: a byte that says "uncompressed", then the two coordinates.
                let point = pair.public_key().as_ref().get(1..).ok_or(KeysError::Key)?;
                let (x, y) = point.split_at_checked(P256_BYTES).ok_or(KeysError::Key)?;
                let (x, y) = (base64url(x), base64url(y));
                (
                    format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
                    json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}),
                )
            }
            Self::EdDsa(pair) => {
                let x = base64url(pair.public_key().as_ref());
                (
                    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
                    json!({"kty": "OKP", "crv": "Ed25519", "x": x}),
                )
            }
        };
        let kid = base64url(sha256(members.as_bytes()).as_ref());
        if let Some(object) = jwk.as_object_mut() {
            object.insert("use".to_owned(), "sig".into());
            object.insert("alg".to_owned(), alg.into());
            object.insert("kid".to_owned(), kid.as_str().into());
        }
        Ok((kid, jwk.to_string()))
    }

    /// Signs (RFC 7518 section 3: ECDSA's signature is the two integers side by side). `None` when the library fails.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let (pair, padding) = match self {
            Self::Rs256(pair) => (pair, &RSA_PKCS1_SHA256),
            Self::Ps256(pair) => (pair, &RSA_PSS_SHA256),
            Self::Es256(pair) => return Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::EdDsa(pair) => return Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        };
        let mut signed = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &random, message, &mut signed).ok()?;
        Some(signed)
    }
}

/// The algorithm in `jsonwebtoken`'s words.
pub(super) const fn jwa(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// The key that verifies, from a stored JWK.
pub(super) fn decoding_key(jwk: &str) -> Result<DecodingKey, KeysError> {
    let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| KeysError::Key)?;
    DecodingKey::from_jwk(&jwk).map_err(|_| KeysError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::jwk::ThumbprintHash;

    #[test]
    fn a_key_is_named_by_its_thumbprint_and_says_what_it_is_for() {
        // `jsonwebtoken` hashes a key with the process's provider, and settles on its own if none is there yet.
        super::super::provider::install().unwrap();
        for algorithm in SigningAlgorithm::ALL {
            let key = generate(*algorithm, 2048).unwrap();
            let jwk: Jwk = serde_json::from_str(&key.public_jwk).unwrap();
            assert_eq!(
                jwk.thumbprint(ThumbprintHash::SHA256).unwrap(),
                key.kid,
                "{algorithm:?}"
            );
            let members: serde_json::Value = serde_json::from_str(&key.public_jwk).unwrap();
            assert_eq!(members["alg"], algorithm.as_str());
            assert_eq!(members["use"], "sig");
            assert_eq!(members["kid"], key.kid.as_str());
            let again = Pair::from_pkcs8(*algorithm, &key.pkcs8).unwrap();
            assert_eq!(again.algorithm(), *algorithm);
            assert_eq!(again.describe().unwrap(), (key.kid, key.public_jwk));
        }
    }

    #[test]
    fn a_small_size_is_raised() {
        let key = generate(SigningAlgorithm::Ps256, 512).unwrap();
        let Pair::Ps256(pair) = Pair::from_pkcs8(SigningAlgorithm::Ps256, &key.pkcs8).unwrap()
        else {
            panic!("another algorithm");
        };
        assert_eq!(pair.public_modulus_len(), 256);
    }

    #[test]
    fn a_key_of_another_kind_is_not_read() {
        let key = generate(SigningAlgorithm::EdDsa, 2048).unwrap();
        for algorithm in [
            SigningAlgorithm::Rs256,
            SigningAlgorithm::Ps256,
            SigningAlgorithm::Es256,
        ] {
            assert!(Pair::from_pkcs8(algorithm, &key.pkcs8).is_err());
        }
    }
}
