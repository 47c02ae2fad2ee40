//! Bounds what one request may cost: time, panics.

use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::Problem;

/// Longest time from the request's head to the answer's head.
const REQUEST_SECONDS: u64 = 30;

/// Answers 503 when a handler takes too long; what it had not committed is rolled back.
pub async fn bound(request: Request, next: Next) -> Response {
    match tokio::time::timeout(Duration::from_secs(REQUEST_SECONDS), next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server took too long to answer; try again in a moment",
        )
        .into_response(),
    }
}

/// The answer to a request whose handler panicked: 500, and the process lives on (SECURITY R82).
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed; its log knows why under this request id",
    )
    .into_response()
}
