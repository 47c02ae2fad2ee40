//! A client's keys and certificates (RFC 7591 section 2, RFC 8705 section 2): what it proves with who it is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuthMethod, words};
use crate::oauth::protocol::certificate::{ExpectedName, is_distinguished_name};
use crate::oauth::protocol::key_set::KeySet;
use crate::oauth::protocol::registration::{Faults, NewClient};
use crate::oauth::protocol::web_uri::WebUri;

/// Longest name in a certificate that can be registered, in bytes.
const NAME_BYTES: usize = 1_000;
/// Shortest secret that signs with HS256, in bytes (RFC 7518 section 3.2).
const SIGNING_SECRET_BYTES: usize = 32;

words! {
    /// What a client's assertion may be signed with.
    AssertionAlg {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// ECDSA on P-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
        /// HMAC with SHA-256 under the client's secret.
        Hs256 = "HS256",
    }
}

impl AssertionAlg {
    /// The method that signs with it.
    pub const fn method(self) -> AuthMethod {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::EdDsa => AuthMethod::PrivateKeyJwt,
            Self::Hs256 => AuthMethod::ClientSecretJwt,
        }
    }
}

/// What a client proves with who it is, beside a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientKeys {
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<KeySet>,
    /// Where it publishes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<WebUri>,
    /// The one algorithm of its assertions; any of its method's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<AssertionAlg>,
    /// The subject of its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// A host name in its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// A URI in its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    /// An address in its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<IpAddr>,
    /// An e-mail address in its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    /// Whether its access tokens are bound to the certificate it shows.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_client_certificate_bound_access_tokens: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde asks for"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl ClientKeys {
    /// Whether there are keys, here or at an address.
    pub const fn has_set(&self) -> bool {
        self.jwks.is_some() || self.jwks_uri.is_some()
    }

    /// The names that the client's certificate must have: exactly one for `tls_client_auth`.
    pub fn expected_names(&self) -> Vec<ExpectedName<'_>> {
        [
            self.tls_client_auth_subject_dn
                .as_deref()
                .map(ExpectedName::SubjectDn),
            self.tls_client_auth_san_dns
                .as_deref()
                .map(ExpectedName::Dns),
            self.tls_client_auth_san_uri
                .as_deref()
                .map(ExpectedName::Uri),
            self.tls_client_auth_san_ip.map(ExpectedName::Ip),
            self.tls_client_auth_san_email
                .as_deref()
                .map(ExpectedName::Email),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Checks what was handed in.
    pub(in crate::oauth::protocol) fn check(new: &NewClient, faults: &mut Faults) -> Self {
        let keys = Self {
            jwks: new
                .jwks
                .as_ref()
                .filter(|value| !value.is_null())
                .and_then(|value: &Value| faults.keep("jwks", KeySet::parse(value))),
            jwks_uri: faults.web_uri("jwks_uri", new.jwks_uri.as_deref()),
            token_endpoint_auth_signing_alg: signing_alg(new, faults),
            tls_client_auth_subject_dn: subject_dn(new, faults),
            tls_client_auth_san_dns: name(
                faults,
                "tls_client_auth_san_dns",
                new.tls_client_auth_san_dns.as_deref(),
            ),
            tls_client_auth_san_uri: name(
                faults,
                "tls_client_auth_san_uri",
                new.tls_client_auth_san_uri.as_deref(),
            ),
            tls_client_auth_san_ip: given(new.tls_client_auth_san_ip.as_deref()).and_then(|text| {
                faults.keep(
                    "tls_client_auth_san_ip",
                    text.parse().map_err(|_| NO_ADDRESS),
                )
            }),
            tls_client_auth_san_email: name(
                faults,
                "tls_client_auth_san_email",
                new.tls_client_auth_san_email.as_deref(),
            ),
            tls_client_certificate_bound_access_tokens: new
                .tls_client_certificate_bound_access_tokens,
        };
        keys.check_together(new, faults);
        keys
    }

    /// Rules between fields.
    fn check_together(&self, new: &NewClient, faults: &mut Faults) {
        if new.jwks.is_some() && self.jwks_uri.is_some() {
            faults.add(
                "jwks_uri",
                "stands beside jwks (RFC 7591 section 2); keep one of them",
            );
        }
        let Some(method) = method_of(new) else { return };
        let has_keys = new.jwks.is_some() || new.jwks_uri.is_some();
        let names = self.expected_names().len();
        match method {
            AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth if !has_keys => faults
                .add(
                    "jwks",
                    format!(
                        "{} needs the client's keys; give jwks or jwks_uri",
                        method.as_str()
                    ),
                ),
            AuthMethod::ClientSecretJwt
                if new
                    .client_secret
                    .as_ref()
                    .is_some_and(|secret| secret.len() < SIGNING_SECRET_BYTES) =>
            {
                faults.add(
                    "client_secret",
                    format!("signs assertions, so it must have at least {SIGNING_SECRET_BYTES} characters; leave it out to have one generated"),
                );
            }
            AuthMethod::ClientSecretBasic
            | AuthMethod::ClientSecretPost
            | AuthMethod::ClientSecretJwt
            | AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth
            | AuthMethod::None => {}
        }
        let is_pki = method == AuthMethod::TlsClientAuth;
        let has_fault = faults.has_prefix("tls_client_auth_");
        if !has_fault && ((is_pki && names != 1) || (!is_pki && names > 0)) {
            faults.add(
                "tls_client_auth_subject_dn",
                "exactly one name of the certificate is registered with tls_client_auth, and none with another method (RFC 8705 section 2.1.2)",
            );
        }
    }
}

