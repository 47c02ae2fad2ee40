//! `tessera policy diff`: which answers change between two models.
//!
//! Asked are all objects and subjects that the tuples name, by all relations that either model has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, misused, now, print, refused};
use crate::policy::engine::model::Model;
use crate::policy::engine::relationship::{Circumstances, Relationship};
use crate::policy::engine::tuple::{Object, Subject};
use crate::policy::tuple_file;
use crate::policy::{Asked, World};

/// Most questions that one comparison asks.
const QUESTIONS: usize = 10_000_000;

/// Arguments of `diff`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The model as it is
    old: PathBuf,
    /// The model as it shall be
    new: PathBuf,
    /// Tuples to ask over: `.yaml`, `.json`, `.ndjson` or `.csv`
    #[arg(long, required = true, value_name = "FILE")]
    tuples: Vec<PathBuf>,
    /// Values for the parameters of conditions, as a JSON object
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
}

/// Prints one line an answer that changes, and how many there are.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (old, new) = (super::model(&arguments.old)?, super::model(&arguments.new)?);
    let mut tuples = Vec::new();
    for file in &arguments.tuples {
        tuples.extend(tuple_file::read(file).map_err(refused)?);
    }
    let context = super::query::context(arguments.context.as_deref())?;
    let worlds = (
        World::loose(&old, &tuples).map_err(refused)?,
        World::loose(&new, &tuples).map_err(refused)?,
    );
    let relations = relations(&old, &new);
    let (objects, subjects) = named(&tuples);
    let asked = objects
        .iter()
        .map(|object| relations.get(object.type_name()).map_or(0, BTreeSet::len))
        .sum::<usize>()
        .saturating_mul(subjects.len());
    if asked > QUESTIONS {
        return Err(misused(format!(
            "{asked} questions are too many (at most {QUESTIONS}); give fewer tuples"
        )));
    }
    let circumstances = Circumstances::at(&context, now());
    let mut changed = 0;
    for object in &objects {
        for relation in relations.get(object.type_name()).into_iter().flatten() {
            for subject in &subjects {
                let was = answer(&worlds.0, subject, (object, relation), circumstances);
                let is = answer(&worlds.1, subject, (object, relation), circumstances);
                if was != is {
                    changed += 1;
                    print::out(&format!("{subject} {relation} {object}: {was} -> {is}\n"))?;
                }
            }
        }
    }
    print::out(&format!("{changed} of {asked} answers change\n"))
}

fn answer(
    world: &World,
    subject: &Subject,
    asked: Asked<'_>,
    circumstances: Circumstances<'_>,
) -> String {
    let (object, relation) = asked;
    let model = world.model();
    let known = model.find_type(subject.type_name()).is_some()
        && model.find_relation(object.type_name(), relation).is_some();
    if !known {
        return "undefined".to_owned();
    }
    match world.check(subject, asked, circumstances) {
        Ok(true) => "allowed".to_owned(),
        Ok(false) => "denied".to_owned(),
        Err(error) => format!("error ({error})"),
    }
}

/// The relations of each type, in either model.
fn relations<'m>(old: &'m Model, new: &'m Model) -> BTreeMap<&'m str, BTreeSet<&'m str>> {
    let mut relations: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for definition in old.types.iter().chain(&new.types) {
        let names = definition.relations.keys().map(String::as_str);
        relations.entry(&definition.name).or_default().extend(names);
    }
    relations
}

/// The objects and subjects that tuples name. A subject without relation is an object as well, and may be asked about.
fn named(tuples: &[Relationship]) -> (BTreeSet<Object>, BTreeSet<Subject>) {
    let (mut objects, mut subjects) = (BTreeSet::new(), BTreeSet::new());
    for Relationship { tuple, .. } in tuples {
        objects.insert(tuple.object.clone());
        subjects.insert(tuple.subject.clone());
        match &tuple.subject {
            Subject::Object(object) | Subject::Userset(object, _) => {
                objects.insert(object.clone());
            }
            Subject::Wildcard(_) => {}
        }
    }
    (objects, subjects)
}
