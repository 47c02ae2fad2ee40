//! What a write asks for, and the change log's entries: one text form, written and read here only.

use serde::{Deserialize, Serialize};

use super::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use super::engine::tuple::{Tuple, TupleError};
use crate::base::time::Timestamp;
use crate::store::StoreError;

/// Most writes and deletes in one request, together.
pub(super) const CHANGES: usize = 100;

/// Tuples to write and to delete, all or none.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// To write.
    pub writes: Vec<Relationship>,
    /// To delete.
    pub deletes: Vec<Tuple>,
    /// What must be so before; otherwise nothing is changed.
    pub preconditions: Vec<Precondition>,
    /// When a tuple to write is there already.
    pub on_duplicate: OnConflict,
    /// When a tuple to delete is not there.
    pub on_missing: OnConflict,
}

/// What must be so before a write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precondition {
    /// The tuple is there.
    MustExist(Tuple),
    /// The tuple is not there.
    MustNotExist(Tuple),
}

/// What to do about a tuple that is already as it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Refuse the whole request.
    #[default]
    Error,
    /// Leave it alone; it gets no entry in the change log.
    Ignore,
}

/// One change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A tuple was written.
    Write(Relationship),
    /// A tuple was deleted, or it has expired.
    Delete(Tuple),
    /// A model was written; it is the latest now.
    Model(String),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Logged {
    Write {
        object: String,
        relation: String,
        user: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        condition: Option<LoggedCondition>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<i64>,
    },
    Delete {
        object: String,
        relation: String,
        user: String,
    },
    Model {
        id: String,
    },
}

#[derive(Serialize, Deserialize)]
struct LoggedCondition {
    name: String,
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    context: Context,
}

/// A condition's text, as the change log and the table of tuples hold it.
pub(super) fn condition_text(condition: &TupleCondition) -> Result<String, StoreError> {
    serde_json::to_string(&LoggedCondition::from(condition.clone()))
        .map_err(|error| corrupt(&error))
}

/// Reads [`condition_text`].
pub(super) fn read_condition(text: &str) -> Result<TupleCondition, StoreError> {
    let read: LoggedCondition = serde_json::from_str(text)
        .map_err(|error| StoreError::corrupt("policy_tuples.condition", &error))?;
    Ok(read.into())
}

impl From<TupleCondition> for LoggedCondition {
    fn from(TupleCondition { name, context }: TupleCondition) -> Self {
        Self { name, context }
    }
}

impl From<LoggedCondition> for TupleCondition {
    fn from(LoggedCondition { name, context }: LoggedCondition) -> Self {
        Self { name, context }
    }
}

/// The text of an entry.
pub(super) fn to_log(changes: &[Change]) -> Result<String, StoreError> {
    let logged: Vec<Logged> = changes
        .iter()
        .map(|change| match change {
            Change::Write(Relationship { tuple, limits }) => Logged::Write {
                object: tuple.object.to_string(),
                relation: tuple.relation.clone(),
                user: tuple.subject.to_string(),
                condition: limits.condition.clone().map(Into::into),
                expires_at: limits.expires_at.map(Timestamp::ms),
            },
            Change::Delete(tuple) => Logged::Delete {
                object: tuple.object.to_string(),
                relation: tuple.relation.clone(),
                user: tuple.subject.to_string(),
            },
            Change::Model(id) => Logged::Model { id: id.clone() },
        })
        .collect();
    serde_json::to_string(&logged).map_err(|error| corrupt(&error))
}

/// The changes of an entry.
pub(super) fn from_log(text: &str) -> Result<Vec<Change>, StoreError> {
    let logged: Vec<Logged> = serde_json::from_str(text).map_err(|error| corrupt(&error))?;
    logged
        .into_iter()
        .map(|entry| {
            Ok(match entry {
                Logged::Write {
                    object,
                    relation,
                    user,
                    condition,
                    expires_at,
                } => Change::Write(Relationship {
                    tuple: Tuple::parse(&object, &relation, &user)?,
                    limits: Limits {
                        condition: condition.map(Into::into),
                        expires_at: expires_at.map(Timestamp::from_ms),
                    },
                }),
                Logged::Delete {
                    object,
                    relation,
                    user,
                } => Change::Delete(Tuple::parse(&object, &relation, &user)?),
                Logged::Model { id } => Change::Model(id),
            })
        })
        .collect::<Result<_, TupleError>>()
        .map_err(|error| corrupt(&error))
}

fn corrupt(error: &impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("policy_changes.changes", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_it_was_written() {
        let tuple = Tuple::parse("doc:\"1\"", "viewer", "group:a#member").unwrap();
        let changes = [
            Change::Delete(tuple.clone()),
            Change::Write(tuple.clone().into()),
            Change::Write(Relationship {
                tuple,
                limits: Limits {
                    condition: Some(TupleCondition {
                        name: "in_office".to_owned(),
                        context: Context::from_iter([("hours".to_owned(), 8.into())]),
                    }),
                    expires_at: Some(Timestamp::from_ms(17)),
                },
            }),
            Change::Model("01".to_owned()),
        ];
        assert_eq!(from_log(&to_log(&changes).unwrap()).unwrap(), changes);
        assert!(from_log("[{\"op\":\"write\",\"object\":\"x\"}]").is_err());
    }
}
