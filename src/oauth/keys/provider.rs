//! How `jsonwebtoken` signs with our keys.
//!
//! Its own backend parses the private key again for every signature, which takes longer than the signature. The provider installed
//! here keeps the parsed keys: the `EncodingKey` of one of ours carries a handle instead of a private key. Keys of others, such as a
//! relying party in this process, go to the backend as they are.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, Weak};

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, aws_lc};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer};
use jsonwebtoken::{Algorithm, EncodingKey};

use super::KeysError;
use super::pair::{Pair, jwa};
use crate::oauth::protocol::signing::SigningAlgorithm;

/// What a handle begins with; no DER does.
const HANDLE: &str = "tessera signing key ";

/// The parsed keys of this process, by handle.
static PARSED: LazyLock<RwLock<HashMap<String, Weak<Pair>>>> = LazyLock::new(RwLock::default);

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(|| CryptoProvider {
    signer_factory,
    ..aws_lc::DEFAULT_PROVIDER.clone()
});

/// A key that signs, known to the provider as long as it lives.
#[derive(Debug)]
pub(super) struct SigningKey {
    kid: String,
    handle: String,
    parsed: Arc<Pair>,
}

impl SigningKey {
    /// Parses a private key and makes it known to the provider.
    pub(super) fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, KeysError> {
        let parsed = Arc::new(Pair::from_pkcs8(algorithm, pkcs8)?);
        let (kid, _) = parsed.describe()?;
        let handle = format!("{HANDLE}{kid}");
        let mut keys = PARSED.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, key| key.strong_count() > 0);
        keys.insert(handle.clone(), Arc::downgrade(&parsed));
        Ok(Self {
            kid,
            handle,
            parsed,
        })
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm, in `jsonwebtoken`'s words.
    pub(super) fn jwa(&self) -> Algorithm {
        jwa(self.parsed.algorithm())
    }

    /// What `jsonwebtoken` takes for the key.
    pub(super) fn encoding_key(&self) -> EncodingKey {
        let handle = self.handle.as_bytes();
        match self.parsed.algorithm() {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => EncodingKey::from_rsa_der(handle),
            SigningAlgorithm::Es256 => EncodingKey::from_ec_der(handle),
            SigningAlgorithm::EdDsa => EncodingKey::from_ed_der(handle),
        }
    }
}

/// Makes `jsonwebtoken` sign with the parsed keys. Once a process; again is no error.
pub(super) fn install() -> Result<(), KeysError> {
    let ours: &'static CryptoProvider = LazyLock::force(&PROVIDER);
    match ours.install_default() {
        Ok(()) => Ok(()),
        Err(_) if signs_with_ours() => Ok(()),
        Err(_) => Err(KeysError::Provider),
    }
}

/// Whether the installed provider knows our handles. `install_default` does not tell which one it is.
fn signs_with_ours() -> bool {
    let handle = EncodingKey::from_rsa_der(HANDLE.as_bytes());
    jsonwebtoken::crypto::sign(b"", &handle, Algorithm::RS256)
        .is_err_and(|error| matches!(error.kind(), ErrorKind::InvalidKeyFormat))
}

struct ParsedSigner(Arc<Pair>);

impl Signer<Vec<u8>> for ParsedSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.0.sign(message).ok_or_else(signature::Error::new)
    }
}

impl JwtSigner for ParsedSigner {
    fn algorithm(&self) -> Algorithm {
        jwa(self.0.algorithm())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that `CryptoProvider` asks for"
)]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if !key.as_bytes().starts_with(HANDLE.as_bytes()) {
        return (aws_lc::DEFAULT_PROVIDER.signer_factory)(algorithm, key);
    }
    let invalid = || Error::from(ErrorKind::InvalidKeyFormat);
    let handle = std::str::from_utf8(key.as_bytes()).map_err(|_| invalid())?;
    let keys = PARSED.read().unwrap_or_else(PoisonError::into_inner);
    let parsed = keys.get(handle).and_then(Weak::upgrade);
    // The key decides: one made for RS256 does not sign PS256, although it could.
    let parsed = parsed.filter(|pair| jwa(pair.algorithm()) == *algorithm);
    Ok(Box::new(ParsedSigner(parsed.ok_or_else(invalid)?)))
}

#[cfg(test)]
mod tests {
    use super::super::pair::generate;
    use super::*;
    use jsonwebtoken::Header;

    #[test]
    fn a_key_signs_with_its_own_algorithm_only() {
        install().unwrap();
        let made = generate(SigningAlgorithm::Rs256, 2048).unwrap();
        let key = SigningKey::from_pkcs8(SigningAlgorithm::Rs256, &made.pkcs8).unwrap();
        let sign = |algorithm| {
            jsonwebtoken::encode(
                &Header::new(algorithm),
                &serde_json::json!({}),
                &key.encoding_key(),
            )
        };
        assert!(sign(Algorithm::RS256).is_ok());
        for other in [Algorithm::PS256, Algorithm::RS512, Algorithm::ES256] {
            assert!(sign(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn keys_of_others_sign_as_ever() {
        install().unwrap();
        let made = generate(SigningAlgorithm::Es256, 2048).unwrap();
        let key = EncodingKey::from_ec_der(&made.pkcs8);
        let claims = serde_json::json!({});
        assert!(jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key).is_ok());
    }
}
