//! `acting_rights = [..]` of a user: who may act in the person's name when tokens are exchanged (RFC 8693), the exact set that the
//! file says. Holders are named as in `rights`.

use super::SetupError;
use super::apply::Run;
use super::faults::Faults;
use super::file::{RightEntry, UserEntry};
use super::rights::{name_of, subject_of};
use super::table::Located;
use crate::base::id::UserId;
use crate::identity::identifier::Canonical;
use crate::policy::system::{self, ActingRight};
use crate::store::users;

/// Rights read at a time.
const PAGE: u32 = 200;

/// What the file says of one person.
pub(super) struct CheckedActing {
    username: Located<String>,
    rights: Vec<(RightEntry, ActingRight)>,
}

/// Checks the entries of all users that the file speaks of rights over.
pub(super) fn check(users: &[UserEntry], faults: &mut Faults<'_>) -> Vec<CheckedActing> {
    let mut checked = Vec::new();
    for user in users {
        let Some(entries) = &user.acting_rights else {
            continue;
        };
        let mut rights = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(right) = ActingRight::parse(&entry.right) {
                rights.push((entry.clone(), right));
                continue;
            }
            let known: Vec<&str> = ActingRight::ALL.iter().map(|one| one.as_str()).collect();
            let message = format!(
                "`{}` is not a right over a person; the rights are {}",
                entry.right,
                known.join(", ")
            );
            faults.add_at(entry.line, &entry.key, message);
        }
        checked.push(CheckedActing {
            username: user.username.clone(),
            rights,
        });
    }
    checked
}

/// Gives and takes rights until exactly the wanted ones are over the person. Comes after all users: they may name one another.
pub(super) async fn write(run: &mut Run<'_>, person: CheckedActing) -> Result<(), SetupError> {
    let name = &person.username.value;
    let canonical = Canonical::of_typed(name);
    let Some(found) = users::find_credentials(&mut run.tx, &canonical).await? else {
        // Its entry had a fault.
        return Ok(());
    };
    let user = found.user.id;
    let mut wanted: Vec<(ActingRight, String)> = Vec::with_capacity(person.rights.len());
    for (entry, right) in &person.rights {
        let place = (entry.line, entry.key.as_str());
        let Some(subject) = subject_of(run, &entry.holder, place).await? else {
            continue;
        };
        let given = (*right, subject);
        if wanted.contains(&given) {
            let advice = "stands in the file already; remove one of the two";
            run.fault(entry.line, &entry.key, &advice);
        } else {
            wanted.push(given);
        }
    }
    let has = all_rights(run, &user).await?;
    for (right, subject) in wanted.iter().filter(|right| !has.contains(right)) {
        let given = (*right, subject.as_str());
        let written = system::give_acting(&mut run.tx, &user, given, run.now).await?;
        run.written.push(written);
        let holder = name_of(run, subject).await?;
        run.changed(format!("+ right {right} of {holder} over user {name}"));
    }
    for (right, subject) in has.iter().filter(|right| !wanted.contains(right)) {
        let given = (*right, subject.as_str());
        let written = system::take_acting(&mut run.tx, &user, given, run.now).await?;
        run.written.push(written);
        let holder = name_of(run, subject).await?;
        run.changed(format!("- right {right} of {holder} over user {name}"));
    }
    Ok(())
}

async fn all_rights(
    run: &mut Run<'_>,
    user: &UserId,
) -> Result<Vec<(ActingRight, String)>, SetupError> {
    let mut all: Vec<(ActingRight, String)> = Vec::new();
    loop {
        let after = all.last().map(|(right, of)| (*right, of.as_str()));
        let page = system::acting_for(&mut run.tx, user, after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
