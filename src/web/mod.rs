//! The HTML pages: server-rendered, escaped by type, complete without scripts.
//!
//! [`layout`] is the frame with its headers, [`error_page`] what a person reads when something went wrong.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub mod error_page;
pub mod layout;

/// The routes of this room.
pub fn router() -> Router<Arc<App>> {
    Router::new()
}
