//! Permissions: stores of relationship tuples, models over them, and checks answered from memory.
//!
//! | To | Look at |
//! |---|---|
//! | decide (pure) | [`engine`] |
//! | read and write, with revisions | [`Policy`], [`write()`](write()) |
//! | bring a whole stream of tuples in, or out | `import` with `batch`, `export` |
//! | keep the graph in memory and fresh | `replica` |
//! | prove how fresh an answer is | [`token`] |
//! | ask what somebody may do in Tessera itself | [`system`] |
//! | read models and tuples from files; run the `fga` tool's store tests | [`model_file`], [`tuple_file`], [`store_test`] |
//! | speak OpenFGA's HTTP API | [`api`] |
//!
//! Every write takes its store's next revision and leaves one entry in the change log; every answer says which revision
//! it is true of. Nothing decided is ever cached: answers come from the graph, and the graph follows the log.

pub mod api;
pub mod engine;
pub mod model_file;
pub mod store_test;
pub mod system;
pub mod token;
pub mod tuple_file;

mod assertions;
mod batch;
mod change;
mod error;
mod expiry;
mod explain;
mod export;
mod import;
mod inline;
mod lists;
mod models;
mod patience;
mod read;
mod replica;
mod service;
mod stores;
mod world;
mod write;

pub use assertions::Assertion;
pub use change::{Change, Changes, OnConflict, Precondition};
pub use error::PolicyError;
pub use export::Export;
pub use import::{ImportCause, ImportFault, ImportHost, ImportMode, ImportOptions, ImportProgress};
pub use inline::{allow_model, allow_tuples};
pub use lists::{LIST_ENTRIES, ListPage, ListQuery};
pub use models::{StoredModel, read_model, write_model};
pub use read::{ChangePage, ChangesFrom, TuplePage, TupleQuery};
pub use replica::Consistency;
pub use service::{Answer, CheckRequest, Policy, PolicyLimits, View};
pub use stores::{Store, create_store};
pub use world::{Asked, World, WorldError};
pub use write::{Written, write};
