//! Why a permission request has no answer.

use super::engine::admit::NotAdmitted;
use super::engine::check::CheckError;
use super::engine::dsl::DslErrors;
use super::engine::graph::GraphFull;
use super::engine::json::JsonError;
use super::engine::tuple::{Tuple, TupleError};
use super::engine::validate::ModelError;
use super::token::TokenError;
use crate::store::StoreError;

/// Why a permission request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No store has this id, or it was deleted.
    #[error("no store has the id `{0}`; list the stores to find the right one")]
    StoreNotFound(String),
    /// The store's name is malformed.
    #[error("invalid store name: 3 to 64 letters, digits, spaces and `.-/^_&@` are allowed")]
    StoreName,
    /// Tessera's own store is changed by assigning roles, not through the permission API.
    #[error("this is Tessera's own store; assign roles to change it")]
    SystemStore,
    /// The store has no model of this id.
    #[error("Authorization Model '{0}' not found")]
    ModelNotFound(String),
    /// The store has no model at all.
    #[error("No authorization models found for store '{0}'")]
    NoModel(String),
    /// A model's text does not parse.
    #[error(transparent)]
    Dsl(#[from] DslErrors),
    /// A model's JSON form does not parse.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A model makes no sense.
    #[error("{}", all(.0))]
    InvalidModel(Vec<ModelError>),
    /// Conditions in tuples are not switched on.
    #[error("`$expression` is experimental; set `policy.inline_expressions = true` to write it")]
    InlineExpressions,
    /// A model is larger than allowed.
    #[error("the model has {found} bytes; at most {limit} are allowed")]
    ModelTooLarge {
        /// Its size.
        found: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A text is not part of a tuple.
    #[error(transparent)]
    Tuple(#[from] TupleError),
    /// The model does not admit a tuple.
    #[error("Invalid tuple '{tuple}'. Reason: {reason}")]
    NotAdmitted {
        /// Which.
        tuple: Box<Tuple>,
        /// Why.
        reason: Box<NotAdmitted>,
    },
    /// The model does not know the subject of a list.
    #[error("invalid 'user' value: {0}")]
    UnknownSubject(Box<NotAdmitted>),
    /// Neither a write nor a delete.
    #[error("Invalid input. Make sure you provide at least one write, or at least one delete")]
    NothingToWrite,
    /// A tuple stands twice in one request.
    #[error(
        "duplicate tuple in write: user: '{}', relation: '{}', object: '{}'",
        .0.subject, .0.relation, .0.object
    )]
    Duplicate(Box<Tuple>),
    /// Too many writes and deletes.
    #[error("The number of write operations exceeds the allowed limit of {limit}")]
    TooManyChanges {
        /// What is allowed.
        limit: usize,
    },
    /// A tuple to write is there already.
    #[error(
        "cannot write a tuple which already exists: user: '{}', relation: '{}', object: '{}': tuple to be written already existed or the tuple to be deleted did not exist",
        .0.subject, .0.relation, .0.object
    )]
    AlreadyThere(Box<Tuple>),
    /// A tuple to write is there already, with another condition or another end.
    #[error(
        "tuple '{0}' exists with another condition or expiry; delete it in the same request to replace it"
    )]
    OtherLimits(Box<Tuple>),
    /// A tuple that must (not) be there is not (is).
    #[error(
        "precondition failed: tuple '{tuple}' must {}exist; read the tuples again and decide anew",
        if *.must_exist { "" } else { "not " }
    )]
    Precondition {
        /// Which.
        tuple: Box<Tuple>,
        /// What was asked.
        must_exist: bool,
    },
    /// A tuple to delete is not there.
    #[error(
        "cannot delete a tuple which does not exist: user: '{}', relation: '{}', object: '{}': tuple to be written already existed or the tuple to be deleted did not exist",
        .0.subject, .0.relation, .0.object
    )]
    NotThere(Box<Tuple>),
    /// A check could not be decided.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A token is not one of ours, or not for this.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database does not hold the revision that a token names: it was restored from a backup, or the token is another's.
    #[error("the revision of the token is not in this database; start over without the token")]
    RevisionNotThere,
    /// The graph is out of numbers.
    #[error(transparent)]
    Full(#[from] GraphFull),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most faults of a model that one message tells.
const FAULTS_TOLD: usize = 50;

fn all(faults: &[ModelError]) -> String {
    let told: Vec<String> = faults
        .iter()
        .take(FAULTS_TOLD)
        .map(ToString::to_string)
        .collect();
    match faults.len().saturating_sub(FAULTS_TOLD) {
        0 if told.is_empty() => "the model is invalid".to_owned(),
        0 => told.join("; "),
        more => format!("{}; and {more} more faults", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_every_fault_up_to_a_bound() {
        let fault = |n: usize| ModelError::DuplicateType(format!("t{n}"));
        let told = PolicyError::InvalidModel(vec![fault(1), fault(2)]).to_string();
        assert!(
            told.contains("'t1'") && told.contains("; ") && told.contains("'t2'"),
            "{told}"
        );
        let told = PolicyError::InvalidModel((0..60).map(fault).collect()).to_string();
        assert!(told.contains("'t49'") && !told.contains("'t50'"), "{told}");
        assert!(told.ends_with("; and 10 more faults"), "{told}");
    }
}
