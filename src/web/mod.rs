//! The HTML pages: server-rendered, escaped by type, complete without scripts.
//!
//! [`layout`] is the frame with its headers, [`error_page`] what a person reads when something went wrong, [`csrf`] what keeps
//! forms ours. Each page is one file with its `router()`.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;

use crate::app::App;
use crate::base::limit::FORM_BODY_BYTES;
use crate::http::Problem;

mod account;
mod application;
mod application_settings;
mod approvals;
mod consent;
pub mod cookies;
pub mod csrf;
mod details;
mod device;
pub mod error_page;
pub mod farewell;
pub mod flow;
pub mod form;
pub mod form_post;
mod home;
mod known_device;
pub mod layout;
pub mod links;
mod login;
pub mod parts;
mod reauthenticate;
mod setup;
mod unverified;
mod visitor;

/// The routes of this room; they need the session layer around them.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(home::router())
        .merge(login::router())
        .merge(consent::router())
        .merge(application::router())
        .merge(setup::router())
        .merge(device::router())
        .merge(approvals::router())
        .merge(account::router())
        .merge(reauthenticate::router())
        .layer(DefaultBodyLimit::max(FORM_BODY_BYTES))
}

/// A fault of ours on the way to a page.
fn failed(error: impl std::error::Error) -> Problem {
    Problem::internal(&error)
}
