//! Headers that every answer carries unless its handler said otherwise: no sniffing, no framing, no referrer, no caching
//! (SECURITY R52, R55). No `Cross-Origin-Opener-Policy`: applications may open the sign-in in a window of its own and hear of the
//! answer through `window.opener`, which that policy would cut on any step of the way.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

use crate::app::App;

/// What an answer carries by default.
const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];
/// One year; told only where the issuer itself is https (RFC 6797 section 7.2).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Stands in an answer's extensions when its `frame-ancestors` allow other sites: `X-Frame-Options` could not say which.
#[derive(Clone, Copy, Debug)]
pub struct Framed;

/// Sets the headers that the handler left open.
pub async fn secure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let framed = response.extensions().get::<Framed>().is_some();
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        if framed && name == X_FRAME_OPTIONS {
            continue;
        }
        headers.entry(name).or_insert(value);
    }
    if app.config.issuer.starts_with("https://") {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
    response
}
