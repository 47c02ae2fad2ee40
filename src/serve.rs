//! The server: router assembly, middleware order, background workers, graceful shutdown.

use std::sync::Arc;

use axum::Router;

use crate::app::App;
use crate::{admin, oauth, policy, web};

/// Every route of the server, with the middleware around it.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(oauth::router())
        .merge(policy::api::router())
        .merge(admin::router())
        .merge(web::router())
        .with_state(app)
}
