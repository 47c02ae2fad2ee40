//! Writing tuples: deletes and writes in one transaction, then the revision, then one entry in the change log.

use std::collections::BTreeMap;

use super::change::{CHANGES, Change, Changes, OnConflict, Precondition, condition_text, to_log};
use super::engine::relationship::{Limits, Relationship};
use super::engine::tuple::Tuple;
use super::error::PolicyError;
use super::token::{NONCE_CHARS, Revision};
use crate::base::encoding::base64url;
use crate::base::secret::random;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::policy_changes::ChangeRow;
use crate::store::policy_tuples::{StoredLimits, Touch, TupleParts};
use crate::store::{Tx, policy_changes, policy_stores, policy_tuples};

/// What a transaction has written to a store. Hand it to [`super::Policy::committed`] after the commit.
#[derive(Clone, Debug)]
pub struct Written {
    /// The store.
    pub store_id: String,
    /// The store's revision after it.
    pub revision: i64,
    pub(super) nonce: String,
    pub(super) changes: Vec<Change>,
}

impl Written {
    /// What was changed; empty when everything was as asked already.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The revision as tokens carry it.
    pub fn revision(&self) -> Revision {
        Revision {
            store: self.store_id.clone(),
            number: self.revision,
            nonce: self
                .nonce
                .get(..NONCE_CHARS)
                .unwrap_or(&self.nonce)
                .to_owned(),
        }
    }
}

/// Writes tuples in a transaction that may hold other facts too; call it last, it takes the store's lock.
///
/// Does not ask whether a model admits the tuples ([`super::engine::admit`]): [`super::Policy::write`] does.
pub async fn write(
    tx: &mut Tx,
    store_id: &str,
    changes: &Changes,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    let mut done = Vec::new();
    // In one order whoever writes: two transactions that touch the same tuples must not wait for each other.
    for (tuple, step) in in_order(changes)? {
        let parts = parts_of(tuple);
        match step {
            Step::Require(must_exist) => {
                if !require(tx, store_id, (&parts, must_exist), now).await? {
                    return Err(PolicyError::Precondition {
                        tuple: Box::new(tuple.clone()),
                        must_exist,
                    });
                }
            }
            Step::Delete => {
                if policy_tuples::touch(tx, store_id, (&parts, Touch::Delete), now).await? {
                    done.push(Change::Delete(tuple.clone()));
                } else if changes.on_missing == OnConflict::Error {
                    return Err(PolicyError::NotThere(Box::new(tuple.clone())));
                }
            }
            Step::Write(limits) => {
                let stored = StoredLimits {
                    condition: limits.condition.as_ref().map(condition_text).transpose()?,
                    expires_at: limits.expires_at,
                };
                if policy_tuples::insert(tx, store_id, (&parts, &stored), now).await? {
                    done.push(Change::Write(Relationship {
                        tuple: tuple.clone(),
                        limits: limits.clone(),
                    }));
                } else if changes.on_duplicate == OnConflict::Error {
                    return Err(PolicyError::AlreadyThere(Box::new(tuple.clone())));
                } else if policy_tuples::limits(tx, store_id, &parts).await? != Some(stored) {
                    // To ignore is not to overwrite.
                    return Err(PolicyError::OtherLimits(Box::new(tuple.clone())));
                }
            }
        }
    }
    if done.is_empty() {
        return unchanged(tx, store_id).await;
    }
    record(tx, store_id, done, now).await
}

/// Takes the next revision and leaves its entry in the change log.
pub(super) async fn record(
    tx: &mut Tx,
    store_id: &str,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<Written, PolicyError> {
    let revision = policy_stores::next_revision(tx, store_id)
        .await?
        .ok_or_else(|| PolicyError::StoreNotFound(store_id.to_owned()))?;
    let nonce = base64url(&random::<16>());
    let entry = ChangeRow {
        revision,
        nonce: nonce.clone(),
        changes: to_log(&changes)?,
        created_at: now,
    };
    policy_changes::insert(tx, store_id, &entry).await?;
    let event = Event::PolicyWritten {
        store_id: store_id.to_owned(),
        revision,
    };
    events::record(tx, &event, now).await?;
    Ok(Written {
        store_id: store_id.to_owned(),
        revision,
        nonce,
        changes,
    })
}

/// Everything was as asked already: the revision stays.
async fn unchanged(tx: &mut Tx, store_id: &str) -> Result<Written, PolicyError> {
    let missing = || PolicyError::StoreNotFound(store_id.to_owned());
    let (revision, _) = policy_stores::head(tx, store_id, 0)
        .await?
        .ok_or_else(missing)?;
    let (_, nonce) = policy_stores::head(tx, store_id, revision)
        .await?
        .ok_or_else(missing)?;
    Ok(Written {
        store_id: store_id.to_owned(),
        revision,
        nonce: nonce.unwrap_or_default(),
        changes: Vec::new(),
    })
}

/// What is to be done about a tuple. Requirements come first.
enum Step<'a> {
    Require(bool),
    Delete,
    Write(&'a Limits),
}

/// Whether a tuple is (not) there, and stays so until the transaction ends.
async fn require(
    tx: &mut Tx,
    store_id: &str,
    (parts, must_exist): (&TupleParts, bool),
    now: Timestamp,
) -> Result<bool, PolicyError> {
    if must_exist {
        return Ok(policy_tuples::touch(tx, store_id, (parts, Touch::Hold), now).await?);
    }
    // What is not there cannot be locked: a row that comes and goes makes other writers of it wait.
    let limits = StoredLimits::default();
    let is_new = policy_tuples::insert(tx, store_id, (parts, &limits), now).await?;
    if is_new {
        policy_tuples::touch(tx, store_id, (parts, Touch::Delete), now).await?;
    }
    Ok(is_new)
}

/// Every tuple once to delete or to write, and what is required of tuples before; in the order of the tuples.
fn in_order(changes: &Changes) -> Result<Vec<(&Tuple, Step<'_>)>, PolicyError> {
    let mut all: BTreeMap<&Tuple, Step<'_>> = BTreeMap::new();
    let deletes = changes.deletes.iter().map(|tuple| (tuple, Step::Delete));
    let writes = changes
        .writes
        .iter()
        .map(|write| (&write.tuple, Step::Write(&write.limits)));
    for (tuple, step) in deletes.chain(writes) {
        if all.insert(tuple, step).is_some() {
            return Err(PolicyError::Duplicate(Box::new(tuple.clone())));
        }
    }
    if all.is_empty() {
        return Err(PolicyError::NothingToWrite);
    }
    if all.len() > CHANGES || changes.preconditions.len() > CHANGES {
        return Err(PolicyError::TooManyChanges { limit: CHANGES });
    }
    let mut steps: Vec<(&Tuple, Step<'_>)> = changes
        .preconditions
        .iter()
        .map(|precondition| match precondition {
            Precondition::MustExist(tuple) => (tuple, Step::Require(true)),
            Precondition::MustNotExist(tuple) => (tuple, Step::Require(false)),
        })
        .chain(all)
        .collect();
    // A stable sort: what is required of a tuple stays before what is done to it.
    steps.sort_by(|a, b| a.0.cmp(b.0));
    Ok(steps)
}

pub(super) fn parts_of(tuple: &Tuple) -> TupleParts {
    TupleParts {
        object_type: tuple.object.type_name().to_owned(),
        object_id: tuple.object.id().to_owned(),
        relation: tuple.relation.clone(),
        subject: tuple.subject.to_string(),
    }
}
