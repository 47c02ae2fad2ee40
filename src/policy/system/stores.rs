//! Rights in one store: relations of `store:<id>`, and of `store_type:<id>/<type>` for objects of one type only.
//!
//! The edges from a store to the system and from a type to its store are brought along by each question, so a store needs
//! no tuples of its own: one that nobody has rights in is still managed by whoever manages all stores.

use std::collections::BTreeSet;
use std::fmt;

use super::super::change::{CHANGES, Changes};
use super::super::engine::relationship::{Context, Relationship};
use super::super::engine::tuple::{Object, Subject, Tuple, TupleError, is_type};
use super::super::error::PolicyError;
use super::super::replica::Consistency;
use super::super::service::{CheckRequest, Policy};
use super::super::write::{Written, write};
use super::{OBJECT, give, store_id, take};
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{TupleFilter, TupleParts, TupleRow};
use crate::store::{Conn, Tx, policy_tuples};

const STORE: &str = "store";
const STORE_TYPE: &str = "store_type";
/// A store that cannot be: ids of stores are ULIDs. Asked about instead of a malformed id, so that a role decides alone.
const NO_STORE: &str = "store:none";

relations! {
    /// What somebody can be given in one store.
    StoreRight {
        /// May do everything in the store, and delete it.
        Owner = "owner",
        /// May write models.
        ModelWriter = "model_writer",
        /// May write tuples; given for a type, of objects of that type only.
        TupleWriter = "tuple_writer",
        /// May read models, tuples and changes.
        Reader = "reader",
        /// May ask checks.
        Checker = "checker",
    }
}

relations! {
    /// What somebody may do in one store.
    StorePermission {
        /// Delete it.
        Manage = "can_manage",
        /// Write models.
        WriteModels = "can_write_models",
        /// Write and delete tuples.
        WriteTuples = "can_write_tuples",
        /// See models, tuples and changes.
        Read = "can_read",
        /// Ask checks and lists.
        Check = "can_check",
    }
}

/// A right of somebody in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedRight {
    /// What was given.
    pub right: StoreRight,
    /// For objects of this type only; a [`StoreRight::TupleWriter`] can be so limited.
    pub object_type: Option<String>,
    /// To whom, such as `client:web`.
    pub subject: String,
}

/// Why a right cannot be given.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RightError {
    /// No right has this name.
    #[error("`{name}` is not a right; the rights are {}", known_rights())]
    Unknown {
        /// The name.
        name: String,
    },
    /// The right is never limited to a type.
    #[error("only `tuple_writer` takes a `type`; leave it out for `{0}`")]
    TakesNoType(StoreRight),
    /// The type has no name that a type can have.
    #[error("`type` is `{0}`; name a type such as `document`")]
    Type(String),
}

fn known_rights() -> String {
    let known: Vec<_> = StoreRight::ALL.iter().map(|right| right.as_str()).collect();
    known.join(", ")
}

/// Whether a subject (`user:usr_..`, `client:web`) may do something in a store, as of everything committed so far.
pub async fn allows_store(
    policy: &Policy,
    subject: &str,
    store: &str,
    permission: StorePermission,
    now: Timestamp,
) -> Result<bool, PolicyError> {
    let Ok(subject @ Subject::Object(_)) = Subject::parse(subject) else {
        return Ok(false);
    };
    let object = store_object(store)?;
    let request = CheckRequest {
        model_id: "",
        object: &object,
        relation: permission.as_str(),
        subject: &subject,
        contextual: &[edge(&object, "parent", OBJECT)?],
        context: &Context::new(),
    };
    let answer = policy
        .check(policy.system_store(), &request, &Consistency::Full, now)
        .await?;
    Ok(answer.allowed)
}

