//! Taking away tuples that have expired. Answers do not depend on it: every one holds tuples against its own instant.
//!
//! What is taken away is in the change log as a delete, so that replicas free their memory and watchers are told.

use std::collections::BTreeMap;

use super::change::{CHANGES, Change};
use super::error::PolicyError;
use super::replica::tuple_of;
use super::service::Policy;
use super::write::record;
use crate::base::time::Timestamp;
use crate::store::policy_tuples;
use crate::store::policy_tuples::{Touch, TupleParts};

/// Tuples that one round looks at.
const BATCH: u32 = 500;

impl Policy {
    /// Takes expired tuples away; how many were found. Call again at once when there were some.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, PolicyError> {
        let found = {
            let mut conn = self.db().read().await?;
            policy_tuples::expired(&mut conn, now, BATCH).await?
        };
        let count = found.len();
        let mut stores: BTreeMap<String, Vec<TupleParts>> = BTreeMap::new();
        for (store_id, parts) in found {
            stores.entry(store_id).or_default().push(parts);
        }
        for (store_id, mut tuples) in stores {
            // In the order of all writers, so that none waits for another in a circle.
            tuples.sort();
            for some in tuples.chunks(CHANGES) {
                self.sweep_some(&store_id, some, now).await?;
            }
        }
        Ok(count)
    }

    async fn sweep_some(
        &self,
        store_id: &str,
        tuples: &[TupleParts],
        now: Timestamp,
    ) -> Result<(), PolicyError> {
        let mut tx = self.db().write().await?;
        let mut gone = Vec::new();
        for parts in tuples {
            if policy_tuples::touch(&mut tx, store_id, (parts, Touch::Sweep), now).await? {
                gone.push(Change::Delete(tuple_of(parts)?));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let written = record(&mut tx, store_id, gone, now).await?;
        tx.commit().await?;
        self.committed(&written, now).await;
        Ok(())
    }
}
