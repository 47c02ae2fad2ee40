//! Software statements: metadata that somebody whom the operator trusts signed (RFC 7591 sections 2.3 and 3.1.1).
//!
//! Decides what the header and the claims must say, and how they win over what the request says. The signature is
//! `oauth::register`'s business.

use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value};

use super::error::{ErrorCode, Fault, quoted};
use super::jws_header::is_plain;
use super::web_uri::WebUri;
use crate::base::time::{Seconds, Timestamp};

/// The algorithms that are verified.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];
/// Claims that are about the statement, not about the client (RFC 7519 section 4.1).
const OF_THE_STATEMENT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// How far `nbf` and `iat` may lie in the future: clocks differ.
const AHEAD_SECONDS: Seconds = Seconds::new(60);
/// The member that carries the statement.
pub const MEMBER: &str = "software_statement";

/// Somebody whose statements are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementIssuer {
    /// The `iss` of the statements.
    pub issuer: String,
    /// Where the keys are published that sign them.
    pub jwks_uri: WebUri,
}

impl StatementIssuer {
    /// Reads `ISSUER JWKS_URI`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = "write the issuer, a space, and the address of its keys, such as `https://trust.example https://trust.example/jwks`";
        let (issuer, uri) = text.split_once(' ').ok_or(wrong)?;
        if issuer.is_empty() {
            return Err(wrong.to_owned());
        }
        let jwks_uri = WebUri::parse(uri.trim()).map_err(|error| format!("`{uri}` {error}"))?;
        Ok(Self {
            issuer: issuer.to_owned(),
            jwks_uri,
        })
    }

    /// The text that [`Self::parse`] reads.
    pub fn text(&self) -> String {
        format!("{} {}", self.issuer, self.jwks_uri.as_str())
    }
}

/// A statement that cannot be used (`invalid_software_statement`).
pub fn invalid(description: &str) -> Fault {
    Fault::new(ErrorCode::InvalidSoftwareStatement, description)
}

/// The algorithm and the key id of a statement.
pub fn header(statement: &str) -> Result<(Algorithm, Option<String>), Fault> {
    let unfit = || {
        invalid(
            "the software statement must be a JWT signed with RS256, PS256, ES256 or EdDSA, and without `crit`, `b64`, `enc` and `zip`",
        )
    };
    let header: Header = jsonwebtoken::decode_header(statement).map_err(|_| unfit())?;
    if !ALGORITHMS.contains(&header.alg) || !is_plain(statement) {
        return Err(unfit());
    }
    Ok((header.alg, header.kid))
}

/// What a statement says. Proves nothing, unless it was verified before.
pub fn claims(statement: &str) -> Result<Map<String, Value>, Fault> {
    jsonwebtoken::dangerous::insecure_decode_claims(statement)
        .map_err(|_| invalid("the software statement is no JWT whose claims are a JSON object"))
}

/// Whom a statement says that it is from, if the operator trusts them.
pub fn issuer<'a>(
    statement: &str,
    trusted: &'a [StatementIssuer],
) -> Result<&'a StatementIssuer, Fault> {
    let claims = claims(statement)?;
    let iss = claims
        .get("iss")
        .and_then(Value::as_str)
        .unwrap_or_default();
    trusted.iter().find(|one| one.issuer == iss).ok_or_else(|| {
        Fault::new(
            ErrorCode::UnapprovedSoftwareStatement,
            format!(
                "software statements of {} are not accepted here",
                quoted(iss)
            ),
        )
    })
}

/// The members of a registration request with those of a statement whose signature is right: its own win.
pub fn merge(
    members: Map<String, Value>,
    claims: Map<String, Value>,
    issuer: &str,
    now: Timestamp,
) -> Result<Map<String, Value>, Fault> {
    let instant = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .map(|seconds| Some(Timestamp::from_seconds(seconds)))
            .ok_or_else(|| {
                invalid("a time of the software statement is no whole number of seconds")
            }),
    };
    if instant("exp")?.is_some_and(|exp| exp <= now) {
        return Err(invalid("the software statement has expired; get a new one"));
    }
    for begin in [instant("nbf")?, instant("iat")?] {
        if begin.is_some_and(|begin| begin > now.plus(AHEAD_SECONDS)) {
            return Err(invalid(
                "the software statement is from the future; check the clock",
            ));
        }
    }
    let is_for_us = match claims.get("aud") {
        None => true,
        Some(Value::String(one)) => one == issuer,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(issuer)),
        Some(_) => false,
    };
    if !is_for_us {
        return Err(invalid(
            "the software statement is for another server; its `aud` must be this issuer",
        ));
    }
    if claims.contains_key(MEMBER) {
        return Err(invalid("a software statement must not hold another one"));
    }
    Ok(take_over(members, claims))
}

/// The members with those of a statement, its own winning.
pub fn take_over(
    mut members: Map<String, Value>,
    claims: Map<String, Value>,
) -> Map<String, Value> {
    members.remove(MEMBER);
    let about_the_client = claims
        .into_iter()
        .filter(|(name, _)| !OF_THE_STATEMENT.contains(&name.as_str()));
    members.extend(about_the_client);
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_735_689_600;
    const US: &str = "https://id.example";

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn merged(claims: &Value) -> Result<Map<String, Value>, Fault> {
        let request =
            json!({ "client_name": "Mine", "scope": "openid", "software_statement": "x" });
        merge(
            object(&request),
            object(claims),
            US,
            Timestamp::from_seconds(NOW),
        )
    }

    #[test]
    fn what_is_signed_wins() {
        let found = merged(&json!({
            "iss": "https://trust.example", "exp": NOW + 1, "iat": NOW, "jti": "j", "sub": "s",
            "client_name": "Signed", "software_id": "app"
        }));
        let expect = json!({ "client_name": "Signed", "scope": "openid", "software_id": "app" });
        assert_eq!(found, Ok(object(&expect)));
    }

    #[test]
    fn a_statement_has_its_time_and_its_reader() {
        for (claims, good) in [
            (json!({}), true),
            (json!({ "exp": NOW }), false),
            (json!({ "exp": "tomorrow" }), false),
            (json!({ "exp": NOW + 1 }), true),
            (json!({ "nbf": NOW + 60 }), true),
            (json!({ "nbf": NOW + 61 }), false),
            (json!({ "iat": NOW + 61 }), false),
            (json!({ "aud": US }), true),
            (json!({ "aud": ["https://other.example", US] }), true),
            (json!({ "aud": "https://other.example" }), false),
            (json!({ "aud": [] }), false),
            (json!({ "aud": 1 }), false),
            (json!({ "software_statement": "y" }), false),
        ] {
            let found = merged(&claims);
            assert_eq!(found.is_ok(), good, "{claims}");
            let code = found.err().map(|fault| fault.code);
            assert!(code.is_none_or(|code| code == ErrorCode::InvalidSoftwareStatement));
        }
    }

    #[test]
    fn an_issuer_is_written_with_its_keys() {
        let text = "https://trust.example https://trust.example/jwks";
        assert_eq!(StatementIssuer::parse(text).unwrap().text(), text);
        for wrong in [
            "",
            "https://trust.example",
            " https://trust.example/jwks",
            "a http://b.example/jwks",
        ] {
            assert!(StatementIssuer::parse(wrong).is_err(), "{wrong}");
        }
    }
}
