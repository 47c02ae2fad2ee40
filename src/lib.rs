//! Tessera: one binary that is an OAuth 2 / OpenID Connect server and a relationship-based permission engine.

// wiring
pub mod cli;
pub mod serve;
pub mod telemetry;
// edge
pub mod admin;
pub mod http;
pub mod web;
// state
pub mod app;
// services
pub mod events;
pub mod identity;
pub mod oauth;
pub mod outbound;
pub mod policy;
// store
pub mod config;
pub mod metrics;
pub mod store;
// words
pub mod base;
