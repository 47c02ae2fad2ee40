//! The permission service: which replica answers, how fresh, and with which model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::change::Changes;
use super::engine::budget::Patience;
use super::engine::check::{CheckError, Question, check_with};
use super::engine::graph::Graph;
use super::engine::program::Program;
use super::engine::relationship::{Circumstances, Context, Relationship};
use super::engine::tuple::{Object, Subject};
use super::error::PolicyError;
use super::patience::Deadline;
use super::replica::{Consistency, Replica, Snapshot};
use super::system;
use super::token::{Revision, Tokens};
use super::write::{Written, write};
use crate::base::time::{Clock, Seconds, Timestamp};
use crate::store::seal::Sealer;
use crate::store::{Db, policy_models};

/// How often each store's change log is looked at. Correctness does not depend on it: readers who need more ask for more.
const POLL_MS: u64 = 250;
/// After so long without a question a store leaves memory.
const IDLE_SECONDS: Seconds = Seconds::new(900);

/// The permission service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Policy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    tokens: Tokens,
    limits: PolicyLimits,
    system_store: String,
    replicas: Mutex<HashMap<String, Arc<Replica>>>,
}

/// What bounds the service's answers in time.
#[derive(Clone, Copy, Debug)]
pub struct PolicyLimits {
    /// How old what is in memory may be.
    pub max_staleness: Seconds,
    /// How long a request may take to decide all its questions, loading the store not counted.
    pub decision_time: Duration,
}

/// A check.
#[derive(Clone, Debug)]
pub struct CheckRequest<'a> {
    /// The model to check by; empty: the store's latest.
    pub model_id: &'a str,
    /// Of what.
    pub object: &'a Object,
    /// Which relation.
    pub relation: &'a str,
    /// Who.
    pub subject: &'a Subject,
    /// Tuples that exist for this request only.
    pub contextual: &'a [Relationship],
    /// Values for the parameters of conditions.
    pub context: &'a Context,
}

impl<'a> CheckRequest<'a> {
    /// What it asks, without what it brings along.
    pub(super) const fn question(&self) -> Question<'a> {
        Question {
            object: self.object,
            relation: self.relation,
            subject: self.subject,
        }
    }
}

/// A decision, and what it is true of.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether the subject has the relation.
    pub allowed: bool,
    /// At which revision.
    pub revision: Revision,
    /// By which model.
    pub model_id: String,
}

impl Policy {
    /// Opens the service; makes Tessera's own store, or brings its model up to date.
    pub async fn open(
        db: Db,
        sealer: &Sealer,
        limits: PolicyLimits,
        now: Timestamp,
    ) -> Result<Self, PolicyError> {
        let system_store = system::ensure(&db, now).await?;
        Ok(Self(Arc::new(Inner {
            db,
            tokens: Tokens::new(sealer),
            limits,
            system_store,
            replicas: Mutex::default(),
        })))
    }

    /// Follows the change logs of the stores in memory, for ever. One task a process runs this.
    pub async fn follow(self, clock: Clock) {
        let mut failing = false;
        loop {
            tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
            let now = clock.now();
            let replicas: Vec<(String, Arc<Replica>)> = {
                let mut replicas = self.replicas();
                replicas.retain(|_, replica| !replica.idle_since(now.minus(IDLE_SECONDS)));
                replicas
                    .iter()
                    .filter(|(_, replica)| replica.at_hand().is_some())
                    .map(|(id, replica)| (id.clone(), Arc::clone(replica)))
                    .collect()
            };
            let mut failure = None;
            for (id, replica) in replicas {
                match replica.pull(now).await {
                    Ok(()) => {}
                    Err(PolicyError::StoreNotFound(_)) => self.forget(&id),
                    Err(error) => failure = Some(error),
                }
            }
            match &failure {
                Some(error) if !failing => {
                    tracing::warn!(%error, "following the change log failed");
                }
                None if failing => tracing::info!("following the change log again"),
                Some(_) | None => {}
            }
            failing = failure.is_some();
        }
    }

