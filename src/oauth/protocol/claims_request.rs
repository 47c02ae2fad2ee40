//! The `claims` parameter (OpenID Connect Core 1.0 section 5.5): claims asked for by name, for the ID token and for userinfo.
//!
//! A claim about the person is given when a scope that the client is registered for covers it; what is asked for so is shown on
//! the consent page as that scope. Only two claims can make a request fail: `sub` with a value (section 5.5.1), and an essential `acr` with
//! values (section 5.5.1.1). Everything else is a wish. Unknown members are ignored, as the section says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acr::Acr;
use super::claims::{CLAIMS_BY_SCOPE, Person, UserClaims};
use super::error::{Fault, quoted};
use super::scope::ScopeSet;

/// Most claims of one place, and values of one claim.
const CLAIMS: usize = 64;
const VALUES: usize = 32;

/// How a claim is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Whether the client says that it cannot do without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// The values that would do; any, when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// For the ID token.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, Wanted>,
    /// For userinfo.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, Wanted>,
}

impl ClaimsRequest {
    /// Reads the parameter.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let malformed = |what: &str| {
            Fault::invalid_request(format!(
                "the parameter `claims` {what} (OpenID Connect Core 1.0 section 5.5)"
            ))
        };
        let value: Value =
            serde_json::from_str(text).map_err(|_| malformed("is not JSON; send an object"))?;
        let Value::Object(mut members) = value else {
            return Err(malformed("is not a JSON object"));
        };
        let mut place = |name: &str| match members.remove(name) {
            None | Some(Value::Null) => Ok(BTreeMap::new()),
            Some(Value::Object(claims)) => read_claims(claims),
            Some(_) => Err(malformed(&format!("holds `{name}`, which is no object"))),
        };
        Ok(Self {
            id_token: place("id_token")?,
            userinfo: place("userinfo")?,
        })
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// Whether the request can be answered about this person.
    pub fn may_be_about(&self, subject: &str) -> bool {
        [&self.id_token, &self.userinfo]
            .into_iter()
            .filter_map(|place| place.get("sub"))
            .all(|wanted| wanted.admits(&Value::from(subject)))
    }

    /// The essential `acr`: of the values named, those that this server has. `None` when the request does not insist.
    pub fn essential_acr(&self) -> Option<Vec<Acr>> {
        let wanted = self.id_token.get("acr")?;
        (wanted.essential && !wanted.values.is_empty()).then(|| {
            let known = wanted.values.iter().filter_map(Value::as_str);
            known.filter_map(Acr::parse).collect()
        })
    }

    /// The scopes that cover what was asked for: the person is asked for them, although no token gets them.
    pub fn covering_scopes(&self) -> ScopeSet {
        let names = self.id_token.keys().chain(self.userinfo.keys());
        let scopes: Vec<&str> = names.filter_map(|name| covering(name)).collect();
        ScopeSet::parse(&scopes.join(" ")).unwrap_or_default()
    }
}

impl Wanted {
    fn admits(&self, value: &Value) -> bool {
        self.values.is_empty() || self.values.contains(value)
    }
}

/// Of a person's claims, those that were asked for. The subject is not among them: it stands in every answer by itself.
pub fn pick(place: &BTreeMap<String, Wanted>, claims: Map<String, Value>) -> Map<String, Value> {
    claims
        .into_iter()
        .filter(|(name, value)| {
            covering(name).is_some() && place.get(name).is_some_and(|wanted| wanted.admits(value))
        })
        .collect()
}

/// A person's claims for one place: what `scope` gives, and what was asked for by name within the scopes that the client is registered for.
pub fn claims_of(
    (subject, person): (&str, &Person),
    (scope, registered): (&ScopeSet, &ScopeSet),
    place: &BTreeMap<String, Wanted>,
) -> Map<String, Value> {
    let all = |scope| UserClaims::of(subject.to_owned(), person, scope).into_members();
    let mut claims = all(scope);
    claims.extend(pick(place, all(registered)));
    claims
}

/// The scope that covers a claim about a person.
fn covering(claim: &str) -> Option<&'static str> {
    CLAIMS_BY_SCOPE
        .iter()
        .find(|(_, claims)| claims.contains(&claim))
        .map(|(scope, _)| *scope)
}

fn read_claims(claims: Map<String, Value>) -> Result<BTreeMap<String, Wanted>, Fault> {
    if claims.len() > CLAIMS {
        return Err(Fault::invalid_request(format!(
            "the parameter `claims` asks for more than {CLAIMS} claims in one place; ask for fewer"
        )));
    }
    claims
        .into_iter()
        .map(|(name, value)| {
            let wanted = read_claim(value).ok_or_else(|| {
                Fault::invalid_request(format!(
                    "the parameter `claims` asks for {} in a form that is not null, nor an object with `essential`, `value` or `values` (at most {VALUES})",
                    quoted(&name)
                ))
            })?;
            Ok((name, wanted))
        })
        .collect()
}

