//! An API key in a URL is refused, whoever sends it and however good it is: URLs are kept in logs, histories and `Referer`s. No handler
//! would take it from there; the refusal tells its sender that the key has leaked.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::Problem;
use crate::oauth::protocol::api_key::ApiKey;

/// Answers 400 to a URL that holds an API key.
pub async fn refuse_keys(request: Request, next: Next) -> Response {
    let uri = request.uri();
    if !ApiKey::stands_in(uri.path()) && !uri.query().is_some_and(ApiKey::stands_in) {
        return next.run(request).await;
    }
    let detail = "the URL holds an API key, where logs keep it; revoke that key, make another, and send it as \
                  `Authorization: Bearer <key>`";
    Problem::new(StatusCode::BAD_REQUEST, detail).into_response()
}
