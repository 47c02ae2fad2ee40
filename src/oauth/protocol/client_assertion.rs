//! A client's assertion about itself: a JWT that it signed (RFC 7521, RFC 7523 section 3, OpenID Connect Core 1.0 section 9).
//!
//! Decides what a header and the claims must say. Which keys may have signed is `key_set`'s business, the signature and the single use
//! are `oauth::assertion`'s.

use jsonwebtoken::{Algorithm, Header};
use serde::Deserialize;
use serde_json::Number;

use super::audience::Audience;
use super::client::{AssertionAlg, AuthMethod, ClientId};
use super::jws_header::is_plain;
use crate::base::time::{Seconds, Timestamp};

/// The `client_assertion_type` of a JWT (RFC 7523 section 2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest time that an assertion may still be good. An hour is what common libraries ask for; it bounds how long a used one is remembered.
const LIFETIME_SECONDS: Seconds = Seconds::new(3_600);
/// How far `iat` and `nbf` may lie in the future: clocks differ (FAPI 2.0 Security Profile section 5.3.2.1 refuses more than 60).
const AHEAD_SECONDS: Seconds = Seconds::new(60);
/// Longest `jti`, in bytes.
const JTI_BYTES: usize = 512;
/// What the header's `typ` may say: nothing, that it is a JWT, or what kind of JWT.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// An assertion's claims, as far as they matter.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AssertionClaims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Number>,
    iat: Option<Number>,
    nbf: Option<Number>,
    jti: Option<String>,
}

impl AssertionClaims {
    /// Whether it names one audience, as a text.
    pub const fn has_one_audience(&self) -> bool {
        matches!(self.aud, Some(Audience::One(_)))
    }
}

/// An assertion whose claims are right; whether it was used before is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its identifier.
    pub jti: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// What is wrong with an assertion. Told to the client: whoever made it needs to know, and none of it is a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    /// It is no JWT, or its claims have other types.
    #[error("the client assertion is no JWT with the claims of RFC 7523 section 3")]
    Malformed,
    /// Its algorithm is not the client's.
    #[error("the client assertion must be signed with {0}")]
    Algorithm(String),
    /// Its header asks for something that is not understood.
    #[error(
        "the client assertion's header has a `typ` or another member that is not understood; leave out `typ`, `crit`, `b64`, `enc` and `zip`"
    )]
    Header,
    /// No key of the client made the signature.
    #[error(
        "no registered key of this client verifies the client assertion; check `kid` and the registered keys"
    )]
    Signature,
    /// `iss` or `sub` is another.
    #[error("the client assertion's `iss` and `sub` must both be the client id")]
    Subject,
    /// It is for somebody else.
    #[error("the client assertion's `aud` must be this server's issuer identifier")]
    Audience,
    /// There is no end to it.
    #[error("the client assertion lacks `exp`")]
    Endless,
    /// It is over.
    #[error(
        "the client assertion has expired; make a new one for every request, and check the clock"
    )]
    Expired,
    /// It lasts too long.
    #[error(
        "the client assertion's `exp` is more than {LIFETIME_SECONDS} ahead; let it expire sooner"
    )]
    TooLong,
    /// It is from the future.
    #[error("the client assertion's `iat` or `nbf` lies in the future; check the clock")]
    Early,
    /// It cannot be told from another.
    #[error("the client assertion needs a `jti` of 1 to {JTI_BYTES} bytes")]
    Unnamed,
    /// It was used.
    #[error(
        "the client assertion was used before; make a new one with another `jti` for every request"
    )]
    Used,
}

/// The client that an assertion says it is from: to look up its keys, proves nothing.
pub fn claimed_client(assertion: &str) -> Option<String> {
    let claims: AssertionClaims =
        jsonwebtoken::dangerous::insecure_decode_claims(assertion).ok()?;
    claims.sub
}

/// The algorithm and the key id of an assertion, if this client may sign like that.
pub fn header(
    assertion: &str,
    method: AuthMethod,
    registered: Option<AssertionAlg>,
) -> Result<(Algorithm, Option<String>), AssertionFault> {
    let allowed: Vec<AssertionAlg> = AssertionAlg::ALL
        .iter()
        .copied()
        .filter(|alg| alg.method() == method && registered.is_none_or(|only| only == *alg))
        .collect();
    let refused = || {
        let words: Vec<&str> = allowed.iter().map(|alg| alg.as_str()).collect();
        AssertionFault::Algorithm(words.join(" or "))
    };
    // An algorithm that the library does not know, `none` among them, makes the header unreadable.
    let header: Header = jsonwebtoken::decode_header(assertion).map_err(|_| refused())?;
    let algorithm = header.alg;
    if !allowed.iter().any(|alg| alg.algorithm() == algorithm) {
        return Err(refused());
    }
    let known_type = header
        .typ
        .as_deref()
        .is_none_or(|typ| TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)));
    if !known_type || !is_plain(assertion) {
        return Err(AssertionFault::Header);
    }
    Ok((algorithm, header.kid))
}

