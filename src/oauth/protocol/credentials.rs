//! How a client presents itself at the token, introspection and revocation endpoints (RFC 6749 section 2.3).
//!
//! Finds out which method was used and what it carried; whether the secret is right is `oauth::client_auth`'s business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::AuthMethod;
use super::error::{ErrorCode, Fault};
use super::params::{Params, decode};
use crate::base::secret::Secret;

/// What a client presented.
#[derive(Debug)]
pub struct Presented {
    /// The claimed client id.
    pub client_id: String,
    /// The method that was used.
    pub method: AuthMethod,
    /// The secret; none for the method `none`.
    pub secret: Option<Secret<String>>,
}

impl Presented {
    /// Reads the credentials from the `Authorization` header's value and the body.
    pub fn read(authorization: Option<&str>, params: &Params) -> Result<Self, Fault> {
        if params.get("client_assertion").is_some() || params.get("client_assertion_type").is_some()
        {
            return Err(Fault::new(
                ErrorCode::InvalidClient,
                "client assertions are not supported; use the client's registered method",
            ));
        }
        let in_body = params.get("client_secret");
        match (authorization, in_body) {
            (Some(_), Some(_)) => Err(Fault::invalid_request(
                "the client authenticated in the header and in the body; use one method only",
            )),
            (Some(header), None) => Self::of_basic(header, params),
            (None, Some(secret)) => Ok(Self {
                client_id: params.require("client_id")?.to_owned(),
                method: AuthMethod::ClientSecretPost,
                secret: Some(Secret::new(secret.to_owned())),
            }),
            (None, None) => Ok(Self {
                client_id: params
                    .get("client_id")
                    .ok_or_else(|| {
                        Fault::new(
                            ErrorCode::InvalidClient,
                            "the client did not say who it is; send HTTP Basic or `client_id`",
                        )
                    })?
                    .to_owned(),
                method: AuthMethod::None,
                secret: None,
            }),
        }
    }

    fn of_basic(header: &str, params: &Params) -> Result<Self, Fault> {
        let invalid = || {
            Fault::new(
                ErrorCode::InvalidClient,
                "the Authorization header must be `Basic` and the base64 of client id, colon, secret, each form-encoded (RFC 6749 section 2.3.1)",
            )
        };
        let (scheme, text) = header.split_once(' ').ok_or_else(invalid)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(invalid());
        }
        let bytes = STANDARD.decode(text.trim()).map_err(|_| invalid())?;
        let colon = bytes.iter().position(|byte| *byte == b':');
        let (id, secret) = colon
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or_else(invalid)?;
        let secret = secret.strip_prefix(b":").ok_or_else(invalid)?;
        let client_id = decode(id).ok_or_else(invalid)?;
        let secret = decode(secret).ok_or_else(invalid)?;
        if params
            .get("client_id")
            .is_some_and(|in_body| in_body != client_id)
        {
            return Err(Fault::invalid_request(
                "`client_id` in the body is not the one in the Authorization header",
            ));
        }
        Ok(Self {
            client_id,
            method: AuthMethod::ClientSecretBasic,
            secret: Some(Secret::new(secret)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `client_id method secret`, or the error code.
    #[track_caller]
    fn check(authorization: Option<&str>, body: &str, expect: &str) {
        let params = Params::parse(body.as_bytes()).unwrap();
        let found = match Presented::read(authorization, &params) {
            Ok(Presented {
                client_id,
                method,
                secret,
            }) => format!(
                "{client_id} {} {}",
                method.as_str(),
                secret.map_or_else(|| "-".to_owned(), |secret| secret.expose().clone())
            ),
            Err(fault) => fault.code.as_str().to_owned(),
        };
        assert_eq!(found, expect, "{authorization:?} {body}");
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn each_method_is_recognised() {
        check(
            Some(&basic("web:s3cret")),
            "",
            "web client_secret_basic s3cret",
        );
        check(
            Some(&basic("web:a%2Bb+c:d")),
            "",
            "web client_secret_basic a+b c:d",
        );
        check(Some(&basic("web:")), "", "web client_secret_basic ");
        check(
            Some(&basic("web:x").replace("Basic", "bAsIc")),
            "",
            "web client_secret_basic x",
        );
        check(
            None,
            "client_id=web&client_secret=x",
            "web client_secret_post x",
        );
        check(None, "client_id=web", "web none -");
        check(None, "client_id=web&client_secret=", "web none -");
    }

    #[test]
    fn mixtures_and_malformed_headers_are_refused() {
        check(
            Some(&basic("web:x")),
            "client_id=web&client_secret=x",
            "invalid_request",
        );
        check(Some(&basic("web:x")), "client_id=other", "invalid_request");
        check(
            Some(&basic("web:x")),
            "client_id=web",
            "web client_secret_basic x",
        );
        check(Some("Basic !!!"), "", "invalid_client");
        check(Some(&basic("web")), "", "invalid_client");
        check(Some("Bearer abc"), "", "invalid_client");
        check(Some("Basic"), "", "invalid_client");
        check(None, "client_secret=x", "invalid_request");
        check(None, "", "invalid_client");
        check(None, "client_id=web&client_assertion=x", "invalid_client");
    }
}
