//! The text of an API key: `tsr_ak_` and base64url of the key's id, its secret and a checksum.
//!
//! The checksum (CRC-32) covers the prefix too. It tells a scanner that a text is a key and not a lookalike, and keeps mistyped keys from
//! the database; it proves nothing: that is the secret's work. The text has one form only.

use aws_lc_rs::hmac;
use crc::{CRC_32_ISO_HDLC, Crc};
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::ApiKeyId;
use crate::base::secret::{Secret, TokenKind, random};

/// The purpose of the MAC key for API keys (`Sealer::derive_mac_key`).
pub const MAC_KEY_PURPOSE: &str = "api key";

const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const SUM_BYTES: usize = 4;
/// Length of a key's text after its prefix: base64url of all of its bytes.
const ENCODED_CHARS: usize = ((ID_BYTES + SECRET_BYTES + SUM_BYTES) * 8).div_ceil(6);
const SUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A well-formed API key.
#[derive(Debug)]
pub struct ApiKey {
    id: ApiKeyId,
    bytes: Secret<[u8; ID_BYTES + SECRET_BYTES]>,
}

impl ApiKey {
    /// A new secret for a key; `None` when the id is not a ULID.
    pub fn generate(id: &ApiKeyId) -> Option<Self> {
        let ulid = id.as_str().strip_prefix("key_")?.to_ascii_uppercase();
        let ulid = Ulid::from_string(&ulid).ok()?.to_bytes();
        let secret = Zeroizing::new(random::<SECRET_BYTES>());
        let both = Zeroizing::new([ulid.as_slice(), secret.as_slice()].concat());
        Some(Self {
            id: id.clone(),
            bytes: Secret::new(both.as_slice().try_into().ok()?),
        })
    }

    /// Whether a text claims to be an API key.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(TokenKind::ApiKey.prefix())
    }

    /// Whether a key stands somewhere in a text.
    pub fn stands_in(text: &str) -> bool {
        let prefix = TokenKind::ApiKey.prefix();
        text.match_indices(prefix).any(|(start, _)| {
            text.get(start..start + prefix.len() + ENCODED_CHARS)
                .is_some_and(|candidate| Self::parse(candidate).is_some())
        })
    }

    /// Parses a presented text; `None` unless form and checksum are right.
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(TokenKind::ApiKey.prefix())?;
        let bytes = Zeroizing::new(from_base64url(encoded)?);
        let (body, sum) = bytes.split_at_checked(ID_BYTES + SECRET_BYTES)?;
        if sum != sum_of(body) {
            return None;
        }
        let ulid = Ulid::from_bytes(*body.first_chunk::<ID_BYTES>()?);
        let ulid = ulid.to_string().to_ascii_lowercase();
        Some(Self {
            id: ApiKeyId::parse(&format!("key_{ulid}")).ok()?,
            bytes: Secret::new(body.try_into().ok()?),
        })
    }

    /// The key's id.
    pub const fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The key's text.
    pub fn text(&self) -> Secret<String> {
        let body = self.bytes.expose().as_slice();
        let bytes = Zeroizing::new([body, sum_of(body).as_slice()].concat());
        let prefix = TokenKind::ApiKey.prefix();
        Secret::new(format!("{prefix}{}", base64url(&bytes)))
    }

    /// The stored form: a MAC, bound to the id, under a key that is not in the database's reach. Whoever can write the table makes
    /// no key of it.
    pub fn mac(&self, mac_key: &hmac::Key) -> String {
        base64url(hmac::sign(mac_key, self.bytes.expose()).as_ref())
    }

    /// Whether this is the key with that stored form, in constant time.
    pub fn matches(&self, mac_key: &hmac::Key, stored: &str) -> bool {
        from_base64url(stored)
            .is_some_and(|mac| hmac::verify(mac_key, self.bytes.expose(), &mac).is_ok())
    }
}

fn sum_of(body: &[u8]) -> [u8; SUM_BYTES] {
    let mut digest = SUM.digest();
    digest.update(TokenKind::ApiKey.prefix().as_bytes());
    digest.update(body);
    digest.finalize().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    fn mac_key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    fn key() -> ApiKey {
        ApiKey::generate(&ApiKeyId::new(Timestamp::from_ms(1_700_000_000_000))).unwrap()
    }

    #[test]
    fn a_key_is_read_back() {
        let key = key();
        let text = key.text();
        assert_eq!(text.expose().len(), 7 + 70);
        let read = ApiKey::parse(text.expose()).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.text(), text);
        assert!(read.matches(&mac_key(), &key.mac(&mac_key())));
        assert_eq!(format!("{:?}", read.bytes), "Secret(..)");
    }

    #[test]
    fn a_key_is_found_in_a_text_and_a_lookalike_is_not() {
        let text = key().text().expose().clone();
        let cut = &text[..text.len() - 1];
        for found in [
            text.clone(),
            format!("a={text}&b"),
            format!("tsr_ak_{text}x"),
        ] {
            assert!(ApiKey::stands_in(&found), "{found}");
        }
        for other in ["", "tsr_ak_", cut, &format!("{cut}é"), &text.to_uppercase()] {
            assert!(!ApiKey::stands_in(other), "{other}");
        }
    }

    #[test]
    fn another_secret_another_id_and_another_mac_key_do_not_match() {
        let (one, other) = (key(), key());
        let mac = one.mac(&mac_key());
        assert!(!other.matches(&mac_key(), &mac));
        let moved = ApiKey {
            id: other.id().clone(),
            bytes: Secret::new({
                let mut bytes = *one.bytes.expose();
                bytes[..ID_BYTES].copy_from_slice(&other.bytes.expose()[..ID_BYTES]);
                bytes
            }),
        };
        assert!(
            !moved.matches(&mac_key(), &mac),
            "the MAC is bound to the id"
        );
        let foreign = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(!one.matches(&foreign, &mac));
        for stored in ["", "x", "AA"] {
            assert!(!one.matches(&mac_key(), stored), "{stored}");
        }
    }

    #[test]
    fn every_prefix_and_bit_flip_is_refused() {
        let text = key().text().expose().clone();
        for end in 0..text.len() {
            assert!(ApiKey::parse(&text[..end]).is_none(), "{end}");
        }
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(flipped) = String::from_utf8(bytes) {
                    assert!(ApiKey::parse(&flipped).is_none(), "{at} {bit}");
                }
            }
        }
        for changed in [
            format!("{text}="),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}A"),
            text.to_uppercase(),
        ] {
            assert!(ApiKey::parse(&changed).is_none(), "{changed}");
        }
    }
}