/// Whether a subject may write tuples of objects of all these types in a store. Of none: it may not.
pub async fn allows_writes(
    policy: &Policy,
    subject: &str,
    (store, types): (&str, &BTreeSet<&str>),
    now: Timestamp,
) -> Result<bool, PolicyError> {
    let Ok(subject @ Subject::Object(_)) = Subject::parse(subject) else {
        return Ok(false);
    };
    let parent = store_object(store)?;
    let view = policy
        .view(policy.system_store(), "", &Consistency::Full, now)
        .await?;
    for object_type in types {
        // A type with a name too long for an object's id is nobody's alone.
        let Ok(object) = type_object(store, object_type) else {
            return Ok(false);
        };
        let request = CheckRequest {
            model_id: "",
            object: &object,
            relation: StorePermission::WriteTuples.as_str(),
            subject: &subject,
            contextual: &[
                edge(&object, "store", &parent.to_string())?,
                edge(&parent, "parent", OBJECT)?,
            ],
            context: &Context::new(),
        };
        if !view.check(&request)? {
            return Ok(false);
        }
    }
    Ok(!types.is_empty())
}

/// Gives a right in a store; nothing changes when the subject has it already.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn give_right(
    tx: &mut Tx,
    store: &str,
    right: &PlacedRight,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    give(tx, right.tuple(store)?, now).await
}

/// Takes a right in a store, if the subject has it.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn take_right(
    tx: &mut Tx,
    store: &str,
    right: &PlacedRight,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    take(tx, right.tuple(store)?, now).await
}

/// The rights in a store, those in all of it first, in pages after one of them.
pub async fn rights_in(
    conn: &mut Conn,
    store: &str,
    after: Option<&PlacedRight>,
    limit: u32,
) -> Result<Vec<PlacedRight>, PolicyError> {
    let system = store_id(conn).await?;
    let place = after.map(|right| right.parts(store));
    let in_types = after.is_some_and(|right| right.object_type.is_some());
    let mut rows = Vec::new();
    if !in_types {
        let whole = TupleFilter::Object {
            object_type: STORE,
            object_id: store,
            relation: None,
            subject: None,
        };
        rows = policy_tuples::list(conn, &system, whole, (place.as_ref(), limit)).await?;
    }
    let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    if left > 0 {
        let prefix = format!("{store}/");
        let types = TupleFilter::Within {
            object_type: STORE_TYPE,
            prefix: &prefix,
        };
        let place = place.as_ref().filter(|_| in_types);
        rows.extend(policy_tuples::list(conn, &system, types, (place, left)).await?);
    }
    Ok(rows
        .into_iter()
        .filter_map(|row| placed(store, row))
        .collect())
}

