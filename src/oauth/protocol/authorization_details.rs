//! Rich authorization requests (RFC 9396): what a client asks for in the words of a type, finer than scopes.
//!
//! Here: what a list of details must be whatever its types say, what is less than what, what belongs into a token for one audience, and
//! the digest that a person's agreement is remembered by. Whether a detail is what its type wants is [`super::detail_type`]'s.
//! A detail is an object inside `authorization_details`: whatever its members are called, none becomes a claim of the token (SECURITY row 24).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audience::Audience;
use super::detail_type::TypeName;
use super::error::{ErrorCode, Fault, quoted};
use super::params::Params;
use super::strict_json;
use crate::base::encoding::base64url;
use crate::base::secret::sha256;

/// The parameter, claim and member of answers.
pub const PARAMETER: &str = "authorization_details";
/// Longest list, in bytes of JSON: a token that holds it still goes into a header.
const BYTES: usize = 8 * 1024;
/// Most details in one list.
const DETAILS: usize = 16;
/// How deep arrays and objects may stand in one another, the list itself included.
const DEPTH: usize = 16;
/// The common members that are lists of texts (section 2.2): where, what, on what, as whom.
pub const LISTS: [&str; 4] = ["locations", "actions", "datatypes", "privileges"];
/// The common member that is one text.
pub const IDENTIFIER: &str = "identifier";

/// A list of details; often empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthorizationDetails(Vec<Detail>);

/// One detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Map<String, Value>);

/// An `invalid_authorization_details`.
pub fn invalid(description: impl std::fmt::Display) -> Fault {
    Fault::new(ErrorCode::InvalidAuthorizationDetails, description)
}

impl AuthorizationDetails {
    /// What a request asks for: well-formed, and of types that its client is registered for. None when it does not ask.
    pub fn of_request(params: &Params, registered: &[TypeName]) -> Result<Self, Fault> {
        let Some(text) = params.get(PARAMETER) else {
            return Ok(Self::default());
        };
        let details = Self::parse(text)?;
        let other = details.0.iter().find(|detail| !detail.is_of(registered));
        match other {
            None => Ok(details),
            Some(detail) => Err(invalid(format!(
                "the type {} is not registered for this client; add it to its `authorization_details_types`",
                quoted(detail.type_name())
            ))),
        }
    }

    /// Parses a list that is not empty.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > BYTES {
            return Err(invalid(format!("more than {BYTES} bytes; ask for less")));
        }
        let value = strict_json::parse(text, DEPTH)
            .map_err(|error| invalid(format!("the JSON cannot be used: {error}")))?;
        let Value::Array(list) = value else {
            return Err(invalid("must be a JSON array of objects"));
        };
        if !(1..=DETAILS).contains(&list.len()) {
            return Err(invalid(format!("must hold 1 to {DETAILS} objects")));
        }
        list.into_iter()
            .map(Detail::of)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Detail> {
        self.0.iter()
    }

    /// Those of types that a client is still registered for (SECURITY row 9).
    #[must_use]
    pub fn of_types(&self, registered: &[TypeName]) -> Self {
        let kept = self.0.iter().filter(|detail| detail.is_of(registered));
        Self(kept.cloned().collect())
    }

    /// Whether a client is registered for all of them.
    pub fn are_of(&self, registered: &[TypeName]) -> bool {
        self.0.iter().all(|detail| detail.is_of(registered))
    }

    /// What a token request gets of what was granted: what it names, each of which must be within a granted one, or all (section 6.1).
    pub fn narrowed(&self, params: &Params) -> Result<Self, Fault> {
        let Some(text) = params.get(PARAMETER) else {
            return Ok(self.clone());
        };
        let wanted = Self::parse(text)?;
        let is_granted = |detail: &Detail| self.0.iter().any(|granted| detail.is_within(granted));
        match wanted.0.iter().find(|detail| !is_granted(detail)) {
            None => Ok(wanted),
            Some(detail) => Err(invalid(format!(
                "a detail of the type {} was not granted; ask for less or authorize again",
                quoted(detail.type_name())
            ))),
        }
    }

    /// What a token for `audience` says: not what is meant for the other services of the grant alone (section 9.1).
    #[must_use]
    pub fn for_audience(&self, audience: &Audience, granted: &[String]) -> Self {
        let is_meant = |detail: &&Detail| {
            let locations = detail.list("locations");
            let mut named = locations
                .iter()
                .filter(|location| granted.iter().any(|one| one == *location))
                .peekable();
            named.peek().is_none() || named.any(|location| audience.contains(location))
        };
        Self(self.0.iter().filter(is_meant).cloned().collect())
    }

    /// What a person's agreement to exactly these details is remembered by: whatever their order.
    pub fn digest(&self) -> String {
        let mut texts: Vec<String> = self.0.iter().map(Detail::to_string).collect();
        texts.sort_unstable();
        texts.dedup();
        // A text of JSON holds no line feed.
        base64url(sha256(texts.join("\n").as_bytes()).as_ref())
    }
}

