//! `rights = [..]` of a store: rights in the system store, the exact set that the file says. Holders are named as the file names them:
//! a person by the username, a client by its id.

use super::SetupError;
use super::apply::Run;
use super::faults::Faults;
use super::file::{Holder, RightEntry};
use crate::base::id::UserId;
use crate::identity::identifier::Canonical;
use crate::oauth::protocol::client::ClientId;
use crate::policy::engine::model::Model;
use crate::policy::system::{self, PlacedRight, StoreRight};
use crate::store::{clients, users};

/// Rights read at a time.
const PAGE: u32 = 200;

/// An entry whose texts make sense.
pub(super) struct CheckedRight {
    entry: RightEntry,
    right: StoreRight,
}

/// Checks the entries; `None` when the file does not speak of rights.
pub(super) fn check(
    entries: Option<Vec<RightEntry>>,
    faults: &mut Faults<'_>,
) -> Option<Vec<CheckedRight>> {
    let checked = entries?.into_iter().filter_map(|entry| {
        let object_type = entry.object_type.as_deref();
        match PlacedRight::check(&entry.right, object_type) {
            Ok(right) => Some(CheckedRight { entry, right }),
            Err(error) => {
                faults.add_at(entry.line, &entry.key, error.to_string());
                None
            }
        }
    });
    Some(checked.collect())
}

/// Gives and takes rights until the store has exactly the wanted ones; `None` leaves them alone.
pub(super) async fn write(
    run: &mut Run<'_>,
    (store, name): (&str, &str),
    wanted: Option<&[CheckedRight]>,
    model: Option<&Model>,
) -> Result<(), SetupError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut rights: Vec<PlacedRight> = Vec::with_capacity(wanted.len());
    for CheckedRight { entry, right } in wanted {
        let place = (entry.line, entry.key.as_str());
        let Some(subject) = subject_of(run, &entry.holder, place).await? else {
            continue;
        };
        let placed = PlacedRight {
            right: *right,
            object_type: entry.object_type.clone(),
            subject,
        };
        if rights.contains(&placed) {
            let advice = "stands in the file already; remove one of the two";
            run.fault(entry.line, &entry.key, &advice);
        } else if let (Some(object_type), Some(model)) = (&entry.object_type, model)
            && model.find_type(object_type).is_none()
        {
            let advice = format!("the store's model has no type `{object_type}`; correct `type`");
            run.fault(entry.line, &entry.key, &advice);
        } else {
            rights.push(placed);
        }
    }
    let has = all_rights(run, store).await?;
    for right in rights.iter().filter(|right| !has.contains(right)) {
        let written = system::give_right(&mut run.tx, store, right, run.now).await?;
        run.written.push(written);
        let line = describe(run, right).await?;
        run.changed(format!("+ right {line} in store {name}"));
    }
    for right in has.iter().filter(|right| !rights.contains(right)) {
        let written = system::take_right(&mut run.tx, store, right, run.now).await?;
        run.written.push(written);
        let line = describe(run, right).await?;
        run.changed(format!("- right {line} in store {name}"));
    }
    Ok(())
}

/// The holder as the system store writes it; `None`, and a fault, when nobody is called so.
pub(super) async fn subject_of(
    run: &mut Run<'_>,
    holder: &Holder,
    (line, key): (usize, &str),
) -> Result<Option<String>, SetupError> {
    let (found, advice) = match holder {
        Holder::User(username) => {
            let canonical = Canonical::of_typed(username);
            let found = users::find_credentials(&mut run.tx, &canonical).await?;
            let advice = format!("there is no user `{username}`; add one under `[[users]]`");
            (found.map(|found| format!("user:{}", found.user.id)), advice)
        }
        Holder::Client(client_id) => {
            let found = match ClientId::parse(client_id) {
                Ok(id) => clients::find(&mut run.tx, &id).await?,
                Err(_) => None,
            };
            let advice = format!("there is no client `{client_id}`; add one under `[[clients]]`");
            (found.map(|_| format!("client:{client_id}")), advice)
        }
    };
    if found.is_none() {
        run.fault(line, key, &advice);
    }
    Ok(found)
}

async fn all_rights(run: &mut Run<'_>, store: &str) -> Result<Vec<PlacedRight>, SetupError> {
    let mut all: Vec<PlacedRight> = Vec::new();
    loop {
        let page = system::rights_in(&mut run.tx, store, all.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// `tuple_writer over doc of user alice`.
async fn describe(run: &mut Run<'_>, placed: &PlacedRight) -> Result<String, SetupError> {
    let holder = name_of(run, &placed.subject).await?;
    let over = placed
        .object_type
        .as_ref()
        .map_or(String::new(), |name| format!(" over {name}"));
    Ok(format!("{}{over} of {holder}", placed.right))
}

/// `user alice`, `client web`; a person who has no name here any more by the id.
pub(super) async fn name_of(run: &mut Run<'_>, subject: &str) -> Result<String, SetupError> {
    let (kind, id) = subject.split_once(':').unwrap_or(("", subject));
    let user = match UserId::parse(id) {
        Ok(id) if kind == "user" => users::find(&mut run.tx, &id).await?,
        Ok(_) | Err(_) => None,
    };
    let holder = user.map_or_else(|| id.to_owned(), |user| user.username);
    Ok(format!("{kind} {holder}"))
}
