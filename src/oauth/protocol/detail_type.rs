//! Types of authorization details (RFC 9396 section 2): a name on the wire, a name for people, and the JSON schema of its details.
//!
//! The schema decides what a request may hold (section 5: what does not conform is refused). It is an administrator's, and still bounded:
//! nothing is fetched for it, and its patterns run in linear time.

use jsonschema::{PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::registration::{Faults, MetadataFault};

/// Longest name on the wire, in bytes.
const TYPE_BYTES: usize = 200;
/// Longest name for people, in characters.
const NAME_CHARS: usize = 100;
/// Largest schema, in bytes of JSON.
const SCHEMA_BYTES: usize = 16 * 1024;

/// A type's name on the wire: a word, or a URI of whoever defined it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TypeName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {TYPE_BYTES} printable ASCII characters without spaces")]
pub struct InvalidTypeName;

impl TypeName {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, InvalidTypeName> {
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        if graphic && (1..=TYPE_BYTES).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTypeName)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TypeName {
    type Error = InvalidTypeName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TypeName> for String {
    fn from(name: TypeName) -> Self {
        name.0
    }
}

/// A declared type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DetailType {
    /// What requests call it.
    #[serde(rename = "type")]
    pub type_name: TypeName,
    /// What people call it: the consent page says it.
    pub name: String,
    /// What each detail of the type must be.
    pub schema: Map<String, Value>,
}

/// A type as it is handed in: by the setup file and the admin API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NewDetailType {
    /// What requests call it.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The name on the wire when absent.
    pub name: Option<String>,
    /// A JSON schema; any object when absent.
    pub schema: Map<String, Value>,
}

impl NewDetailType {
    /// Checks everything; all faults, in the order of the fields.
    pub fn check(&self) -> Result<DetailType, Vec<MetadataFault>> {
        let mut faults = Faults::default();
        let type_name = faults.keep("type", TypeName::parse(&self.type_name));
        let name = self.name.as_deref().unwrap_or(&self.type_name).trim();
        let too_long = self.name.is_some() && name.chars().count() > NAME_CHARS;
        if name.is_empty() || too_long || name.chars().any(char::is_control) {
            let message = format!("must be 1 to {NAME_CHARS} characters on one line");
            faults.add("name", message);
        }
        let schema = Value::Object(self.schema.clone());
        if schema.to_string().len() > SCHEMA_BYTES {
            let message = format!("must be at most {SCHEMA_BYTES} bytes of JSON");
            faults.add("schema", message);
        } else {
            faults.keep("schema", compile(&schema));
        }
        match type_name {
            Some(type_name) if faults.is_empty() => Ok(DetailType {
                type_name,
                name: name.to_owned(),
                schema: self.schema.clone(),
            }),
            Some(_) | None => Err(faults.into_list()),
        }
    }
}

impl DetailType {
    /// What about a detail is not as the schema wants it, in words for who sent it; `None` when all is.
    pub fn fault_of(&self, detail: &Value) -> Option<String> {
        let validator = match compile(&Value::Object(self.schema.clone())) {
            Ok(validator) => validator,
            Err(error) => return Some(error),
        };
        let error = validator.validate(detail).err()?;
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "/" } else { &place };
        // The value itself is the client's to know; it does not belong into logs.
        Some(format!("at `{place}`: {}", error.masked()))
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| format!("is no JSON schema that can be used here: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn new(schema: &Value) -> NewDetailType {
        NewDetailType {
            type_name: "payment".to_owned(),
            schema: schema.as_object().unwrap().clone(),
            ..NewDetailType::default()
        }
    }

    #[test]
    fn a_schema_says_what_a_detail_must_be() {
        let schema = json!({
            "properties": {
                "type": {},
                "actions": { "items": { "enum": ["initiate", "cancel"] } },
                "amount": { "type": "string", "pattern": "^[0-9]+[.][0-9]{2}$" },
            },
            "required": ["amount"],
            "additionalProperties": false,
        });
        let payment = new(&schema).check().unwrap();
        assert_eq!(payment.name, "payment");
        for (detail, says) in [
            (json!({"type": "payment", "amount": "1.00"}), None),
            (
                json!({"type": "payment", "amount": "1.00", "actions": ["cancel"]}),
                None,
            ),
            (json!({"type": "payment"}), Some("amount")),
            (json!({"type": "payment", "amount": "1"}), Some("/amount")),
            (
                json!({"type": "payment", "amount": "1.00", "actions": ["x"]}),
                Some("/actions/0"),
            ),
            (
                json!({"type": "payment", "amount": "1.00", "sub": "root"}),
                Some("sub"),
            ),
        ] {
            let found = payment.fault_of(&detail);
            match says {
                None => assert_eq!(found, None, "{detail}"),
                Some(says) => assert!(found.as_ref().unwrap().contains(says), "{found:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for schema in [
            json!({"type": "nonsense"}),
            json!({"pattern": "("}),
            // Backtracking is not to be had.
            json!({"pattern": "(a)\\1"}),
            // Nothing is fetched.
            json!({"$ref": "https://schemas.example/payment"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"description": "x".repeat(SCHEMA_BYTES)}),
        ] {
            let faults = new(&schema).check().unwrap_err();
            assert_eq!(faults[0].field, "schema", "{faults:?}");
        }
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"properties": {"a": {"$ref": "#"}}, "maxProperties": 2}),
        ] {
            // Accepted or refused, but answered.
            if let Ok(own) = new(&schema).check() {
                own.fault_of(&json!({"type": "payment", "a": {"a": {}}}));
            }
        }
    }

    #[test]
    fn names_are_words_or_uris() {
        for (name, good) in [
            ("payment_initiation", true),
            ("https://scheme.example/files", true),
            ("", false),
            ("two words", false),
            ("é", false),
        ] {
            assert_eq!(TypeName::parse(name).is_ok(), good, "{name}");
        }
        assert!(TypeName::parse(&"x".repeat(TYPE_BYTES + 1)).is_err());
        let unnamed = NewDetailType::default().check().unwrap_err();
        let fields: Vec<&str> = unnamed.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["type", "name"]);
    }
}
