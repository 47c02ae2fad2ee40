//! The server: router assembly, middleware order, background workers, graceful shutdown.

mod any_certificate;
mod connections;
mod data_dir;
mod master_key;
mod open_files;
pub mod outbox;
mod reload;
mod start;
mod tls;
mod workers;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, middleware};
use http::{Method, StatusCode};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::app::App;
use crate::base::limit::BODY_BYTES;
use crate::http::{
    Problem, client_certificate, headers, is_media_type, observe, path, place, problem, query,
    timeout,
};
use crate::identity::session;
use crate::{admin, http as edge, oauth, policy, web};

pub use data_dir::DataDirError;
pub use master_key::MasterKeyError;
pub use start::{Patience, Prepared, Server, StartError, open};
pub use tls::TlsError;

/// Every route of the server, with the middleware around it.
pub fn router(app: Arc<App>) -> Router {
    let unbounded = policy::api::unbounded_router().method_not_allowed_fallback(method_not_allowed);
    let routes = guard(bound(routes(&app)).merge(unbounded), Arc::clone(&app));
    if app.config.path().is_empty() {
        return routes;
    }
    below_the_path(routes, app)
}

/// The same routes below the issuer's path: the one place where that path is taken off.
fn below_the_path(routes: Router, app: Arc<App>) -> Router {
    let elsewhere = guard(Router::new().fallback(not_found), Arc::clone(&app));
    Router::new().fallback_service(tower::service_fn(move |mut request: Request| {
        let target = match place::inside(request.uri(), app.config.path()) {
            Some(uri) => {
                *request.uri_mut() = uri;
                routes.clone()
            }
            None => elsewhere.clone(),
        };
        target.oneshot(request)
    }))
}

/// Routes with the middleware that requests pass, the bound of their bodies included.
pub fn wrap(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    guard(bound(routes), app)
}

/// Bounds the bodies of routes that read them whole.
fn bound(routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES))
        .layer(middleware::map_response(say_the_bound))
}

/// Says what the bound is where a body was refused for its length alone, before a handler could say it.
async fn say_the_bound(response: Response) -> Response {
    let is_plain = is_media_type(response.headers(), "text/plain");
    if response.status() != StatusCode::PAYLOAD_TOO_LARGE || !is_plain {
        return response;
    }
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is longer than {BODY_BYTES} bytes; send less at a time"),
    )
    .into_response()
}

/// The middleware that every request passes; the last layer is the outermost.
fn guard(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            client_certificate::know,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            oauth::dpop::note_target,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            oauth::protected_resource::advertise,
        ))
        .layer(middleware::from_fn(timeout::bound))
        .layer(middleware::from_fn(query::refuse_keys))
        .layer(middleware::from_fn(path::refuse_ambiguous))
        .layer(CatchPanicLayer::custom(timeout::panicked))
        .layer(middleware::from_fn(problem::as_page_for_browsers))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            headers::secure,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            observe::observe,
        ))
        .with_state(app)
}

/// The routes of every room.
fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    // Only what people visit reads the session cookie: tokens and checks do not pay for it.
    let sessions = session::layer(&app.config, app.db.clone(), app.clock.clone());
    Router::new()
        .merge(edge::router())
        .merge(oauth::router(app))
        .merge(policy::api::router())
        .merge(admin::router(app))
        .merge(
            web::router()
                .layer(middleware::from_fn_with_state(
                    Arc::clone(app),
                    oauth::check_session::keep_cookie,
                ))
                .layer(sessions)
                .layer(middleware::from_fn_with_state(
                    Arc::clone(app),
                    web::cookies::keep_session_plain,
                )),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found() -> Response {
    Problem::new(
        StatusCode::NOT_FOUND,
        "nothing lives at this path; check it against the documentation",
    )
    .into_response()
}

async fn method_not_allowed(method: Method, _request: Request) -> Response {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("this path does not answer {method}; the Allow header names what it does"),
    )
    .into_response()
}