const NO_ADDRESS: &str = "must be an IP address such as 192.0.2.7 or 2001:db8::7";

/// An empty text is none.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn method_of(new: &NewClient) -> Option<AuthMethod> {
    new.token_endpoint_auth_method
        .as_deref()
        .map_or(Some(AuthMethod::ClientSecretBasic), AuthMethod::parse)
}

fn signing_alg(new: &NewClient, faults: &mut Faults) -> Option<AssertionAlg> {
    let field = "token_endpoint_auth_signing_alg";
    let text = given(new.token_endpoint_auth_signing_alg.as_deref())?;
    let Some(alg) = AssertionAlg::parse(text) else {
        let known: Vec<&str> = AssertionAlg::ALL.iter().map(|alg| alg.as_str()).collect();
        faults.add(
            field,
            format!("`{text}` is not supported; use {}", known.join(", ")),
        );
        return None;
    };
    if method_of(new).is_some_and(|method| method != alg.method()) {
        faults.add(
            field,
            format!(
                "{text} goes with token_endpoint_auth_method {} only",
                alg.method().as_str()
            ),
        );
    }
    Some(alg)
}

fn subject_dn(new: &NewClient, faults: &mut Faults) -> Option<String> {
    let field = "tls_client_auth_subject_dn";
    let text = name(faults, field, new.tls_client_auth_subject_dn.as_deref())?;
    if !is_distinguished_name(&text) {
        faults.add(
            field,
            "must be a distinguished name as RFC 4514 writes it, the most specific part first and no spaces between, such as `CN=app,O=Acme,C=DE`",
        );
    }
    Some(text)
}

