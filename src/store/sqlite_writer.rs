//! The one SQLite connection that writes, with group commit.
//!
//! Writers take turns on the connection, each inside its own savepoint of one open transaction. A writer that is done
//! queues for its turn again; the first to get it commits for all that went in between. One `fsync` then carries many
//! writes, and nobody is told "done" before it. A writer that fails or is dropped rolls back its own savepoint only.

use std::sync::{Arc, OnceLock};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreError;
use crate::base::limit::GROUP_COMMIT_WRITES;

/// What became of a batch: set once, by whoever ended its transaction.
type Outcome = Arc<OnceLock<Result<(), String>>>;

/// The writer connection and its turn-taking.
#[derive(Debug)]
pub struct SqliteWriter {
    turn: Arc<Mutex<Turn>>,
}

#[derive(Debug)]
pub(super) struct Turn {
    connection: Option<SqliteConnection>,
    batch: Option<Batch>,
}

/// An open transaction and the writes released into it.
#[derive(Debug)]
struct Batch {
    writes: u32,
    outcome: Outcome,
}

impl SqliteWriter {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, StoreError> {
        let connection = options.connect().await?;
        Ok(Self {
            turn: Arc::new(Mutex::new(Turn {
                connection: Some(connection),
                batch: None,
            })),
        })
    }

    /// Waits for a turn and opens a savepoint in the batch's transaction.
    pub(super) async fn lease(writer: &Arc<Self>) -> Result<WriterLease, StoreError> {
        let mut turn = Arc::clone(&writer.turn).lock_owned().await;
        if turn
            .batch
            .as_ref()
            .is_some_and(|batch| batch.writes >= GROUP_COMMIT_WRITES)
        {
            turn.end_batch().await;
        }
        // The lease exists before the first await, so that a cancelled caller is cleaned up by its drop.
        let fresh = turn.batch.is_none();
        if fresh {
            turn.batch = Some(Batch {
                writes: 0,
                outcome: Outcome::default(),
            });
        }
        let mut lease = WriterLease { turn: Some(turn) };
        if fresh {
            lease.run("BEGIN IMMEDIATE").await?;
        }
        lease.run("SAVEPOINT write").await?;
        Ok(lease)
    }

    /// The bare connection between two batches, for what manages its own transactions (migrations).
    pub(super) async fn exclusive(&self) -> OwnedMutexGuard<Turn> {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        turn.end_batch().await;
        turn
    }

    pub(super) async fn close(&self) {
        let mut turn = self.turn.lock().await;
        turn.end_batch().await;
        if let Some(connection) = turn.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the database failed");
        }
    }
}

impl Turn {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection
            .as_mut()
            .ok_or(StoreError::Unavailable(sqlx::Error::PoolClosed))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(self.connection()?).await?;
        Ok(())
    }

    /// Commits the open transaction, if any, and tells everyone whose write is in it.
    async fn end_batch(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let result = self.run("COMMIT").await;
        if result.is_err() {
            // A failed COMMIT (disk full) leaves the transaction open.
            drop(self.run("ROLLBACK").await);
        }
        let told = batch.outcome.set(result.map_err(|error| error.to_string()));
        debug_assert!(told.is_ok(), "a batch ends once");
    }

    /// Undoes the current savepoint; closes the transaction when nothing else is in it.
    async fn undo(&mut self) {
        if self.batch.as_ref().is_some_and(|batch| batch.writes > 0) {
            if self.run("ROLLBACK TO write").await.is_ok() {
                drop(self.run("RELEASE write").await);
            } else {
                self.fail_batch().await;
            }
        } else {
            self.batch = None;
            // Fails harmlessly when BEGIN itself had failed.
            drop(self.run("ROLLBACK").await);
        }
    }

    /// SQLite rolled the whole transaction back (I/O error, disk full): nobody in it may be told "done".
    async fn fail_batch(&mut self) {
        drop(self.run("ROLLBACK").await);
        if let Some(batch) = self.batch.take() {
            drop(
                batch
                    .outcome
                    .set(Err("the database rolled the transaction back".to_owned())),
            );
        }
    }
}

/// A turn on the writer connection: an open savepoint.
#[derive(Debug)]
pub(super) struct WriterLease {
    turn: Option<OwnedMutexGuard<Turn>>,
}

impl WriterLease {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.turn()?.connection()
    }

    fn turn(&mut self) -> Result<&mut Turn, StoreError> {
        self.turn
            .as_deref_mut()
            .ok_or(StoreError::Unavailable(sqlx::Error::PoolClosed))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.turn()?.run(sql).await
    }

    /// Releases the savepoint into the batch, then waits until the batch is durable.
    ///
    /// Runs as a task of its own: a caller that goes away must not leave the transaction open.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let Some(mut turn) = self.turn.take() else {
            return Err(StoreError::Unavailable(sqlx::Error::PoolClosed));
        };
        let task = tokio::spawn(async move {
            if let Err(error) = turn.run("RELEASE write").await {
                turn.undo().await;
                return Err(error);
            }
            let Some(batch) = turn.batch.as_mut() else {
                return Err(StoreError::CommitFailed(
                    "the transaction is gone".to_owned(),
                ));
            };
            batch.writes += 1;
            let outcome = Arc::clone(&batch.outcome);
            let mutex = Arc::clone(OwnedMutexGuard::mutex(&turn));
            drop(turn);
            // INVARIANT: the mutex is fair, so every writer that waited goes first and joins this batch.
            let mut turn = mutex.lock_owned().await;
            if outcome.get().is_none() {
                turn.end_batch().await;
            }
            match outcome.get() {
                Some(Ok(())) => Ok(()),
                Some(Err(reason)) => Err(StoreError::CommitFailed(reason.clone())),
                None => Err(StoreError::CommitFailed(
                    "the transaction is gone".to_owned(),
                )),
            }
        });
        task.await
            .unwrap_or_else(|error| Err(StoreError::CommitFailed(error.to_string())))
    }
}

impl Drop for WriterLease {
    fn drop(&mut self) {
        if let Some(mut turn) = self.turn.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { turn.undo().await });
        }
    }
}
