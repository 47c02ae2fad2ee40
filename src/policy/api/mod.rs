//! OpenFGA's HTTP API, so that its SDKs, models and tools work unmodified.
//!
//! | Routes | File |
//! |---|---|
//! | `/stores` | `stores` |
//! | `/stores/{store}/authorization-models` | `models` |
//! | `/stores/{store}/write`, `read`, `changes` | `tuples`; a live stream of changes: `watch` |
//! | `/stores/{store}/import`, `export`, whole stores as streams | `import`, `export`, by way of `stream` |
//! | `/stores/{store}/check`, `batch-check` | `check` |
//! | `/stores/{store}/list-objects`, `streamed-list-objects`, `list-users` | `lists` |
//! | `/stores/{store}/expand` | `expand` |
//! | `/stores/{store}/what-if` | `what_if` |
//! | `/stores/{store}/assertions/{model}` | `assertions` |
//! | `/access/v1`, the same in OpenID AuthZEN | `authzen` |
//!
//! Callers bring an access token of Tessera; what they may do, in all stores or in one, is decided by
//! Tessera's own store (`access`). Errors take
//! OpenFGA's form and codes (`error`). Beside OpenFGA, every answer about permission data carries the header
//! `Tessera-Revision`, and every read takes it back as `Tessera-At-Least`: the answer is then no older.
//! A check with `explain` says why, and `what-if` tells what a change would change: those are Tessera's own.

mod access;
mod assertions;
mod authzen;
mod body;
mod check;
mod error;
mod expand;
mod export;
mod import;
mod lists;
mod models;
mod stores;
mod stream;
mod tuples;
mod watch;
mod what_if;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes of this room whose bodies have no bound, read as they come.
pub fn unbounded_router() -> Router<Arc<App>> {
    import::router()
}

/// The other routes of this room.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(stores::router())
        .merge(models::router())
        .merge(tuples::router())
        .merge(export::router())
        .merge(check::router())
        .merge(lists::router())
        .merge(expand::router())
        .merge(what_if::router())
        .merge(assertions::router())
        .merge(authzen::router())
}