fn name(faults: &mut Faults, field: &'static str, text: Option<&str>) -> Option<String> {
    let text = given(text)?;
    if text.len() > NAME_BYTES || text.chars().any(char::is_control) {
        faults.add(
            field,
            format!("must be at most {NAME_BYTES} bytes on one line"),
        );
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::encoding::base64url;

    fn client(method: &str) -> NewClient {
        NewClient {
            client_id: Some("web".to_owned()),
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            token_endpoint_auth_method: Some(method.to_owned()),
            ..NewClient::default()
        }
    }

    fn jwks() -> Value {
        let number = base64url(&[1; 32]);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": number, "y": number }] })
    }

    #[track_caller]
    fn check(method: &str, change: impl FnOnce(&mut NewClient), expect: &[&str]) {
        let mut new = client(method);
        change(&mut new);
        let fields: Vec<&str> = match new.check() {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.field).collect(),
        };
        assert_eq!(fields, expect, "{method}");
    }

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_method_has_the_keys_it_needs() {
        check("private_key_jwt", |new| new.jwks = Some(jwks()), &[]);
        check(
            "private_key_jwt",
            |new| new.jwks_uri = Some(text("https://app.example/jwks")),
            &[],
        );
        check("private_key_jwt", |_| {}, &["jwks"]);
        check("self_signed_tls_client_auth", |_| {}, &["jwks"]);
        check(
            "self_signed_tls_client_auth",
            |new| new.jwks = Some(jwks()),
            &[],
        );
        check(
            "private_key_jwt",
            |new| {
                new.jwks = Some(jwks());
                new.jwks_uri = Some(text("https://app.example/jwks"));
            },
            &["jwks_uri"],
        );
        check(
            "private_key_jwt",
            |new| new.jwks = Some(json!({ "keys": [{ "kty": "oct", "k": "AA" }] })),
            &["jwks"],
        );
        check(
            "private_key_jwt",
            |new| new.jwks_uri = Some(text("http://app.example/jwks")),
            &["jwks_uri"],
        );
    }

    #[test]
    fn a_client_without_shared_secret_is_given_none() {
        let secret = "x".repeat(40);
        for method in ["private_key_jwt", "self_signed_tls_client_auth"] {
            check(
                method,
                |new| {
                    new.jwks = Some(jwks());
                    new.client_secret = Some(secret.clone());
                },
                &["client_secret"],
            );
        }
        check(
            "client_secret_jwt",
            |new| new.client_secret = Some(secret.clone()),
            &[],
        );
        check(
            "client_secret_jwt",
            |new| new.client_secret = Some(text("0123456789012345678901234567890")),
            &["client_secret"],
        );
    }

    #[test]
    fn a_signing_algorithm_belongs_to_its_method() {
        let field = "token_endpoint_auth_signing_alg";
        for (method, alg, expect) in [
            ("private_key_jwt", "ES256", &[][..]),
            ("private_key_jwt", "HS256", &[field]),
            ("client_secret_jwt", "HS256", &[]),
            ("client_secret_jwt", "RS256", &[field]),
            ("client_secret_basic", "RS256", &[field]),
            ("private_key_jwt", "none", &[field]),
            ("private_key_jwt", "ES384", &[field]),
        ] {
            check(
                method,
                |new| {
                    new.jwks = Some(jwks());
                    new.token_endpoint_auth_signing_alg = Some(text(alg));
                },
                expect,
            );
        }
    }

    #[test]
    fn exactly_one_name_of_a_certificate_is_registered() {
        let dn = "tls_client_auth_subject_dn";
        check("tls_client_auth", |_| {}, &[dn]);
        check(
            "tls_client_auth",
            |new| new.tls_client_auth_subject_dn = Some(text("CN=app,O=Acme")),
            &[],
        );
        check(
            "tls_client_auth",
            |new| new.tls_client_auth_subject_dn = Some(text("app")),
            &[dn],
        );
        check(
            "tls_client_auth",
            |new| new.tls_client_auth_san_ip = Some(text("192.0.2.7")),
            &[],
        );
        check(
            "tls_client_auth",
            |new| new.tls_client_auth_san_ip = Some(text("app.example")),
            &["tls_client_auth_san_ip"],
        );
        check(
            "tls_client_auth",
            |new| {
                new.tls_client_auth_san_dns = Some(text("app.example"));
                new.tls_client_auth_san_email = Some(text("ops@app.example"));
            },
            &[dn],
        );
        check(
            "client_secret_basic",
            |new| new.tls_client_auth_san_dns = Some(text("app.example")),
            &[dn],
        );
    }
}
