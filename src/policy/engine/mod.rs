//! The permission engine: pure functions over a model and an in-memory graph. No async, no I/O, no clock.
//!
//! | Step | File |
//! |---|---|
//! | a model as a value; its text and JSON forms | [`model`], [`dsl`], [`json`] |
//! | one model of many files | [`modules`] |
//! | whether the model makes sense | [`validate`] |
//! | a relationship tuple, what limits it, whether a model admits it | [mod@tuple], [`relationship`], [`admit`] |
//! | all tuples of a store, in both directions, shared cheaply | [`graph`] on `trie` |
//! | whether a condition holds | [`condition`] |
//! | the model against the graph's numbers | [`program`] |
//! | what a question may cost | [`budget`] |
//! | may this subject do that | [`check`] |
//! | which relations are actions | [`actions`] |
//! | on what, and who | [`list`] |
//! | why: the relation as a tree | [`expand`] |
//! | why a check allows or denies, and what would change it | [`explain`], [`what_if`] |
//!
//! A new operator is a variant of [`model::Rewrite`]; the exhaustive matches list the rest.

pub mod actions;
pub mod admit;
pub mod budget;
pub mod check;
pub mod condition;
pub mod dsl;
pub mod expand;
pub mod explain;
pub mod graph;
pub mod json;
pub mod list;
pub mod model;
pub mod modules;
pub mod program;
pub mod relationship;
pub mod tuple;
pub mod validate;
pub mod what_if;

mod lexer;
#[cfg(test)]
mod oracle;
mod trie;
