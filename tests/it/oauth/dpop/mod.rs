//! DPoP over HTTP (RFC 9449): a client's key, the proofs it makes, and what they open.

mod nonce;
mod pushed;
mod replay;
mod resource;
mod token;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::secret::{random, sha256};

use super::party::{Answer, Party, REDIRECT_URI, VERIFIER};
use crate::harness::server::TestApp;

/// A key of a client's.
pub struct Key(EcdsaKeyPair);

impl Key {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)})
    }

    /// RFC 7638.
    pub fn jkt(&self) -> String {
        // The members stand in the order that the thumbprint wants.
        base64url(sha256(self.jwk().to_string().as_bytes()).as_ref())
    }

    /// A proof for the token endpoint, made now.
    pub fn proof(&self, t: &TestApp) -> String {
        self.proof_with(t, "POST /token", &[])
    }

    /// A proof for a request with this access token.
    pub fn proof_of(&self, t: &TestApp, request: &str, token: &str) -> String {
        let ath = base64url(sha256(token.as_bytes()).as_ref());
        self.proof_with(t, request, &[("ath", json!(ath))])
    }

    /// A proof for `METHOD PATH` with claims changed.
    pub fn proof_with(&self, t: &TestApp, request: &str, changes: &[(&str, Value)]) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        let mut claims = json!({
            "jti": base64url(&random::<16>()),
            "htm": method,
            "htu": format!("{}{path}", t.url),
            "iat": t.clock.now().seconds(),
        });
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", base64url(signature.unwrap().as_ref()))
    }
}

/// A token of the client's own, bound to the key.
pub async fn own_token(t: &TestApp, party: &Party, key: &Key) -> String {
    token(
        party,
        &[("grant_type", "client_credentials")],
        &[&key.proof(t)],
    )
    .await
    .tokens()
    .access
}

pub async fn token(party: &Party, form: &[(&str, &str)], proofs: &[&str]) -> Answer {
    party.post_with("/token", form, proofs).await
}

pub async fn redeem(party: &Party, code: &str, proofs: &[&str]) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    token(party, &form, proofs).await
}

pub async fn refresh(party: &Party, text: &str, proofs: &[&str]) -> Answer {
    let form = [("grant_type", "refresh_token"), ("refresh_token", text)];
    token(party, &form, proofs).await
}
