//! OAuth 2 and OpenID Connect.
//!
//! The rules stand in [`protocol`], pure. Services: [`client`] registers ([`initial_token`] lets others do it), [`known_client`] finds the one that a request names ([`client_documents`] fetches what those say that nobody registered), [`client_auth`] authenticates ([`client_secret`], [`assertion`], [`mtls`]; [`remote_keys`] fetches what clients publish, [`client_ca`] says whose certificates count, [`client_guesses`] how often secrets may be guessed), [`incoming`] and [`request_object`] read a request, [`flow`] carries it through
//! our pages, [`front`] and [`answer`] make its answer, [`code`] and [`issue`] make what is issued, [`assertion_grant`] hears the issuers that we trust ([`trusted_issuer`]), [`applications`] shows people what they gave to whom, and takes it back, [`api_key`] keeps what programs call our own APIs with, [`bearer`] checks what comes back, [`dpop`] whether who shows it holds its key, [`keys`] sign, [`access_token`] makes and reads access tokens as their services ([`resource_server`]) want them, [`authorization_details`] and [`detail_type`] are for what is finer than scopes ([`declared`] is what administrators see of all these), [`sealed`] signs and encrypts what a client wants so, [`subject`] is what it calls people, [`sector`] with whom it shares that, [`sweep`] cleans up. Endpoints: [`authorize`],
//! [`par`], [`register`], [`token`], [`device`], [`backchannel`], [`introspect`], [`revoke`], [`userinfo`], [`logout`] with [`backchannel_logout`] and [`check_session`], [`discovery`] and [`protected_resource`] (with [`signed_metadata`]).
//!
//! What the specifications demand stands, row by row with its file and its test, in `tests/it/conformance/requirements.tsv`. In short:
//!
//! | specification | where |
//! |---|---|
//! | RFC 6749, OAuth 2.1: authorization, tokens, errors | `src/oauth/protocol/authorize.rs`, `src/oauth/token/mod.rs`, `src/oauth/respond.rs` |
//! | RFC 7009, RFC 7662: revocation, introspection | `src/oauth/revoke.rs`, `src/oauth/introspect.rs` |
//! | RFC 7523: client assertions | `src/oauth/protocol/client_assertion.rs` |
//! | RFC 7591, RFC 7592: what a client is registered with, by itself too | `src/oauth/protocol/registration/mod.rs`, `src/oauth/register/mod.rs`, `src/oauth/register/manage.rs` |
//! | RFC 7636: PKCE | `src/oauth/protocol/pkce.rs` |
//! | RFC 8414, OpenID Connect Discovery | `src/oauth/discovery.rs` |
//! | RFC 8628: devices | `src/oauth/device/mod.rs`, `src/oauth/protocol/polling.rs` |
//! | RFC 8693: token exchange | `src/oauth/protocol/token_exchange.rs`, `src/oauth/token/token_exchange.rs` |
//! | RFC 8705: mutual TLS | `src/oauth/mtls.rs`, `src/oauth/protocol/certificate.rs` |
//! | RFC 8707: resource indicators | `src/oauth/protocol/resource.rs` |
//! | RFC 9068: access tokens | `src/oauth/protocol/claims.rs`, `src/oauth/bearer.rs` |
//! | RFC 9101, RFC 9126: request objects, pushed requests | `src/oauth/protocol/request_object.rs`, `src/oauth/par.rs` |
//! | RFC 9207, JARM, response modes | `src/oauth/protocol/response.rs` |
//! | RFC 9449: DPoP | `src/oauth/protocol/dpop/mod.rs` |
//! | RFC 9700: refresh tokens | `src/oauth/protocol/refresh.rs` |
//! | OpenID Connect Core: ID tokens, userinfo, `claims`, prompts | `src/oauth/issue.rs`, `src/oauth/userinfo.rs`, `src/oauth/protocol/claims_request.rs`, `src/oauth/protocol/authorize_step.rs` |
//! | OpenID Connect CIBA | `src/oauth/backchannel/mod.rs` |
//! | OpenID Connect logout | `src/oauth/logout.rs`, `src/oauth/backchannel_logout.rs`, `src/oauth/check_session.rs` |

pub mod access_token;
pub mod answer;
pub mod api_key;
pub mod applications;
pub mod assertion;
pub mod assertion_grant;
pub mod authorization_details;
pub mod authorize;
pub mod backchannel;
pub mod backchannel_logout;
pub mod bearer;
pub mod check_session;
pub mod client;
pub mod client_auth;
pub mod client_ca;
pub mod client_documents;
pub mod client_guesses;
pub mod client_secret;
pub mod code;
pub mod cors;
pub mod declared;
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
pub mod initial_token;
pub mod introspect;
pub mod issue;
pub mod keys;
pub mod known_client;
pub mod logout;
pub mod mtls;
pub mod par;
pub mod paths;
pub mod protected_resource;
pub mod protocol;
pub mod register;
pub mod remote_keys;
pub mod request_object;
pub mod resource_server;
pub mod respond;
pub mod revoke;
pub mod sealed;
pub mod sector;
pub mod signed_metadata;
pub mod subject;
pub mod sweep;
pub mod token;
pub mod trusted_issuer;
pub mod userinfo;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::app::App;
use crate::identity::session;
use crate::web::cookies;

/// The routes of this room.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let public = Router::new()
        .route(paths::OPENID_CONFIGURATION, get(discovery::get))
        .route(paths::OAUTH_METADATA, get(discovery::get))
        .route(paths::JWKS, get(discovery::jwks))
        .route(paths::RESOURCE_METADATA, get(protected_resource::get))
        .route(
            paths::RESOURCE_METADATA_OF_PATH,
            get(protected_resource::get_of_path),
        )
        .route(paths::REGISTER, post(register::post))
        .route(
            paths::REGISTRATION,
            get(register::manage::get)
                .put(register::manage::put)
                .delete(register::manage::delete),
        )
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
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            cookies::keep_session_plain,
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
