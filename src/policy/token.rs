//! Tokens that clients bring back: how fresh an answer was, and where a list goes on. Opaque, and sealed by a MAC.
//!
//! A revision token names a store, a revision and the beginning of that revision's nonce. A page token names a place and
//! the list it belongs to. Both fail closed: one altered bit, another store or another list, and they are refused.

use std::fmt;

use aws_lc_rs::hmac;

use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::constant_time_eq;
use crate::store::seal::Sealer;

const MAC_BYTES: usize = 16;
/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES: usize = 5_120;
/// How much of a nonce a token carries, in characters.
pub const NONCE_CHARS: usize = 8;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A revision token is altered, or another store's.
    #[error(
        "the revision token is not one of this store's; leave it out or use the one that a write returned"
    )]
    Revision,
    /// A page token is altered, or another list's.
    #[error("Invalid continuation token")]
    Page,
    /// A page token belongs to the same list with another type filter.
    #[error("The type in the querystring and the continuation token don't match")]
    PageOfOtherType,
}

/// A place in a store's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The store.
    pub store: String,
    /// The revision.
    pub number: i64,
    /// The beginning of its nonce; empty at revision 0.
    pub nonce: String,
}

/// Makes and reads tokens.
pub struct Tokens {
    revision: hmac::Key,
    page: hmac::Key,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

impl Tokens {
    /// The same on every node of one database.
    pub fn new(sealer: &Sealer) -> Self {
        Self {
            revision: sealer.derive_mac_key("revision token"),
            page: sealer.derive_mac_key("policy page token"),
        }
    }

    /// The token of a revision.
    pub fn revision(&self, revision: &Revision) -> String {
        let text = format!("{}.{}.{}", revision.store, revision.number, revision.nonce);
        seal(&self.revision, text.as_bytes())
    }

    /// Reads the revision token of a store.
    pub fn read_revision(&self, store: &str, token: &str) -> Result<Revision, TokenError> {
        let read = || {
            let text = String::from_utf8(open(&self.revision, token)?).ok()?;
            let mut parts = text.splitn(3, '.');
            let revision = Revision {
                store: parts.next()?.to_owned(),
                number: parts.next()?.parse().ok()?,
                nonce: parts.next()?.to_owned(),
            };
            (revision.store == store).then_some(revision)
        };
        read().ok_or(TokenError::Revision)
    }

    /// The token of a place in a list. `list` names the list with everything that its order depends on.
    pub fn page(&self, list: &[&str], place: &[&str]) -> String {
        let body = serde_json::to_vec(&(list, place)).unwrap_or_default();
        seal(&self.page, &body)
    }

    /// Reads the page token of a list.
    pub fn read_page(&self, list: &[&str], token: &str) -> Result<Vec<String>, TokenError> {
        let (of, place) = self.read_any_page(token)?;
        if of.iter().map(String::as_str).eq(list.iter().copied()) {
            Ok(place)
        } else {
            Err(TokenError::Page)
        }
    }

    /// Reads a page token: the list that it belongs to, and the place.
    pub fn read_any_page(&self, token: &str) -> Result<(Vec<String>, Vec<String>), TokenError> {
        let body = open(&self.page, token).ok_or(TokenError::Page)?;
        serde_json::from_slice(&body).map_err(|_| TokenError::Page)
    }
}

fn seal(key: &hmac::Key, body: &[u8]) -> String {
    let tag = hmac::sign(key, body);
    let tag = tag.as_ref().get(..MAC_BYTES).unwrap_or_default();
    base64url(&[tag, body].concat())
}

fn open(key: &hmac::Key, token: &str) -> Option<Vec<u8>> {
    if token.len() > TOKEN_BYTES {
        return None;
    }
    let bytes = from_base64url(token)?;
    let (tag, body) = bytes.split_at_checked(MAC_BYTES)?;
    let expected = hmac::sign(key, body);
    constant_time_eq(tag, expected.as_ref().get(..MAC_BYTES)?).then(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let key = |seed: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, seed);
        Tokens {
            revision: key(b"one"),
            page: key(b"two"),
        }
    }

    #[test]
    fn a_revision_token_is_read_by_its_own_store_only() {
        let revision = Revision {
            store: "A".to_owned(),
            number: 7,
            nonce: "nonce".to_owned(),
        };
        let token = tokens().revision(&revision);
        assert_eq!(tokens().read_revision("A", &token), Ok(revision));
        assert_eq!(
            tokens().read_revision("B", &token),
            Err(TokenError::Revision)
        );
        assert_eq!(tokens().read_any_page(&token), Err(TokenError::Page));
    }

    #[test]
    fn an_altered_token_is_refused() {
        let token = tokens().page(&["stores"], &["01"]);
        assert_eq!(
            tokens().read_page(&["stores"], &token),
            Ok(vec!["01".to_owned()])
        );
        assert_eq!(
            tokens().read_page(&["models"], &token),
            Err(TokenError::Page)
        );
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(tokens().read_any_page(&altered).is_err(), "{at}");
        }
        assert!(tokens().read_any_page("").is_err());
    }

    #[test]
    fn lists_whose_names_run_together_are_different_lists() {
        let token = tokens().page(&["a", "b|c"], &[]);
        assert!(tokens().read_page(&["a|b", "c"], &token).is_err());
    }
}
