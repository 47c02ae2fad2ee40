//! Metadata documents on their way out, with a signed copy where the operator wants one (RFC 8414 section 2.1, RFC 9728 section 2.2).

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use serde_json::Value;

use super::error::OAuthError;
use super::protocol::claims::TokenType;
use crate::app::App;

/// Documents change with the configuration only, keys are published a day ahead.
pub const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The document as it is told.
pub fn respond<T: Serialize>(app: &App, metadata: &T) -> Response {
    match document(app, metadata) {
        Ok(document) => ([(CACHE_CONTROL, CACHE)], Json(document)).into_response(),
        Err(error) => error.into_response(),
    }
}

fn document<T: Serialize>(app: &App, metadata: &T) -> Result<Value, OAuthError> {
    let unfit = OAuthError::Inconsistent("a metadata document is no JSON object");
    let Ok(Value::Object(mut members)) = serde_json::to_value(metadata) else {
        return Err(unfit);
    };
    if app.config.signed_metadata {
        let mut claims = members.clone();
        claims.insert("iss".to_owned(), app.config.issuer.as_str().into());
        claims.insert("iat".to_owned(), app.clock.now().seconds().into());
        let jwt = app.keys.sign(TokenType::Metadata, &claims)?;
        members.insert("signed_metadata".to_owned(), jwt.into());
    }
    Ok(Value::Object(members))
}
