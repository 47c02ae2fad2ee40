//! `tessera policy`: models, tuples and questions, over files, a data directory or a running server.
//!
//! | Commands | File |
//! |---|---|
//! | `validate`, `tree` | `model`, drawn by `draw` |
//! | `test` | `test` |
//! | `check`, `list-objects`, `list-users`, `expand` | `query`, asked of a `source` |
//! | `diff`; `what-if` | `diff`; `what_if` |
//! | `import`, `export` | `transfer` |
//!
//! `remote` speaks to a server, through the same HTTP API as everybody.

mod diff;
mod draw;
mod model;
mod query;
mod remote;
mod source;
mod test;
mod transfer;
mod what_if;

use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;

use super::{Exit, Failure, Settings, block_on, print};
use crate::base::time::{Clock, Timestamp};
use crate::policy::engine::model::Model;
use crate::policy::model_file;

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check models; print every fault with its place
    Validate(model::Arguments),
    /// Run store tests (`*.fga.yaml`)
    Test(test::Arguments),
    /// May USER have RELATION to OBJECT
    Check(query::Check),
    /// The objects of a type that USER has RELATION to
    ListObjects(query::ListObjects),
    /// The users of a type that have RELATION to OBJECT
    ListUsers(query::ListUsers),
    /// A relation of an object as a tree, one level deep
    Expand(query::Expand),
    /// Draw a model as a tree
    Tree(model::TreeArguments),
    /// Which answers over the given tuples change between two models
    Diff(diff::Arguments),
    /// Which answers a change of tuples would change; nothing is written
    WhatIf(what_if::Arguments),
    /// Write tuples from a file into a store
    Import(transfer::Import),
    /// Print the tuples of a store
    Export(transfer::Export),
}

/// Does it.
pub(super) fn run(settings: &Settings, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Validate(arguments) => model::validate(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Check(arguments) => block_on(query::check(settings, arguments)),
        Command::ListObjects(arguments) => block_on(query::list_objects(settings, arguments)),
        Command::ListUsers(arguments) => block_on(query::list_users(settings, arguments)),
        Command::Expand(arguments) => block_on(query::expand(settings, arguments)),
        Command::Tree(arguments) => model::tree(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::WhatIf(arguments) => block_on(what_if::run(settings, arguments)),
        Command::Import(arguments) => block_on(transfer::import(settings, arguments)),
        Command::Export(arguments) => block_on(transfer::export(settings, arguments)),
    }
}

fn now() -> Timestamp {
    Clock::System.now()
}

/// A failure on account of what was given.
fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Other, error)
}

/// A mistake on the command line.
fn misused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Configuration, error)
}

/// Reads a model; one line a fault.
fn model(path: &Path) -> Result<Arc<Model>, Failure> {
    model_file::read(path).map(Arc::new).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        refused(lines.join("\n"))
    })
}
