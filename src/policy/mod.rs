//! The policy engine and its service.

pub mod api;
