//! Subjects, actions and resources as JSON, and how they become the parts of a tuple.
//!
//! Ids are free text in AuthZEN, but not in a tuple: `:`, `#`, `*`, `%`, white space and control characters of an id are
//! percent-encoded (UTF-8, upper case) in the tuple's, so that `mailto:ann@example.com` is `user:mailto%3Aann@example.com`.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::policy::engine::relationship::Context;
use crate::policy::engine::tuple::{Tuple, TupleError};

/// Why a question cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EntityError {
    /// A field is not there, or empty.
    #[error("`{0}` is missing or empty; send it")]
    Missing(String),
    /// A field has another JSON type.
    #[error("`{0}` must be {1}")]
    Type(String, &'static str),
}

/// A subject or resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) type_name: String,
    pub(super) id: String,
    pub(super) properties: Context,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) properties: Context,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) subject: Entity,
    pub(super) action: Action,
    pub(super) resource: Entity,
    context: Context,
}

impl Item {
    /// Reads a question; what it lacks comes from the defaults, each entity as a whole. Only the type, id or name that an
    /// entity of the question's own lacks comes from the default's (AuthZEN certification scenario, default value merging).
    pub(super) fn read(
        given: &Map<String, Value>,
        defaults: &Map<String, Value>,
    ) -> Result<Self, EntityError> {
        let part = |name| present(given, name).or_else(|| present(defaults, name));
        let whole = |name| part(name).map(|value| named(value, present(defaults, name)));
        let context = part("context").map_or_else(
            || Ok(Context::new()),
            |value| fields("context", value).cloned(),
        )?;
        Ok(Self {
            subject: Entity::read("subject", whole("subject").as_ref())?,
            action: Action::read(whole("action").as_ref())?,
            resource: Entity::read("resource", whole("resource").as_ref())?,
            context,
        })
    }

    /// Values for the parameters of conditions: the entities' properties as `subject_..`, `resource_..` and `action_..`,
    /// and the request's context, which wins.
    pub(super) fn context(&self) -> Context {
        let parts = [
            ("subject", &self.subject.properties),
            ("resource", &self.resource.properties),
            ("action", &self.action.properties),
        ];
        let mut merged = Context::new();
        for (prefix, properties) in parts {
            for (name, value) in properties {
                merged.insert(format!("{prefix}_{name}"), value.clone());
            }
        }
        merged.extend(self.context.clone());
        merged
    }

    /// The question as a tuple: does it follow from the store?
    pub(super) fn tuple(&self) -> Result<Tuple, TupleError> {
        Tuple::parse(
            &self.resource.in_tuple(),
            &self.action.name,
            &self.subject.in_tuple(),
        )
    }
}

impl Entity {
    fn read(name: &str, value: Option<&Value>) -> Result<Self, EntityError> {
        let given = entity(name, value)?;
        Ok(Self {
            type_name: text(name, given, "type")?,
            id: text(name, given, "id")?,
            properties: properties(name, given)?,
        })
    }

    fn in_tuple(&self) -> String {
        format!("{}:{}", self.type_name, encoded(&self.id))
    }
}

impl Action {
    fn read(value: Option<&Value>) -> Result<Self, EntityError> {
        let given = entity("action", value)?;
        Ok(Self {
            name: text("action", given, "name")?,
            properties: properties("action", given)?,
        })
    }
}

/// An entity with the names that it lacks and its default has.
fn named(value: &Value, default: Option<&Value>) -> Value {
    let mut value = value.clone();
    if let (Some(entity), Some(Value::Object(default))) = (value.as_object_mut(), default) {
        for name in ["type", "id", "name"] {
            if let (None, Some(text)) = (present(entity, name), present(default, name)) {
                entity.insert(name.to_owned(), text.clone());
            }
        }
    }
    value
}

/// A field; `null` stands for none.
pub(super) fn present<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A JSON object's fields.
pub(super) fn fields<'a>(
    name: &str,
    value: &'a Value,
) -> Result<&'a Map<String, Value>, EntityError> {
    value
        .as_object()
        .ok_or_else(|| EntityError::Type(name.to_owned(), "a JSON object"))
}

fn entity<'a>(name: &str, value: Option<&'a Value>) -> Result<&'a Map<String, Value>, EntityError> {
    fields(
        name,
        value.ok_or_else(|| EntityError::Missing(name.to_owned()))?,
    )
}

fn text(entity: &str, given: &Map<String, Value>, field: &str) -> Result<String, EntityError> {
    let name = format!("{entity}.{field}");
    match present(given, field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) | None => Err(EntityError::Missing(name)),
        Some(_) => Err(EntityError::Type(name, "a string")),
    }
}

fn properties(entity: &str, given: &Map<String, Value>) -> Result<Context, EntityError> {
    match present(given, "properties") {
        None => Ok(Context::new()),
        Some(value) => fields(&format!("{entity}.properties"), value).cloned(),
    }
}

