//! `[[stores]]`: permission stores, their models, rights and tuples.

use std::path::Path;

use super::apply::Run;
use super::faults::Faults;
use super::file::{StoreEntry, TupleEntry};
use super::table::Located;
use super::{SetupError, rights};
use crate::policy::engine::admit::admit;
use crate::policy::engine::json;
use crate::policy::engine::model::Model;
use crate::policy::engine::relationship::Relationship;
use crate::policy::engine::tuple::Tuple;
use crate::policy::{
    Change, Changes, OnConflict, create_store, model_file, read_model, write as write_tuples,
    write_model,
};
use crate::store::policy_stores::StoreFilter;
use crate::store::{policy_models, policy_stores};

/// Tuples written at a time: the most that one write may hold.
const TUPLES_AT_ONCE: usize = 100;

/// An entry whose texts make sense.
pub(super) struct CheckedStore {
    key: String,
    name: Located<String>,
    model: Option<Model>,
    tuples: Vec<(TupleEntry, Tuple)>,
    rights: Option<Vec<rights::CheckedRight>>,
}

/// Reads the models and parses the tuples. Model files are looked for in `base`, the setup file's directory.
pub(super) fn check(
    entries: Vec<StoreEntry>,
    base: &Path,
    faults: &mut Faults<'_>,
) -> Vec<CheckedStore> {
    entries
        .into_iter()
        .map(|entry| CheckedStore {
            model: entry
                .model
                .as_ref()
                .and_then(|file| model(file, base, &format!("{}.model", entry.key), faults)),
            tuples: entry
                .tuples
                .into_iter()
                .filter_map(|entry| tuple(entry, faults))
                .collect(),
            rights: rights::check(entry.rights, faults),
            key: entry.key,
            name: entry.name,
        })
        .collect()
}

/// A model's file, in any of its forms.
fn model(file: &Located<String>, base: &Path, key: &str, faults: &mut Faults<'_>) -> Option<Model> {
    match model_file::read(&base.join(&file.value)) {
        Ok(model) => Some(model),
        Err(found) => {
            for fault in found {
                faults.add_at(file.line, key, fault.to_string());
            }
            None
        }
    }
}

fn tuple(entry: TupleEntry, faults: &mut Faults<'_>) -> Option<(TupleEntry, Tuple)> {
    match Tuple::parse(&entry.object, &entry.relation, &entry.user) {
        Ok(tuple) => Some((entry, tuple)),
        Err(error) => {
            faults.add_at(entry.line, &entry.key, error.to_string());
            None
        }
    }
}

/// Creates the store, writes its model if it differs from the latest, makes its rights the file's, and writes the tuples that are
/// missing.
pub(super) async fn write(run: &mut Run<'_>, store: CheckedStore) -> Result<(), SetupError> {
    let name = &store.name.value;
    let filter = StoreFilter {
        name: Some(name),
        after: "",
    };
    let found = policy_stores::list(&mut run.tx, filter, 2).await?;
    let id = match found.as_slice() {
        [] => match create_store(&mut run.tx, name, run.now).await {
            Ok(made) => {
                run.changed(format!("+ store {name} ({})", made.id));
                made.id
            }
            Err(error) => {
                run.fault(store.name.line, &store.key, &error);
                return Ok(());
            }
        },
        [only] if only.id != run.app.policy.system_store() => only.id.clone(),
        [_] => {
            let advice =
                "is the name of Tessera's own store; give roles to users and clients instead";
            run.fault(store.name.line, &store.key, &advice);
            return Ok(());
        }
        _ => {
            let advice = format!("several stores are named `{name}`; delete or rename all but one");
            run.fault(store.name.line, &store.key, &advice);
            return Ok(());
        }
    };
    let model = model_of(run, &store, &id).await?;
    let wanted = store.rights.as_deref();
    rights::write(run, (&id, name), wanted, model.as_ref()).await?;
    match model {
        Some(model) => tuples(run, &store, (&id, &model)).await,
        None => Ok(()),
    }
}

/// The model that tuples are held against: the file's, written when it is new, or the store's latest.
async fn model_of(
    run: &mut Run<'_>,
    store: &CheckedStore,
    id: &str,
) -> Result<Option<Model>, SetupError> {
    let latest = match policy_models::latest_id(&mut run.tx, id).await? {
        Some(latest) => policy_models::find(&mut run.tx, id, &latest).await?,
        None => None,
    };
    match &store.model {
        Some(model) => {
            let body = json::emit(model).to_string();
            if latest.is_none_or(|latest| latest.body != body) {
                let (model_id, written) = write_model(&mut run.tx, id, model, run.now).await?;
                run.written.push(written);
                run.changed(format!("+ model {model_id} of store {}", store.name.value));
            }
            Ok(Some(model.clone()))
        }
        None => match latest {
            Some(latest) => Ok(Some(read_model(&latest.body)?)),
            None if store.tuples.is_empty() => Ok(None),
            None => {
                let advice =
                    "the store has no model yet, so it admits no tuples; name a `model` file";
                run.fault(store.name.line, &store.key, &advice);
                Ok(None)
            }
        },
    }
}

async fn tuples(
    run: &mut Run<'_>,
    store: &CheckedStore,
    (id, model): (&str, &Model),
) -> Result<(), SetupError> {
    let mut writes = Vec::with_capacity(store.tuples.len());
    for (entry, tuple) in &store.tuples {
        if let Err(error) = admit(model, &tuple.clone().into()) {
            run.fault(entry.line, &entry.key, &error);
        } else if writes.contains(tuple) {
            run.fault(
                entry.line,
                &entry.key,
                &"stands in the file already; remove one of the two",
            );
        } else {
            writes.push(tuple.clone());
        }
    }
    for some in writes.chunks(TUPLES_AT_ONCE) {
        let changes = Changes {
            writes: some.iter().cloned().map(Into::into).collect(),
            on_duplicate: OnConflict::Ignore,
            ..Changes::default()
        };
        let written = write_tuples(&mut run.tx, id, &changes, run.now).await?;
        for change in written.changes() {
            if let Change::Write(Relationship { tuple, .. }) = change {
                let (object, relation, subject) = (&tuple.object, &tuple.relation, &tuple.subject);
                run.changed(format!(
                    "+ tuple {object}#{relation}@{subject} in store {}",
                    store.name.value
                ));
            }
        }
        run.written.push(written);
    }
    Ok(())
}
