//! Assertions of issuers that we trust, as grants (RFC 7521 section 4.1, RFC 7523 sections 2.1 and 3).
//!
//! Decides what such an issuer must be ([`NewTrustedIssuer`]), what a header and the claims must say, and whom a `sub` stands for. The
//! signature and the single use are `oauth::assertion_grant`'s. Nobody is made: a `sub` stands for an account or client that is there.

mod issuer;

use jsonwebtoken::{Algorithm, Header};
use serde::Deserialize;
use serde_json::Number;

pub use self::issuer::{NewTrustedIssuer, Party, Subjects, TrustedIssuer};
use super::actor::MayAct;
use super::audience::Audience;
use super::client_assertion::{AssertionFault, instant};
use super::jws_header::is_plain;
use super::signing::SigningAlgorithm;
use crate::base::time::{Seconds, Timestamp};

/// Longest time that an assertion may still be good: bounds how long a used one is remembered.
const LIFETIME_SECONDS: Seconds = Seconds::new(3_600);
/// How far `iat` and `nbf` may lie in the future: clocks differ.
const AHEAD_SECONDS: Seconds = Seconds::new(60);
/// Longest `jti` and `sub`, in bytes.
const NAME_BYTES: usize = 512;

/// An assertion's claims, as far as they matter.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Number>,
    iat: Option<Number>,
    nbf: Option<Number>,
    jti: Option<String>,
    may_act: Option<MayAct>,
}

/// An assertion whose claims are right; whether it was used before is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whom it is about, in the issuer's words.
    pub sub: String,
    /// Its identifier.
    pub jti: String,
    /// When it was made; not after now.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Who may act for its subject, when it says so.
    pub may_act: Option<MayAct>,
}

/// What is wrong with an assertion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no JWT, or its claims have other types.
    #[error("the assertion is no JWT with the claims of RFC 7523 section 3")]
    Malformed,
    /// Nobody that we trust made it, or not for this client.
    #[error(
        "the assertion's `iss` is no issuer that is trusted for this client; an administrator can add it (`/admin/api/trusted-issuers`)"
    )]
    Issuer,
    /// Its algorithm is not the issuer's.
    #[error("the assertion must be signed with {0}")]
    Algorithm(String),
    /// Its header asks for something that is not understood.
    #[error(
        "the assertion's header has a `typ` other than `JWT`, or `crit`, `b64`, `enc` or `zip`"
    )]
    Header,
    /// No key of the issuer made the signature.
    #[error("no key of its issuer verifies the assertion; check `kid` and the issuer's keys")]
    Signature,
    /// It is for somebody else.
    #[error(
        "the assertion's `aud` must be this server's issuer identifier or the URL of its token endpoint"
    )]
    Audience,
    /// It says nothing of when.
    #[error("the assertion lacks `{0}`")]
    Lacks(&'static str),
    /// It is over.
    #[error("the assertion has expired; make a new one")]
    Expired,
    /// It lasts too long.
    #[error("the assertion's `exp` is more than {LIFETIME_SECONDS} ahead; let it expire sooner")]
    TooLong,
    /// It was made long ago.
    #[error("the assertion was made more than {0} ago; make a new one")]
    Old(Seconds),
    /// It is from the future.
    #[error("the assertion's `iat` or `nbf` lies in the future; check the clock")]
    Early,
    /// Nobody here is meant.
    #[error("the assertion's `sub` stands for nobody here; an administrator can map it")]
    Nobody,
    /// It was used.
    #[error("the assertion was used before; make a new one with another `jti`")]
    Used,
}

/// The issuer that an assertion says it is from: to look up its keys, proves nothing.
pub fn claimed_issuer(assertion: &str) -> Option<String> {
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(assertion).ok()?;
    claims.iss
}

/// The algorithm and the key id of an assertion, if this issuer signs like that.
pub fn header(
    assertion: &str,
    issuer: &TrustedIssuer,
) -> Result<(Algorithm, Option<String>), Fault> {
    let refused = || {
        let words: Vec<&str> = issuer.algorithms.iter().map(|alg| alg.as_str()).collect();
        Fault::Algorithm(words.join(" or "))
    };
    // An algorithm that the library does not know, `none` among them, makes the header unreadable.
    let header: Header = jsonwebtoken::decode_header(assertion).map_err(|_| refused())?;
    let mut allowed = issuer.algorithms.iter().copied().map(algorithm);
    if !allowed.any(|allowed| allowed == header.alg) {
        return Err(refused());
    }
    let typ = header.typ.as_deref();
    if !is_plain(assertion) || typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(Fault::Header);
    }
    Ok((header.alg, header.kid))
}

const fn algorithm(of: SigningAlgorithm) -> Algorithm {
    match of {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// Checks the claims of an assertion whose signature is right. `audiences` are the names that this server answers to.
pub fn check(
    claims: Claims,
    issuer: &TrustedIssuer,
    audiences: &[String],
    now: Timestamp,
) -> Result<Accepted, Fault> {
    if claims.iss.as_deref() != Some(issuer.issuer.as_str()) {
        return Err(Fault::Issuer);
    }
    let aud = claims.aud.ok_or(Fault::Audience)?;
    if !audiences.iter().any(|ours| aud.contains(ours)) {
        return Err(Fault::Audience);
    }
    let expires_at = time(claims.exp)?.ok_or(Fault::Lacks("exp"))?;
    if expires_at <= now {
        return Err(Fault::Expired);
    }
    if expires_at > now.plus(LIFETIME_SECONDS).plus(AHEAD_SECONDS) {
        return Err(Fault::TooLong);
    }
    let issued_at = time(claims.iat)?.ok_or(Fault::Lacks("iat"))?;
    let begins_at = time(claims.nbf)?.unwrap_or(issued_at).max(issued_at);
    if begins_at > now.plus(AHEAD_SECONDS) {
        return Err(Fault::Early);
    }
    if issued_at.plus(issuer.max_age_seconds) < now {
        return Err(Fault::Old(issuer.max_age_seconds));
    }
    let named = |text: Option<String>, name| {
        text.filter(|text| (1..=NAME_BYTES).contains(&text.len()))
            .ok_or(Fault::Lacks(name))
    };
    Ok(Accepted {
        sub: named(claims.sub, "sub")?,
        jti: named(claims.jti, "jti")?,
        issued_at: issued_at.min(now),
        expires_at,
        may_act: claims.may_act,
    })
}

fn time(number: Option<Number>) -> Result<Option<Timestamp>, Fault> {
    instant(number).map_err(|_: AssertionFault| Fault::Malformed)
}

#[cfg(test)]
mod tests;
