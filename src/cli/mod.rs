//! The command line.

pub mod setup;