impl Detail {
    fn of(value: Value) -> Result<Self, Fault> {
        let Value::Object(members) = value else {
            return Err(invalid("must be a JSON array of objects"));
        };
        let type_name = members.get("type").and_then(Value::as_str);
        let Some(type_name) = type_name.and_then(|text| TypeName::parse(text).ok()) else {
            return Err(invalid("every object needs a `type`, a text"));
        };
        let faulty = |member: &str, wanted: &str| {
            let type_name = quoted(type_name.as_str());
            invalid(format!(
                "`{member}` of a detail of the type {type_name} must be {wanted}"
            ))
        };
        let is_texts = |value: &Value| {
            value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string))
        };
        for member in LISTS {
            if members.get(member).is_some_and(|value| !is_texts(value)) {
                return Err(faulty(member, "a list of texts"));
            }
        }
        if members
            .get(IDENTIFIER)
            .is_some_and(|value| !value.is_string())
        {
            return Err(faulty(IDENTIFIER, "a text"));
        }
        if members.values().any(has_nul) || members.keys().any(|name| name.contains('\0')) {
            return Err(invalid("a text holds a NUL; leave it out"));
        }
        Ok(Self(members))
    }

    /// Its type.
    pub fn type_name(&self) -> &str {
        self.0
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The texts of one of the [`LISTS`].
    pub fn list(&self, member: &str) -> Vec<&str> {
        let list = self.0.get(member).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The one thing that it is about, if it says so.
    pub fn identifier(&self) -> Option<&str> {
        self.0.get(IDENTIFIER).and_then(Value::as_str)
    }

    /// The members that its type defines.
    pub fn own_members(&self) -> impl Iterator<Item = (&str, &Value)> {
        let is_common = |name: &str| name == "type" || name == IDENTIFIER || LISTS.contains(&name);
        let members = self.0.iter().map(|(name, value)| (name.as_str(), value));
        members.filter(move |(name, _)| !is_common(name))
    }

    /// As a JSON value.
    pub fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn is_of(&self, registered: &[TypeName]) -> bool {
        registered
            .iter()
            .any(|one| one.as_str() == self.type_name())
    }

    /// Whether it asks for no more than `granted`: the same members with the same values, but for the common lists, of which it may name
    /// fewer. An empty list or an absent one may mean anything, so neither is less.
    fn is_within(&self, granted: &Self) -> bool {
        let is_less = |name: &str, value: &Value, granted: &Value| {
            let (Some(list), Some(all)) = (value.as_array(), granted.as_array()) else {
                return false;
            };
            LISTS.contains(&name) && !list.is_empty() && list.iter().all(|one| all.contains(one))
        };
        self.0.len() == granted.0.len()
            && self.0.iter().all(|(name, value)| {
                granted
                    .0
                    .get(name)
                    .is_some_and(|granted| granted == value || is_less(name, value, granted))
            })
    }
}

impl std::fmt::Display for Detail {
    /// As JSON, its members in the order of their names.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value().fmt(f)
    }
}

/// PostgreSQL keeps no NUL.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests;
