//! What the integration tests share.

pub mod browser;
pub mod database;
pub mod jws;
pub mod keys;
pub mod receiver;
pub mod server;
