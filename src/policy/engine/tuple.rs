//! A relationship tuple, `document:plan#viewer@group:eng#member`: its parts, limits and patterns.
//!
//! Parsing needs no model; whether a model admits a tuple is decided by `admit`.

use std::fmt;

/// Longest `type:id` of an object, in bytes.
pub const OBJECT_BYTES: usize = 256;
/// Longest subject, in bytes.
pub const SUBJECT_BYTES: usize = 512;
/// Longest type name, in bytes.
pub const TYPE_BYTES: usize = 254;
/// Longest relation name, in bytes.
pub const RELATION_BYTES: usize = 50;

/// Why a text is not part of a tuple.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TupleError {
    /// The object is not `type:id`.
    #[error(
        "invalid 'object' field format: `{0}` must be `type:id` of at most 256 bytes, without white space or `#`"
    )]
    Object(String),
    /// The object is `type:*`.
    #[error("the 'object' field cannot reference a typed wildcard: `{0}`")]
    WildcardObject(String),
    /// The relation has a wrong form.
    #[error(
        "the 'relation' field is malformed: `{0}` must be 1 to 50 bytes without white space, `:`, `#` or `@`"
    )]
    Relation(String),
    /// The subject has a wrong form.
    #[error(
        "the 'user' field is malformed: `{0}` must be an object (`user:anne`), a userset (`group:eng#member`) or a typed wildcard (`user:*`) of at most 512 bytes"
    )]
    Subject(String),
}

/// An object, `document:plan`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    type_name: String,
    id: String,
}

/// Who: one object, every object of a type, or everybody in a relation of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// `user:anne`
    Object(Object),
    /// `user:*`
    Wildcard(String),
    /// `group:eng#member`
    Userset(Object, String),
}

/// A relationship tuple.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// On what.
    pub object: Object,
    /// Which relation.
    pub relation: String,
    /// Who.
    pub subject: Subject,
}

impl Object {
    /// Parses `type:id`.
    pub fn parse(text: &str) -> Result<Self, TupleError> {
        match split_object(text).filter(|_| text.len() <= OBJECT_BYTES) {
            Some((_, "*")) => Err(TupleError::WildcardObject(text.to_owned())),
            Some((type_name, id)) => Ok(Self {
                type_name: type_name.to_owned(),
                id: id.to_owned(),
            }),
            None => Err(TupleError::Object(shown(text))),
        }
    }

    /// An object that the graph knows, which holds nothing but parsed parts.
    pub(super) fn from_parts(type_name: &str, id: &str) -> Self {
        Self {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
        }
    }

    /// The object's type.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The object's id within its type.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Subject {
    /// Parses an object, a userset or a typed wildcard.
    pub fn parse(text: &str) -> Result<Self, TupleError> {
        let malformed = || TupleError::Subject(shown(text));
        if text.len() > SUBJECT_BYTES {
            return Err(malformed());
        }
        let Some((object, relation)) = text.split_once('#') else {
            let object = subject_object(text).ok_or_else(malformed)?;
            return Ok(if object.id == "*" {
                Self::Wildcard(object.type_name)
            } else {
                Self::Object(object)
            });
        };
        let object = subject_object(object).ok_or_else(malformed)?;
        if object.id == "*" || !is_relation(relation) {
            return Err(malformed());
        }
        Ok(Self::Userset(object, relation.to_owned()))
    }

    /// The type of the object in it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Object(object) | Self::Userset(object, _) => &object.type_name,
            Self::Wildcard(type_name) => type_name,
        }
    }
}

fn subject_object(text: &str) -> Option<Object> {
    split_object(text).map(|(type_name, id)| Object {
        type_name: type_name.to_owned(),
        id: id.to_owned(),
    })
}

impl Tuple {
    /// Parses the three fields as the HTTP API names them.
    pub fn parse(object: &str, relation: &str, user: &str) -> Result<Self, TupleError> {
        let subject = Subject::parse(user)?;
        let object = Object::parse(object)?;
        let relation = parse_relation(relation)?;
        Ok(Self {
            object,
            relation,
            subject,
        })
    }
}

/// Parses a relation's name.
pub fn parse_relation(text: &str) -> Result<String, TupleError> {
    if is_relation(text) {
        Ok(text.to_owned())
    } else {
        Err(TupleError::Relation(shown(text)))
    }
}

/// Whether a text can name a type.
pub fn is_type(text: &str) -> bool {
    is_name(text) && text.len() <= TYPE_BYTES
}

/// Whether a text can name a relation.
pub fn is_relation(text: &str) -> bool {
    is_name(text) && text.len() <= RELATION_BYTES
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| matches!(c, ':' | '#' | '@') || refused(c))
}

/// Splits `type:id`; `None` unless there is exactly one colon, both parts are well-formed, and no `#` is in sight.
fn split_object(text: &str) -> Option<(&str, &str)> {
    let (type_name, id) = text.split_once(':')?;
    let well_formed = is_type(type_name)
        && !id.is_empty()
        && !id.chars().any(|c| matches!(c, ':' | '#') || refused(c));
    well_formed.then_some((type_name, id))
}

/// White space, NUL and control characters have no place in a tuple: they hide in logs and terminals.
fn refused(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The beginning of what was given, without its control characters.
fn shown(text: &str) -> String {
    text.chars()
        .take(64)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.type_name, self.id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::Wildcard(type_name) => write!(f, "{type_name}:*"),
            Self::Userset(object, relation) => write!(f, "{object}#{relation}"),
        }
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.object, self.relation, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_three_forms() {
        let anne = Subject::parse("user:anne").unwrap();
        assert!(matches!(&anne, Subject::Object(object) if object.id() == "anne"));
        assert_eq!(
            Subject::parse("user:*"),
            Ok(Subject::Wildcard("user".to_owned()))
        );
        assert!(matches!(
            Subject::parse("group:eng#member"),
            Ok(Subject::Userset(..))
        ));
        assert_eq!(
            Subject::parse("user:anne@example.com").unwrap().to_string(),
            "user:anne@example.com"
        );
    }

    #[test]
    fn malformed_subjects_are_refused() {
        let long = format!("user:{}", "a".repeat(508));
        for text in [
            "",
            "anne",
            "*",
            "user:",
            ":anne",
            "user:a:b",
            "user:a b",
            "user:a\u{0}",
            "user:a\u{85}",
            "group:*#member",
            "group:eng#",
            "group:eng#a#b",
            "group:eng#a:b",
            "#member",
            "us er:a",
            long.as_str(),
        ] {
            assert!(Subject::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn malformed_objects_and_relations_are_refused() {
        let long = format!("doc:{}", "a".repeat(253));
        for text in [
            "",
            "doc",
            "doc:",
            ":1",
            "doc:1#viewer",
            "doc:a:b",
            "doc:a\tb",
            long.as_str(),
        ] {
            assert!(
                matches!(Object::parse(text), Err(TupleError::Object(_))),
                "{text:?}"
            );
        }
        assert!(matches!(
            Object::parse("doc:*"),
            Err(TupleError::WildcardObject(_))
        ));
        for text in ["", "a b", "a:b", "a#b", "a@b", &"r".repeat(51)] {
            assert!(parse_relation(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_printed_tuple_parses_to_itself() {
        let tuple = Tuple::parse("doc:plan", "viewer", "group:eng#member").unwrap();
        assert_eq!(tuple.to_string(), "doc:plan#viewer@group:eng#member");
    }
}