/// Whether a subject has any right in any store.
pub async fn holds_store_rights(conn: &mut Conn, subject: &str) -> Result<bool, PolicyError> {
    let system = store_id(conn).await?;
    for object_type in [STORE, STORE_TYPE] {
        let filter = TupleFilter::Subject {
            object_type,
            subject,
            relation: None,
        };
        if !policy_tuples::list(conn, &system, filter, (None, 1))
            .await?
            .is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes every right in a store that is being deleted.
pub(in super::super) async fn take_all_rights(
    tx: &mut Tx,
    store: &str,
    now: Timestamp,
) -> Result<Vec<Written>, PolicyError> {
    let system = store_id(tx).await?;
    let most = u32::try_from(CHANGES).unwrap_or(u32::MAX);
    let mut taken = Vec::new();
    loop {
        let rights = rights_in(tx, store, None, most).await?;
        if rights.is_empty() {
            return Ok(taken);
        }
        let changes = Changes {
            deletes: rights
                .iter()
                .map(|right| right.tuple(store))
                .collect::<Result<_, _>>()?,
            ..Changes::default()
        };
        taken.push(write(tx, &system, &changes, now).await?);
    }
}

impl PlacedRight {
    /// The right of this name, if it can be given for objects of this type, or for all of a store.
    pub fn check(name: &str, object_type: Option<&str>) -> Result<StoreRight, RightError> {
        let right = StoreRight::parse(name).ok_or_else(|| RightError::Unknown {
            name: name.to_owned(),
        })?;
        match object_type {
            Some(_) if right != StoreRight::TupleWriter => Err(RightError::TakesNoType(right)),
            Some(wrong) if !is_type(wrong) => Err(RightError::Type(wrong.to_owned())),
            Some(_) | None => Ok(right),
        }
    }

    fn tuple(&self, store: &str) -> Result<Tuple, TupleError> {
        let object = match &self.object_type {
            None => store_object(store)?,
            Some(object_type) => type_object(store, object_type)?,
        };
        match Subject::parse(&self.subject)? {
            subject @ Subject::Object(_) => Ok(Tuple {
                object,
                relation: self.right.as_str().to_owned(),
                subject,
            }),
            // A right of everybody would be nobody's to take back alone.
            Subject::Wildcard(_) | Subject::Userset(..) => {
                Err(TupleError::Subject(self.subject.clone()))
            }
        }
    }

    fn parts(&self, store: &str) -> TupleParts {
        let (object_type, object_id) = match &self.object_type {
            None => (STORE, store.to_owned()),
            Some(object_type) => (STORE_TYPE, format!("{store}/{object_type}")),
        };
        TupleParts {
            object_type: object_type.to_owned(),
            object_id,
            relation: self.right.as_str().to_owned(),
            subject: self.subject.clone(),
        }
    }
}

fn placed(store: &str, row: TupleRow) -> Option<PlacedRight> {
    let parts = row.parts;
    let object_type = match parts.object_type.as_str() {
        STORE => None,
        _ => Some(
            parts
                .object_id
                .strip_prefix(store)?
                .strip_prefix('/')?
                .to_owned(),
        ),
    };
    Some(PlacedRight {
        right: StoreRight::parse(&parts.relation)?,
        object_type,
        subject: parts.subject,
    })
}

fn store_object(store: &str) -> Result<Object, TupleError> {
    Object::parse(&format!("{STORE}:{store}")).or_else(|_| Object::parse(NO_STORE))
}

fn type_object(store: &str, object_type: &str) -> Result<Object, TupleError> {
    Object::parse(&format!("{STORE_TYPE}:{store}/{object_type}"))
}

fn edge(from: &Object, relation: &str, to: &str) -> Result<Relationship, TupleError> {
    Tuple::parse(&from.to_string(), relation, to).map(Relationship::from)
}

#[cfg(test)]
mod tests {
    use super::super::super::engine::dsl;
    use super::super::MODEL;
    use super::*;

    fn relations_of(type_name: &str, assignable: bool) -> Vec<String> {
        let model = dsl::parse(MODEL).unwrap();
        let mut names: Vec<String> = model
            .find_type(type_name)
            .unwrap()
            .relations
            .iter()
            .filter(|(_, relation)| relation.restrictions.is_empty() != assignable)
            .map(|(name, _)| name.clone())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_right_and_permission_in_a_store_is_a_relation_of_the_model() {
        let mut rights: Vec<&str> = StoreRight::ALL.iter().map(|one| one.as_str()).collect();
        rights.push("parent");
        rights.sort_unstable();
        assert_eq!(relations_of(STORE, true), rights);
        let mut permissions: Vec<&str> = StorePermission::ALL
            .iter()
            .map(|one| one.as_str())
            .collect();
        permissions.sort_unstable();
        assert_eq!(relations_of(STORE, false), permissions);
        assert_eq!(relations_of(STORE_TYPE, true), ["store", "tuple_writer"]);
        assert_eq!(relations_of(STORE_TYPE, false), ["can_write_tuples"]);
    }

    #[test]
    fn only_single_subjects_get_rights() {
        let right = |subject: &str| PlacedRight {
            right: StoreRight::Owner,
            object_type: None,
            subject: subject.to_owned(),
        };
        assert!(right("client:web").tuple("S").is_ok());
        for wrong in ["client:*", "system:tessera#admin", "nonsense"] {
            assert!(right(wrong).tuple("S").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_malformed_id_is_asked_as_a_store_that_cannot_be() {
        assert_eq!(store_object("a b").unwrap().to_string(), NO_STORE);
        assert_eq!(store_object("S").unwrap().to_string(), "store:S");
    }
}
