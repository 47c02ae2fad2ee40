//! Secrets: a wrapper that never shows its content, random tokens with a prefix, their hashes, constant-time comparison.
//!
//! What we generate has 256 random bits and is stored as SHA-256 only; what people choose goes through Argon2id
//! (`identity::password`), never through this file.

use std::fmt;

use aws_lc_rs::{digest, rand};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use super::encoding::base64url;

/// A value that must not be logged, printed or serialised: `Debug` names the type only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a secret value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; name the reason at the call site by what it is handed to.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The kinds of secret that Tessera generates. Each has its own prefix, so that scanners find a leaked one and no
/// endpoint can take one for another (SECURITY row 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code.
    AuthorizationCode,
    /// A pushed authorization request's name.
    PushedRequest,
    /// An access token that says nothing itself.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// A client secret.
    ClientSecret,
    /// An API key.
    ApiKey,
    /// A browser session's cookie value.
    Session,
    /// The one-time link that makes the first administrator.
    SetupLink,
    /// The cookie that binds an authorization flow to the browser which began it.
    FlowBinding,
    /// A hidden form field against cross-site request forgery.
    Csrf,
    /// A device code (RFC 8628).
    DeviceCode,
    /// An `auth_req_id` (OpenID Connect CIBA Core 1.0).
    AuthReqId,
    /// What clients may be registered with (RFC 7591 section 3).
    InitialAccessToken,
    /// What a client manages its registration with (RFC 7592).
    RegistrationAccessToken,
}

impl TokenKind {
    /// The prefix of this kind's text form.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "tsr_ac_",
            Self::PushedRequest => "tsr_pr_",
            Self::AccessToken => "tsr_at_",
            Self::RefreshToken => "tsr_rt_",
            Self::ClientSecret => "tsr_cs_",
            Self::ApiKey => "tsr_ak_",
            Self::Session => "tsr_se_",
            Self::SetupLink => "tsr_su_",
            Self::FlowBinding => "tsr_fb_",
            Self::Csrf => "tsr_cf_",
            Self::DeviceCode => "tsr_dc_",
            Self::AuthReqId => "tsr_br_",
            Self::InitialAccessToken => "tsr_ia_",
            Self::RegistrationAccessToken => "tsr_ra_",
        }
    }

    /// A new secret of this kind: the prefix and 256 random bits in base64url.
    pub fn generate(self) -> Secret<String> {
        Secret::new(format!("{}{}", self.prefix(), base64url(&random::<32>())))
    }

    /// The stored form of a presented secret, or `None` when it cannot be of this kind.
    pub fn hash(self, presented: &str) -> Option<TokenHash> {
        let well_formed = presented.strip_prefix(self.prefix()).is_some_and(|rest| {
            rest.len() == 43 && super::encoding::from_base64url(rest).is_some()
        });
        well_formed.then(|| TokenHash::of(presented))
    }
}

/// SHA-256 of a generated secret, in base64url: the only form that reaches the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// Hashes a secret's whole text.
    pub fn of(text: &str) -> Self {
        Self(base64url(sha256(text.as_bytes()).as_ref()))
    }

    /// A hash as read from the database.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The stored text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `presented` hashes to this, in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        constant_time_eq(self.0.as_bytes(), Self::of(presented).0.as_bytes())
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

/// SHA-512 of `bytes`.
pub fn sha512(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA512, bytes)
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// `N` bytes from the operating system's generator.
///
/// Aborts the process if the generator fails: a server without randomness must not answer (SECURITY R82).
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    if rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Secret::new("hunter2".to_owned())),
            "Secret(..)"
        );
    }

    #[test]
    fn a_secret_of_one_kind_is_none_of_another() {
        let code = TokenKind::AuthorizationCode.generate();
        assert!(TokenKind::AuthorizationCode.hash(code.expose()).is_some());
        assert!(TokenKind::RefreshToken.hash(code.expose()).is_none());
    }

    #[test]
    fn a_secret_has_256_bits_and_none_comes_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in [
            TokenKind::AuthorizationCode,
            TokenKind::RefreshToken,
            TokenKind::DeviceCode,
            TokenKind::AuthReqId,
            TokenKind::Session,
        ] {
            for _ in 0..200 {
                let text = kind.generate().expose().clone();
                let random = text.strip_prefix(kind.prefix()).unwrap();
                let bytes = super::super::encoding::from_base64url(random).unwrap();
                assert_eq!(bytes.len(), 32, "{kind:?}");
                assert!(seen.insert(bytes));
            }
        }
        // No byte of them stands still.
        for at in 0..32 {
            let values: std::collections::BTreeSet<u8> = seen
                .iter()
                .filter_map(|bytes| bytes.get(at).copied())
                .collect();
            assert!(values.len() > 100, "byte {at}");
        }
    }

    #[test]
    fn prefixes_and_re_encodings_are_not_the_secret() {
        let text = TokenKind::ClientSecret.generate().expose().clone();
        let hash = TokenHash::of(&text);
        assert!(hash.matches(&text));
        for end in 0..text.len() {
            let cut = text.get(..end).unwrap();
            assert!(TokenKind::ClientSecret.hash(cut).is_none(), "{cut}");
            assert!(!hash.matches(cut));
        }
        assert!(TokenKind::ClientSecret.hash(&format!("{text}=")).is_none());
    }
}
