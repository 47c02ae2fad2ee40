//! Proofs of possession (RFC 9449) at the token endpoint and at Tessera's own APIs: [`check`] holds a proof against its request,
//! the database says whether it is new. What a proof must be stands in [`protocol::dpop`](super::protocol::dpop).
//!
//! A proof is remembered, across nodes and restarts, only after everything else about it was found good, and, at an API, after its
//! access token was: nobody fills the table who has neither a key with a token nor a client's name.

mod layer;

use http::HeaderMap;

use super::bearer::{BearerError, Presented, Scheme};
use super::error::OAuthError;
use super::protocol::claims::AccessClaims;
use super::protocol::client::Client;
use super::protocol::confirmation::Confirmation;
use super::protocol::dpop::{
    Expected, HEADER, NONCE_KEY_PURPOSE, Nonces, ProofError, Thumbprint, check,
};
use super::protocol::error::Fault;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::store::{StoreError, dpop_proofs};

pub use layer::{Target, note_target, offer_nonce};

/// Why no key was proved.
#[derive(Debug, thiserror::Error)]
enum Unproved {
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The key that the client proved to hold, for its tokens to be bound to. A client that demands bound tokens must prove one.
pub async fn confirmation(
    app: &App,
    headers: &HeaderMap,
    client: &Client,
    now: Timestamp,
) -> Result<Option<Confirmation>, OAuthError> {
    let key = proved_key(app, headers, now).await?;
    if key.is_none() && client.settings.metadata.sender.dpop_bound_access_tokens {
        // The request lacks something (RFC 6749 section 5.2); a proof that is not good is another fault (RFC 9449 section 5).
        return Err(Fault::invalid_request(ProofError::Missing.to_string()).into());
    }
    Ok(key.map(|jkt| Confirmation {
        jkt: Some(jkt.into()),
        x5t_s256: None,
    }))
}

/// The key of the proof beside a request that has no access token; none when there is no proof.
pub async fn proved_key(
    app: &App,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Thumbprint>, OAuthError> {
    match proof(headers) {
        Err(ProofError::Missing) => Ok(None),
        Err(error) => Err(Fault::from(error).into()),
        Ok(text) => match prove(app, text, None, now).await {
            Ok(key) => Ok(Some(key)),
            Err(Unproved::Proof(error)) => Err(Fault::from(error).into()),
            Err(Unproved::Store(error)) => Err(error.into()),
        },
    }
}

/// Whether who shows a good access token holds the key it is bound to, and shows it in the way that its binding demands (section 7.2).
pub async fn check_possession(
    app: &App,
    headers: &HeaderMap,
    presented: &Presented<'_>,
    claims: &AccessClaims,
    now: Timestamp,
) -> Result<(), BearerError> {
    let bound_to = claims.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref());
    let (text, bound_to) = match (presented.scheme, bound_to) {
        (Scheme::Bearer, None) if headers.contains_key(HEADER) => {
            return Err(ProofError::TokenIsNotBound.into());
        }
        (Scheme::Bearer, None) => return Ok(()),
        (Scheme::Bearer, Some(_)) => return Err(ProofError::TokenIsBound.into()),
        (Scheme::Dpop, None) => return Err(ProofError::TokenIsNotBound.into()),
        (Scheme::Dpop, Some(jkt)) => (proof(headers)?, jkt),
    };
    let token = Bound {
        text: presented.token,
        jkt: bound_to,
    };
    match prove(app, text, Some(token), now).await {
        Ok(_) => Ok(()),
        Err(Unproved::Proof(error)) => Err(error.into()),
        Err(Unproved::Store(error)) => Err(OAuthError::Store(error).into()),
    }
}

/// The nonces of this database.
fn nonces(app: &App) -> Nonces {
    Nonces::new(app.sealer.derive_mac_key(NONCE_KEY_PURPOSE))
}

/// The one proof of a request.
fn proof(headers: &HeaderMap) -> Result<&str, ProofError> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().ok_or(ProofError::Missing)?;
    if values.next().is_some() {
        return Err(ProofError::Repeated);
    }
    value.to_str().map_err(|_| ProofError::Malformed)
}

/// An access token and the thumbprint of its key.
#[derive(Clone, Copy)]
struct Bound<'a> {
    text: &'a str,
    jkt: &'a str,
}

/// The key of a proof that is good for the current request and was not shown before.
async fn prove(
    app: &App,
    text: &str,
    token: Option<Bound<'_>>,
    now: Timestamp,
) -> Result<Thumbprint, Unproved> {
    // Without the layer that notes targets no proof is for the request.
    let target = Target::current().ok_or(ProofError::Uri)?;
    let expected = Expected {
        method: target.method.as_str(),
        uri: &format!("{}{}", app.config.issuer, target.path),
        access_token: token.map(|token| token.text),
        nonces: &nonces(app),
        nonce_required: app.config.dpop.require_nonce,
    };
    let proof = check(text, &expected, now)?;
    if token.is_some_and(|token| token.jkt != proof.jkt.as_str()) {
        return Err(ProofError::OtherKey.into());
    }
    let mut tx = app.db.write().await?;
    let is_new = dpop_proofs::insert(&mut tx, &proof.hash, proof.expires_at).await?;
    tx.commit().await?;
    if is_new {
        Ok(proof.jkt)
    } else {
        Err(ProofError::Replayed.into())
    }
}
