//! Which pages of other origins may call an endpoint from a browser (SECURITY R54).
//!
//! Discovery and keys: any. Token, userinfo and revocation: the origins of the client's own redirect URIs. Authorize: none, ever. Credentials
//! (cookies) are never allowed; this guards nothing but keeps pages that no client owns from reading answers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::protocol::client::{Client, ClientId};
use super::protocol::redirect_uri::origin_of;
use crate::app::App;
use crate::http::Problem;
use crate::store::{StoreError, clients};

/// How long a browser may remember the answer to its preflight, in seconds.
const PREFLIGHT_TTL_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// The client that an answer belongs to: its origins may read it.
#[derive(Clone, Debug)]
struct AnswerOf(ClientId);

/// Marks whose answer this is.
pub fn allow_origins_of(response: &mut Response, client: &Client) {
    let mark = AnswerOf(client.client_id.clone());
    response.extensions_mut().insert(mark);
}

/// Answers methods that a route does not take. Set before the layers of this file, so that preflights pass through them.
pub async fn method_not_allowed(method: Method) -> Response {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("this path does not answer {method}; the Allow header names what it does"),
    )
    .into_response()
}

/// Any origin may read.
pub async fn any_origin(request: Request, next: Next) -> Response {
    let mut response = if is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The origins of clients may read: of the client whose answer it is, or, before one is known (preflights, failed client
/// authentication), of any.
pub async fn client_origins(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = origin(request.headers());
    let mut response = if is_preflight(&request) {
        preflight()
    } else {
        next.run(request).await
    };
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("origin"));
    let Some((text, value)) = origin else {
        return response;
    };
    let client = response.extensions().get::<AnswerOf>().cloned();
    match may_read(&app, &text, client).await {
        Ok(true) => {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("www-authenticate, dpop-nonce"),
            );
        }
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "the origins of clients could not be read"),
    }
    response
}

async fn may_read(app: &App, origin: &str, client: Option<AnswerOf>) -> Result<bool, StoreError> {
    let client = client.map(|AnswerOf(client_id)| client_id);
    let mut conn = app.db.read().await?;
    clients::has_origin(&mut conn, origin, client.as_ref()).await
}

fn origin(headers: &HeaderMap) -> Option<(String, HeaderValue)> {
    let value = headers.get(ORIGIN)?;
    let text = value.to_str().ok()?;
    // `null` and everything that is no web origin belongs to no client.
    (origin_of(text)? == text).then(|| (text.to_owned(), value.clone()))
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PUT, DELETE"),
        ),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, accept, dpop"),
        ),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_TTL_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
