//! `roles = [..]`: assignments in the system store, the exact set that the file says.

use super::SetupError;
use super::apply::Run;
use super::faults::Faults;
use super::table::Located;
use crate::policy::system;

pub(super) use crate::policy::system::Role;

/// Parses role names.
pub(super) fn check(
    given: Option<&[Located<String>]>,
    key: &str,
    faults: &mut Faults<'_>,
) -> Option<Vec<Role>> {
    let mut roles = Vec::new();
    for name in given? {
        if let Some(role) = Role::parse(&name.value) {
            if !roles.contains(&role) {
                roles.push(role);
            }
            continue;
        }
        let known: Vec<&str> = Role::ALL.iter().copied().map(Role::as_str).collect();
        let message = format!(
            "`{}` is not a role; the roles are {}",
            name.value,
            known.join(", ")
        );
        faults.add_at(name.line, key, message);
    }
    Some(roles)
}

/// Gives and takes roles until the subject has exactly the wanted ones; `None` leaves them alone.
pub(super) async fn write(
    run: &mut Run<'_>,
    (line, key): (usize, &str),
    (name, subject): (&str, &str),
    wanted: Option<&[Role]>,
) -> Result<(), SetupError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let has = system::roles_of(&mut run.tx, subject).await?;
    for role in wanted {
        if !has.contains(role) {
            let written = system::assign_role(&mut run.tx, subject, *role, run.now).await?;
            run.written.push(written);
            run.changed(format!("+ role {} of {name}", role.as_str()));
        }
    }
    for role in has {
        if !wanted.contains(&role) {
            let written = system::remove_role(&mut run.tx, subject, role, run.now).await?;
            run.written.push(written);
            run.changed(format!("- role {} of {name}", role.as_str()));
            if role == Role::Admin {
                run.admins_taken.push((line, key.to_owned()));
            }
        }
    }
    Ok(())
}

/// Refuses to take the last administrator. Comes after all roles: the file may name another.
pub(super) async fn keep_an_administrator(run: &mut Run<'_>) -> Result<(), SetupError> {
    let taken = std::mem::take(&mut run.admins_taken);
    if taken.is_empty() || system::any_admin(&mut run.tx).await? {
        return Ok(());
    }
    for (line, key) in taken {
        let advice = "would leave nobody with `admin`; give it to somebody else in this file, or leave `roles` out";
        run.fault(line, &key, &advice);
    }
    Ok(())
}
