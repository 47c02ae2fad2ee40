//! Nonces of ours in proofs (RFC 9449 section 8): the MAC of a slot of time, so that nothing is kept and every node knows them.

use aws_lc_rs::hmac;

use crate::base::encoding::{base64url, from_base64url};
use crate::base::time::{Seconds, Timestamp};

/// The purpose of the MAC key.
pub const NONCE_KEY_PURPOSE: &str = "DPoP nonce";
/// How long one nonce is the newest; it is taken for as long again.
const SLOT_SECONDS: Seconds = Seconds::new(300);

/// The nonces of one database.
#[derive(Debug)]
pub struct Nonces(hmac::Key);

impl Nonces {
    /// Of the MAC key made for [`NONCE_KEY_PURPOSE`].
    pub const fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    /// The nonce to hand out at `now`.
    pub fn current(&self, now: Timestamp) -> String {
        base64url(hmac::sign(&self.0, &slot(now, 0)).as_ref())
    }

    /// Whether the nonce is one that was handed out in this slot or the one before, or by a node whose clock is a little ahead.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let Some(mac) = from_base64url(nonce) else {
            return false;
        };
        [0, -1, 1]
            .into_iter()
            .any(|offset| hmac::verify(&self.0, &slot(now, offset), &mac).is_ok())
    }
}

fn slot(now: Timestamp, offset: i64) -> [u8; 8] {
    now.ms()
        .div_euclid(SLOT_SECONDS.ms())
        .saturating_add(offset)
        .to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(SLOT_SECONDS.get() * 1_000 + seconds)
    }

    #[test]
    fn a_nonce_is_good_for_two_slots() {
        let nonces = Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let nonce = nonces.current(at(0));
        assert_eq!(nonce, nonces.current(at(299)));
        assert_ne!(nonce, nonces.current(at(300)));
        for (seconds, expect) in [
            (-301, false),
            (-1, true),
            (0, true),
            (299, true),
            (300, true),
            (599, true),
            (600, false),
        ] {
            assert_eq!(nonces.accepts(&nonce, at(seconds)), expect, "{seconds}");
        }
    }

    #[test]
    fn no_other_text_is_a_nonce() {
        let nonces = Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let others = Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]));
        let nonce = nonces.current(at(0));
        for wrong in [
            "",
            "x",
            &nonce[..42],
            &format!("{nonce}A"),
            &others.current(at(0)),
        ] {
            assert!(!nonces.accepts(wrong, at(0)), "{wrong}");
        }
    }
}
