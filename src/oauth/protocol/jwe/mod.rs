//! Encryption for a client: the compact serialization of JWE (RFC 7516 section 7.1), one recipient, to a key of the client's JWK set.
//!
//! Only the envelope is made here; every primitive is aws-lc-rs's: [`key_management`] protects the content encryption key,
//! [`content`] the text, [`recipient`] finds the client's key. `RSA1_5`, `dir`, password based algorithms and compression are left out: RFC 8725
//! section 3.2 advises against the first, nobody shares a key with us, and compression before encryption leaks lengths. Nothing is decrypted here.

mod content;
mod key_management;
mod recipient;

use aws_lc_rs::error::Unspecified;
use serde_json::{Map, Value};

pub use self::recipient::{Recipient, fits};
use super::client::words;
use crate::base::encoding::base64url;

words! {
    /// How the content encryption key reaches the recipient (RFC 7518 section 4.1).
    KeyManagement {
        /// RSAES-OAEP with SHA-256.
        RsaOaep256 = "RSA-OAEP-256",
        /// RSAES-OAEP with SHA-1, which is no weakness here: OAEP needs no collision resistance.
        RsaOaep = "RSA-OAEP",
        /// Ephemeral-static Diffie-Hellman; what it agrees on is the key.
        EcdhEs = "ECDH-ES",
        /// The same, and what it agrees on wraps the key with AES-128.
        EcdhEsA128Kw = "ECDH-ES+A128KW",
        /// The same with AES-256.
        EcdhEsA256Kw = "ECDH-ES+A256KW",
    }
}

words! {
    /// What encrypts the text (RFC 7518 section 5.1).
    ContentEncryption {
        /// AES-128-CBC with HMAC-SHA-256; the default of OpenID Connect Dynamic Client Registration 1.0 section 2.
        A128CbcHs256 = "A128CBC-HS256",
        /// AES-256-CBC with HMAC-SHA-512.
        A256CbcHs512 = "A256CBC-HS512",
        /// AES-128-GCM.
        A128Gcm = "A128GCM",
        /// AES-256-GCM.
        A256Gcm = "A256GCM",
    }
}

impl ContentEncryption {
    /// What encrypts where a client names only how its key is used.
    pub const DEFAULT: Self = Self::A128CbcHs256;
}

/// How a client wants something encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// How the key reaches it.
    pub alg: KeyManagement,
    /// What encrypts the text.
    pub enc: ContentEncryption,
}

/// Why nothing was encrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// No key of the client fits.
    #[error("the client's key set has no key for {alg}; register one with `use` `enc`", alg = .0.as_str())]
    NoKey(KeyManagement),
    /// The key that fits is none: a point that is not on its curve, an RSA key below 2048 bits.
    #[error("the client's key for {alg} cannot be used; register another", alg = .0.as_str())]
    UnfitKey(KeyManagement),
    /// A primitive failed.
    #[error("a text could not be encrypted")]
    Failed,
}

impl From<Unspecified> for JweError {
    fn from(_: Unspecified) -> Self {
        Self::Failed
    }
}

/// What is encrypted.
#[derive(Clone, Copy, Debug)]
pub enum Plaintext<'a> {
    /// A signed JWT: the nested form (RFC 7519 section 5.2).
    Jwt(&'a str),
    /// Claims that nobody signed.
    Claims(&'a [u8]),
}

/// Encrypts for the recipient.
pub fn encrypt(
    recipient: &Recipient,
    encryption: Encryption,
    plaintext: Plaintext<'_>,
) -> Result<String, JweError> {
    let protected = key_management::protect(recipient, encryption)?;
    let mut header = Map::new();
    let mut set = |name: &str, value: Value| header.insert(name.to_owned(), value);
    set("alg", encryption.alg.as_str().into());
    set("enc", encryption.enc.as_str().into());
    if let Some(kid) = recipient.kid() {
        set("kid", kid.into());
    }
    let text = match plaintext {
        Plaintext::Jwt(jwt) => {
            set("cty", "JWT".into());
            jwt.as_bytes()
        }
        Plaintext::Claims(claims) => claims,
    };
    if let Some(epk) = protected.epk {
        set("epk", epk);
    }
    let header = base64url(Value::Object(header).to_string().as_bytes());
    let iv = content::new_iv(encryption.enc);
    // RFC 7516 section 5.1 step 14: the encoded header is what is authenticated besides the text.
    let aad = header.as_bytes();
    let sealed = content::seal(encryption.enc, &protected.content_key, (&iv, aad), text)?;
    Ok([
        header,
        base64url(&protected.encrypted_key),
        base64url(&iv),
        base64url(&sealed.ciphertext),
        base64url(&sealed.tag),
    ]
    .join("."))
}

#[cfg(test)]
mod tests;
