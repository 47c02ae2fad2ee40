//! Scopes: a set of `scope-token`s (RFC 6749 section 3.3), kept in their canonical order.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The scope that makes a request an OpenID Connect request.
pub const OPENID: &str = "openid";
/// The scope of profile claims (OpenID Connect Core 1.0 section 5.4).
pub const PROFILE: &str = "profile";
/// The scope of e-mail claims.
pub const EMAIL: &str = "email";
/// The scope of the postal address.
pub const ADDRESS: &str = "address";
/// The scope of the telephone number.
pub const PHONE: &str = "phone";
/// The scope of refresh tokens that outlive the sign-in (OpenID Connect Core 1.0 section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scope with which a person lets a client use Tessera's own APIs in their name.
pub const TESSERA_ADMIN: &str = "tessera:admin";

/// Scopes about a person: they mean nothing when a client acts as itself.
const PERSONAL: [&str; 6] = [OPENID, PROFILE, EMAIL, ADDRESS, PHONE, OFFLINE_ACCESS];
/// Most scopes in one set.
const SCOPES: usize = 64;
/// Longest scope text, in bytes.
const SCOPE_BYTES: usize = 2_048;

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<String>);

/// A text that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// A character that RFC 6749 section 3.3 does not allow.
    #[error(
        "`{0}` is not a scope; use printable ASCII without quotes and backslashes, separated by single spaces"
    )]
    Characters(String),
    /// More or longer scopes than a request needs.
    #[error("more than {SCOPES} scopes or {SCOPE_BYTES} bytes; ask for fewer")]
    TooLong,
}

impl ScopeSet {
    /// The scopes of OpenID Connect Core 1.0, and offline access.
    pub fn standard() -> Self {
        Self(PERSONAL.map(str::to_owned).into())
    }

    /// Parses scopes separated by spaces; the empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.len() > SCOPE_BYTES {
            return Err(InvalidScope::TooLong);
        }
        let scopes: BTreeSet<String> = text
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(|scope| {
                if scope.bytes().all(is_scope_byte) {
                    Ok(scope.to_owned())
                } else {
                    Err(InvalidScope::Characters(scope.to_owned()))
                }
            })
            .collect::<Result<_, _>>()?;
        if scopes.len() > SCOPES {
            return Err(InvalidScope::TooLong);
        }
        Ok(Self(scopes))
    }

    /// Whether the scope is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The scopes that both sets have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The scopes that either set has.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The one scope, if it is in the set.
    #[must_use]
    pub fn only(&self, scope: &str) -> Self {
        Self(self.0.get(scope).cloned().into_iter().collect())
    }

    /// The set without one scope.
    #[must_use]
    pub fn without(mut self, scope: &str) -> Self {
        self.0.remove(scope);
        self
    }

    /// The scopes that mean something when a client acts as itself.
    #[must_use]
    pub fn impersonal(mut self) -> Self {
        self.0.retain(|scope| !PERSONAL.contains(&scope.as_str()));
        self
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    #[test]
    fn a_set_has_one_text() {
        assert_eq!(set("profile openid  openid").to_string(), "openid profile");
        assert_eq!(set("").to_string(), "");
    }

    #[test]
    fn foreign_characters_are_refused() {
        for text in ["a\"b", "a\\b", "a\tb", "é", "a\nb"] {
            assert!(ScopeSet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sets_compare() {
        assert!(set("openid").is_subset(&set("openid email")));
        assert!(!set("openid x").is_subset(&set("openid email")));
        assert_eq!(set("a b").intersection(&set("b c")), set("b"));
        assert_eq!(set("openid api offline_access").impersonal(), set("api"));
    }
}
