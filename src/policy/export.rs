//! All tuples of a store at one revision, page by page: however large the store is, one page is in memory.

use super::engine::relationship::Relationship;
use super::error::PolicyError;
use super::replica::relationship_of;
use super::service::Policy;
use super::token::{NONCE_CHARS, Revision};
use crate::base::time::Timestamp;
use crate::store::policy_tuples::{TupleFilter, TupleParts};
use crate::store::{Conn, policy_stores, policy_tuples};

/// Tuples that are read at once.
const PAGE_ROWS: u32 = 1_000;

/// A store as it was when the export began. Holds a database connection: let go of it soon.
pub struct Export {
    conn: Conn,
    revision: Revision,
    after: Option<TupleParts>,
    now: Timestamp,
}

impl Policy {
    /// Begins an export of what counts at this instant.
    pub async fn export(&self, store_id: &str, now: Timestamp) -> Result<Export, PolicyError> {
        let missing = || PolicyError::StoreNotFound(store_id.to_owned());
        let mut conn = self.db().snapshot().await?;
        let (number, _) = policy_stores::head(&mut conn, store_id, 0)
            .await?
            .ok_or_else(missing)?;
        let (_, nonce) = policy_stores::head(&mut conn, store_id, number)
            .await?
            .ok_or_else(missing)?;
        let mut nonce = nonce.unwrap_or_default();
        nonce.truncate(NONCE_CHARS);
        Ok(Export {
            conn,
            revision: Revision {
                store: store_id.to_owned(),
                number,
                nonce,
            },
            after: None,
            now,
        })
    }
}

impl Export {
    /// The revision that it is true of.
    pub const fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The next tuples, in the order of their parts; `None` at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Relationship>>, PolicyError> {
        let page = (self.after.as_ref(), PAGE_ROWS);
        let store = &self.revision.store;
        let rows = policy_tuples::list(&mut self.conn, store, TupleFilter::All, page).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after = Some(last.parts.clone());
        let counting = rows
            .iter()
            .filter(|row| row.limits.expires_at.is_none_or(|at| at > self.now));
        let tuples = counting.map(relationship_of).collect::<Result<_, _>>()?;
        Ok(Some(tuples))
    }
}