    /// Decides a check.
    pub async fn check(
        &self,
        store_id: &str,
        request: &CheckRequest<'_>,
        consistency: &Consistency,
        now: Timestamp,
    ) -> Result<Answer, PolicyError> {
        let view = self
            .view(store_id, request.model_id, consistency, now)
            .await?;
        let allowed = view.check(request)?;
        Ok(Answer {
            allowed,
            revision: view.revision(),
            model_id: view.model_id,
        })
    }

    /// A store as it is to one request: a snapshot and a model, for one or more checks.
    pub async fn view(
        &self,
        store_id: &str,
        model_id: &str,
        consistency: &Consistency,
        now: Timestamp,
    ) -> Result<View, PolicyError> {
        let replica = self.replica(store_id, now);
        let snapshot = replica
            .snapshot(consistency, self.0.limits.max_staleness, now)
            .await
            .inspect_err(|error| {
                if matches!(error, PolicyError::StoreNotFound(_)) {
                    self.forget(store_id);
                }
            })?;
        let model_id = if model_id.is_empty() {
            snapshot
                .latest_model
                .clone()
                .ok_or_else(|| PolicyError::NoModel(store_id.to_owned()))?
        } else {
            model_id.to_owned()
        };
        let program = replica.program(&model_id).await?;
        Ok(View {
            store_id: store_id.to_owned(),
            snapshot,
            program,
            model_id,
            now,
            // Loading the store is not the question's fault: its time begins here.
            deadline: Deadline::after(self.0.limits.decision_time),
        })
    }

    /// Writes and deletes tuples, all or none; each tuple to write must be admitted by the model (empty: the latest).
    pub async fn write(
        &self,
        store_id: &str,
        model_id: &str,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<Written, PolicyError> {
        self.not_the_system_store(store_id)?;
        if changes.writes.is_empty() && changes.deletes.is_empty() {
            return Err(PolicyError::NothingToWrite);
        }
        self.must_exist(&mut self.0.db.read().await?, store_id)
            .await?;
        if !changes.writes.is_empty() {
            let program = self.program_for_writes(store_id, model_id, now).await?;
            for relationship in &changes.writes {
                admitted(&program, relationship)?;
            }
        }
        let mut tx = self.0.db.write().await?;
        let written = write(&mut tx, store_id, changes, now).await?;
        tx.commit().await?;
        self.committed(&written, now).await;
        Ok(written)
    }

    /// The model that writes are held against: read from the database, because the snapshot may be a moment behind it.
    pub(super) async fn program_for_writes(
        &self,
        store_id: &str,
        model_id: &str,
        now: Timestamp,
    ) -> Result<Arc<Program>, PolicyError> {
        let mut conn = self.0.db.read().await?;
        let latest;
        let model_id = if model_id.is_empty() {
            latest = policy_models::latest_id(&mut conn, store_id)
                .await?
                .ok_or_else(|| PolicyError::NoModel(store_id.to_owned()))?;
            &latest
        } else {
            model_id
        };
        drop(conn);
        self.replica(store_id, now).program(model_id).await
    }

    /// To be called after the commit of a transaction that [`write()`] wrote in: this process reads it from now on.
    pub async fn committed(&self, written: &Written, now: Timestamp) {
        let replica = self.replicas().get(&written.store_id).cloned();
        if let Some(replica) = replica {
            replica.committed(written, now).await;
        }
    }

    /// The tokens of this installation.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// The id of Tessera's own store.
    pub fn system_store(&self) -> &str {
        &self.0.system_store
    }

    /// The revision of Tessera's own store that this process has in memory, for health.
    pub fn system_revision(&self) -> Option<i64> {
        let replica = self.replicas().get(&self.0.system_store).cloned()?;
        Some(replica.at_hand()?.revision)
    }

    pub(super) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(super) fn not_the_system_store(&self, store_id: &str) -> Result<(), PolicyError> {
        if store_id == self.0.system_store {
            return Err(PolicyError::SystemStore);
        }
        Ok(())
    }

    pub(super) fn forget(&self, store_id: &str) {
        self.replicas().remove(store_id);
    }

    /// The places in a page token of a list; `None` for the first page.
    pub(super) fn places(
        &self,
        list: &[&str],
        token: &str,
    ) -> Result<Option<Vec<String>>, PolicyError> {
        if token.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.0.tokens.read_page(list, token)?))
    }

    /// The one place in a page token of a list; `None` for the first page.
    pub(super) fn place(&self, list: &[&str], token: &str) -> Result<Option<String>, PolicyError> {
        Ok(self
            .places(list, token)?
            .and_then(|places| places.into_iter().next()))
    }

    fn replica(&self, store_id: &str, now: Timestamp) -> Arc<Replica> {
        let mut replicas = self.replicas();
        let replica = replicas
            .entry(store_id.to_owned())
            .or_insert_with(|| Arc::new(Replica::new(store_id.to_owned(), self.0.db.clone(), now)));
        Arc::clone(replica)
    }

    fn replicas(&self) -> MutexGuard<'_, HashMap<String, Arc<Replica>>> {
        self.0
            .replicas
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn admitted(program: &Program, relationship: &Relationship) -> Result<(), PolicyError> {
    program
        .admit(relationship)
        .map_err(|reason| PolicyError::NotAdmitted {
            tuple: Box::new(relationship.tuple.clone()),
            reason: Box::new(reason),
        })
}

