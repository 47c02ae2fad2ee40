//! What is known of every request: its id, its client's address, one log line, one count.
//!
//! The line names the route, never the path or the query: those can hold secrets (SECURITY row 53).

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;

use super::client_address::{self, ClientAddress};
use super::request_id::RequestId;
use crate::app::App;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The route of a request that no route matched.
const UNMATCHED: &str = "unmatched";

/// Gives the request its id and its client's address, and tells afterwards what became of it.
pub async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::generate();
    let client = client_address::client_address(
        client_address::peer(request.extensions()),
        request.headers(),
        &app.config.trusted_proxies,
    );
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(ClientAddress(client));

    let span = tracing::info_span!("request", id = id.as_str());
    let begun = Instant::now();
    let answer = id.clone().scope(next.run(request).instrument(span.clone()));
    let mut response = ClientAddress(client).scope(answer).await;

    let status = response.status();
    let took = begun.elapsed();
    app.metrics.count_request(&method, route, status, took);
    span.in_scope(|| {
        tracing::info!(
            %method,
            route,
            status = status.as_u16(),
            ms = took.as_millis(),
            %client,
            "answered"
        );
    });
    // Base64url is always a header value. An API that promises the caller's own id back has set it already.
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().entry(X_REQUEST_ID).or_insert(value);
    }
    response
}
