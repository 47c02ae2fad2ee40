//! Who may act in a person's name when tokens are exchanged (RFC 8693): relations of `user:<id>`, for one person, and of
//! `system:tessera`, for all.
//!
//! The edge from a person to the system is brought along by each question, so an account needs no tuples of its own.

use std::fmt;

use super::super::engine::relationship::{Context, Relationship};
use super::super::engine::tuple::{Object, Subject, Tuple, TupleError};
use super::super::error::PolicyError;
use super::super::replica::Consistency;
use super::super::service::{CheckRequest, Policy};
use super::super::write::Written;
use super::{OBJECT, give, store_id, take};
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{TupleFilter, TupleParts};
use crate::store::{Conn, Tx, policy_tuples};

const USER: &str = "user";

relations! {
    /// What somebody can be given over one person; a role of that name is over all.
    ActingRight {
        /// May take the person's place.
        Impersonator = "impersonator",
        /// May act for the person, and is named in the token.
        Delegate = "delegate",
    }
}

relations! {
    /// What somebody may do in a person's name.
    ActingPermission {
        /// Get a token that is as the person's own.
        Impersonate = "can_impersonate",
        /// Get a token that names who acts.
        ActFor = "can_act_for",
    }
}

impl ActingPermission {
    /// The least right that gives it.
    pub const fn right(self) -> ActingRight {
        match self {
            Self::Impersonate => ActingRight::Impersonator,
            Self::ActFor => ActingRight::Delegate,
        }
    }
}

/// Whether a subject (`user:usr_..`, `client:web`) may do something in a person's name, as of everything committed so far.
pub async fn allows_acting(
    policy: &Policy,
    subject: &str,
    (user, permission): (&UserId, ActingPermission),
    now: Timestamp,
) -> Result<bool, PolicyError> {
    let Ok(subject @ Subject::Object(_)) = Subject::parse(subject) else {
        return Ok(false);
    };
    let object = user_object(user)?;
    let edge = Tuple::parse(&object.to_string(), "parent", OBJECT).map(Relationship::from)?;
    let request = CheckRequest {
        model_id: "",
        object: &object,
        relation: permission.as_str(),
        subject: &subject,
        contextual: &[edge],
        context: &Context::new(),
    };
    let answer = policy
        .check(policy.system_store(), &request, &Consistency::Full, now)
        .await?;
    Ok(answer.allowed)
}

/// Gives a right over a person; nothing changes when the subject has it already.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn give_acting(
    tx: &mut Tx,
    user: &UserId,
    (right, subject): (ActingRight, &str),
    now: Timestamp,
) -> Result<Written, PolicyError> {
    give(tx, tuple(user, right, subject)?, now).await
}

/// Takes a right over a person, if the subject has it.
///
/// Call [`Policy::committed`] with the result after the commit.
pub async fn take_acting(
    tx: &mut Tx,
    user: &UserId,
    (right, subject): (ActingRight, &str),
    now: Timestamp,
) -> Result<Written, PolicyError> {
    take(tx, tuple(user, right, subject)?, now).await
}

/// The rights over a person, in pages after one of them.
pub async fn acting_for(
    conn: &mut Conn,
    user: &UserId,
    after: Option<(ActingRight, &str)>,
    limit: u32,
) -> Result<Vec<(ActingRight, String)>, PolicyError> {
    let system = store_id(conn).await?;
    let after = after.map(|(right, subject)| TupleParts {
        object_type: USER.to_owned(),
        object_id: user.as_str().to_owned(),
        relation: right.as_str().to_owned(),
        subject: subject.to_owned(),
    });
    let filter = TupleFilter::Object {
        object_type: USER,
        object_id: user.as_str(),
        relation: None,
        subject: None,
    };
    let rows = policy_tuples::list(conn, &system, filter, (after.as_ref(), limit)).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((ActingRight::parse(&row.parts.relation)?, row.parts.subject)))
        .collect())
}

/// Whether a subject has a right over anybody; a role is not counted.
pub async fn holds_acting_rights(conn: &mut Conn, subject: &str) -> Result<bool, PolicyError> {
    let system = store_id(conn).await?;
    let filter = TupleFilter::Subject {
        object_type: USER,
        subject,
        relation: None,
    };
    let rows = policy_tuples::list(conn, &system, filter, (None, 1)).await?;
    Ok(!rows.is_empty())
}

fn user_object(user: &UserId) -> Result<Object, TupleError> {
    Object::parse(&format!("{USER}:{user}"))
}

fn tuple(user: &UserId, right: ActingRight, subject: &str) -> Result<Tuple, TupleError> {
    match Subject::parse(subject)? {
        subject @ Subject::Object(_) => Ok(Tuple {
            object: user_object(user)?,
            relation: right.as_str().to_owned(),
            subject,
        }),
        // Nobody lets everybody act in a person's name.
        Subject::Wildcard(_) | Subject::Userset(..) => Err(TupleError::Subject(subject.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::engine::dsl;
    use super::super::{MODEL, Role};
    use super::*;

    #[test]
    fn every_right_and_permission_over_a_person_is_a_relation_of_the_model() {
        let model = dsl::parse(MODEL).unwrap();
        let relations = |assignable: bool| {
            let mut names: Vec<String> = model
                .find_type(USER)
                .unwrap()
                .relations
                .iter()
                .filter(|(_, relation)| relation.restrictions.is_empty() != assignable)
                .map(|(name, _)| name.clone())
                .collect();
            names.sort_unstable();
            names
        };
        let mut rights: Vec<&str> = ActingRight::ALL.iter().map(|one| one.as_str()).collect();
        for right in &rights {
            assert!(Role::parse(right).is_some(), "{right} is a role, too");
        }
        rights.push("parent");
        rights.sort_unstable();
        assert_eq!(relations(true), rights);
        let mut permissions: Vec<&str> = ActingPermission::ALL
            .iter()
            .map(|one| one.as_str())
            .collect();
        permissions.sort_unstable();
        assert_eq!(relations(false), permissions);
    }

    #[test]
    fn only_single_subjects_act() {
        let user = UserId::new(Timestamp::from_ms(0));
        let right = ActingRight::Delegate;
        assert!(tuple(&user, right, "client:web").is_ok());
        for wrong in ["client:*", "system:tessera#admin", "nonsense"] {
            assert!(tuple(&user, right, wrong).is_err(), "{wrong}");
        }
    }
}
