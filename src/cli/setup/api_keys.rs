//! `[[api_keys]]`: keys that programs call with. A key is known by its owner and its name; it is made once, and its secret shown once.
//!
//! A key is never changed, here as elsewhere: one that the file describes otherwise is a fault that says which to revoke.

use super::apply::Run;
use super::faults::Faults;
use super::file::KeyEntry;
use super::rights::subject_of;
use super::table::Located;
use super::{Mode, SetupError};
use crate::base::time::Timestamp;
use crate::oauth::api_key::{self, ApiKeyError, KeyOwner, NewApiKey, parse_owner};
use crate::policy::system::Limits;
use crate::store::api_keys::{self, KeyRow, KeyStanding};
use crate::store::policy_stores::{self, StoreFilter};

/// Keys read at a time.
const PAGE: u32 = 200;

/// An entry whose texts make sense.
pub(super) struct CheckedKey {
    entry: KeyEntry,
    expires_at: Option<Timestamp>,
}

/// Checks the entries. A key whose time is over is not made again.
pub(super) fn check(
    entries: Vec<KeyEntry>,
    now: Timestamp,
    (faults, warnings): (&mut Faults<'_>, &mut Vec<String>),
) -> Vec<CheckedKey> {
    let mut checked = Vec::with_capacity(entries.len());
    for entry in entries {
        let store = entry.store.as_ref().map(|store| store.value.clone());
        if let Err(error) = Limits::choose(entry.permissions.as_deref(), store) {
            let key = format!("{}.permissions", entry.key);
            faults.add_value(entry.name.line, &key, error.to_string());
        }
        let mut expires_at = None;
        if let Some(text) = &entry.expires_at {
            expires_at = Timestamp::parse_rfc3339(&text.value);
            if expires_at.is_none() {
                let key = format!("{}.expires_at", entry.key);
                let message = format!(
                    "`{}` is no instant; write one such as `2030-01-31T12:00:00Z`",
                    text.value
                );
                faults.add_at(text.line, &key, message);
            }
        }
        if expires_at.is_some_and(|at| at <= now) {
            warnings.push(format!(
                "API key `{}`: its time is over; remove it from the file",
                entry.name.value
            ));
            continue;
        }
        checked.push(CheckedKey { entry, expires_at });
    }
    checked
}

/// Makes one key, unless its owner has it.
pub(super) async fn write(run: &mut Run<'_>, key: CheckedKey) -> Result<(), SetupError> {
    let CheckedKey { entry, expires_at } = key;
    let (line, name) = (entry.name.line, &entry.name.value);
    let Some(subject) = subject_of(run, &entry.owner, (line, &entry.key)).await? else {
        return Ok(());
    };
    let owner = match parse_owner(&subject) {
        Ok(owner) => owner,
        Err(fault) => {
            run.fault(line, &entry.key, &fault);
            return Ok(());
        }
    };
    let mut store = None;
    if let Some(wanted) = &entry.store {
        store = store_of(run, wanted, &entry.key).await?;
        if store.is_none() {
            return Ok(());
        }
    }
    let new = NewApiKey {
        name: name.clone(),
        owner,
        permissions: entry.permissions.clone(),
        store,
        expires_at,
    };
    if let Some(present) = present(run, &new.owner, name.trim()).await? {
        if !is_same(&present, &new) {
            let advice = format!(
                "`{}` has this name and other permissions, another store or another end; revoke it (`tessera api-key revoke {}`), or choose another name",
                present.id, present.id
            );
            run.fault(line, &entry.key, &advice);
        }
        return Ok(());
    }
    match api_key::create(&mut run.tx, &run.app.sealer, &new, run.now).await {
        Ok(issued) => {
            run.changed(format!("+ API key {name} of {}", entry.owner));
            // As with clients: what a dry run made goes with it.
            if run.mode == Mode::Commit {
                let secret = issued.secret.expose();
                run.changed(format!("  it is shown this once: {secret}"));
            }
        }
        Err(ApiKeyError::Store(error)) => return Err(error.into()),
        Err(fault) => run.fault(line, &entry.key, &fault),
    }
    Ok(())
}

/// The id of the store of that name; `None`, and a fault, when no single store is called so.
async fn store_of(
    run: &mut Run<'_>,
    wanted: &Located<String>,
    key: &str,
) -> Result<Option<String>, SetupError> {
    let filter = StoreFilter {
        name: Some(&wanted.value),
        after: "",
    };
    let mut found = policy_stores::list(&mut run.tx, filter, 2).await?;
    let one = found.pop().filter(|_| found.is_empty());
    if one.is_none() {
        let advice = format!(
            "not exactly one store is named `{}`; add it under `[[stores]]`",
            wanted.value
        );
        run.fault(wanted.line, &format!("{key}.store"), &advice);
    }
    Ok(one.map(|store| store.id))
}

/// The good key of an owner that has a name.
async fn present(
    run: &mut Run<'_>,
    owner: &KeyOwner,
    name: &str,
) -> Result<Option<KeyRow>, SetupError> {
    let mut after = None;
    loop {
        let page = api_keys::list(&mut run.tx, Some(owner), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after = Some(last.id.clone());
        let good = page
            .into_iter()
            .find(|key| key.name == name && key.standing(run.now) == KeyStanding::Active);
        if good.is_some() {
            return Ok(good);
        }
    }
}

fn is_same(present: &KeyRow, new: &NewApiKey) -> bool {
    let limits = Limits::choose(new.permissions.as_deref(), new.store.clone());
    limits.is_ok_and(|limits| limits.permissions().join(" ") == present.permissions)
        && present.store_id == new.store
        && present.expires_at == new.expires_at
}
