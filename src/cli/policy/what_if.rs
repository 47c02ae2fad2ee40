//! `tessera policy what-if`: which answers a change of tuples would change. Nothing is written.

use std::path::PathBuf;

use clap::Args;

use super::query::{Common, circumstances, context};
use super::source::Source;
use super::{Failure, Settings, misused, print, refused};
use crate::policy::engine::relationship::Relationship;
use crate::policy::engine::tuple::Tuple;
use crate::policy::tuple_file;

/// Arguments of `what-if`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// Tuples to add: `.yaml`, `.json`, `.ndjson` or `.csv`
    #[arg(long, value_name = "FILE")]
    write: Vec<PathBuf>,
    /// Tuples to delete
    #[arg(long, value_name = "FILE")]
    delete: Vec<PathBuf>,
    /// The questions, written as tuples are
    #[arg(long, required = true, value_name = "FILE")]
    checks: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Prints one line an answer that would change, and how many of how many.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Failure> {
    let writes = read(&arguments.write)?;
    let deletes: Vec<Tuple> = tuples(&arguments.delete)?;
    let checks = tuples(&arguments.checks)?;
    if writes.is_empty() && deletes.is_empty() {
        return Err(misused(
            "nothing would change; give tuples with `--write FILE` or `--delete FILE`",
        ));
    }
    let context = context(arguments.common.context.as_deref())?;
    let changed = match arguments.common.source.open(settings).await? {
        Source::World(world) => world
            .what_if((&writes, &deletes), &checks, circumstances(&context))
            .map_err(refused)?,
        Source::Remote(remote) => {
            remote
                .what_if((&writes, &deletes), &checks, &context)
                .await?
        }
    };
    for (tuple, after) in &changed {
        let (was, is) = if *after {
            ("denied", "allowed")
        } else {
            ("allowed", "denied")
        };
        let (user, relation, object) = (&tuple.subject, &tuple.relation, &tuple.object);
        print::out(&format!("{user} {relation} {object}: {was} -> {is}\n"))?;
    }
    print::out(&format!(
        "{} of {} answers would change\n",
        changed.len(),
        checks.len()
    ))
}

fn read(files: &[PathBuf]) -> Result<Vec<Relationship>, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(tuple_file::read(file).map_err(refused)?);
    }
    Ok(all)
}

fn tuples(files: &[PathBuf]) -> Result<Vec<Tuple>, Failure> {
    let found = read(files)?.into_iter();
    Ok(found.map(|relationship| relationship.tuple).collect())
}
