//! Clients that prove themselves with more than a secret in the request: assertions, published keys, certificates.

mod assertions;
pub mod certificates;
mod published_keys;
mod replay;
mod signer;
mod store;

pub use signer::Signer;

use serde_json::{Value, json};
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::client_assertion::TYPE;

use super::party::{Answer, Party};
use crate::harness::server::{TestApp, client as http_client};

/// Registers a client that signs with this key.
pub async fn signing(t: &TestApp, id: &str, signer: &Signer) -> Party {
    let jwks = json!({ "keys": [signer.jwk("k")] });
    Party::register(t, id, |new| {
        new.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
        new.jwks = Some(jwks);
    })
    .await
}

/// Registers a client that signs with its secret.
pub async fn sharing(t: &TestApp, id: &str) -> (Party, Signer) {
    let with = |new: &mut NewClient| {
        new.token_endpoint_auth_method = Some("client_secret_jwt".to_owned());
    };
    let party = Party::register(t, id, with).await;
    let signer = Signer::Secret(party.secret.clone().unwrap());
    (party, signer)
}

/// The claims of an assertion that is good now.
pub fn claims(t: &TestApp, client_id: &str, jti: &str) -> Value {
    let now = t.clock.now().seconds();
    json!({ "iss": client_id, "sub": client_id, "aud": t.url, "iat": now, "exp": now + 60, "jti": jti })
}

/// Posts a form with an assertion.
pub async fn post(url: &str, path: &str, assertion: &str, form: &[(&str, &str)]) -> Answer {
    let mut form = form.to_vec();
    form.extend([
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ]);
    Answer::of(http_client().post(format!("{url}{path}")).form(&form)).await
}

/// A token for the client itself.
pub async fn own_token(url: &str, assertion: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("scope", "api")];
    post(url, "/token", assertion, &form).await
}
