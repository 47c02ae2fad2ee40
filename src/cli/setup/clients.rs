//! `[[clients]]`: registrations, their secrets, their roles.

use super::apply::Run;
use super::faults::Faults;
use super::file::ClientEntry;
use super::{Mode, SetupError, roles};
use crate::app::App;
use crate::oauth::client::{self, ClientError, NewClient};
use crate::oauth::protocol::client::ClientId;
use crate::oauth::sector;
use crate::store::clients;

/// From so many characters on a secret cannot be guessed, if it is random.
const STRONG_SECRET_CHARS: usize = 22;

/// An entry whose metadata passed.
pub(super) struct CheckedEntry {
    key: String,
    line: usize,
    client_id: ClientId,
    new: NewClient,
    roles: Option<Vec<roles::Role>>,
}

/// Checks the entries; every fault of every field.
pub(super) fn check(
    entries: Vec<ClientEntry>,
    faults: &mut Faults<'_>,
    warnings: &mut Vec<String>,
) -> Vec<CheckedEntry> {
    let mut checked = Vec::with_capacity(entries.len());
    for entry in entries {
        let roles = roles::check(
            entry.roles.as_deref(),
            &format!("{}.roles", entry.key),
            faults,
        );
        let new = &entry.metadata;
        if let Err(found) = new.check() {
            for fault in found {
                let key = format!("{}.{}", entry.key, fault.field);
                faults.add_value(line_of(&entry, fault.field), &key, fault.message);
            }
            continue;
        }
        if let Some(secret) = &new.client_secret
            && secret.chars().count() < STRONG_SECRET_CHARS
        {
            warnings.push(format!(
                "client `{}`: its secret is short; use at least {STRONG_SECRET_CHARS} random characters",
                entry.client_id.value
            ));
        }
        let Ok(client_id) = ClientId::parse(&entry.client_id.value) else {
            continue;
        };
        checked.push(CheckedEntry {
            key: entry.key,
            line: entry.client_id.line,
            client_id,
            new: entry.metadata,
            roles,
        });
    }
    checked
}

/// Verifies the sectors that clients claim. Runs before the transaction: documents are fetched.
pub(super) async fn verify_sectors(
    app: &App,
    entries: &mut [CheckedEntry],
    faults: &mut Faults<'_>,
) -> Result<(), SetupError> {
    for entry in entries {
        match sector::verify(app, Some(entry.client_id.as_str()), &mut entry.new).await {
            Ok(()) => {}
            Err(ClientError::Store(error)) => return Err(error.into()),
            Err(fault) => faults.add_at(entry.line, &entry.key, fault.to_string()),
        }
    }
    Ok(())
}

/// The line of a field, or of the entry's first.
fn line_of(entry: &ClientEntry, field: &str) -> usize {
    let line = entry.lines.get(field).copied();
    line.unwrap_or(entry.client_id.line)
}

/// Registers or updates one client.
pub(super) async fn write(run: &mut Run<'_>, entry: CheckedEntry) -> Result<(), SetupError> {
    let name = entry.client_id.as_str().to_owned();
    let exists = clients::find(&mut run.tx, &entry.client_id)
        .await?
        .is_some();
    let result = if exists {
        client::update(
            &mut run.tx,
            &run.app.sealer,
            (&entry.client_id, &entry.new),
            run.now,
        )
        .await
    } else {
        client::register(&mut run.tx, &run.app.sealer, &entry.new, run.now).await
    };
    let registered = match result {
        Ok(registered) => registered,
        Err(ClientError::Store(error)) => return Err(error.into()),
        Err(fault) => {
            run.fault(entry.line, &entry.key, &fault);
            return Ok(());
        }
    };
    match (exists, registered.changed) {
        (false, _) => run.changed(format!("+ client {name}")),
        (true, true) => run.changed(format!("~ client {name}")),
        (true, false) => {}
    }
    // What a dry run generated goes with it; showing it would only mislead.
    if run.mode == Mode::Commit
        && let Some(secret) = &registered.generated_secret
    {
        run.changed(format!(
            "  its secret, shown this once: {}",
            secret.expose()
        ));
    }
    let of = (&*format!("client {name}"), &*format!("client:{name}"));
    let place = (entry.line, &*format!("{}.roles", entry.key));
    roles::write(run, place, of, entry.roles.as_deref()).await
}