fn read_claim(value: Value) -> Option<Wanted> {
    let mut members = match value {
        Value::Null => return Some(Wanted::default()),
        Value::Object(members) => members,
        _ => return None,
    };
    let essential = match members.remove("essential") {
        None => false,
        Some(essential) => essential.as_bool()?,
    };
    let mut values = match members.remove("values") {
        None => Vec::new(),
        Some(Value::Array(values)) if values.len() <= VALUES => values,
        Some(_) => return None,
    };
    values.extend(members.remove("value"));
    Some(Wanted { essential, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_claims_is_an_object_of_objects() {
        for (text, valid) in [
            ("{}", true),
            (r#"{"userinfo":{"name":null}}"#, true),
            (
                r#"{"id_token":{"auth_time":{"essential":true}},"other":7}"#,
                true,
            ),
            (
                r#"{"id_token":{"acr":{"values":["a","b"],"unknown":1}}}"#,
                true,
            ),
            (r#"{"userinfo":null}"#, true),
            ("", false),
            ("[]", false),
            ("null", false),
            ("{", false),
            (r#"{"userinfo":[]}"#, false),
            (r#"{"userinfo":{"name":"x"}}"#, false),
            (r#"{"userinfo":{"name":{"essential":"yes"}}}"#, false),
            (r#"{"userinfo":{"name":{"values":"x"}}}"#, false),
        ] {
            assert_eq!(ClaimsRequest::parse(text).is_ok(), valid, "{text}");
        }
        let many: Vec<String> = (0..=CLAIMS).map(|n| format!("\"c{n}\":null")).collect();
        let many = format!("{{\"userinfo\":{{{}}}}}", many.join(","));
        assert!(ClaimsRequest::parse(&many).is_err());
        let deep = "[".repeat(10_000);
        assert!(ClaimsRequest::parse(&deep).is_err());
    }

    #[test]
    fn a_subject_with_a_value_is_a_condition() {
        for (text, expect) in [
            ("{}", true),
            (r#"{"id_token":{"sub":null}}"#, true),
            (r#"{"id_token":{"sub":{"value":"alice"}}}"#, true),
            (r#"{"id_token":{"sub":{"values":["bob","alice"]}}}"#, true),
            (r#"{"id_token":{"sub":{"value":"bob"}}}"#, false),
            (r#"{"userinfo":{"sub":{"value":"bob"}}}"#, false),
            (r#"{"id_token":{"sub":{"value":7}}}"#, false),
        ] {
            let request = ClaimsRequest::parse(text).unwrap();
            assert_eq!(request.may_be_about("alice"), expect, "{text}");
        }
    }

    #[test]
    fn only_an_essential_acr_with_values_is_a_condition() {
        let known = Acr::OneFactor.as_str();
        for (text, expect) in [
            ("{}".to_owned(), None),
            (
                r#"{"id_token":{"acr":{"essential":true}}}"#.to_owned(),
                None,
            ),
            (
                format!(r#"{{"id_token":{{"acr":{{"value":"{known}"}}}}}}"#),
                None,
            ),
            (
                format!(
                    r#"{{"id_token":{{"acr":{{"essential":true,"values":["x","{known}"]}}}}}}"#
                ),
                Some(vec![Acr::OneFactor]),
            ),
            (
                r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#.to_owned(),
                Some(vec![]),
            ),
        ] {
            let request = ClaimsRequest::parse(&text).unwrap();
            assert_eq!(request.essential_acr(), expect, "{text}");
        }
    }

    #[test]
    fn a_claim_asked_for_by_name_is_given_within_the_registered_scopes() {
        let request =
            ClaimsRequest::parse(r#"{"userinfo":{"name":null,"email":{"essential":true}}}"#)
                .unwrap();
        let person = serde_json::json!({
            "name": "Alice", "preferred_username": "alice", "updated_at": 7,
            "email": "alice@example.com", "email_verified": true,
        });
        let person = person.as_object().unwrap();
        let scope = |text| ScopeSet::parse(text).unwrap();
        for (granted, registered, expect) in [
            ("openid", "openid", r#"{"sub":"u"}"#),
            ("openid", "openid profile", r#"{"name":"Alice","sub":"u"}"#),
            (
                "openid email",
                "openid email profile",
                r#"{"email":"alice@example.com","email_verified":true,"name":"Alice","sub":"u"}"#,
            ),
        ] {
            let scopes = (&scope(granted), &scope(registered));
            let claims = claims_of(("u", person), scopes, &request.userinfo);
            let expect: Value = serde_json::from_str(expect).unwrap();
            assert_eq!(Value::Object(claims), expect);
        }
    }

    #[test]
    fn claims_are_picked_by_name_and_value_and_never_those_of_the_protocol() {
        let request = ClaimsRequest::parse(
            r#"{"userinfo":{"name":null,"email":{"value":"x@example.com"},"iss":null,"sub":null,"exp":null}}"#,
        )
        .unwrap();
        assert_eq!(request.covering_scopes().to_string(), "email profile");
        let claims = serde_json::json!({
            "sub": "u", "iss": "evil", "name": "Alice", "email": "alice@example.com", "updated_at": 1,
        });
        let Value::Object(claims) = claims else {
            panic!("an object");
        };
        let picked = pick(&request.userinfo, claims);
        assert_eq!(Value::Object(picked), serde_json::json!({"name": "Alice"}));
    }
}
