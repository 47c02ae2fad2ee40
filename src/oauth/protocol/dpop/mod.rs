//! DPoP proofs (RFC 9449): a JWT that a client signs for one request, to show that it holds the key its tokens are bound to.
//!
//! Decides whether a text is a good proof for a request at an instant (section 4.3), and which code a key may redeem (section 10).
//! Whether the proof was shown before is the store's to say: `oauth::dpop` asks it.

mod key;
mod nonce;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use self::key::PublicKey;
pub use self::key::{InvalidThumbprint, ProofAlgorithm, Thumbprint};
pub use self::nonce::{NONCE_KEY_PURPOSE, Nonces};
use super::error::{ErrorCode, Fault};
use super::jws_header::is_plain;
use super::params::Params;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::sha256;
use crate::base::time::{Seconds, Timestamp};

/// The request header that carries a proof.
pub const HEADER: &str = "dpop";
/// The response header that carries a nonce.
pub const NONCE_HEADER: &str = "dpop-nonce";
/// The header's `typ` (section 4.2).
const TYP: &str = "dpop+jwt";
/// Longest proof, in bytes.
const PROOF_BYTES: usize = 4_096;
/// Longest `jti`, in bytes.
const JTI_BYTES: usize = 256;
/// How far a proof's times may be from the server's, in both directions (FAPI 2.0 section 5.3.2.1 item 13).
const TOLERANCE_SECONDS: Seconds = Seconds::new(60);
/// How long a proof is remembered after it ceased to be good, because the clocks of nodes differ.
const REMEMBERED_SECONDS: Seconds = Seconds::new(60);

/// What a proof must have been made for.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's URI as the issuer's configuration has it, never as the `Host` header says.
    pub uri: &'a str,
    /// The access token beside it, at a resource.
    pub access_token: Option<&'a str>,
    /// Which nonces are ours.
    pub nonces: &'a Nonces,
    /// Whether it must have one of them.
    pub nonce_required: bool,
}

/// A good proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that made it.
    pub jkt: Thumbprint,
    /// What it is remembered by.
    pub hash: String,
    /// When it can be forgotten.
    pub expires_at: Timestamp,
}

/// Why a request shows no possession of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is none.
    #[error("the request has no DPoP proof; send one in the header `DPoP`")]
    Missing,
    /// There are several.
    #[error("the header `DPoP` stands more than once; send one proof")]
    Repeated,
    /// It is no JWT of this form.
    #[error(
        "the DPoP proof is no JWT of at most {PROOF_BYTES} bytes with the header `typ`, `alg`, `jwk` and the claims `jti`, `htm`, `htu`, `iat`"
    )]
    Malformed,
    /// It is a JWT of another kind.
    #[error("the `typ` of the DPoP proof must be `{TYP}`")]
    Type,
    /// It is signed in another way.
    #[error("the `alg` of the DPoP proof must be ES256, PS256, EdDSA or Ed25519")]
    Algorithm,
    /// Its header demands what is not understood (RFC 7515 section 4.1.11).
    #[error(
        "the DPoP proof has header parameters that are not supported: `crit`, `b64`, `enc`, `zip`, or one twice"
    )]
    Critical,
    /// Its key is not one of the algorithm.
    #[error(
        "the `jwk` of the DPoP proof is no key for its `alg`: P-256, RSA of 2048 bits or more, or Ed25519"
    )]
    Key,
    /// It gives the private key away.
    #[error(
        "the `jwk` of the DPoP proof has private members; make a new key and send its public members only"
    )]
    PrivateKey,
    /// The key did not sign it.
    #[error("the signature of the DPoP proof is not its key's")]
    Signature,
    /// It was made for another method.
    #[error("the `htm` of the DPoP proof is not the request's method")]
    Method,
    /// It was made for another URI.
    #[error("the `htu` of the DPoP proof is not the request's URI as discovery announces it")]
    Uri,
    /// It is too old, or of the future.
    #[error(
        "the DPoP proof was not made within the last {} of the server's time; set the clock and make a new one",
        TOLERANCE_SECONDS
    )]
    Time,
    /// Its id is empty or too long.
    #[error("the `jti` of the DPoP proof must be 1 to {JTI_BYTES} bytes")]
    Id,
    /// It was made for another access token.
    #[error("the `ath` of the DPoP proof is not the hash of the access token")]
    AccessToken,
    /// It has no nonce of ours, or an old one.
    #[error("the DPoP proof needs the nonce of the header `DPoP-Nonce`; make a new one with it")]
    Nonce,
    /// It was shown before.
    #[error("the DPoP proof was used before; make a new one for every request")]
    Replayed,
    /// The token is bound to a key, and none was shown.
    #[error(
        "the access token is bound to a key; send `Authorization: DPoP <access token>` and a proof"
    )]
    TokenIsBound,
    /// The token is not bound to a key, and one was shown.
    #[error(
        "the access token is not bound to a key; send `Authorization: Bearer <access token>` and no proof"
    )]
    TokenIsNotBound,
    /// The token is bound to another key.
    #[error("the access token is bound to another key than the proof's")]
    OtherKey,
}

impl ProofError {
    /// The code of the wire (sections 5, 7.1, 8 and 9).
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Nonce => ErrorCode::UseDpopNonce,
            Self::TokenIsBound | Self::TokenIsNotBound | Self::OtherKey => ErrorCode::InvalidToken,
            Self::Missing
            | Self::Repeated
            | Self::Malformed
            | Self::Type
            | Self::Algorithm
            | Self::Critical
            | Self::Key
            | Self::PrivateKey
            | Self::Signature
            | Self::Method
            | Self::Uri
            | Self::Time
            | Self::Id
            | Self::AccessToken
            | Self::Replayed => ErrorCode::InvalidDpopProof,
        }
    }
}

