//! A client's signing key, and JWTs made with it by hand: what a relying party's library would do, and what an attacker would.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding,
};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;

/// A key pair with the algorithm it signs with.
pub enum ClientKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
    Ps256(RsaKeyPair),
}

impl ClientKey {
    pub fn generate(alg: &str) -> Self {
        let rsa = || RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        match alg {
            "ES256" => {
                Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            "EdDSA" => Self::EdDsa(Ed25519KeyPair::generate().unwrap()),
            "RS256" => Self::Rs256(rsa()),
            "PS256" => Self::Ps256(rsa()),
            other => panic!("{other}"),
        }
    }

    pub fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
        }
    }

    /// The public key, under the id `k`.
    pub fn jwk(&self) -> Value {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "kid": "k",
                    "x": base64url(&point[1..33]), "y": base64url(&point[33..65]),
                })
            }
            Self::EdDsa(pair) => json!({
                "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": base64url(pair.public_key().as_ref()),
            }),
            Self::Rs256(pair) | Self::Ps256(pair) => {
                let key = pair.public_key();
                json!({
                    "kty": "RSA", "kid": "k",
                    "n": base64url(key.modulus().big_endian_without_leading_zero()),
                    "e": base64url(key.exponent().big_endian_without_leading_zero()),
                })
            }
        }
    }

    /// The public key as a set.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// A JWT with the usual header of this `typ`.
    pub fn jwt(&self, typ: &str, claims: &Value) -> String {
        self.sign(
            &json!({ "alg": self.alg(), "kid": "k", "typ": typ }),
            claims,
        )
    }

    /// A JWT with any header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let rng = SystemRandom::new();
        let rsa = |pair: &RsaKeyPair, padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &rng, message.as_bytes(), &mut signature)
                .unwrap();
            signature
        };
        let signature = match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&rng, message.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rs256(pair) => rsa(pair, &RSA_PKCS1_SHA256),
            Self::Ps256(pair) => rsa(pair, &RSA_PSS_SHA256),
        };
        format!("{message}.{}", base64url(&signature))
    }
}
