//! Content encryption (RFC 7518 section 5): AES-GCM, and AES-CBC with HMAC. A key encrypts one text, so a random IV never repeats under it.

use aws_lc_rs::aead::{self, AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, AES_128, AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::ContentEncryption;
use crate::base::secret::random;

/// Bits in a byte, for lengths that the RFC counts in bits.
const BYTE_BITS: u64 = 8;

/// A text, encrypted.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

impl ContentEncryption {
    /// Length of its key, in bytes.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }
}

/// A new initialization vector.
pub(super) fn new_iv(enc: ContentEncryption) -> Vec<u8> {
    match enc {
        ContentEncryption::A128Gcm | ContentEncryption::A256Gcm => random::<12>().to_vec(),
        ContentEncryption::A128CbcHs256 | ContentEncryption::A256CbcHs512 => {
            random::<16>().to_vec()
        }
    }
}

/// Encrypts the text, and authenticates it and `aad`.
pub(super) fn seal(
    enc: ContentEncryption,
    key: &[u8],
    (iv, aad): (&[u8], &[u8]),
    text: &[u8],
) -> Result<Sealed, Unspecified> {
    if key.len() != enc.key_bytes() {
        return Err(Unspecified);
    }
    let mut ciphertext = text.to_vec();
    let tag = match enc {
        ContentEncryption::A128Gcm => seal_gcm(&AES_128_GCM, key, (iv, aad), &mut ciphertext)?,
        ContentEncryption::A256Gcm => seal_gcm(&AES_256_GCM, key, (iv, aad), &mut ciphertext)?,
        ContentEncryption::A128CbcHs256 => {
            let algorithms = (&AES_128, hmac::HMAC_SHA256);
            seal_cbc(algorithms, key, (iv, aad), &mut ciphertext)?
        }
        ContentEncryption::A256CbcHs512 => {
            let algorithms = (&AES_256, hmac::HMAC_SHA512);
            seal_cbc(algorithms, key, (iv, aad), &mut ciphertext)?
        }
    };
    Ok(Sealed { ciphertext, tag })
}

/// RFC 7518 section 5.3. In place; the tag.
fn seal_gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    (iv, aad): (&[u8], &[u8]),
    text: &mut [u8],
) -> Result<Vec<u8>, Unspecified> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key)?);
    let nonce = Nonce::try_assume_unique_for_key(iv)?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text)?;
    Ok(tag.as_ref().to_vec())
}

/// RFC 7518 section 5.2.2.1: the first half of the key authenticates, the second encrypts; the tag is half of the MAC. In place; the tag.
fn seal_cbc(
    (block_cipher, mac): (&'static cipher::Algorithm, hmac::Algorithm),
    key: &[u8],
    (iv, aad): (&[u8], &[u8]),
    text: &mut Vec<u8>,
) -> Result<Vec<u8>, Unspecified> {
    let half = key.len() / 2;
    let (mac_key, cipher_key) = key.split_at(half);
    let block = <[u8; 16]>::try_from(iv).map_err(|_| Unspecified)?;
    let context = EncryptionContext::Iv128(FixedLength::from(block));
    PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(block_cipher, cipher_key)?)?
        .less_safe_encrypt(text, context)?;
    let aad_bits = u64::try_from(aad.len())
        .ok()
        .and_then(|bytes| bytes.checked_mul(BYTE_BITS))
        .ok_or(Unspecified)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(mac, mac_key));
    for part in [aad, iv, text.as_slice(), &aad_bits.to_be_bytes()] {
        context.update(part);
    }
    let tag = context.sign();
    tag.as_ref()
        .get(..half)
        .map(<[u8]>::to_vec)
        .ok_or(Unspecified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::encoding::base64url;

    /// RFC 7518 appendix B, the plaintext and associated data of each case.
    const TEXT: &str = "A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience";
    const AAD: &str = "The second principle of Auguste Kerckhoffs";
    const IV: [u8; 16] = [
        0x1a, 0xf3, 0x8c, 0x2d, 0xc2, 0xb9, 0x6f, 0xfd, 0xd8, 0x66, 0x94, 0x09, 0x23, 0x41, 0xbc,
        0x04,
    ];

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn cbc_with_hmac_is_the_example_of_the_rfc() {
        let ascending: Vec<u8> = (0..64).collect();
        for (enc, expect) in [
            (
                ContentEncryption::A128CbcHs256,
                "652c3fa36b0a7c5b3219fab3a30bc1c4",
            ),
            (
                ContentEncryption::A256CbcHs512,
                "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5",
            ),
        ] {
            let key = &ascending[..enc.key_bytes()];
            let sealed = seal(enc, key, (&IV, AAD.as_bytes()), TEXT.as_bytes()).unwrap();
            assert_eq!(hex(&sealed.tag), expect, "{enc:?}");
            assert_eq!(sealed.ciphertext.len(), TEXT.len() + 16);
        }
    }

    #[test]
    fn gcm_is_the_example_of_the_rfc() {
        // RFC 7516 appendix A.1.
        let key = [
            177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7,
            110, 91, 112, 46, 34, 105, 47, 130, 203, 46, 122, 234, 64, 252,
        ];
        let iv = [227, 197, 117, 252, 2, 219, 233, 68, 180, 225, 77, 219];
        let text = "The true sign of intelligence is not knowledge but imagination.";
        let header = base64url(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
        let aad = (&iv[..], header.as_bytes());
        let sealed = seal(ContentEncryption::A256Gcm, &key, aad, text.as_bytes()).unwrap();
        assert_eq!(
            base64url(&sealed.ciphertext),
            "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A"
        );
        assert_eq!(base64url(&sealed.tag), "XFBoMYUZodetZdvTiFvSkQ");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for enc in ContentEncryption::ALL {
            let key = vec![0; enc.key_bytes() - 1];
            let iv = new_iv(*enc);
            assert!(seal(*enc, &key, (&iv, b""), b"x").is_err(), "{enc:?}");
        }
    }
}
