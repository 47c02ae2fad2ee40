//! OAuth 2 and OpenID Connect.
//!
//! The rules stand in [`protocol`], pure. Services: [`client`] registers, [`client_auth`] authenticates ([`client_secret`], [`assertion`], [`mtls`]; [`remote_keys`] fetches what clients publish, [`client_ca`] says whose certificates count), [`incoming`] and [`request_object`] read a request, [`flow`] carries it through
//! our pages, [`front`] and [`answer`] make its answer, [`code`] and [`issue`] make what is issued, [`api_key`] keeps what programs call our own APIs with, [`bearer`] checks what comes back, [`dpop`] whether who shows it holds its key, [`keys`] sign, [`access_token`] makes and reads access tokens as their services ([`resource_server`]) want them, [`authorization_details`] and [`detail_type`] are for what is finer than scopes, [`sealed`] signs and encrypts what a client wants so, [`sweep`] cleans up. Endpoints: [`authorize`],
//! [`par`], [`token`], [`device`], [`backchannel`], [`introspect`], [`revoke`], [`userinfo`], [`logout`] with [`backchannel_logout`] and [`check_session`], [`discovery`].

pub mod access_token;
pub mod answer;
pub mod api_key;
pub mod assertion;
pub mod authorization_details;
pub mod authorize;
pub mod backchannel;
pub mod backchannel_logout;
pub mod bearer;
pub mod check_session;
pub mod client;
pub mod client_auth;
pub mod client_ca;
pub mod client_secret;
pub mod code;
pub mod cors;
pub mod detail_type;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod duration;
pub mod error;
pub mod flow;
pub mod form;
pub mod front;
pub mod incoming;
pub mod introspect;
pub mod issue;
pub mod keys;
pub mod logout;
pub mod mtls;
pub mod par;
pub mod paths;
pub mod protocol;
pub mod remote_keys;
pub mod request_object;
pub mod resource_server;
pub mod respond;
pub mod revoke;
pub mod sealed;
pub mod sweep;
pub mod token;
pub mod userinfo;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::app::App;
use crate::identity::session;

/// The routes of this room.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let public = Router::new()
        .route(paths::OPENID_CONFIGURATION, get(discovery::get))
        .route(paths::OAUTH_METADATA, get(discovery::get))
        .route(paths::OAUTH_METADATA_OF_PATH, get(discovery::get_of_path))
        .route(paths::JWKS, get(discovery::jwks))
        .method_not_allowed_fallback(cors::method_not_allowed)
        .layer(middleware::from_fn(cors::any_origin));
    let of_clients = Router::new()
        .route(paths::PAR, post(par::post))
        .route(paths::TOKEN, post(token::post))
        .route(paths::REVOKE, post(revoke::post))
        .route(paths::USERINFO, get(userinfo::get).post(userinfo::post))
        .method_not_allowed_fallback(cors::method_not_allowed)
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            cors::client_origins,
        ));
    let of_people = Router::new()
        .route(paths::AUTHORIZE, get(authorize::get).post(authorize::post))
        .route(paths::CONTINUE, get(authorize::resume))
        .route(paths::LOGOUT, get(logout::get).post(logout::post))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            check_session::keep_cookie,
        ))
        .layer(session::layer(
            &app.config,
            app.db.clone(),
            app.clock.clone(),
        ));
    Router::new()
        .route(paths::INTROSPECT, post(introspect::post))
        .route(paths::CHECK_SESSION, get(check_session::get))
        .route(paths::DEVICE_AUTHORIZATION, post(device::post))
        .route(paths::BACKCHANNEL_AUTHENTICATION, post(backchannel::post))
        .merge(of_people)
        .merge(public)
        .merge(of_clients)
}
