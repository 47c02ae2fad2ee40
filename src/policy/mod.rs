//! The policy engine and its service.

pub mod api;
pub mod engine;
