//! Mutual TLS (RFC 8705): clients that prove themselves with a certificate, and tokens that only its holder can use.
//!
//! The certificate is the request's, from our own TLS or from a declared proxy ([`ClientCertificate`]); its holder proved its key in the
//! handshake. Here it is held against what the client registered.

use super::client_auth::Refusal;
use super::error::OAuthError;
use super::protocol::certificate::{Certificate, thumbprint};
use super::protocol::client::Client;
use super::protocol::confirmation::Confirmation;
use super::protocol::error::Fault;
use crate::app::App;
use crate::base::secret::constant_time_eq;
use crate::base::time::Timestamp;
use crate::http::ClientCertificate;

const NO_CERTIFICATE: &str = "this client authenticates with its TLS certificate, and the connection has none; connect with it";
const OTHER_CERTIFICATE: &str = "the TLS certificate is not the one that is registered for this client, or nobody vouches for it";

/// `tls_client_auth`: an authority of ours vouches for the certificate, and it has the registered name (section 2.1).
pub(super) fn authenticate_by_name(
    app: &App,
    client: &Client,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (shown, certificate) = shown()?;
    let Some(authorities) = &app.client_ca else {
        let advice = "this server knows no authority of client certificates (tls.client_ca); its operator can name one";
        return Err(Refusal::Wrong(advice.to_owned()));
    };
    let names = client.settings.metadata.keys.expected_names();
    let is_named = !names.is_empty() && names.iter().all(|name| certificate.has_name(*name));
    if is_named && authorities.vouches_for(shown.chain(), now) {
        Ok(())
    } else {
        Err(Refusal::Wrong(OTHER_CERTIFICATE.to_owned()))
    }
}

/// `self_signed_tls_client_auth`: the certificate is of one of the client's keys (section 2.2). Who signed it does not matter, nor until when.
pub(super) async fn authenticate_by_key(
    app: &App,
    client: &Client,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (_, certificate) = shown()?;
    let keys = app
        .remote_keys
        .find(&client.settings.metadata.keys, now, |set| {
            set.jwks().any(|jwk| certificate.is_of(&jwk))
        })
        .await;
    match keys {
        Some(set) if set.jwks().any(|jwk| certificate.is_of(&jwk)) => Ok(()),
        Some(_) | None => Err(Refusal::Wrong(OTHER_CERTIFICATE.to_owned())),
    }
}

fn shown() -> Result<(ClientCertificate, Certificate), Refusal> {
    let wrong = |description: &str| Refusal::Wrong(description.to_owned());
    let shown = ClientCertificate::current().ok_or_else(|| wrong(NO_CERTIFICATE))?;
    let certificate = Certificate::parse(shown.leaf())
        .ok_or_else(|| wrong("the TLS certificate is not readable"))?;
    Ok((shown, certificate))
}

/// What this client's new tokens are bound to: what it proved otherwise, and its certificate (section 3), if it registered that they are.
pub(super) fn confirmation(
    client: &Client,
    proved: Option<Confirmation>,
) -> Result<Option<Confirmation>, OAuthError> {
    let keys = &client.settings.metadata.keys;
    if !keys.tls_client_certificate_bound_access_tokens {
        return Ok(proved);
    }
    let shown = ClientCertificate::current().ok_or_else(|| {
        Fault::invalid_request(
            "this client's tokens are bound to its TLS certificate, and the connection has none; connect with it",
        )
    })?;
    Ok(Some(Confirmation {
        jkt: proved.and_then(|proved| proved.jkt),
        x5t_s256: Some(thumbprint(shown.leaf())),
    }))
}

/// Whether who made this request may use a token with this binding, as far as it is to a certificate.
pub(super) fn holds(binding: Option<&Confirmation>) -> bool {
    let Some(bound_to) = binding.and_then(|binding| binding.x5t_s256.as_ref()) else {
        return true;
    };
    ClientCertificate::current().is_some_and(|shown| {
        constant_time_eq(thumbprint(shown.leaf()).as_bytes(), bound_to.as_bytes())
    })
}