impl AssertionAlg {
    /// The algorithm as the library names it.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Hs256 => Algorithm::HS256,
        }
    }
}

/// Checks the claims of an assertion whose signature is right. `audiences` are the names that this server answers to: its issuer
/// identifier, and, unless the client is held to that alone, the URLs of its endpoints.
pub fn check(
    claims: AssertionClaims,
    client_id: &ClientId,
    audiences: &[String],
    now: Timestamp,
) -> Result<Accepted, AssertionFault> {
    let own = Some(client_id.as_str());
    if claims.iss.as_deref() != own || claims.sub.as_deref() != own {
        return Err(AssertionFault::Subject);
    }
    let is_for_us = claims
        .aud
        .is_some_and(|aud| audiences.iter().any(|ours| aud.contains(ours)));
    if !is_for_us {
        return Err(AssertionFault::Audience);
    }
    let expires_at = instant(claims.exp)?.ok_or(AssertionFault::Endless)?;
    if expires_at <= now {
        return Err(AssertionFault::Expired);
    }
    if expires_at > now.plus(LIFETIME_SECONDS).plus(AHEAD_SECONDS) {
        return Err(AssertionFault::TooLong);
    }
    for begin in [claims.iat, claims.nbf] {
        if instant(begin)?.is_some_and(|begin| begin > now.plus(AHEAD_SECONDS)) {
            return Err(AssertionFault::Early);
        }
    }
    let jti = claims
        .jti
        .filter(|jti| (1..=JTI_BYTES).contains(&jti.len()))
        .ok_or(AssertionFault::Unnamed)?;
    Ok(Accepted { jti, expires_at })
}

