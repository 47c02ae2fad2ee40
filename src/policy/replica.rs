//! One store in memory: a snapshot that readers share, kept fresh by following the change log.
//!
//! A pull reads the store's revision on the primary and applies what is missing, entry by entry: revisions must follow one
//! another and the nonce of the last one known must still be what it was, otherwise the store is loaded afresh. Pulls are
//! single file and shared: whoever waited while one began and ended is served by it, so any number of callers cost two.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::change::{Change, from_log, read_condition};
use super::engine::graph::{Graph, Symbols};
use super::engine::program::Program;
use super::engine::relationship::{Limits, Relationship};
use super::engine::tuple::Tuple;
use super::error::PolicyError;
use super::models::read_model;
use super::token::{NONCE_CHARS, Revision};
use super::write::Written;
use crate::base::time::{Seconds, Timestamp};
use crate::store::policy_changes::ChangeRow;
use crate::store::policy_tuples::{TupleFilter, TupleParts, TupleRow};
use crate::store::{
    Conn, Db, StoreError, policy_changes, policy_models, policy_stores, policy_tuples,
};

/// Rows that one statement reads.
const PAGE_ROWS: u32 = 5_000;
/// Entries of the change log that one statement reads; an entry of an import is large.
const LOG_ROWS: u32 = 500;
/// Compiled models that a store keeps; above it they are compiled again when asked for.
const PROGRAMS: usize = 50;

/// How fresh an answer must be.
#[derive(Clone, Debug, Default)]
pub enum Consistency {
    /// The snapshot at hand, unless the log has not been heard for too long.
    #[default]
    MinimizeLatency,
    /// At least as fresh as this revision. Never older: an error rather.
    AtLeast(Revision),
    /// Everything that was committed before the question was asked.
    Full,
}

/// A store's tuples and latest model at one revision.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) revision: i64,
    pub(super) nonce: String,
    pub(super) graph: Graph,
    pub(super) latest_model: Option<String>,
}

/// A store in memory.
#[derive(Debug)]
pub(super) struct Replica {
    store_id: String,
    db: Db,
    symbols: Arc<Symbols>,
    current: ArcSwapOption<Snapshot>,
    programs: RwLock<HashMap<String, Arc<Program>>>,
    /// Held while a pull runs.
    turn: Mutex<()>,
    pulls_begun: AtomicU64,
    last_good_pull: AtomicU64,
    heard_ms: AtomicI64,
    used_ms: AtomicI64,
}

impl Replica {
    /// A replica that loads at first use.
    pub(super) fn new(store_id: String, db: Db, now: Timestamp) -> Self {
        Self {
            store_id,
            db,
            symbols: Arc::default(),
            current: ArcSwapOption::empty(),
            programs: RwLock::default(),
            turn: Mutex::default(),
            pulls_begun: AtomicU64::new(0),
            last_good_pull: AtomicU64::new(0),
            heard_ms: AtomicI64::new(i64::MIN),
            used_ms: AtomicI64::new(now.ms()),
        }
    }

    /// The snapshot, as fresh as asked.
    pub(super) async fn snapshot(
        &self,
        consistency: &Consistency,
        max_staleness: Seconds,
        now: Timestamp,
    ) -> Result<Arc<Snapshot>, PolicyError> {
        self.used_ms.fetch_max(now.ms(), Ordering::Relaxed);
        let at_hand = self
            .current
            .load_full()
            .filter(|snapshot| match consistency {
                Consistency::MinimizeLatency => self.heard_since(now.minus(max_staleness)),
                Consistency::AtLeast(revision) => snapshot.reaches(revision),
                Consistency::Full => false,
            });
        if let Some(snapshot) = at_hand {
            return Ok(snapshot);
        }
        self.pull(now).await?;
        let snapshot = self
            .current
            .load_full()
            .ok_or_else(|| PolicyError::StoreNotFound(self.store_id.clone()))?;
        match consistency {
            Consistency::AtLeast(revision) if !snapshot.reaches(revision) => {
                Err(PolicyError::RevisionNotThere)
            }
            Consistency::AtLeast(_) | Consistency::MinimizeLatency | Consistency::Full => {
                Ok(snapshot)
            }
        }
    }

