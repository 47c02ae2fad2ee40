//! Whether a model admits a tuple: what a write must satisfy (`POST /write`, contextual tuples, setup files).
//!
//! Stored tuples that a newer model no longer admits are not an error: `check` skips them.

use super::condition::{ContextError, INLINE, InlineFault};
use super::model::{Model, Relation, Restriction, SubjectForm};
use super::relationship::{Relationship, TupleCondition};
use super::tuple::{Subject, Tuple};

/// Why a model does not admit a tuple. The wording is OpenFGA's, so that people find it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The model has no such type.
    #[error("type '{0}' not found")]
    UnknownType(String),
    /// The type has no such relation.
    #[error("relation '{type_name}#{relation}' not found")]
    UnknownRelation {
        /// The type.
        type_name: String,
        /// The relation it lacks.
        relation: String,
    },
    /// The relation takes no subject of this form directly.
    #[error("'{subject}' is not an allowed type restriction for '{type_name}#{relation}'{allowed}")]
    NotAllowed {
        /// The subject's type or form.
        subject: String,
        /// The object's type.
        type_name: String,
        /// The relation.
        relation: String,
        /// What would be allowed, as a sentence's end.
        allowed: String,
    },
    /// A relation behind a `from` leads to objects only.
    #[error(
        "unexpected user '{subject}' with tupleset relation '{type_name}#{relation}': only objects are allowed"
    )]
    Tupleset {
        /// The subject.
        subject: String,
        /// The object's type.
        type_name: String,
        /// The relation.
        relation: String,
    },
    /// Every restriction that fits asks for a condition, and the tuple names none.
    #[error("condition is missing{0}")]
    ConditionMissing(String),
    /// The model has no such condition.
    #[error("undefined condition `{0}`")]
    UndefinedCondition(String),
    /// The condition exists, but not for subjects of this form in this relation.
    #[error("invalid condition for type restriction{0}")]
    OtherCondition(String),
    /// What the tuple fixes does not fit the condition's parameters.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The condition that the tuple holds itself is none.
    #[error(transparent)]
    Inline(#[from] InlineFault),
    /// `o#r@o#r` says nothing.
    #[error("cannot write a tuple that is implicit")]
    Implicit,
}

impl NotAdmitted {
    /// Whether the tuple would do without its condition, or with another one.
    pub const fn is_about_condition(&self) -> bool {
        matches!(
            self,
            Self::ConditionMissing(_)
                | Self::UndefinedCondition(_)
                | Self::OtherCondition(_)
                | Self::Context(_)
                | Self::Inline(_)
        )
    }
}

/// Checks a tuple, with its condition, against a model; what it fixes of the condition's parameters too: [`Program::admit`].
///
/// [`Program::admit`]: super::program::Program::admit
pub fn admit(model: &Model, relationship: &Relationship) -> Result<(), NotAdmitted> {
    let fitting = fitting(model, &relationship.tuple)?;
    let allowed = |named: Option<&String>| {
        fitting
            .iter()
            .any(|restriction| restriction.condition.as_ref() == named)
    };
    let Some(TupleCondition { name, .. }) = &relationship.limits.condition else {
        return if allowed(None) {
            Ok(())
        } else {
            Err(NotAdmitted::ConditionMissing(list(
                ": allowed are ",
                &fitting,
            )))
        };
    };
    if name != INLINE && !model.conditions.contains_key(name) {
        return Err(NotAdmitted::UndefinedCondition(name.clone()));
    }
    if !allowed(Some(name)) {
        return Err(NotAdmitted::OtherCondition(list(
            ": allowed are ",
            &fitting,
        )));
    }
    Ok(())
}

/// The restrictions that a tuple fits, whatever their conditions; at least one.
fn fitting<'m>(model: &'m Model, tuple: &Tuple) -> Result<Vec<&'m Restriction>, NotAdmitted> {
    known(model, &tuple.subject)?;
    let type_name = tuple.object.type_name();
    let definition = model
        .find_type(type_name)
        .ok_or_else(|| NotAdmitted::UnknownType(type_name.to_owned()))?;
    let relation =
        definition
            .relations
            .get(&tuple.relation)
            .ok_or_else(|| NotAdmitted::UnknownRelation {
                type_name: type_name.to_owned(),
                relation: tuple.relation.clone(),
            })?;
    if definition.is_tupleset(&tuple.relation) && !matches!(tuple.subject, Subject::Object(_)) {
        return Err(NotAdmitted::Tupleset {
            subject: tuple.subject.to_string(),
            type_name: type_name.to_owned(),
            relation: tuple.relation.clone(),
        });
    }
    let fits = |restriction: &&Restriction| {
        restriction.type_name == tuple.subject.type_name()
            && match (&restriction.form, &tuple.subject) {
                (SubjectForm::Object, Subject::Object(_))
                | (SubjectForm::Wildcard, Subject::Wildcard(_)) => true,
                (SubjectForm::Userset(relation), Subject::Userset(_, asked)) => relation == asked,
                (SubjectForm::Object | SubjectForm::Wildcard | SubjectForm::Userset(_), _) => false,
            }
    };
    let fitting: Vec<&Restriction> = relation.restrictions.iter().filter(fits).collect();
    if fitting.is_empty() {
        return Err(NotAdmitted::NotAllowed {
            subject: match &tuple.subject {
                Subject::Object(object) => object.type_name().to_owned(),
                Subject::Wildcard(type_name) => format!("{type_name}:*"),
                Subject::Userset(object, relation) => format!("{}#{relation}", object.type_name()),
            },
            type_name: type_name.to_owned(),
            relation: tuple.relation.clone(),
            allowed: allowed_text(relation),
        });
    }
    match &tuple.subject {
        Subject::Userset(object, relation)
            if *object == tuple.object && *relation == tuple.relation =>
        {
            Err(NotAdmitted::Implicit)
        }
        _ => Ok(fitting),
    }
}

/// Checks that a subject's type, and a userset's relation, exist in a model.
pub fn known(model: &Model, subject: &Subject) -> Result<(), NotAdmitted> {
    let definition = model
        .find_type(subject.type_name())
        .ok_or_else(|| NotAdmitted::UnknownType(subject.type_name().to_owned()))?;
    match subject {
        Subject::Userset(_, relation) if !definition.relations.contains_key(relation) => {
            Err(NotAdmitted::UnknownRelation {
                type_name: definition.name.clone(),
                relation: relation.clone(),
            })
        }
        Subject::Object(_) | Subject::Wildcard(_) | Subject::Userset(..) => Ok(()),
    }
}

fn allowed_text(relation: &Relation) -> String {
    if relation.restrictions.is_empty() {
        return ": it is computed from other relations, write to those".to_owned();
    }
    let all: Vec<&Restriction> = relation.restrictions.iter().collect();
    list(": allowed are ", &all)
}

fn list(start: &str, restrictions: &[&Restriction]) -> String {
    let names: Vec<String> = restrictions
        .iter()
        .map(|restriction| format!("`{restriction}`"))
        .collect();
    format!("{start}{}", names.join(", "))
}
