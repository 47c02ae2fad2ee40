//! OAuth 2 and OpenID Connect.

pub mod keys;
pub mod protocol;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes of this room.
pub fn router() -> Router<Arc<App>> {
    Router::new()
}
