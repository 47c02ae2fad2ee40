//! Paths that a proxy and this server could read differently are refused before any handler sees them (SECURITY row 50).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::Problem;

/// Answers 400 to a path with more than one reading.
pub async fn refuse_ambiguous(request: Request, next: Next) -> Response {
    match ambiguity(request.uri().path()) {
        None => next.run(request).await,
        Some(what) => Problem::new(
            StatusCode::BAD_REQUEST,
            format!("the path holds {what}; send the path in its plain form"),
        )
        .into_response(),
    }
}

/// What makes a path ambiguous: an empty segment, a matrix parameter, a dot segment, a backslash, or a separator, dot,
/// control character or percent sign in percent encoding.
fn ambiguity(path: &str) -> Option<&'static str> {
    let path = path.as_bytes();
    if path.windows(2).any(|pair| pair == b"//") {
        return Some("an empty segment (`//`)");
    }
    if path.contains(&b';') {
        return Some("a semicolon");
    }
    if path.contains(&b'\\') {
        return Some("a backslash");
    }
    if path
        .split(|byte| *byte == b'/')
        .any(|segment| segment == b"." || segment == b"..")
    {
        return Some("a dot segment");
    }
    path.windows(3)
        .filter_map(|triple| match triple {
            [b'%', high, low] => Some((high, low)),
            _ => None,
        })
        .find_map(
            |(high, low)| match (high.to_ascii_lowercase(), low.to_ascii_lowercase()) {
                (b'2', b'f') => Some("an encoded slash (`%2f`)"),
                (b'2', b'e') => Some("an encoded dot (`%2e`)"),
                (b'2', b'5') => Some("an encoded percent sign (`%25`)"),
                (b'3', b'b') => Some("an encoded semicolon (`%3b`)"),
                (b'5', b'c') => Some("an encoded backslash (`%5c`)"),
                (b'0' | b'1', _) | (b'7', b'f') => Some("an encoded control character"),
                _ => None,
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for path in [
            "/",
            "/.well-known/openid-configuration",
            "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/check",
            "/a%20b",
            "/users/alice@example.com",
            "/a..b/.c",
        ] {
            assert_eq!(ambiguity(path), None, "{path}");
        }
    }

    #[test]
    fn paths_with_two_readings_are_refused() {
        for path in [
            "//",
            "/admin//api",
            "/admin;x=1/api",
            "/admin/%2e%2e/token",
            "/admin/%2E./token",
            "/admin%2Fapi",
            "/admin%2fapi",
            "/admin\\api",
            "/admin%5capi",
            "/admin/../token",
            "/admin/.",
            "/admin/%00",
            "/admin/%0a",
            "/admin/%252e",
            "/admin%3bx",
        ] {
            assert!(ambiguity(path).is_some(), "{path}");
        }
    }
}
