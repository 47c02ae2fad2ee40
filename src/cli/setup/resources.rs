//! `[[resource_servers]]` and `[[authorization_details_types]]`: what tokens are for, and how finely.

use super::SetupError;
use super::apply::Run;
use super::faults::Faults;
use super::file::Entry;
use crate::oauth::detail_type::{self, DetailTypeError, NewDetailType};
use crate::oauth::protocol::registration::MetadataFault;
use crate::oauth::resource_server::{self, NewResourceServer, ResourceServerError};
use crate::store::{authorization_details_types, resource_servers};

/// What an entry is checked by.
pub(super) trait Checked {
    /// Everything that is wrong with it.
    fn faults(&self) -> Vec<MetadataFault>;
}

impl Checked for NewResourceServer {
    fn faults(&self) -> Vec<MetadataFault> {
        self.check().err().unwrap_or_default()
    }
}

impl Checked for NewDetailType {
    fn faults(&self) -> Vec<MetadataFault> {
        self.check().err().unwrap_or_default()
    }
}

/// Names every fault of every entry.
pub(super) fn check<T: Checked>(entries: &[Entry<T>], faults: &mut Faults<'_>) {
    for entry in entries {
        for fault in entry.new.faults() {
            let line = entry.lines.get(fault.field).copied();
            let key = format!("{}.{}", entry.key, fault.field);
            faults.add_value(line.unwrap_or(entry.name.line), &key, fault.message);
        }
    }
}

/// Registers or updates one resource server.
pub(super) async fn write_server(
    run: &mut Run<'_>,
    entry: Entry<NewResourceServer>,
) -> Result<(), SetupError> {
    let identifier = &entry.name.value;
    let present = resource_servers::find_named(&mut run.tx, identifier).await?;
    let result = match &present {
        Some(row) => resource_server::update(&mut run.tx, (&row.id, &entry.new), run.now).await,
        None => resource_server::register(&mut run.tx, &entry.new, run.now)
            .await
            .map(|_| true),
    };
    match result {
        Ok(changed) => note(
            run,
            (present.is_some(), changed),
            "resource server",
            identifier,
        ),
        Err(ResourceServerError::Store(error)) => return Err(error.into()),
        Err(fault) => run.fault(entry.name.line, &entry.key, &fault),
    }
    Ok(())
}

/// Declares or updates one type of authorization details.
pub(super) async fn write_type(
    run: &mut Run<'_>,
    entry: Entry<NewDetailType>,
) -> Result<(), SetupError> {
    let name = &entry.name.value;
    let present = authorization_details_types::find_named(&mut run.tx, name).await?;
    let result = match &present {
        Some(row) => detail_type::update(&mut run.tx, (&row.id, &entry.new), run.now).await,
        None => detail_type::register(&mut run.tx, &entry.new, run.now)
            .await
            .map(|_| true),
    };
    match result {
        Ok(changed) => {
            let what = "authorization details type";
            note(run, (present.is_some(), changed), what, name);
        }
        Err(DetailTypeError::Store(error)) => return Err(error.into()),
        Err(fault) => run.fault(entry.name.line, &entry.key, &fault),
    }
    Ok(())
}

fn note(run: &mut Run<'_>, (existed, changed): (bool, bool), what: &str, name: &str) {
    match (existed, changed) {
        (false, _) => run.changed(format!("+ {what} {name}")),
        (true, true) => run.changed(format!("~ {what} {name}")),
        (true, false) => {}
    }
}
