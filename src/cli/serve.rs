//! `tessera serve`: the server, until it is told to stop.

use std::fmt::Write as _;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::setup::{self, Mode};
use super::{Exit, Failure, Settings, print};
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Clock;
use crate::config::Config;
use crate::identity::setup::{SetupError, issue_link};
use crate::serve::{Prepared, Server};
use crate::store::DbOptions;
use crate::telemetry;

/// Arguments of `tessera serve`.
#[derive(Args, Debug, Default)]
pub(super) struct Arguments {
    /// Setup file (clients, users, roles, stores) to apply at start
    #[arg(long, value_name = "FILE")]
    apply: Option<String>,
}

/// Serves until a signal, then finishes what is in flight.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    let loaded = settings.load_with(&[("apply", arguments.apply.as_ref())])?;
    telemetry::init(&loaded.config.log);
    let mut stop = Stop::listen()?;
    let prepared = Prepared::new(loaded, Clock::System).await?;
    if let Some(file) = &prepared.app.config.apply {
        let now = prepared.app.clock.now();
        let report = setup::apply(&prepared.app, file, Mode::Commit, now).await?;
        print::out(&setup::describe(&report, Mode::Commit))?;
    }
    let link = setup_link(&prepared.app).await?;
    print::out(&banner(&prepared.app, link.as_ref()))?;
    let mut server = prepared.serve()?;
    tokio::select! {
        () = stop.asked() => {}
        error = server.failed() => {
            return Err(Failure::new(Exit::Other, format!("the server stopped: {error}")));
        }
    }
    tracing::info!("stopping: finishing the requests in flight");
    finish(server, stop).await;
    Ok(())
}

/// Lets the requests in flight finish; a second signal does not wait for them.
pub(super) async fn finish(server: Server, mut stop: Stop) {
    tokio::select! {
        () = server.stop() => {}
        () = stop.asked() => tracing::warn!("told twice to stop: requests in flight are cut off"),
    }
}

/// The signals that ask for an end.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The link that makes the first administrator, while there is none.
async fn setup_link(app: &App) -> Result<Option<Secret<String>>, Failure> {
    match issue_link(&app.db, &app.config.issuer, app.clock.now()).await {
        Ok(link) => Ok(Some(link)),
        Err(SetupError::AdministratorExists) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What people see when the server is up.
fn banner(app: &App, link: Option<&Secret<String>>) -> String {
    let mut banner = format!("tessera {}\n", env!("CARGO_PKG_VERSION"));
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(banner, "  {name:<7} {value}");
    };
    row("issuer", &app.config.issuer);
    row("data", &whereabouts(&app.config));
    if let Some(link) = link {
        row("setup", link.expose());
        row("", "makes the first administrator: once, within 15 minutes");
        row("", "(a new link: tessera setup-url)");
    }
    banner
}

/// Where the data lies, without secrets.
fn whereabouts(config: &Config) -> String {
    match &config.database {
        DbOptions::Sqlite { path } => format!("{} (SQLite)", path.display()),
        DbOptions::Postgres { .. } => "PostgreSQL".to_owned(),
    }
}
