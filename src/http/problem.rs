//! The error of the JSON APIs: problem details (RFC 9457), and which form an error takes for whom.
//!
//! OAuth endpoints answer RFC 6749's errors and the policy API answers its own; they do not come here.

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::RequestId;
use crate::base::time::Seconds;
use crate::store::StoreError;

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<Seconds>,
}

impl Problem {
    /// An error with a status and what to do about it.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub const fn retry_after(mut self, wait: Seconds) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A fault of ours: the cause goes to the log, the client learns the request's id only.
    pub fn internal(error: &(impl std::error::Error + ?Sized)) -> Self {
        tracing::error!(error = %Chain(error), "the request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed; its log knows why under this request id",
        )
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

/// The database's failures: 503 when trying again may help, 500 otherwise.
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::error!(error = %Chain(&error), "the database is unavailable");
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the database is unavailable; try again in a moment",
            );
        }
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let id = RequestId::current();
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "request_id": id.as_ref().map(RequestId::as_str),
        });
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            let seconds = HeaderValue::from(wait.get());
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether the client is a browser that navigates: it names `text/html`.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| media.trim().eq_ignore_ascii_case("text/html"))
}

/// Turns a [`Problem`] into a page when a browser asked.
pub async fn as_page_for_browsers(request: Request, next: Next) -> Response {
    let html = wants_html(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) if html => page(problem, &response),
        _ => response,
    }
}

/// The page that tells a problem, with the headers that the problem's answer had (`Allow`, `Retry-After`).
fn page(problem: &Problem, response: &Response) -> Response {
    let id = RequestId::current();
    let mut page = crate::web::error_page::ErrorPage {
        status: problem.status,
        title: crate::web::error_page::title_of(problem.status),
        advice: &crate::web::parts::sentence(&problem.detail),
        request_id: id.as_ref().map(RequestId::as_str),
    }
    .respond();
    for (name, value) in response.headers() {
        if !page.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

/// An error with its causes, in one line.
struct Chain<'a, E: std::error::Error + ?Sized>(&'a E);

impl<E: std::error::Error + ?Sized> std::fmt::Display for Chain<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, html: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        assert_eq!(wants_html(&headers), html, "{accept}");
    }

    #[test]
    fn a_browser_that_navigates_gets_a_page_and_everything_else_json() {
        check(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            true,
        );
        check("application/json", false);
        check("*/*", false);
        assert!(!wants_html(&HeaderMap::new()));
    }
}