    fn heard_since(&self, at: Timestamp) -> bool {
        self.heard_ms.load(Ordering::Acquire) >= at.ms()
    }

    /// The snapshot at hand, if the store was ever loaded.
    pub(super) fn at_hand(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Whether nobody has asked for so long.
    pub(super) fn idle_since(&self, at: Timestamp) -> bool {
        self.used_ms.load(Ordering::Relaxed) < at.ms()
    }

    /// Applies everything that was committed before the call.
    pub(super) async fn pull(&self, now: Timestamp) -> Result<(), PolicyError> {
        let begun_before = self.pulls_begun.load(Ordering::Acquire);
        let _turn = self.turn.lock().await;
        // A pull that began after this call and ended well has done what is asked.
        if self.last_good_pull.load(Ordering::Acquire) > begun_before {
            return Ok(());
        }
        let number = self.pulls_begun.fetch_add(1, Ordering::AcqRel) + 1;
        self.catch_up().await?;
        self.last_good_pull.store(number, Ordering::Release);
        self.heard_ms.fetch_max(now.ms(), Ordering::AcqRel);
        Ok(())
    }

    /// Applies a commit of this process, so that its client reads it whatever it asks next.
    pub(super) async fn committed(&self, written: &Written, now: Timestamp) {
        if self.current.load().is_none() {
            return;
        }
        {
            let _turn = self.turn.lock().await;
            match self.current.load_full() {
                Some(snapshot) if snapshot.revision >= written.revision => return,
                Some(snapshot) if snapshot.revision + 1 == written.revision => {
                    let next = snapshot.after(written.revision, &written.nonce, &written.changes);
                    if let Ok(next) = next {
                        self.current.store(Some(Arc::new(next)));
                        return;
                    }
                }
                Some(_) | None => {}
            }
        }
        // Another commit came between, which is not here yet.
        if let Err(error) = self.pull(now).await {
            tracing::warn!(%error, store = self.store_id, "following the change log failed");
            // The next reader must pull before it is answered.
            self.heard_ms.store(i64::MIN, Ordering::Release);
        }
    }

    async fn catch_up(&self) -> Result<(), PolicyError> {
        let Some(snapshot) = self.current.load_full() else {
            return self.load().await;
        };
        let mut conn = self.db.read().await?;
        let head = policy_stores::head(&mut conn, &self.store_id, snapshot.revision).await?;
        let Some((revision, nonce)) = head else {
            self.current.store(None);
            return Err(PolicyError::StoreNotFound(self.store_id.clone()));
        };
        let same_history = revision >= snapshot.revision
            && (snapshot.revision == 0 || nonce.as_deref() == Some(snapshot.nonce.as_str()));
        if same_history && revision == snapshot.revision && !snapshot.graph.is_wasteful() {
            return Ok(());
        }
        if same_history && let Some(next) = self.follow(&mut conn, snapshot, revision).await? {
            self.current.store(Some(Arc::new(next)));
            return Ok(());
        }
        drop(conn);
        self.load().await
    }

    /// The snapshot after all entries up to `head`; `None` when they do not follow one another.
    async fn follow(
        &self,
        conn: &mut Conn,
        from: Arc<Snapshot>,
        head: i64,
    ) -> Result<Option<Snapshot>, PolicyError> {
        let mut next = Snapshot {
            revision: from.revision,
            nonce: from.nonce.clone(),
            graph: from.graph.clone(),
            latest_model: from.latest_model.clone(),
        };
        while next.revision < head {
            let entries =
                policy_changes::list(conn, &self.store_id, next.revision, LOG_ROWS).await?;
            if entries.is_empty() {
                return Ok(None);
            }
            for ChangeRow {
                revision,
                nonce,
                changes,
                ..
            } in entries
            {
                // Beyond it a commit of several entries could be cut in two.
                if revision > head {
                    break;
                }
                if revision != next.revision + 1 {
                    return Ok(None);
                }
                next = next.after(revision, &nonce, &from_log(&changes)?)?;
            }
        }
        Ok((!next.graph.is_wasteful()).then_some(next))
    }

    async fn load(&self) -> Result<(), PolicyError> {
        let mut conn = self.db.snapshot().await?;
        let head = policy_stores::head(&mut conn, &self.store_id, 0).await?;
        let Some((revision, _)) = head else {
            self.current.store(None);
            return Err(PolicyError::StoreNotFound(self.store_id.clone()));
        };
        let nonce = policy_changes::list(&mut conn, &self.store_id, revision - 1, 1).await?;
        let nonce = nonce.into_iter().next().map(|entry| entry.nonce);
        let mut graph = Graph::new(Arc::clone(&self.symbols));
        let mut after: Option<TupleParts> = None;
        loop {
            let filter = TupleFilter::All;
            let page = (after.as_ref(), PAGE_ROWS);
            let rows = policy_tuples::list(&mut conn, &self.store_id, filter, page).await?;
            for row in &rows {
                graph.insert(&relationship_of(row)?)?;
            }
            match rows.into_iter().last() {
                Some(row) => after = Some(row.parts),
                None => break,
            }
        }
        let latest_model = policy_models::latest_id(&mut conn, &self.store_id).await?;
        tracing::debug!(
            store = self.store_id,
            revision,
            tuples = graph.len(),
            "store loaded"
        );
        self.current.store(Some(Arc::new(Snapshot {
            revision,
            nonce: nonce.unwrap_or_default(),
            graph,
            latest_model,
        })));
        Ok(())
    }

    /// A model of the store, compiled.
    pub(super) async fn program(&self, model_id: &str) -> Result<Arc<Program>, PolicyError> {
        let known = {
            let programs = self.programs.read().unwrap_or_else(PoisonError::into_inner);
            programs.get(model_id).cloned()
        };
        if let Some(program) = known {
            return Ok(program);
        }
        let mut conn = self.db.read().await?;
        let row = policy_models::find(&mut conn, &self.store_id, model_id)
            .await?
            .ok_or_else(|| PolicyError::ModelNotFound(model_id.to_owned()))?;
        let model = Arc::new(read_model(&row.body)?);
        let program = Arc::new(Program::compile(&model, &self.symbols)?);
        let mut programs = self
            .programs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if programs.len() >= PROGRAMS {
            programs.clear();
        }
        programs.insert(model_id.to_owned(), Arc::clone(&program));
        Ok(program)
    }
}

impl Snapshot {
    /// Other tuples at the same revision.
    pub(super) fn with_graph(&self, graph: Graph) -> Self {
        Self {
            revision: self.revision,
            nonce: self.nonce.clone(),
            graph,
            latest_model: self.latest_model.clone(),
        }
    }

