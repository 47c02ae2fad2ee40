//! Request objects (JAR, RFC 9101; OpenID Connect Core 1.0 section 6): an authorization request as a JWT that its client signed.
//!
//! Here: what the claims of a verified object must be, and the parameters that they make. Only those count (RFC 9101 section 6.3). Whose
//! key and which algorithm verify it is decided in `oauth::request_object`. `none` is no algorithm here, and neither are those with a
//! shared secret, which is kept as a hash. Encrypted objects are refused: SECURITY row 12 has no second way in.

use serde_json::{Map, Value};

use super::client::words;
use super::error::{ErrorCode, Fault, quoted};
use super::params::Params;

/// Longest lifetime, and greatest age, of an object (FAPI 2.0 Message Signing section 5.3.1).
const LIFETIME_SECONDS: i64 = 3_600;
/// How far in the future `nbf` and `iat` may lie: clocks differ (SECURITY R62).
const SKEW_SECONDS: i64 = 10;
/// Claims of the JWT itself: no parameters.
const OWN_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

words! {
    /// What an object may be signed with.
    RequestAlg {
        /// RSA, PKCS#1 v1.5.
        Rs256 = "RS256",
        /// RSA, PSS.
        Ps256 = "PS256",
        /// ECDSA on P-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

/// What an object is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The client whose key signed it.
    pub client_id: &'a str,
    /// This server.
    pub issuer: &'a str,
    /// Whether it must say how long it is good: for clients that may send nothing but signed requests.
    pub must_be_dated: bool,
}

/// An `invalid_request_object`.
pub fn invalid(description: impl std::fmt::Display) -> Fault {
    Fault::new(ErrorCode::InvalidRequestObject, description)
}

/// Whether the header's `typ` is one of a request object (RFC 9101 section 10.8): a token of another kind is none.
pub fn is_typ(typ: Option<&str>) -> bool {
    typ.is_none_or(|typ| {
        let short = typ.strip_prefix("application/").unwrap_or(typ);
        short.eq_ignore_ascii_case("oauth-authz-req+jwt") || short.eq_ignore_ascii_case("jwt")
    })
}

/// The parameters of a verified object; `now` in seconds.
pub fn read(claims: Map<String, Value>, expected: Expected<'_>, now: i64) -> Result<Params, Fault> {
    check_parties(&claims, expected)?;
    check_times(&claims, expected.must_be_dated, now)?;
    let mut pairs = Vec::new();
    for (name, value) in claims {
        if OWN_CLAIMS.contains(&name.as_str()) {
            continue;
        }
        if matches!(name.as_str(), "request" | "request_uri") {
            return Err(invalid(format!(
                "a request object must not hold `{name}` (RFC 9101 section 4)"
            )));
        }
        append(&mut pairs, name, value)?;
    }
    let params = Params::of_pairs(pairs).map_err(|fault| invalid(fault.description))?;
    match params.get("client_id") {
        Some(other) if other != expected.client_id => Err(invalid(
            "`client_id` in the request object is not the client of the request",
        )),
        Some(_) | None => Ok(params),
    }
}

fn check_parties(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<(), Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.client_id) {
        return Err(invalid("`iss` of the request object must be the client id"));
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(only)) => only == expected.issuer,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(expected.issuer)),
        _ => false,
    };
    if !for_us {
        return Err(invalid(
            "`aud` of the request object must name this server's issuer",
        ));
    }
    // RFC 9101 section 10.8: it could be taken for a client's assertion.
    if text("sub") == Some(expected.client_id) {
        return Err(invalid(
            "`sub` of the request object must not be the client id",
        ));
    }
    Ok(())
}

fn check_times(claims: &Map<String, Value>, must_be_dated: bool, now: i64) -> Result<(), Fault> {
    let exp = seconds(claims, "exp")?;
    let nbf = seconds(claims, "nbf")?;
    let iat = seconds(claims, "iat")?;
    if must_be_dated && (exp.is_none() || nbf.is_none()) {
        return Err(invalid(
            "the request object must have `exp` and `nbf` (FAPI 2.0 Message Signing section 5.3.1)",
        ));
    }
    let latest = now.saturating_add(SKEW_SECONDS);
    if nbf.is_some_and(|nbf| nbf > latest) || iat.is_some_and(|iat| iat > latest) {
        return Err(invalid(
            "the request object is not good yet; check the clock",
        ));
    }
    if nbf.is_some_and(|nbf| nbf < now.saturating_sub(LIFETIME_SECONDS)) {
        return Err(invalid(
            "`nbf` of the request object is more than an hour ago; make a new one",
        ));
    }
    let Some(exp) = exp else { return Ok(()) };
    if exp <= now {
        return Err(invalid("the request object has expired; make a new one"));
    }
    if exp.saturating_sub(nbf.unwrap_or(now)) > LIFETIME_SECONDS {
        return Err(invalid(
            "the request object is good for more than an hour; make `exp` earlier",
        ));
    }
    Ok(())
}

