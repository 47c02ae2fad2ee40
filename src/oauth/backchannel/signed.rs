//! Signed authentication requests (OpenID Connect CIBA Core 1.0 section 7.1.1): the parameters as a JWT that the client signed with
//! the algorithm it registered for that. A client that registered one sends nothing else, and only what is signed counts.

use super::super::protocol::client::Client;
use super::super::protocol::error::Fault;
use super::super::protocol::params::Params;
use super::super::protocol::request_object::{Expected, read};
use super::super::request_object::verify;
use crate::app::App;
use crate::base::time::Timestamp;

/// Claims that the request must have beside `iss` and `aud`, which are checked with their values.
const REQUIRED: [&str; 4] = ["exp", "iat", "nbf", "jti"];

/// The signed parameters; `None` for a client that does not sign. Every fault is an `invalid_request` (section 13).
pub(super) async fn open(
    app: &App,
    params: &Params,
    client: &Client,
    now: Timestamp,
) -> Result<Option<Params>, Fault> {
    if params.get("request_uri").is_some() {
        return Err(Fault::invalid_request(
            "`request_uri` is not supported here; send `request` or plain parameters",
        ));
    }
    let registered = client
        .settings
        .metadata
        .ciba
        .backchannel_authentication_request_signing_alg;
    match (params.get("request"), registered) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Fault::invalid_request(
            "this client is registered for signed requests; put the parameters into `request`",
        )),
        (Some(_), None) => Err(Fault::invalid_request(
            "`request` needs a registered `backchannel_authentication_request_signing_alg`; register it or send plain parameters",
        )),
        (Some(object), Some(alg)) => {
            let plain = |fault: Fault| Fault::invalid_request(fault.description);
            let claims = verify(app, object, (client, Some(alg)), now)
                .await
                .map_err(plain)?;
            if let Some(missing) = REQUIRED.iter().find(|name| !claims.contains_key(**name)) {
                return Err(Fault::invalid_request(format!(
                    "the signed request has no `{missing}`"
                )));
            }
            let expected = Expected {
                client_id: client.client_id.as_str(),
                issuer: &app.config.issuer,
                must_be_dated: true,
            };
            let inner = read(claims, expected, now.seconds()).map_err(plain)?;
            inner.check_unrepeated()?;
            Ok(Some(inner))
        }
    }
}
