//! One RSA key: made by aws-lc-rs, parsed once, named by its thumbprint (RFC 7638).
//!
//! `jsonwebtoken`'s backend parses the private key again for every signature, which takes longer than the signature. The provider
//! installed here keeps the parsed keys: the `EncodingKey` it is given carries a key id instead of a private key.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, Weak};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::signature::{self, Signer};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::json;
use zeroize::Zeroizing;

use super::{ALGORITHM, KeysError};
use crate::base::encoding::base64url;
use crate::base::secret::sha256;

/// The parsed keys of this process, by key id.
static PARSED: LazyLock<RwLock<HashMap<String, Weak<KeyPair>>>> = LazyLock::new(RwLock::default);

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(|| CryptoProvider {
    signer_factory,
    ..aws_lc::DEFAULT_PROVIDER.clone()
});

/// A key that signs, known to the provider as long as it lives.
#[derive(Debug)]
pub(super) struct SigningKey {
    kid: String,
    _parsed: Arc<KeyPair>,
}

/// A new key: its id, its private key to be sealed, its public key.
pub(super) struct NewKey {
    pub(super) kid: String,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
    pub(super) public_jwk: String,
}

impl SigningKey {
    /// Parses a private key and makes it known to the provider.
    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeysError> {
        let parsed = Arc::new(KeyPair::from_pkcs8(pkcs8).map_err(|_| KeysError::Rsa)?);
        let (kid, _) = describe(&parsed);
        let mut keys = PARSED.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, key| key.strong_count() > 0);
        keys.insert(kid.clone(), Arc::downgrade(&parsed));
        Ok(Self {
            kid,
            _parsed: parsed,
        })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// What the `EncodingKey` carries.
    pub(super) fn handle(&self) -> &[u8] {
        self.kid.as_bytes()
    }
}

/// Makes a key of at least 2048 bits. Takes a core for a tenth of a second: call it where blocking is allowed.
pub(super) fn generate(bits: u32) -> Result<NewKey, KeysError> {
    let size = match bits {
        ..=2048 => KeySize::Rsa2048,
        2049..=3072 => KeySize::Rsa3072,
        3073.. => KeySize::Rsa4096,
    };
    let key = KeyPair::generate(size).map_err(|_| KeysError::Rsa)?;
    let pkcs8 = key.as_der().map_err(|_| KeysError::Rsa)?;
    let (kid, public_jwk) = describe(&key);
    Ok(NewKey {
        kid,
        pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()),
        public_jwk,
    })
}

/// A key's id (RFC 7638 section 3) and its public JWK (RFC 7517 section 4).
fn describe(key: &KeyPair) -> (String, String) {
    let public = key.public_key();
    let n = base64url(public.modulus().big_endian_without_leading_zero());
    let e = base64url(public.exponent().big_endian_without_leading_zero());
    let kid = thumbprint(&n, &e);
    let jwk = json!({
        "kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": n, "e": e,
    });
    (kid, jwk.to_string())
}

fn thumbprint(n: &str, e: &str) -> String {
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    base64url(sha256(members.as_bytes()).as_ref())
}

/// The key that verifies, from a stored JWK.
pub(super) fn decoding_key(jwk: &str) -> Result<DecodingKey, KeysError> {
    let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| KeysError::Rsa)?;
    DecodingKey::from_jwk(&jwk).map_err(|_| KeysError::Rsa)
}

/// Makes `jsonwebtoken` sign with the parsed keys. Once a process; again is no error.
pub(super) fn install_provider() -> Result<(), KeysError> {
    let ours: &'static CryptoProvider = LazyLock::force(&PROVIDER);
    match ours.install_default() {
        Ok(()) => Ok(()),
        Err(_) if signs_with_ours() => Ok(()),
        Err(_) => Err(KeysError::Provider),
    }
}

/// Whether the installed provider knows our handles. `install_default` does not tell which one it is.
fn signs_with_ours() -> bool {
    let handle = EncodingKey::from_rsa_der(PROBE.as_bytes());
    jsonwebtoken::crypto::sign(b"", &handle, Algorithm::RS256)
        .is_err_and(|error| matches!(error.kind(), ErrorKind::InvalidKeyFormat))
}

/// A handle that no key has.
const PROBE: &str = "no key has this id";

struct ParsedSigner(Arc<KeyPair>);

impl Signer<Vec<u8>> for ParsedSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut signed = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signed,
            )
            .map_err(signature::Error::from_source)?;
        Ok(signed)
    }
}

impl JwtSigner for ParsedSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that `CryptoProvider` asks for"
)]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm != Algorithm::RS256 {
        return (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key);
    }
    let invalid = || Error::from(ErrorKind::InvalidKeyFormat);
    let kid = std::str::from_utf8(key.as_bytes()).map_err(|_| invalid())?;
    let keys = PARSED.read().unwrap_or_else(PoisonError::into_inner);
    let parsed = keys.get(kid).and_then(Weak::upgrade).ok_or_else(invalid)?;
    Ok(Box::new(ParsedSigner(parsed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_example_of_the_rfc() {
        // RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn\
                 1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(
            thumbprint(n, "AQAB"),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn a_small_size_is_raised() {
        let key = generate(512).unwrap();
        let parsed = KeyPair::from_pkcs8(&key.pkcs8).unwrap();
        assert_eq!(parsed.public_modulus_len(), 256);
    }
}
