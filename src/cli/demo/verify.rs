//! What a service does to trust a token: fetch the issuer's keys through discovery, check signature, issuer, audience, time and type.
//!
//! A copy of this file is all that a Rust service needs; it uses nothing of Tessera's inside.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::outbound::{Outbound, OutboundError};

/// What discovery says that a relying party needs (OpenID Connect Discovery 1.0 section 3).
#[derive(Clone, Debug, Deserialize)]
pub struct Discovery {
    /// The issuer, which must be the one that was asked.
    pub issuer: String,
    /// Where the browser goes to sign in.
    pub authorization_endpoint: String,
    /// Where codes become tokens.
    pub token_endpoint: String,
    /// The public keys.
    pub jwks_uri: String,
    /// Where the browser goes to sign out.
    pub end_session_endpoint: String,
}

/// Why a token was not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Discovery or the keys could not be fetched.
    #[error(transparent)]
    Fetch(#[from] OutboundError),
    /// An answer was not the JSON that the standard promises.
    #[error("the issuer answered {0} with something that is not the expected JSON")]
    Unexpected(String),
    /// The token's header, signature or claims are not acceptable.
    #[error("the token is not acceptable: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// The token is of another kind, or signed by a key that the issuer does not publish.
    #[error("the token is not acceptable: {0}")]
    Kind(&'static str),
}

/// Verifies tokens of one issuer.
#[derive(Clone, Debug)]
pub struct Verifier {
    http: Outbound,
    discovery: Discovery,
}

impl Verifier {
    /// Reads the issuer's discovery document.
    pub async fn discover(http: Outbound, issuer: &str) -> Result<Self, VerifyError> {
        let url = format!("{issuer}/.well-known/openid-configuration");
        let discovery: Discovery = get_json(&http, &url).await?;
        if discovery.issuer != issuer {
            return Err(VerifyError::Kind("discovery names another issuer"));
        }
        Ok(Self { http, discovery })
    }

    /// The issuer's endpoints.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Checks a token and returns its claims. `typ` is the header's type: `at+jwt` for access tokens (RFC 9068), `JWT` for ID tokens.
    pub async fn verify<T>(&self, token: &str, typ: &str, audience: &str) -> Result<T, VerifyError>
    where
        T: DeserializeOwned + Clone,
    {
        let header = decode_header(token)?;
        if header.typ.as_deref() != Some(typ) {
            return Err(VerifyError::Kind(
                "the header's `typ` is of another kind of token",
            ));
        }
        let keys: JwkSet = get_json(&self.http, &self.discovery.jwks_uri).await?;
        let key = header.kid.as_deref().and_then(|kid| keys.find(kid));
        let key = key.ok_or(VerifyError::Kind("no published key has the token's `kid`"))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.discovery.issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        Ok(decode::<T>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
    }
}

/// Fetches a JSON document.
async fn get_json<T: DeserializeOwned>(http: &Outbound, url: &str) -> Result<T, VerifyError> {
    let unexpected = || VerifyError::Unexpected(url.to_owned());
    let request = http::Request::get(url)
        .body(Vec::new())
        .map_err(|_| unexpected())?;
    let answer = http.send(request).await?;
    if !answer.status.is_success() {
        return Err(unexpected());
    }
    serde_json::from_slice(&answer.body).map_err(|_| unexpected())
}
