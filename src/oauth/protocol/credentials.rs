//! How a client presents itself at the token, introspection and revocation endpoints (RFC 6749 section 2.3).
//!
//! Finds out which method was used and what it carried; whether the secret is right is `oauth::client_auth`'s business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::AuthMethod;
use super::client_assertion::{self, AssertionFault};
use super::error::{ErrorCode, Fault};
use super::params::{Params, decode};
use crate::base::secret::Secret;

/// What a client presented.
#[derive(Debug)]
pub struct Presented {
    /// The claimed client id.
    pub client_id: String,
    /// What is to prove it.
    pub proof: Proof,
}

/// What is to prove that a client is who it says.
#[derive(Debug)]
pub enum Proof {
    /// A secret in the header.
    Basic(Secret<String>),
    /// A secret in the body.
    Post(Secret<String>),
    /// A JWT that the client signed.
    Assertion(String),
    /// Nothing in the request: the client is public, or its certificate speaks for it.
    Bare,
}

impl Proof {
    /// Whether a client that is registered for `method` proves itself like that.
    pub const fn is_of(&self, method: AuthMethod) -> bool {
        match self {
            Self::Basic(_) => matches!(method, AuthMethod::ClientSecretBasic),
            Self::Post(_) => matches!(method, AuthMethod::ClientSecretPost),
            Self::Assertion(_) => matches!(
                method,
                AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt
            ),
            Self::Bare => matches!(
                method,
                AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth | AuthMethod::None
            ),
        }
    }
}

impl Presented {
    /// Reads the credentials from the `Authorization` header's value and the body.
    pub fn read(authorization: Option<&str>, params: &Params) -> Result<Self, Fault> {
        let in_body = params.get("client_secret");
        let asserted = params.get("client_assertion").is_some()
            || params.get("client_assertion_type").is_some();
        match (authorization, in_body, asserted) {
            (Some(_), Some(_), _) | (Some(_), _, true) | (_, Some(_), true) => {
                Err(Fault::invalid_request(
                    "the client authenticated in more than one way; use its registered method only",
                ))
            }
            (Some(header), None, false) => Self::of_basic(header, params),
            (None, Some(secret), false) => Ok(Self {
                client_id: params.require("client_id")?.to_owned(),
                proof: Proof::Post(Secret::new(secret.to_owned())),
            }),
            (None, None, true) => Self::of_assertion(params),
            (None, None, false) => Ok(Self {
                client_id: params
                    .get("client_id")
                    .ok_or_else(|| {
                        Fault::new(
                            ErrorCode::InvalidClient,
                            "the client did not say who it is; send HTTP Basic, a client assertion or `client_id`",
                        )
                    })?
                    .to_owned(),
                proof: Proof::Bare,
            }),
        }
    }

    /// RFC 7521 section 4.2.
    fn of_assertion(params: &Params) -> Result<Self, Fault> {
        let invalid = |description: &str| Fault::new(ErrorCode::InvalidClient, description);
        if params.get("client_assertion_type") != Some(client_assertion::TYPE) {
            return Err(invalid(&format!(
                "`client_assertion_type` must be {}",
                client_assertion::TYPE
            )));
        }
        let assertion = params
            .get("client_assertion")
            .ok_or_else(|| invalid("`client_assertion` is missing; send the JWT"))?;
        let client_id = client_assertion::claimed_client(assertion)
            .ok_or_else(|| invalid(&AssertionFault::Malformed.to_string()))?;
        if params
            .get("client_id")
            .is_some_and(|in_body| in_body != client_id)
        {
            return Err(invalid(&AssertionFault::Subject.to_string()));
        }
        Ok(Self {
            client_id,
            proof: Proof::Assertion(assertion.to_owned()),
        })
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
            proof: Proof::Basic(Secret::new(secret)),
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
            Ok(Presented { client_id, proof }) => {
                let fits = |method: &&AuthMethod| proof.is_of(**method);
                let method = AuthMethod::ALL.iter().rev().find(fits).unwrap();
                let secret = match &proof {
                    Proof::Basic(secret) | Proof::Post(secret) => secret.expose(),
                    Proof::Assertion(_) | Proof::Bare => "-",
                };
                format!("{client_id} {} {secret}", method.as_str())
            }
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

    #[test]
    fn an_assertion_comes_alone_and_names_its_client() {
        let sub = crate::base::encoding::base64url(br#"{"sub":"web"}"#);
        let jwt = format!("client_assertion=e30.{sub}.c2ln");
        let type_ = format!("client_assertion_type={}", client_assertion::TYPE);
        let both = format!("{jwt}&{type_}");
        check(None, &both, "web private_key_jwt -");
        check(
            None,
            &format!("{both}&client_id=web"),
            "web private_key_jwt -",
        );
        for body in [
            format!("{both}&client_id=other"),
            format!("{jwt}&client_assertion_type=saml"),
            jwt.clone(),
            type_.clone(),
            format!("{type_}&client_assertion=x"),
        ] {
            check(None, &body, "invalid_client");
        }
        check(None, &format!("{both}&client_secret=x"), "invalid_request");
        check(Some(&basic("web:x")), &both, "invalid_request");
    }
}
