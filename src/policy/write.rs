//! Writing tuples: deletes and writes in one transaction, then the revision, then one entry in the change log.

use std::collections::BTreeMap;

use super::change::{CHANGES, Change, Changes, OnConflict, to_log};
use super::engine::tuple::Tuple;
use super::error::PolicyError;
use super::token::{NONCE_CHARS, Revision};
use crate::base::encoding::base64url;
use crate::base::secret::random;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::policy_changes::ChangeRow;
use crate::store::policy_tuples::TupleParts;
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
    for (tuple, is_write) in in_order(changes)? {
        let parts = parts_of(tuple);
        let did = if is_write {
            policy_tuples::insert(tx, store_id, &parts, now).await?
        } else {
            policy_tuples::delete(tx, store_id, &parts).await?
        };
        match (is_write, did) {
            (true, true) => done.push(Change::Write(tuple.clone())),
            (false, true) => done.push(Change::Delete(tuple.clone())),
            (true, false) if changes.on_duplicate == OnConflict::Error => {
                return Err(PolicyError::AlreadyThere(Box::new(tuple.clone())));
            }
            (false, false) if changes.on_missing == OnConflict::Error => {
                return Err(PolicyError::NotThere(Box::new(tuple.clone())));
            }
            (_, false) => {}
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

/// Every tuple once, sorted, with whether it is to be written.
fn in_order(changes: &Changes) -> Result<BTreeMap<&Tuple, bool>, PolicyError> {
    let mut all = BTreeMap::new();
    let deletes = changes.deletes.iter().map(|tuple| (tuple, false));
    let writes = changes.writes.iter().map(|tuple| (tuple, true));
    for (tuple, is_write) in deletes.chain(writes) {
        if all.insert(tuple, is_write).is_some() {
            return Err(PolicyError::Duplicate(Box::new(tuple.clone())));
        }
    }
    if all.is_empty() {
        return Err(PolicyError::NothingToWrite);
    }
    if all.len() > CHANGES {
        return Err(PolicyError::TooManyChanges { limit: CHANGES });
    }
    Ok(all)
}

fn parts_of(tuple: &Tuple) -> TupleParts {
    TupleParts {
        object_type: tuple.object.type_name().to_owned(),
        object_id: tuple.object.id().to_owned(),
        relation: tuple.relation.clone(),
        subject: tuple.subject.to_string(),
    }
}