impl From<ProofError> for Fault {
    fn from(error: ProofError) -> Self {
        Self::new(error.code(), error)
    }
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Map<String, Value>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    exp: Option<i64>,
    nbf: Option<i64>,
    ath: Option<String>,
    nonce: Option<String>,
}

/// The proof, if it is good for the request at `now` (section 4.3).
pub fn check(text: &str, expected: &Expected<'_>, now: Timestamp) -> Result<Proof, ProofError> {
    let (key, claims) = open(text)?;
    claims.check(expected, now)?;
    let jkt = key.thumbprint();
    // A thumbprint has one length, so the pair has one text.
    let shown = format!("{}{}", jkt.as_str(), claims.jti);
    Ok(Proof {
        hash: base64url(sha256(shown.as_bytes()).as_ref()),
        jkt,
        expires_at: Timestamp::from_seconds(claims.iat)
            .plus(TOLERANCE_SECONDS)
            .plus(REMEMBERED_SECONDS),
    })
}

/// The key that an authorization request names: `dpop_jkt` (section 10).
pub fn named_key(params: &Params) -> Result<Option<Thumbprint>, Fault> {
    params
        .get("dpop_jkt")
        .map(Thumbprint::parse)
        .transpose()
        .map_err(|error| Fault::invalid_request(format!("`dpop_jkt` {error}")))
}

/// The key of a pushed request: the one it names, or that of the proof beside it (section 10.1).
pub fn code_key(
    named: Option<Thumbprint>,
    proved: Option<Thumbprint>,
) -> Result<Option<Thumbprint>, Fault> {
    match (named, proved) {
        (Some(named), Some(proved)) if named != proved => Err(Fault::invalid_request(
            "`dpop_jkt` is not the thumbprint of the key that made the DPoP proof",
        )),
        (named, proved) => Ok(named.or(proved)),
    }
}

/// The key and the claims of a proof that this key signed.
fn open(text: &str) -> Result<(PublicKey, Claims), ProofError> {
    if text.len() > PROOF_BYTES {
        return Err(ProofError::Malformed);
    }
    let (message, signature) = text.rsplit_once('.').ok_or(ProofError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(ProofError::Malformed)?;
    let part = |text: &str| from_base64url(text).ok_or(ProofError::Malformed);
    let header: Header =
        serde_json::from_slice(&part(header)?).map_err(|_| ProofError::Malformed)?;
    if header.typ != TYP {
        return Err(ProofError::Type);
    }
    let algorithm = ProofAlgorithm::parse(&header.alg).ok_or(ProofError::Algorithm)?;
    if !is_plain(text) {
        return Err(ProofError::Critical);
    }
    let key = PublicKey::read(&header.jwk, algorithm)?;
    let (payload, signature) = (part(payload)?, part(signature)?);
    if !key.verifies(message.as_bytes(), &signature) {
        return Err(ProofError::Signature);
    }
    let claims = serde_json::from_slice(&payload).map_err(|_| ProofError::Malformed)?;
    Ok((key, claims))
}

impl Claims {
    fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), ProofError> {
        if self.htm != expected.method {
            return Err(ProofError::Method);
        }
        if !is_same_uri(&self.htu, expected.uri) {
            return Err(ProofError::Uri);
        }
        if !self.is_timely(now) {
            return Err(ProofError::Time);
        }
        if self.jti.is_empty() || self.jti.len() > JTI_BYTES {
            return Err(ProofError::Id);
        }
        if let Some(token) = expected.access_token
            && self.ath.as_deref() != Some(&base64url(sha256(token.as_bytes()).as_ref()))
        {
            return Err(ProofError::AccessToken);
        }
        match &self.nonce {
            Some(nonce) if expected.nonces.accepts(nonce, now) => Ok(()),
            None if !expected.nonce_required => Ok(()),
            Some(_) | None => Err(ProofError::Nonce),
        }
    }

    fn is_timely(&self, now: Timestamp) -> bool {
        let oldest = now.minus(TOLERANCE_SECONDS);
        let newest = now.plus(TOLERANCE_SECONDS);
        let made_at = Timestamp::from_seconds(self.iat);
        let is_over = |exp| Timestamp::from_seconds(exp) <= oldest;
        let is_to_come = |nbf| Timestamp::from_seconds(nbf) > newest;
        // `iat` counts whole seconds: what is left of one is forgiven.
        made_at.seconds() >= oldest.seconds()
            && made_at <= newest
            && !self.exp.is_some_and(is_over)
            && !self.nbf.is_some_and(is_to_come)
    }
}

/// Whether two URIs are the same without query and fragment, after RFC 3986 sections 6.2.2 and 6.2.3.
fn is_same_uri(claimed: &str, expected: &str) -> bool {
    // What the parser of browsers mends is no URI: white space, backslashes, other alphabets.
    let is_uri = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    if !claimed.bytes().all(is_uri) {
        return false;
    }
    let (Ok(claimed), Ok(expected)) = (Url::parse(claimed), Url::parse(expected)) else {
        return false;
    };
    claimed.username().is_empty()
        && claimed.password().is_none()
        && claimed.origin() == expected.origin()
        && segments(&claimed).eq(segments(&expected))
}

/// The segments of the path, decoded one by one, so that an encoded slash is none.
fn segments(url: &Url) -> impl Iterator<Item = Vec<u8>> {
    url.path()
        .split('/')
        .map(|segment| percent_decode_str(segment).collect())
}

#[cfg(test)]
mod tests;
