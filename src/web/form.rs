//! What a form sent: bounded, decoded, each field once.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::StatusCode;

use crate::base::limit::{FORM_BODY_BYTES, PARAMETERS};
use crate::http::{Problem, is_media_type};

/// The fields of a form.
#[derive(Debug)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field; empty when it was not sent, as an empty field is.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map_or("", |(_, value)| value)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(body)
            .take(PARAMETERS + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        (names.len() == fields.len() && fields.len() <= PARAMETERS).then_some(Self(fields))
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let urlencoded = is_media_type(request.headers(), "application/x-www-form-urlencoded");
        if !urlencoded {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send the form as application/x-www-form-urlencoded",
            ));
        }
        let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the form is too large");
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| too_large())?;
        if body.len() > FORM_BODY_BYTES {
            return Err(too_large());
        }
        Self::parse(&body).ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "a field was sent twice; load the page again and repeat what you did",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_was_not_sent_is_empty_and_one_sent_twice_is_refused() {
        let fields = Fields::parse(b"a=1&b=x+y%20%C3%A4&c=").unwrap();
        assert_eq!(
            (
                fields.get("a"),
                fields.get("b"),
                fields.get("c"),
                fields.get("d")
            ),
            ("1", "x y ä", "", "")
        );
        assert!(Fields::parse(b"a=1&a=2").is_none());
        assert!(Fields::parse(b"").is_some());
    }
}
