//! The integration tests: one binary, files that mirror `src/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test fails by panicking, and says what it measured"
)]
#![allow(
    dead_code,
    reason = "the harness offers more than every build of the tests uses"
)]

mod admin;
mod advisories;
mod architecture;
mod cli;
mod fuzz;
mod harness;
mod http;
mod identity;
mod oauth;
mod policy;
mod store;
mod web;
