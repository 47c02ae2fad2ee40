//! Key management (RFC 7518 sections 4.3 and 4.6): a new content encryption key, and what of it only the recipient can read.

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap as _};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::recipient::{Curve, PublicKey};
use super::{Encryption, JweError, KeyManagement, Recipient};
use crate::base::encoding::base64url;

/// What AES key wrap adds to a key (RFC 3394 section 2.2.1), in bytes.
const WRAP_BYTES: usize = 8;

/// A content encryption key and its way to the recipient.
pub(super) struct Protected {
    pub(super) content_key: Zeroizing<Vec<u8>>,
    /// Empty where both sides derive the key.
    pub(super) encrypted_key: Vec<u8>,
    /// Our half of the agreement, for the header.
    pub(super) epk: Option<Value>,
}

/// Makes a key for one text.
pub(super) fn protect(
    recipient: &Recipient,
    encryption: Encryption,
) -> Result<Protected, JweError> {
    let unfit = |_| JweError::UnfitKey(encryption.alg);
    match (encryption.alg, recipient.key()) {
        (KeyManagement::RsaOaep, PublicKey::Rsa { n, e }) => {
            seal_rsa(encryption, &OAEP_SHA1_MGF1SHA1, (n, e)).map_err(unfit)
        }
        (KeyManagement::RsaOaep256, PublicKey::Rsa { n, e }) => {
            seal_rsa(encryption, &OAEP_SHA256_MGF1SHA256, (n, e)).map_err(unfit)
        }
        (
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw,
            PublicKey::Curve { curve, point },
        ) => agree(encryption, *curve, point).map_err(unfit),
        (KeyManagement::RsaOaep | KeyManagement::RsaOaep256, PublicKey::Curve { .. })
        | (
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA128Kw | KeyManagement::EcdhEsA256Kw,
            PublicKey::Rsa { .. },
        ) => Err(JweError::NoKey(encryption.alg)),
    }
}

fn new_key(encryption: Encryption) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut key = Zeroizing::new(vec![0; encryption.enc.key_bytes()]);
    rand::fill(&mut key)?;
    Ok(key)
}

fn seal_rsa(
    encryption: Encryption,
    oaep: &'static OaepAlgorithm,
    (n, e): (&[u8], &[u8]),
) -> Result<Protected, Unspecified> {
    // Refuses below 2048 bits and above 8192.
    let public: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into()?;
    let public = OaepPublicEncryptingKey::new(public)?;
    let content_key = new_key(encryption)?;
    let mut encrypted_key = vec![0; public.ciphertext_size()];
    let length = public
        .encrypt(oaep, &content_key, &mut encrypted_key, None)?
        .len();
    encrypted_key.truncate(length);
    Ok(Protected {
        content_key,
        encrypted_key,
        epk: None,
    })
}

fn agree(encryption: Encryption, curve: Curve, point: &[u8]) -> Result<Protected, Unspecified> {
    let ours = EphemeralPrivateKey::generate(curve.agreement(), &SystemRandom::new())?;
    let epk = public_jwk(curve, ours.compute_public_key()?.as_ref())?;
    // Direct agreement derives for the content encryption, else for the wrapping (section 4.6.2).
    let (algorithm_id, bytes, wrapping) = match encryption.alg {
        KeyManagement::EcdhEsA128Kw => (encryption.alg.as_str(), 16, Some(&AES_128)),
        KeyManagement::EcdhEsA256Kw => (encryption.alg.as_str(), 32, Some(&AES_256)),
        KeyManagement::EcdhEs | KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
            (encryption.enc.as_str(), encryption.enc.key_bytes(), None)
        }
    };
    let theirs = UnparsedPublicKey::new(curve.agreement(), point);
    let derived = agreement::agree_ephemeral(ours, theirs, Unspecified, |secret| {
        concat_kdf(secret, algorithm_id, (b"", b""), bytes)
    })?;
    let (content_key, encrypted_key) = match wrapping {
        Some(cipher) => {
            let content_key = new_key(encryption)?;
            let encrypted_key = wrap(cipher, &derived, &content_key)?;
            (content_key, encrypted_key)
        }
        None => (derived, Vec::new()),
    };
    Ok(Protected {
        content_key,
        encrypted_key,
        epk: Some(epk),
    })
}

/// AES key wrap (RFC 3394).
fn wrap(
    cipher: &'static AesBlockCipher,
    wrapping_key: &[u8],
    key: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let mut wrapped = vec![0; key.len() + WRAP_BYTES];
    let length = AesKek::new(cipher, wrapping_key)?
        .wrap(key, &mut wrapped)?
        .len();
    wrapped.truncate(length);
    Ok(wrapped)
}

/// A public key as aws-lc writes it (an uncompressed point, or the bytes of X25519) as a JWK.
fn public_jwk(curve: Curve, public: &[u8]) -> Result<Value, Unspecified> {
    if curve == Curve::X25519 {
        return Ok(json!({"kty": "OKP", "crv": curve.as_str(), "x": base64url(public)}));
    }
    let point = public.get(1..).ok_or(Unspecified)?;
    let (x, y) = point.split_at(point.len() / 2);
    Ok(json!({"kty": "EC", "crv": curve.as_str(), "x": base64url(x), "y": base64url(y)}))
}

/// The Concat KDF with SHA-256 (RFC 7518 section 4.6.2).
fn concat_kdf(
    secret: &[u8],
    algorithm_id: &str,
    (party_u, party_v): (&[u8], &[u8]),
    bytes: usize,
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let length = |value: usize| u32::try_from(value).map_err(|_| Unspecified);
    let mut info = Vec::new();
    for part in [algorithm_id.as_bytes(), party_u, party_v] {
        info.extend_from_slice(&length(part.len())?.to_be_bytes());
        info.extend_from_slice(part);
    }
    let bits = length(bytes)?.checked_mul(8).ok_or(Unspecified)?;
    info.extend_from_slice(&bits.to_be_bytes());
    let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(Unspecified)?;
    let mut key = Zeroizing::new(vec![0; bytes]);
    sskdf_digest(digest, secret, &info, &mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::encoding::from_base64url;
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

    #[test]
    fn the_agreed_key_is_the_example_of_the_rfc() {
        // RFC 7518 appendix C.
        let bytes = |text: &str| from_base64url(text).unwrap();
        let alice = bytes("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let alice = PrivateKey::from_private_key(&ECDH_P256, &alice).unwrap();
        let mut bob = vec![4];
        bob.extend(bytes("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"));
        bob.extend(bytes("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"));
        let bob = UnparsedPublicKey::new(&ECDH_P256, &bob);
        let key = agreement::agree(&alice, bob, Unspecified, |secret| {
            concat_kdf(secret, "A128GCM", (b"Alice", b"Bob"), 16)
        });
        assert_eq!(base64url(&key.unwrap()), "VqqN6vgjbSBcIijNcacQGg");
    }
}
