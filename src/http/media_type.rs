//! Which kind of body a request or an answer says it has.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Whether the `Content-Type` is `media`, in any case and with any parameters (RFC 9110 section 8.3.1).
pub fn is_media_type(headers: &HeaderMap, media: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|found| found.trim().eq_ignore_ascii_case(media))
}
