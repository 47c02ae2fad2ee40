//! The text of a refresh token: `tsr_rt_` and base64url of family, generation, secret and tag.
//!
//! The tag is a MAC over the rest, so garbage never reaches the database, and any genuine older generation is recognised
//! without keeping old hashes. The text has one form only: 84 bytes are 112 characters without spare bits.

use aws_lc_rs::{hkdf, hmac};
use ulid::Ulid;

use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::GrantId;
use crate::base::secret::{Secret, TokenHash, TokenKind, random};

/// The purpose of the MAC key that makes tags (`Sealer::derive_mac_key`).
pub const TAG_KEY_PURPOSE: &str = "refresh token tag";

const FAMILY_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 32;
const BODY_BYTES: usize = FAMILY_BYTES + GENERATION_BYTES + SECRET_BYTES;

/// A genuine refresh token.
#[derive(Debug)]
pub struct RefreshToken {
    family: GrantId,
    generation: u32,
    secret: Secret<[u8; SECRET_BYTES]>,
}

impl RefreshToken {
    /// A new token of a family; `None` when the generation does not fit the text (after four thousand million rotations).
    pub fn generate(family: &GrantId, generation: i64) -> Option<Self> {
        Some(Self {
            family: family.clone(),
            generation: u32::try_from(generation).ok()?,
            secret: Secret::new(random()),
        })
    }

    /// Parses a presented text; `None` unless its tag is ours.
    pub fn parse(text: &str, tag_key: &hmac::Key) -> Option<Self> {
        let encoded = text.strip_prefix(TokenKind::RefreshToken.prefix())?;
        let bytes = from_base64url(encoded)?;
        if bytes.len() != BODY_BYTES + TAG_BYTES {
            return None;
        }
        let (body, tag) = bytes.split_at_checked(BODY_BYTES)?;
        hmac::verify(tag_key, body, tag).ok()?;
        let (family, rest) = body.split_first_chunk::<FAMILY_BYTES>()?;
        let (generation, secret) = rest.split_first_chunk::<GENERATION_BYTES>()?;
        let family = Ulid::from_bytes(*family).to_string().to_ascii_lowercase();
        Some(Self {
            family: GrantId::parse(&format!("gnt_{family}")).ok()?,
            generation: u32::from_be_bytes(*generation),
            secret: Secret::new(secret.try_into().ok()?),
        })
    }

    /// The token's text; `None` when the family's id is not a ULID.
    pub fn text(&self, tag_key: &hmac::Key) -> Option<Secret<String>> {
        let family = self.family.as_str().strip_prefix("gnt_")?;
        let family = Ulid::from_string(&family.to_ascii_uppercase()).ok()?;
        let mut bytes = Vec::with_capacity(BODY_BYTES + TAG_BYTES);
        bytes.extend_from_slice(&family.to_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(self.secret.expose());
        let tag = hmac::sign(tag_key, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        let prefix = TokenKind::RefreshToken.prefix();
        Some(Secret::new(format!("{prefix}{}", base64url(&bytes))))
    }

    /// The family it belongs to.
    pub const fn family(&self) -> &GrantId {
        &self.family
    }

    /// Its generation.
    pub fn generation(&self) -> i64 {
        i64::from(self.generation)
    }

    /// The stored form of its secret.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&base64url(self.secret.expose()))
    }

    /// The key under which the head that replaces this token is sealed: only who holds this token can open it
    /// (HKDF-SHA-256, RFC 5869).
    pub fn successor_key(&self) -> Option<Secret<[u8; 32]>> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tessera refresh successor")
            .extract(self.secret.expose());
        let mut key = [0_u8; 32];
        prk.expand(&[self.family.as_str().as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|material| material.fill(&mut key))
            .ok()?;
        Some(Secret::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    #[test]
    fn a_token_is_read_back() {
        let family = GrantId::new(Timestamp::from_ms(1_700_000_000_000));
        let token = RefreshToken::generate(&family, 3).unwrap();
        let text = token.text(&key()).unwrap();
        let read = RefreshToken::parse(text.expose(), &key()).unwrap();
        assert_eq!(read.family(), &family);
        assert_eq!(read.generation(), 3);
        assert_eq!(read.hash(), token.hash());
        assert_eq!(read.text(&key()).unwrap(), text);
        assert_eq!(text.expose().len(), 7 + 112);
    }

    #[test]
    fn every_prefix_bit_flip_and_other_key_is_refused() {
        let family = GrantId::new(Timestamp::from_ms(1_700_000_000_000));
        let text = RefreshToken::generate(&family, 1)
            .unwrap()
            .text(&key())
            .unwrap();
        let text = text.expose();
        for end in 0..text.len() {
            assert!(RefreshToken::parse(&text[..end], &key()).is_none(), "{end}");
        }
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(flipped) = String::from_utf8(bytes) {
                    assert!(
                        RefreshToken::parse(&flipped, &key()).is_none(),
                        "{at} {bit}"
                    );
                }
            }
        }
        for changed in [
            format!("{text}="),
            format!("{text} "),
            format!(" {text}"),
            text.to_uppercase(),
        ] {
            assert!(RefreshToken::parse(&changed, &key()).is_none(), "{changed}");
        }
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(RefreshToken::parse(text, &other).is_none());
    }
}
