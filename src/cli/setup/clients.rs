//! `[[clients]]`: registrations, their secrets, their roles.

use super::apply::Run;
use super::faults::Faults;
use super::file::ClientEntry;
use super::table::Located;
use super::{Mode, SetupError, roles};
use crate::oauth::client::{self, ClientError, NewClient};
use crate::oauth::protocol::client::ClientId;
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
        let new = metadata(&entry);
        if let Err(found) = new.check() {
            for fault in found {
                let key = format!("{}.{}", entry.key, fault.field);
                faults.add_at(line_of(&entry, fault.field), &key, fault.message);
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
            new,
            roles,
        });
    }
    checked
}

fn metadata(entry: &ClientEntry) -> NewClient {
    let texts = |list: &[Located<String>]| list.iter().map(|text| text.value.clone()).collect();
    let public = entry.client_secret.is_none().then(|| "none".to_owned());
    NewClient {
        client_id: Some(entry.client_id.value.clone()),
        client_name: entry.client_name.as_ref().map(|name| name.value.clone()),
        client_secret: entry
            .client_secret
            .as_ref()
            .map(|secret| secret.value.expose().clone()),
        token_endpoint_auth_method: entry
            .token_endpoint_auth_method
            .as_ref()
            .map(|method| method.value.clone())
            .or(public),
        redirect_uris: texts(&entry.redirect_uris),
        post_logout_redirect_uris: texts(&entry.post_logout_redirect_uris),
        grant_types: entry.grant_types.as_deref().map(texts),
        scope: entry.scope.as_ref().map(|scope| scope.value.clone()),
        skip_consent: entry.skip_consent,
        require_pkce: Some(entry.require_pkce),
    }
}

/// The line of a field, or of the entry's first.
fn line_of(entry: &ClientEntry, field: &str) -> usize {
    let first = |list: &[Located<String>]| list.first().map(|text| text.line);
    match field {
        "client_name" => entry.client_name.as_ref().map(|text| text.line),
        "client_secret" => entry.client_secret.as_ref().map(|text| text.line),
        "token_endpoint_auth_method" => entry
            .token_endpoint_auth_method
            .as_ref()
            .map(|text| text.line),
        "redirect_uris" => first(&entry.redirect_uris),
        "post_logout_redirect_uris" => first(&entry.post_logout_redirect_uris),
        "grant_types" => entry.grant_types.as_deref().and_then(first),
        "scope" => entry.scope.as_ref().map(|text| text.line),
        _ => None,
    }
    .unwrap_or(entry.client_id.line)
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
    roles::write(
        run,
        &format!("client {name}"),
        &format!("client:{name}"),
        entry.roles.as_deref(),
    )
    .await
}
