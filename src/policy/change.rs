//! What a write asks for, and the change log's entries: one text form, written and read here only.

use serde::{Deserialize, Serialize};

use super::engine::tuple::{Tuple, TupleError};
use crate::store::StoreError;

/// Most writes and deletes in one request, together.
pub(super) const CHANGES: usize = 100;

/// Tuples to write and to delete, all or none.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// To write.
    pub writes: Vec<Tuple>,
    /// To delete.
    pub deletes: Vec<Tuple>,
    /// When a tuple to write is there already.
    pub on_duplicate: OnConflict,
    /// When a tuple to delete is not there.
    pub on_missing: OnConflict,
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
    Write(Tuple),
    /// A tuple was deleted.
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

/// The text of an entry.
pub(super) fn to_log(changes: &[Change]) -> Result<String, StoreError> {
    let logged: Vec<Logged> = changes
        .iter()
        .map(|change| match change {
            Change::Write(tuple) => Logged::Write {
                object: tuple.object.to_string(),
                relation: tuple.relation.clone(),
                user: tuple.subject.to_string(),
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
                } => Change::Write(Tuple::parse(&object, &relation, &user)?),
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
            Change::Write(tuple),
            Change::Model("01".to_owned()),
        ];
        assert_eq!(from_log(&to_log(&changes).unwrap()).unwrap(), changes);
        assert!(from_log("[{\"op\":\"write\",\"object\":\"x\"}]").is_err());
    }
}
