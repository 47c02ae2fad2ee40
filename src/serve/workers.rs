//! Background work: small, repeated, and never needed for an answer to be right.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::outbox;
use super::reload::Reload;
use crate::app::App;
use crate::identity::session;
use crate::oauth::keys::KeysError;
use crate::oauth::{client, sweep};
use crate::policy::PolicyError;
use crate::store::StoreError;

/// How often rows that have served are removed.
const SWEEP_SECONDS: u64 = 60;
/// How often signing keys are looked after, and read again where another node or the command line changed them.
const KEYS_SECONDS: u64 = 30;
/// How often the outbox is looked into.
const OUTBOX_SECONDS: u64 = 1;
/// How often what waits in the outbox is counted.
const OUTBOX_COUNT_SECONDS: u64 = 15;

/// The running workers.
#[derive(Debug)]
pub(super) struct Workers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts all of them.
    pub(super) fn start(app: &Arc<App>) -> Self {
        let mut workers = Self {
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        workers.every(SWEEP_SECONDS, "sweep of sessions", app, sweep_sessions);
        workers.every(SWEEP_SECONDS, "sweep of grants", app, sweep_grants);
        workers.every(SWEEP_SECONDS, "sweep of tuples", app, sweep_tuples);
        workers.every(SWEEP_SECONDS, "sweep of clients", app, sweep_clients);
        workers.every(KEYS_SECONDS, "key maintenance", app, maintain_keys);
        workers.every(OUTBOX_SECONDS, "outbox", app, outbox::deliver_due);
        workers.every(OUTBOX_COUNT_SECONDS, "outbox count", app, outbox::count);
        workers.follow_policies(app);
        workers
    }

    /// Reads certificates again when their files change.
    pub(super) fn reload_files(&mut self, reload: Reload, every: Duration) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(reload.follow(every)).await;
        });
    }

    /// Follows the change logs of the permission stores.
    fn follow_policies(&mut self, app: &App) {
        let (stop, policy, clock) = (self.stop.clone(), app.policy.clone(), app.clock.clone());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(policy.follow(clock)).await;
        });
    }

    /// Runs `work` again and again; a failure is logged, and the next turn comes all the same.
    fn every<W, F, E>(&mut self, seconds: u64, name: &'static str, app: &Arc<App>, work: W)
    where
        W: Fn(Arc<App>) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send,
        E: Display,
    {
        let (stop, app) = (self.stop.clone(), Arc::clone(app));
        self.tasks.spawn(async move {
            let pause = || tokio::time::sleep(Duration::from_secs(seconds));
            while stop.run_until_cancelled(pause()).await.is_some() {
                if let Err(error) = work(Arc::clone(&app)).await {
                    tracing::warn!(%error, worker = name, "background work failed; it will be tried again");
                }
            }
        });
    }

    /// Lets each finish what it is doing.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn maintain_keys(app: Arc<App>) -> Result<(), KeysError> {
    app.keys.maintain(app.clock.now()).await
}

async fn sweep_grants(app: Arc<App>) -> Result<(), StoreError> {
    while sweep::sweep(&app.db, &app.config.tokens, app.clock.now()).await? > 0 {}
    Ok(())
}

async fn sweep_clients(app: Arc<App>) -> Result<(), StoreError> {
    let unused = app.config.registration.unused_seconds;
    while client::sweep_unused(&app.db, unused, app.clock.now()).await? > 0 {}
    Ok(())
}

async fn sweep_tuples(app: Arc<App>) -> Result<(), PolicyError> {
    while app.policy.sweep(app.clock.now()).await? > 0 {}
    Ok(())
}

async fn sweep_sessions(app: Arc<App>) -> Result<(), StoreError> {
    while session::sweep(&app.db, app.clock.now()).await? > 0 {}
    Ok(())
}