    /// The snapshot after one more entry.
    fn after(&self, revision: i64, nonce: &str, changes: &[Change]) -> Result<Self, PolicyError> {
        let mut graph = self.graph.clone();
        let mut latest_model = self.latest_model.clone();
        for change in changes {
            match change {
                Change::Write(relationship) => drop(graph.insert(relationship)?),
                Change::Delete(tuple) => drop(graph.remove(tuple)),
                Change::Model(id) => latest_model = Some(id.clone()),
            }
        }
        Ok(Self {
            revision,
            nonce: nonce.to_owned(),
            graph,
            latest_model,
        })
    }

    /// Whether it is as fresh as a token asks, in the same history.
    fn reaches(&self, revision: &Revision) -> bool {
        self.revision > revision.number
            || self.revision == revision.number && self.nonce_start() == revision.nonce
    }

    /// What a token carries of the nonce.
    pub(super) fn nonce_start(&self) -> &str {
        self.nonce.get(..NONCE_CHARS).unwrap_or(&self.nonce)
    }
}

/// A stored tuple as the engine knows it, without its limits.
pub(super) fn tuple_of(parts: &TupleParts) -> Result<Tuple, StoreError> {
    let object = format!("{}:{}", parts.object_type, parts.object_id);
    Tuple::parse(&object, &parts.relation, &parts.subject)
        .map_err(|error| StoreError::corrupt("policy_tuples", &error))
}

/// A stored tuple as the engine knows it.
pub(super) fn relationship_of(row: &TupleRow) -> Result<Relationship, StoreError> {
    let condition = row.limits.condition.as_deref().map(read_condition);
    Ok(Relationship {
        tuple: tuple_of(&row.parts)?,
        limits: Limits {
            condition: condition.transpose()?,
            expires_at: row.limits.expires_at,
        },
    })
}
