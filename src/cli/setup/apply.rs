//! Brings the database to what a setup file says: everything in one transaction, or nothing.
//!
//! A dry run does the same work and rolls back, so what it prints is what would happen.

use std::path::Path;

use super::faults::{Fault, Faults};
use super::file::{self, Entry, SetupFile};
use super::{
    SetupError, acting, api_keys, clients, resources, roles, stores, trusted_issuers, users,
};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::detail_type::NewDetailType;
use crate::oauth::protocol::jwt_bearer::NewTrustedIssuer;
use crate::oauth::resource_server::NewResourceServer;
use crate::policy::Written;
use crate::store::Tx;

/// What an application did, or would do.
#[derive(Debug, Default)]
pub struct Report {
    /// One line a change; empty when everything was as the file says.
    pub changes: Vec<String>,
    /// What was accepted but should be mended.
    pub warnings: Vec<String>,
}

/// Whether the changes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Commit,
    /// They are only shown.
    DryRun,
}

/// One application in progress.
pub(super) struct Run<'a> {
    /// The running server's state.
    pub(super) app: &'a App,
    /// The one transaction.
    pub(super) tx: Tx,
    /// Whether the changes will be kept.
    pub(super) mode: Mode,
    /// The instant of the application.
    pub(super) now: Timestamp,
    /// What it wrote to permission stores.
    pub(super) written: Vec<Written>,
    /// Where in the file it is said that somebody is an administrator no more.
    pub(super) admins_taken: Vec<(usize, String)>,
    report: Report,
    faults: Vec<Fault>,
}

impl Run<'_> {
    /// Notes a change.
    pub(super) fn changed(&mut self, line: String) {
        self.report.changes.push(line);
    }

    /// Notes a fault that only the database could show.
    pub(super) fn fault(&mut self, line: usize, key: &str, error: &dyn std::fmt::Display) {
        self.faults.push(Fault {
            line,
            key: key.to_owned(),
            message: error.to_string(),
        });
    }
}

/// Applies the setup file at `path`.
pub async fn apply(
    app: &App,
    path: &Path,
    mode: Mode,
    now: Timestamp,
) -> Result<Report, SetupError> {
    let text = std::fs::read_to_string(path).map_err(|error| SetupError::Read {
        path: path.to_owned(),
        error,
    })?;
    let base = path.parent().unwrap_or(Path::new("."));
    apply_text(app, &text, base, (mode, now)).await
}

/// Applies a setup file's text; files that it names are looked for in `base`.
pub async fn apply_text(
    app: &App,
    text: &str,
    base: &Path,
    (mode, now): (Mode, Timestamp),
) -> Result<Report, SetupError> {
    let (file, mut faults) = file::parse(text);
    let mut report = Report::default();
    let found = (&mut faults, &mut report.warnings);
    let checked = check(app, file, (base, now), found).await?;
    let faults = faults.into_sorted();
    if !faults.is_empty() {
        return Err(SetupError::Faults(faults));
    }
    let tx = app.db.write().await?;
    let mut run = Run {
        app,
        tx,
        mode,
        now,
        written: Vec::new(),
        admins_taken: Vec::new(),
        report,
        faults,
    };
    write(&mut run, checked).await?;
    let Run {
        tx,
        report,
        mut faults,
        written,
        ..
    } = run;
    if !faults.is_empty() {
        faults.sort_by_key(|fault| fault.line);
        return Err(SetupError::Faults(faults));
    }
    if mode == Mode::Commit && !report.changes.is_empty() {
        tx.commit().await?;
        for written in &written {
            app.policy.committed(written, now).await;
        }
    }
    Ok(report)
}

struct Checked {
    resource_servers: Vec<Entry<NewResourceServer>>,
    detail_types: Vec<Entry<NewDetailType>>,
    clients: Vec<clients::CheckedEntry>,
    users: Vec<users::CheckedUser>,
    acting: Vec<acting::CheckedActing>,
    trusted_issuers: Vec<Entry<NewTrustedIssuer>>,
    stores: Vec<stores::CheckedStore>,
    api_keys: Vec<api_keys::CheckedKey>,
}

async fn check(
    app: &App,
    file: SetupFile,
    (base, now): (&Path, Timestamp),
    (faults, warnings): (&mut Faults<'_>, &mut Vec<String>),
) -> Result<Checked, SetupError> {
    let mut clients = clients::check(file.clients, faults, warnings);
    clients::verify_sectors(app, &mut clients, faults).await?;
    resources::check(&file.resource_servers, faults);
    resources::check(&file.detail_types, faults);
    trusted_issuers::check(&file.trusted_issuers, &app.config.issuer, faults);
    Ok(Checked {
        resource_servers: file.resource_servers,
        detail_types: file.detail_types,
        clients,
        trusted_issuers: file.trusted_issuers,
        stores: stores::check(file.stores, base, faults),
        api_keys: api_keys::check(file.api_keys, now, (&mut *faults, &mut *warnings)),
        acting: acting::check(&file.users, faults),
        users: users::check(app, file.users, faults, warnings).await?,
    })
}

/// Whoever is named comes before what names them.
async fn write(run: &mut Run<'_>, checked: Checked) -> Result<(), SetupError> {
    for server in checked.resource_servers {
        resources::write_server(run, server).await?;
    }
    for declared in checked.detail_types {
        resources::write_type(run, declared).await?;
    }
    for client in checked.clients {
        clients::write(run, client).await?;
    }
    for user in checked.users {
        users::write(run, user).await?;
    }
    roles::keep_an_administrator(run).await?;
    for person in checked.acting {
        acting::write(run, person).await?;
    }
    for issuer in checked.trusted_issuers {
        trusted_issuers::write(run, issuer).await?;
    }
    for store in checked.stores {
        stores::write(run, store).await?;
    }
    for key in checked.api_keys {
        api_keys::write(run, key).await?;
    }
    Ok(())
}
