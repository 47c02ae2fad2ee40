//! Proof Key for Code Exchange (RFC 7636), method S256 only: `plain` protects nothing (RFC 9700 section 2.1.1).

use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::params::Params;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::{constant_time_eq, sha256};

/// The one method, as `code_challenge_method` writes it.
pub const METHOD: &str = "S256";

/// A code challenge: base64url of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

/// Why a code may not be redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// The authorization request had a challenge.
    #[error("the parameter `code_verifier` is missing; send the verifier of the code challenge")]
    VerifierMissing,
    /// The authorization request had none: a downgrade (RFC 9700 section 4.8.2).
    #[error("a `code_verifier` was sent but the authorization request had no `code_challenge`")]
    ChallengeMissing,
    /// Not 43 to 128 unreserved characters.
    #[error("the `code_verifier` must be 43 to 128 characters of `A-Z a-z 0-9 - . _ ~`")]
    VerifierMalformed,
    /// Another verifier.
    #[error("the `code_verifier` does not match the `code_challenge`")]
    Mismatch,
}

impl CodeChallenge {
    /// The challenge of an authorization request; `None` when it has none, an error when it is not a challenge by S256.
    pub fn of_request(params: &Params) -> Result<Option<Self>, Fault> {
        match (
            params.get("code_challenge"),
            params.get("code_challenge_method"),
        ) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Fault::invalid_request(
                "`code_challenge_method` was sent without `code_challenge`; send both",
            )),
            (Some(challenge), Some(METHOD)) => Self::parse(challenge).map(Some).ok_or_else(|| {
                Fault::invalid_request(
                    "`code_challenge` must be the base64url text of a SHA-256, 43 characters",
                )
            }),
            // Without a method RFC 7636 section 4.3 means `plain`.
            (Some(_), _) => Err(Fault::invalid_request(
                "`code_challenge_method` must be `S256`",
            )),
        }
    }

    /// Parses a challenge: 43 characters of canonical base64url.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 43 && from_base64url(text).is_some()).then(|| Self(text.to_owned()))
    }

    /// The challenge of a verifier.
    pub fn of(verifier: &str) -> Self {
        Self(base64url(sha256(verifier.as_bytes()).as_ref()))
    }

    /// The challenge as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the verifier proves that the redeemer made the authorization request.
pub fn verify(challenge: Option<&CodeChallenge>, verifier: Option<&str>) -> Result<(), PkceError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(PkceError::VerifierMissing),
        (None, Some(_)) => Err(PkceError::ChallengeMissing),
        (Some(_), Some(verifier)) if !is_verifier(verifier) => Err(PkceError::VerifierMalformed),
        (Some(challenge), Some(verifier)) => {
            let presented = CodeChallenge::of(verifier);
            if constant_time_eq(challenge.0.as_bytes(), presented.0.as_bytes()) {
                Ok(())
            } else {
                Err(PkceError::Mismatch)
            }
        }
    }
}

fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_verifies() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        assert_eq!(verify(Some(&challenge), Some(VERIFIER)), Ok(()));
    }

    #[test]
    fn downgrades_and_wrong_verifiers_fail() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        let wrong = VERIFIER.replace('d', "e");
        for (challenge, verifier, expect) in [
            (None, Some(VERIFIER), PkceError::ChallengeMissing),
            (Some(&challenge), None, PkceError::VerifierMissing),
            (Some(&challenge), Some(wrong.as_str()), PkceError::Mismatch),
            (Some(&challenge), Some(CHALLENGE), PkceError::Mismatch),
            (
                Some(&challenge),
                Some("short"),
                PkceError::VerifierMalformed,
            ),
        ] {
            assert_eq!(verify(challenge, verifier), Err(expect));
        }
        assert_eq!(verify(None, None), Ok(()));
    }

    #[test]
    fn only_s256_is_a_challenge() {
        for (raw, expect) in [
            (
                format!("code_challenge={CHALLENGE}&code_challenge_method=S256"),
                true,
            ),
            (
                format!("code_challenge={CHALLENGE}&code_challenge_method=plain"),
                false,
            ),
            (
                format!("code_challenge={CHALLENGE}&code_challenge_method=s256"),
                false,
            ),
            (format!("code_challenge={CHALLENGE}"), false),
            ("code_challenge_method=S256".to_owned(), false),
            (
                "code_challenge=short&code_challenge_method=S256".to_owned(),
                false,
            ),
            (String::new(), true),
        ] {
            let params = Params::parse(raw.as_bytes()).unwrap();
            assert_eq!(CodeChallenge::of_request(&params).is_ok(), expect, "{raw}");
        }
    }
}
