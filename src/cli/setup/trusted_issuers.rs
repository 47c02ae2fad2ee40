//! `[[trusted_issuers]]`: whose assertions are grants (RFC 7523 section 2.1). People that subjects stand for are named by the username,
//! `user:alice`, or by the id.

use std::collections::HashMap;

use super::SetupError;
use super::apply::Run;
use super::faults::Faults;
use super::file::{Entry, Holder};
use super::rights::subject_of;
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::identity::identifier::Username;
use crate::oauth::protocol::jwt_bearer::{NewTrustedIssuer, Subjects};
use crate::oauth::trusted_issuer::{self, Put, TrustError};

/// Names every fault of every entry; `own` is our own issuer identifier. Whom a username stands for is found out later.
pub(super) fn check(entries: &[Entry<NewTrustedIssuer>], own: &str, faults: &mut Faults<'_>) {
    let somebody = format!("user:{}", UserId::new(Timestamp::from_ms(0)));
    for entry in entries {
        let names = usernames(&entry.new);
        let stand_ins = names.map(|name| (format!("user:{name}"), somebody.clone()));
        let new = with_ids(&entry.new, &stand_ins.collect());
        for fault in new.check(&entry.name.value, own).err().unwrap_or_default() {
            let line = entry.lines.get(fault.field).copied();
            let key = format!("{}.{}", entry.key, fault.field);
            faults.add_value(line.unwrap_or(entry.name.line), &key, fault.message);
        }
    }
}

/// Trusts one issuer, or changes what is said of it.
pub(super) async fn write(
    run: &mut Run<'_>,
    entry: Entry<NewTrustedIssuer>,
) -> Result<(), SetupError> {
    let name = &entry.name.value;
    let mut ids = HashMap::new();
    for username in usernames(&entry.new) {
        let line = entry.lines.get("subjects").copied();
        let place = (line.unwrap_or(entry.name.line), entry.key.as_str());
        let holder = Holder::User(username.to_owned());
        let Some(subject) = subject_of(run, &holder, place).await? else {
            return Ok(());
        };
        ids.insert(format!("user:{username}"), subject);
    }
    let new = with_ids(&entry.new, &ids);
    let own = &run.app.config.issuer;
    match trusted_issuer::put(&mut run.tx, (name, &new), own, run.now).await {
        Ok(Put::Added) => run.changed(format!("+ trusted issuer {name}")),
        Ok(Put::Changed) => run.changed(format!("~ trusted issuer {name}")),
        Ok(Put::Same) => {}
        Err(TrustError::Store(error)) => return Err(error.into()),
        Err(fault) => run.fault(entry.name.line, &entry.key, &fault),
    }
    Ok(())
}

/// The usernames that stand where ids could.
fn usernames(new: &NewTrustedIssuer) -> impl Iterator<Item = &str> {
    let parties = match &new.subjects {
        Some(Subjects::Mapped(parties)) => Some(parties.values()),
        Some(Subjects::UserIds) | None => None,
    };
    let names = parties.into_iter().flatten();
    names
        .filter_map(|party| party.strip_prefix("user:"))
        .filter(|name| UserId::parse(name).is_err() && Username::parse(name).is_ok())
}

/// The entry with ids in the place of usernames.
fn with_ids(new: &NewTrustedIssuer, ids: &HashMap<String, String>) -> NewTrustedIssuer {
    let mut new = new.clone();
    if let Some(Subjects::Mapped(parties)) = &mut new.subjects {
        for party in parties.values_mut() {
            if let Some(id) = ids.get(party) {
                party.clone_from(id);
            }
        }
    }
    new
}
