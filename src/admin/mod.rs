//! The admin JSON API: clients, resource servers, types of authorization details, users, API keys, role assignments, rights in stores, rights over people, trusted issuers, sessions, the outbox, under `/admin/api`.
//!
//! Deny by default: a route exists only with the permission it needs (`guard::Guarded`), and the permission is a relation of the system
//! store, checked by the same engine as everybody's, fully consistent. Errors are problem details (RFC 9457).

mod acting_rights;
mod api_keys;
mod clients;
mod detail_types;
mod guard;
mod json;
mod outbox;
mod registration_tokens;
mod resource_servers;
mod roles;
mod sessions;
mod store_rights;
mod trusted_issuers;
mod users;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub use guard::Door;

/// The routes of this room.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    guarded(app).into_router()
}

/// Every route with the permission that opens it.
pub fn doors(app: &Arc<App>) -> Vec<Door> {
    guarded(app).doors()
}

fn guarded(app: &Arc<App>) -> guard::Guarded {
    let guarded = guard::Guarded::new(app);
    let guarded = users::routes(clients::routes(guarded));
    let guarded = store_rights::routes(roles::routes(guarded));
    let guarded = outbox::routes(sessions::routes(guarded));
    let guarded = acting_rights::routes(trusted_issuers::routes(guarded));
    let guarded = registration_tokens::routes(guarded);
    let guarded = detail_types::routes(resource_servers::routes(guarded));
    api_keys::routes(guarded)
}
