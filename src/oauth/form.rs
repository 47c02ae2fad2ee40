//! The form body of an OAuth request: bounded, of the right type, parsed once.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};

use super::error::OAuthError;
use super::protocol::error::Fault;
use super::protocol::params::Params;
use crate::base::limit::FORM_BODY_BYTES;
use crate::http::is_media_type;

/// The parameters of a form body. Parameters in the URL do not count (RFC 6749 section 3.2).
#[derive(Debug)]
pub struct Form(pub Params);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, OAuthError> {
        let is_form = is_media_type(request.headers(), "application/x-www-form-urlencoded");
        if !is_form {
            return Err(Fault::invalid_request(
                "the body must be a form; send Content-Type: application/x-www-form-urlencoded",
            )
            .into());
        }
        let body = to_bytes(request.into_body(), FORM_BODY_BYTES)
            .await
            .map_err(|_| {
                Fault::invalid_request(format!("the body is longer than {FORM_BODY_BYTES} bytes"))
            })?;
        Ok(Self(Params::parse(&body)?))
    }
}
