//! What the integration tests share.

pub mod browser;
pub mod database;
pub mod server;