/// A `NumericDate`, whole or with a fraction (RFC 7519 section 2).
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Fault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let whole = value.as_number().and_then(|number| {
        let text = number.to_string();
        let (whole, _) = text.split_once('.').unwrap_or((&text, ""));
        whole.parse::<i64>().ok()
    });
    whole.map(Some).ok_or_else(|| {
        invalid(format!(
            "`{name}` of the request object must be a number of seconds"
        ))
    })
}

/// A claim as parameters: texts as they are, numbers in digits, objects as JSON, lists of texts one by one.
fn append(pairs: &mut Vec<(String, String)>, name: String, value: Value) -> Result<(), Fault> {
    match value {
        Value::String(text) => pairs.push((name, text)),
        Value::Number(number) => pairs.push((name, number.to_string())),
        Value::Bool(truth) => pairs.push((name, truth.to_string())),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            for text in list {
                pairs.push((name.clone(), text.as_str().unwrap_or_default().to_owned()));
            }
        }
        Value::Object(_) | Value::Array(_) => pairs.push((name, value.to_string())),
        Value::Null => {
            return Err(invalid(format!(
                "{} in the request object is null; leave it out",
                quoted(&name)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_000_000;

    fn base() -> Value {
        json!({
            "iss": "web", "aud": "https://id.example", "exp": NOW + 300, "nbf": NOW,
            "client_id": "web", "response_type": "code", "max_age": 60,
            "resource": ["https://a.example", "https://b.example"],
            "claims": {"userinfo": {"name": null}},
        })
    }

    fn outcome(change: &Value, must_be_dated: bool) -> Result<Params, Fault> {
        let mut claims = base();
        for (name, value) in change.as_object().unwrap() {
            let claims = claims.as_object_mut().unwrap();
            if value == "REMOVED" {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        let Value::Object(claims) = claims else {
            panic!("an object");
        };
        let expected = Expected {
            client_id: "web",
            issuer: "https://id.example",
            must_be_dated,
        };
        read(claims, expected, NOW)
    }

    #[test]
    fn claims_become_parameters() {
        let params = outcome(&json!({}), true).unwrap();
        assert_eq!(params.get("response_type"), Some("code"));
        assert_eq!(params.get("max_age"), Some("60"));
        assert_eq!(params.get("claims"), Some(r#"{"userinfo":{"name":null}}"#));
        assert_eq!(
            params.all("resource"),
            ["https://a.example", "https://b.example"]
        );
        for own in OWN_CLAIMS {
            assert_eq!(params.get(own), None, "{own}");
        }
    }

    #[test]
    fn what_is_not_for_us_from_this_client_and_now_is_refused() {
        for (change, ordinary, dated) in [
            (json!({}), true, true),
            (json!({"iss": "other"}), false, false),
            (json!({"iss": "REMOVED"}), false, false),
            (json!({"aud": "https://evil.example"}), false, false),
            (
                json!({"aud": ["https://x.example", "https://id.example"]}),
                true,
                true,
            ),
            (json!({"aud": []}), false, false),
            (json!({"aud": "REMOVED"}), false, false),
            (json!({"sub": "web"}), false, false),
            (json!({"sub": "somebody"}), true, true),
            (json!({"client_id": "other"}), false, false),
            (json!({"client_id": "REMOVED"}), true, true),
            (json!({"exp": NOW}), false, false),
            (json!({"exp": NOW - 1}), false, false),
            (json!({"exp": NOW + 3_601}), false, false),
            (json!({"exp": (NOW + 5).to_string()}), false, false),
            (json!({"exp": "REMOVED"}), true, false),
            (json!({"nbf": "REMOVED"}), true, false),
            (json!({"nbf": NOW + 10}), true, true),
            (json!({"nbf": NOW + 11}), false, false),
            (json!({"nbf": NOW - 3_601}), false, false),
            (json!({"nbf": NOW - 3_400}), false, false),
            (json!({"iat": NOW + 60}), false, false),
            (json!({"request": "x"}), false, false),
            (json!({"request_uri": "https://x.example"}), false, false),
            (json!({"state": null}), false, false),
        ] {
            assert_eq!(outcome(&change, false).is_ok(), ordinary, "{change}");
            assert_eq!(outcome(&change, true).is_ok(), dated, "{change} dated");
            if let Err(fault) = outcome(&change, true) {
                assert_eq!(fault.code, ErrorCode::InvalidRequestObject);
            }
        }
    }

    #[test]
    fn a_token_of_another_kind_is_no_request_object() {
        for (typ, expect) in [
            (None, true),
            (Some("JWT"), true),
            (Some("oauth-authz-req+jwt"), true),
            (Some("application/oauth-authz-req+jwt"), true),
            (Some("at+jwt"), false),
            (Some("dpop+jwt"), false),
            (Some("client-authentication+jwt"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_typ(typ), expect, "{typ:?}");
        }
    }
}