/// An id as a tuple may hold it.
fn encoded(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for c in id.chars() {
        if !matches!(c, ':' | '#' | '*' | '%') && !c.is_whitespace() && !c.is_control() {
            text.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The id that became this id of a tuple. `%2A` stays: `*` alone would stand for everybody. So does what was written as a
/// tuple in another encoding.
pub(super) fn decoded(id: &str) -> String {
    let text = percent_decode_str(id).decode_utf8();
    text.ok()
        .filter(|text| *text != "*" && encoded(text) == id)
        .map_or_else(|| id.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(mut value: Value) -> Map<String, Value> {
        std::mem::take(value.as_object_mut().unwrap())
    }

    fn question() -> Value {
        json!({
            "subject": {"type": "user", "id": "ann"},
            "action": {"name": "view"},
            "resource": {"type": "doc", "id": "plan"},
        })
    }

    fn read(given: Value, defaults: Value) -> Result<Item, EntityError> {
        Item::read(&map(given), &map(defaults))
    }

    #[test]
    fn a_context_has_the_properties_and_the_request_wins() {
        #[track_caller]
        fn check(more: Value, expect: Value) {
            let mut given = question();
            for (pointer, value) in map(more) {
                match pointer.as_str() {
                    "context" => given["context"] = value,
                    entity => given[entity]["properties"] = value,
                }
            }
            assert_eq!(read(given, json!({})).unwrap().context(), map(expect));
        }
        check(json!({}), json!({}));
        check(json!({"context": {"ip": "::1"}}), json!({"ip": "::1"}));
        check(
            json!({"subject": {"a": 1}, "resource": {"a": 2}, "action": {"a": [3]}}),
            json!({"subject_a": 1, "resource_a": 2, "action_a": [3]}),
        );
        check(
            json!({"subject": {"a": 1, "b": 2}, "context": {"subject_a": 9}}),
            json!({"subject_a": 9, "subject_b": 2}),
        );
        check(json!({"subject": null, "context": null}), json!({}));
    }

    #[test]
    fn an_entity_is_taken_whole_from_the_question_or_the_defaults() {
        let mut defaults = question();
        defaults["subject"]["properties"] = json!({"a": 1});
        let own = read(
            json!({"subject": {"type": "user", "id": "bob"}}),
            defaults.clone(),
        )
        .unwrap();
        assert_eq!(own.subject.id, "bob");
        assert!(own.subject.properties.is_empty());
        assert_eq!(own.resource.id, "plan");
    }

    #[test]
    fn of_an_entity_that_is_not_whole_only_the_names_come_from_the_defaults() {
        let mut defaults = question();
        defaults["subject"]["properties"] = json!({"a": 1});
        let given = json!({"subject": {"id": "bob"}, "action": {}, "resource": {"type": "folder"}});
        let merged = read(given, defaults.clone()).unwrap();
        assert_eq!(merged.subject.type_name, "user");
        assert_eq!(merged.subject.id, "bob");
        assert!(merged.subject.properties.is_empty());
        assert_eq!(merged.action.name, "view");
        assert_eq!(merged.resource.type_name, "folder");
        assert_eq!(merged.resource.id, "plan");
        // What is there and wrong is not replaced, and what nobody says is missing.
        for (given, expect) in [
            (
                json!({"subject": {"type": 7}}),
                EntityError::Type("subject.type".to_owned(), "a string"),
            ),
            (
                json!({"subject": "bob"}),
                EntityError::Type("subject".to_owned(), "a JSON object"),
            ),
        ] {
            assert_eq!(read(given, defaults.clone()), Err(expect));
        }
        defaults["subject"].as_object_mut().unwrap().remove("id");
        assert_eq!(
            read(json!({"subject": {"type": "user"}}), defaults),
            Err(EntityError::Missing("subject.id".to_owned()))
        );
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        #[track_caller]
        fn check(pointer: &str, value: Value, expect: &str) {
            let mut given = question();
            match pointer.split_once('.') {
                None => given[pointer] = value,
                Some((entity, field)) => given[entity][field] = value,
            }
            let error = read(given, json!({})).unwrap_err().to_string();
            assert_eq!(error, expect);
        }
        for name in ["subject", "action", "resource"] {
            check(
                name,
                Value::Null,
                &format!("`{name}` is missing or empty; send it"),
            );
            check(name, json!("x"), &format!("`{name}` must be a JSON object"));
            check(
                &format!("{name}.properties"),
                json!([]),
                &format!("`{name}.properties` must be a JSON object"),
            );
        }
        for name in [
            "subject.type",
            "subject.id",
            "action.name",
            "resource.type",
            "resource.id",
        ] {
            let missing = format!("`{name}` is missing or empty; send it");
            check(name, Value::Null, &missing);
            check(name, json!(""), &missing);
            check(name, json!(1), &format!("`{name}` must be a string"));
        }
        check("context", json!("x"), "`context` must be a JSON object");
    }

    #[test]
    fn ids_that_others_encoded_stay_as_they_are() {
        for id in ["50%", "a%3ab", "%FF", "%41"] {
            assert_eq!(decoded(id), id);
        }
    }

    #[test]
    fn ids_of_any_text_become_ids_of_tuples() {
        for (id, expect) in [
            ("ann@example.com", "ann@example.com"),
            ("mailto:ann", "mailto%3Aann"),
            ("*", "%2A"),
            ("a#b c%3A", "a%23b%20c%253A"),
            ("caf\u{e9}\u{a0}\u{0}", "caf\u{e9}%C2%A0%00"),
        ] {
            assert_eq!(encoded(id), expect);
            let shown = if id == "*" { "%2A" } else { id };
            assert_eq!(decoded(expect), shown);
            let mut given = question();
            given["subject"]["id"] = id.into();
            let tuple = read(given, json!({})).unwrap().tuple().unwrap();
            assert_eq!(tuple.subject.to_string(), format!("user:{expect}"));
        }
    }
}
