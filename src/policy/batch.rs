//! One batch of an import: held against the model and the store, or written in one transaction.

use super::change::{Change, OnConflict, condition_text};
use super::engine::relationship::{Limits, Relationship};
use super::engine::tuple::Tuple;
use super::error::PolicyError;
use super::service::{Policy, admitted};
use super::token::Revision;
use super::tuple_file::Line;
use super::write::{parts_of, record};
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{StoredLimits, TupleParts};
use crate::store::{StoreError, Tx, policy_tuples};

/// Changes in one entry of the change log.
const ENTRY_CHANGES: usize = 500;

/// Lines to write, in their order.
pub(super) struct Batch<'a> {
    pub(super) store: &'a str,
    pub(super) lines: Vec<Line>,
    pub(super) on_duplicate: OnConflict,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) written: u64,
    pub(super) unchanged: u64,
    pub(super) revision: Option<Revision>,
    /// The first line that cannot be written, and why.
    pub(super) fault: Option<LineError>,
}

type LineError = (u64, PolicyError);

impl Policy {
    /// Holds a batch against the model and the store.
    pub(super) async fn check_batch(
        &self,
        batch: &Batch<'_>,
        now: Timestamp,
    ) -> Result<Done, PolicyError> {
        let mut fault = self.first_not_admitted(batch, now).await?;
        let mut conn = self.db().read().await?;
        for (line, relationship) in &batch.lines {
            if fault.as_ref().is_some_and(|(first, _)| first <= line) {
                break;
            }
            let parts = parts_of(&relationship.tuple);
            let there = policy_tuples::limits(&mut conn, batch.store, &parts).await?;
            let there = there.filter(|limits| limits.expires_at.is_none_or(|at| at > now));
            if let Some(there) = there
                && let Some(error) = batch.conflict(relationship, &there)?
            {
                fault = Some((*line, error));
            }
        }
        Ok(Done {
            fault,
            ..Done::default()
        })
    }

    /// Writes a batch in one transaction. Of one with a fault what stands before it, or (not `partly`) nothing.
    pub(super) async fn write_batch(
        &self,
        mut batch: Batch<'_>,
        now: Timestamp,
        partly: bool,
    ) -> Result<Done, PolicyError> {
        let mut fault = self.first_not_admitted(&batch, now).await?;
        loop {
            if let Some((line, _)) = &fault {
                batch.lines.retain(|(other, _)| partly && other < line);
            }
            if batch.lines.is_empty() {
                return Ok(Done {
                    fault,
                    ..Done::default()
                });
            }
            let mut tx = self.db().write().await?;
            // Dropping the transaction takes back what was written before the conflict was met.
            match batch.put(&mut tx, now).await? {
                Ok(changes) => {
                    let done = self.keep(tx, &batch, changes, now).await?;
                    return Ok(Done { fault, ..done });
                }
                Err(conflict) => fault = Some(conflict),
            }
        }
    }

    /// Records what was changed and commits it.
    async fn keep(
        &self,
        mut tx: Tx,
        batch: &Batch<'_>,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Result<Done, PolicyError> {
        let (all, written) = (count(batch.lines.len()), count(changes.len()));
        let mut last = None;
        for entry in changes.chunks(ENTRY_CHANGES) {
            last = Some(record(&mut tx, batch.store, entry.to_vec(), now).await?);
        }
        tx.commit().await?;
        let revision = last.as_ref().map(super::write::Written::revision);
        if let Some(last) = last {
            // Of several entries the last alone is told of: the store in memory then follows the log over all at once.
            self.committed(&last, now).await;
        }
        Ok(Done {
            written,
            unchanged: all - written,
            revision,
            fault: None,
        })
    }

    async fn first_not_admitted(
        &self,
        batch: &Batch<'_>,
        now: Timestamp,
    ) -> Result<Option<LineError>, PolicyError> {
        if batch.lines.is_empty() {
            return Ok(None);
        }
        let program = self.program_for_writes(batch.store, "", now).await?;
        Ok(batch.lines.iter().find_map(|(line, relationship)| {
            let error = admitted(&program, relationship).err()?;
            Some((*line, error))
        }))
    }
}

impl Batch<'_> {
    /// Writes the lines; what is new, or the first line that contradicts what is there or an earlier line.
    async fn put(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<Result<Vec<Change>, LineError>, PolicyError> {
        // In one order whoever writes, so that none waits for another in a circle; of the same tuple the first line first.
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by(|a, b| a.1.tuple.cmp(&b.1.tuple).then(a.0.cmp(&b.0)));
        let mut conflicts = Vec::new();
        let mut rows: Vec<(TupleParts, StoredLimits)> = Vec::with_capacity(lines.len());
        let mut firsts: Vec<&Line> = Vec::with_capacity(lines.len());
        for line in lines {
            if let (Some(first), Some((_, limits))) = (firsts.last(), rows.last())
                && first.1.tuple == line.1.tuple
            {
                let conflict = self.conflict(&line.1, limits)?;
                conflicts.extend(conflict.map(|error| (line.0, error)));
                continue;
            }
            rows.push((parts_of(&line.1.tuple), stored(&line.1.limits)?));
            firsts.push(line);
        }
        let new = policy_tuples::insert_many(tx, self.store, &rows, now).await?;
        let mut changes = Vec::with_capacity(new.len());
        for ((line, relationship), (parts, _)) in firsts.into_iter().zip(&rows) {
            if new.contains(parts) {
                changes.push(Change::Write(relationship.clone()));
                continue;
            }
            let there = policy_tuples::limits(tx, self.store, parts).await?;
            let conflict = self.conflict(relationship, &there.unwrap_or_default())?;
            conflicts.extend(conflict.map(|error| (*line, error)));
        }
        let first = conflicts.into_iter().min_by_key(|(line, _)| *line);
        Ok(first.map_or(Ok(changes), Err))
    }

    /// Why a tuple cannot be written where it is already, with these limits.
    fn conflict(
        &self,
        relationship: &Relationship,
        there: &StoredLimits,
    ) -> Result<Option<PolicyError>, StoreError> {
        let tuple: Box<Tuple> = Box::new(relationship.tuple.clone());
        Ok(if self.on_duplicate == OnConflict::Error {
            Some(PolicyError::AlreadyThere(tuple))
        } else if stored(&relationship.limits)? == *there {
            None
        } else {
            // To ignore is not to overwrite.
            Some(PolicyError::OtherLimits(tuple))
        })
    }
}

fn stored(limits: &Limits) -> Result<StoredLimits, StoreError> {
    Ok(StoredLimits {
        condition: limits.condition.as_ref().map(condition_text).transpose()?,
        expires_at: limits.expires_at,
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
