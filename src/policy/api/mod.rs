//! OpenFGA's HTTP API, so that its SDKs, models and tools work unmodified.
//!
//! | Routes | File |
//! |---|---|
//! | `/stores` | `stores` |
//! | `/stores/{store}/authorization-models` | `models` |
//! | `/stores/{store}/write`, `read`, `changes` | `tuples` |
//! | `/stores/{store}/check`, `batch-check` | `check` |
//!
//! Callers bring an access token of Tessera; what they may do, in all stores or in one, is decided by
//! Tessera's own store (`access`). Errors take
//! OpenFGA's form and codes (`error`). Beside OpenFGA, every answer about permission data carries the header
//! `Tessera-Revision`, and every read takes it back as `Tessera-At-Least`: the answer is then no older.

mod access;
mod body;
mod check;
mod error;
mod models;
mod stores;
mod tuples;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes of this room.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(stores::router())
        .merge(models::router())
        .merge(tuples::router())
        .merge(check::router())
}
