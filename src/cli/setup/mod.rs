//! Declarative setup: `tessera apply FILE.toml` and `serve --apply FILE.toml`.

mod faults;
mod file;
mod table;

pub use faults::Fault;
pub use file::{SetupFile, parse};