/// A store as it is to one request.
#[derive(Clone, Debug)]
pub struct View {
    store_id: String,
    snapshot: Arc<Snapshot>,
    program: Arc<Program>,
    model_id: String,
    now: Timestamp,
    deadline: Deadline,
}

impl View {
    /// Decides a check. Contextual tuples are held against the model as strictly as written ones.
    pub fn check(&self, request: &CheckRequest<'_>) -> Result<bool, PolicyError> {
        self.in_time()?;
        self.admit_all(request.contextual)?;
        let decision: Result<_, CheckError> = check_with(
            &self.program,
            &self.snapshot.graph,
            request.contextual,
            request.question(),
            self.circumstances(request.context),
        );
        Ok(decision?.allowed)
    }

    /// Whether there is time for one more question: small ones never look at the clock themselves.
    pub(super) fn in_time(&self) -> Result<(), CheckError> {
        if self.deadline.is_over() {
            return Err(CheckError::OutOfTime);
        }
        Ok(())
    }

    /// Holds contextual tuples against the model.
    pub(super) fn admit_all(&self, contextual: &[Relationship]) -> Result<(), PolicyError> {
        contextual
            .iter()
            .try_for_each(|relationship| admitted(&self.program, relationship))
    }

    /// What tuples are held against: the values of a request, and its instant.
    pub fn circumstances<'a>(&'a self, context: &'a Context) -> Circumstances<'a> {
        Circumstances {
            patience: Some(&self.deadline),
            ..Circumstances::at(context, self.now)
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn store_id(&self) -> &str {
        &self.store_id
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.snapshot.graph
    }

    /// The same question of other tuples.
    pub(super) fn with_graph(&self, graph: Graph) -> Self {
        let snapshot = Arc::new(self.snapshot.with_graph(graph));
        Self {
            snapshot,
            ..self.clone()
        }
    }

    pub(super) const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The revision it is at.
    pub fn revision(&self) -> Revision {
        Revision {
            store: self.store_id.clone(),
            number: self.snapshot.revision,
            nonce: self.snapshot.nonce_start().to_owned(),
        }
    }

    /// The model that decides.
    pub fn model_id(&self) -> &str {
        &self.model_id
    }
}