/// A `NumericDate`: seconds, perhaps with a fraction, which is dropped (RFC 7519 section 2).
pub(super) fn instant(number: Option<Number>) -> Result<Option<Timestamp>, AssertionFault> {
    let Some(number) = number else {
        return Ok(None);
    };
    let whole = number.as_i64().or_else(|| {
        let length = time::Duration::checked_seconds_f64(number.as_f64()?)?;
        Some(length.whole_seconds())
    });
    whole
        .map(|seconds| Some(Timestamp::from_seconds(seconds)))
        .ok_or(AssertionFault::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base::encoding::base64url;

    const ISSUER: &str = "https://id.example";
    const NOW: i64 = 1_735_689_600;

    fn good() -> Value {
        json!({ "iss": "web", "sub": "web", "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "j" })
    }

    #[track_caller]
    fn check_with(name: &str, value: Value, expect: Result<(), AssertionFault>) {
        let mut claims = good();
        let members = claims.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.to_owned(), value);
        }
        let client_id = ClientId::parse("web").unwrap();
        let audiences = [ISSUER.to_owned(), format!("{ISSUER}/token")];
        let found = serde_json::from_value(claims.clone())
            .map_err(|_| AssertionFault::Malformed)
            .and_then(|parsed| check(parsed, &client_id, &audiences, Timestamp::from_seconds(NOW)));
        assert_eq!(found.err(), expect.err(), "{claims}");
    }

    #[test]
    fn issuer_subject_and_audience_are_exactly_these() {
        check_with("x", json!(1), Ok(()));
        for name in ["iss", "sub"] {
            for wrong in [Value::Null, json!(""), json!("other"), json!("WEB")] {
                check_with(name, wrong, Err(AssertionFault::Subject));
            }
            check_with(name, json!(1), Err(AssertionFault::Malformed));
        }
        for right in [
            json!(format!("{ISSUER}/token")),
            json!([ISSUER]),
            json!(["https://other.example", ISSUER]),
        ] {
            check_with("aud", right, Ok(()));
        }
        for wrong in [
            Value::Null,
            json!(""),
            json!([]),
            json!("https://id.example/"),
            json!("https://id.example.evil"),
            json!("https://id.example/authorize"),
            json!("https://other.example/token"),
            json!("web"),
        ] {
            check_with("aud", wrong, Err(AssertionFault::Audience));
        }
        check_with(
            "aud",
            json!({ "x": ISSUER }),
            Err(AssertionFault::Malformed),
        );
    }

    #[test]
    fn an_assertion_ends_and_soon() {
        for (exp, expect) in [
            (json!(NOW + 1), Ok(())),
            (json!(f64::from(1_735_689_660) + 0.5), Ok(())),
            (json!(NOW + 3_600), Ok(())),
            (json!(NOW), Err(AssertionFault::Expired)),
            (json!(NOW - 1), Err(AssertionFault::Expired)),
            (json!(0), Err(AssertionFault::Expired)),
            (json!(-1), Err(AssertionFault::Expired)),
            (json!(NOW + 3_661), Err(AssertionFault::TooLong)),
            (json!(i64::MAX), Err(AssertionFault::TooLong)),
            (json!(1e300), Err(AssertionFault::Malformed)),
            (json!("soon"), Err(AssertionFault::Malformed)),
            (Value::Null, Err(AssertionFault::Endless)),
        ] {
            check_with("exp", exp, expect);
        }
    }

    #[test]
    fn a_clock_may_be_a_little_ahead() {
        for name in ["iat", "nbf"] {
            for (value, expect) in [
                (json!(NOW + 10), Ok(())),
                (json!(NOW + 60), Ok(())),
                (json!(NOW + 61), Err(AssertionFault::Early)),
                (json!(NOW + 86_400), Err(AssertionFault::Early)),
                (json!(NOW - 86_400), Ok(())),
                (Value::Null, Ok(())),
            ] {
                check_with(name, value, expect);
            }
        }
    }

    #[test]
    fn an_assertion_has_a_name() {
        for (jti, expect) in [
            (json!("x"), Ok(())),
            (json!("x".repeat(512)), Ok(())),
            (json!("x".repeat(513)), Err(AssertionFault::Unnamed)),
            (json!(""), Err(AssertionFault::Unnamed)),
            (Value::Null, Err(AssertionFault::Unnamed)),
            (json!(7), Err(AssertionFault::Malformed)),
        ] {
            check_with("jti", jti, expect);
        }
    }

    fn of_header(header: &Value) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        format!("{}.{}.c2ln", part(header), part(&good()))
    }

    #[test]
    fn only_the_methods_algorithms_are_read() {
        let (private, shared) = (AuthMethod::PrivateKeyJwt, AuthMethod::ClientSecretJwt);
        for (alg, method, registered, fits) in [
            ("RS256", private, None, true),
            ("PS256", private, None, true),
            ("ES256", private, None, true),
            ("EdDSA", private, None, true),
            ("HS256", shared, None, true),
            ("HS256", private, None, false),
            ("RS256", shared, None, false),
            ("none", private, None, false),
            ("none", shared, None, false),
            ("None", private, None, false),
            ("RS512", private, None, false),
            ("ES384", private, None, false),
            ("PS256", private, Some(AssertionAlg::Ps256), true),
            ("RS256", private, Some(AssertionAlg::Ps256), false),
            ("RS256", AuthMethod::ClientSecretBasic, None, false),
        ] {
            let assertion = of_header(&json!({ "alg": alg }));
            let found = header(&assertion, method, registered);
            assert_eq!(found.is_ok(), fits, "{alg} {method:?} {found:?}");
        }
    }

    #[test]
    fn a_header_that_asks_for_more_is_refused() {
        for (more, fits) in [
            (json!({ "typ": "JWT" }), true),
            (json!({ "typ": "client-authentication+jwt" }), true),
            (json!({ "typ": "at+jwt" }), false),
            (json!({ "typ": "dpop+jwt" }), false),
            (json!({ "crit": ["exp"] }), false),
            (json!({ "crit": null }), false),
            (json!({ "b64": true }), false),
            (json!({ "enc": "A128GCM" }), false),
            (
                json!({ "jku": "https://evil.example", "x5u": "https://evil.example" }),
                true,
            ),
        ] {
            let mut all = json!({ "alg": "ES256", "kid": "k" });
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let found = header(&of_header(&all), AuthMethod::PrivateKeyJwt, None);
            assert_eq!(found.is_ok(), fits, "{all}");
        }
    }

    #[test]
    fn the_claimed_client_is_the_subject() {
        let assertion = of_header(&json!({ "alg": "none" }));
        assert_eq!(claimed_client(&assertion).as_deref(), Some("web"));
        for text in ["", "a.b", "a.b.c", "..", "a.b.c.d"] {
            assert_eq!(claimed_client(text), None, "{text}");
            assert!(header(text, AuthMethod::PrivateKeyJwt, None).is_err());
        }
    }
}
