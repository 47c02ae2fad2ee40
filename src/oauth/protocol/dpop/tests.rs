//! Every way in which a proof is not good.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_735_689_600);
const URI: &str = "https://id.example/token";
const TOKEN: &str = "the.access.token";

fn nonces() -> Nonces {
    Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]))
}

/// Keys of every kind that may sign, with the signatures that they make.
enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn aws_lc_rs::signature::RsaEncoding),
}

impl Signer {
    fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        match self {
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
            }
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().as_ref())})
            }
            Self::Rsa(key, _) => {
                let public = key.public_key();
                json!({
                    "kty": "RSA",
                    "n": base64url(public.modulus().big_endian_without_leading_zero()),
                    "e": base64url(public.exponent().big_endian_without_leading_zero()),
                })
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Rsa(key, padding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    fn jws(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", base64url(&self.sign(message.as_bytes())))
    }

    fn header(&self, algorithm: &str) -> Value {
        json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk()})
    }
}

fn good() -> Value {
    json!({
        "jti": "j1", "htm": "POST", "htu": URI, "iat": NOW.seconds(),
        "ath": base64url(sha256(TOKEN.as_bytes()).as_ref()),
    })
}

fn at(text: &str, nonce_required: bool) -> Result<Proof, ProofError> {
    let expected = Expected {
        method: "POST",
        uri: URI,
        access_token: Some(TOKEN),
        nonces: &nonces(),
        nonce_required,
    };
    check(text, &expected, NOW)
}

/// The verdict on a good proof with one claim changed; null removes it.
#[track_caller]
fn with_claim(name: &str, value: &Value, expect: Option<ProofError>) {
    let signer = Signer::p256();
    let mut claims = good();
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value.clone());
    }
    let proof = signer.jws(&signer.header("ES256"), &claims);
    assert_eq!(at(&proof, false).err(), expect, "{name}: {value}");
}

#[test]
fn every_algorithm_proves_its_key() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ed = || Ed25519KeyPair::generate().unwrap();
    for (signer, algorithm) in [
        (Signer::p256(), "ES256"),
        (Signer::Ed25519(ed()), "EdDSA"),
        (Signer::Ed25519(ed()), "Ed25519"),
        (Signer::Rsa(rsa, &RSA_PSS_SHA256), "PS256"),
    ] {
        let proof = at(&signer.jws(&signer.header(algorithm), &good()), false).unwrap();
        let algorithm = ProofAlgorithm::parse(algorithm).unwrap();
        let key = PublicKey::read(signer.jwk().as_object().unwrap(), algorithm);
        assert_eq!(proof.jkt, key.ok().unwrap().thumbprint());
        assert_eq!(proof.expires_at, NOW.plus(Seconds::new(120)));
    }
}

#[test]
fn a_header_that_is_not_a_proofs_is_refused() {
    let signer = Signer::p256();
    let mut with_private = signer.jwk();
    with_private["d"] = json!("AA");
    let jwk = signer.jwk();
    for (header, expect) in [
        (json!({"alg": "ES256", "jwk": jwk}), ProofError::Malformed),
        (
            json!({"typ": "dpop+jwt", "jwk": jwk}),
            ProofError::Malformed,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "ES256"}),
            ProofError::Malformed,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": "x"}),
            ProofError::Malformed,
        ),
        (
            json!({"typ": "JWT", "alg": "ES256", "jwk": jwk}),
            ProofError::Type,
        ),
        (
            json!({"typ": "at+jwt", "alg": "ES256", "jwk": jwk}),
            ProofError::Type,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "none", "jwk": jwk}),
            ProofError::Algorithm,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": jwk}),
            ProofError::Algorithm,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk}),
            ProofError::Algorithm,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "es256", "jwk": jwk}),
            ProofError::Algorithm,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "PS256", "jwk": jwk}),
            ProofError::Key,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}),
            ProofError::Key,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, "crit": ["b64"], "b64": false}),
            ProofError::Critical,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": with_private}),
            ProofError::PrivateKey,
        ),
        (
            json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": Signer::p256().jwk()}),
            ProofError::Signature,
        ),
        // Other ways to name a key mean nothing here.
        (
            json!({"typ": "dpop+jwt", "alg": "ES256", "kid": "1", "jku": "https://x.example"}),
            ProofError::Malformed,
        ),
    ] {
        let proof = signer.jws(&header, &good());
        assert_eq!(at(&proof, false).err(), Some(expect), "{header}");
    }
}

#[test]
fn a_header_that_changes_what_is_signed_is_refused() {
    let signer = Signer::p256();
    for (name, value) in [("b64", json!(true)), ("zip", json!("DEF"))] {
        let mut header = signer.header("ES256");
        header[name] = value;
        let proof = signer.jws(&header, &good());
        assert_eq!(at(&proof, false).err(), Some(ProofError::Critical));
    }
}

#[test]
fn an_rsa_signature_of_the_older_padding_is_refused() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let signer = Signer::Rsa(rsa, &RSA_PKCS1_SHA256);
    for (algorithm, expect) in [
        ("PS256", ProofError::Signature),
        ("RS256", ProofError::Algorithm),
    ] {
        let proof = signer.jws(&signer.header(algorithm), &good());
        assert_eq!(at(&proof, false).err(), Some(expect));
    }
}

#[test]
fn what_is_no_jwt_is_refused() {
    let signer = Signer::p256();
    let proof = signer.jws(&signer.header("ES256"), &good());
    let parts: Vec<&str> = proof.split('.').collect();
    let long = json!({"jti": "j", "x": "y".repeat(PROOF_BYTES)});
    for text in [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{proof}.x"),
        format!("{proof}="),
        format!("{proof},{proof}"),
        format!(" {proof}"),
        format!("x.{}.{}", parts[1], parts[2]),
        format!("{}.!.{}", parts[0], parts[2]),
        signer.jws(&signer.header("ES256"), &json!([])),
        signer.jws(&signer.header("ES256"), &long),
        signer.jws(&json!([]), &good()),
    ] {
        assert_eq!(
            at(&text, false).err(),
            Some(ProofError::Malformed),
            "{text}"
        );
    }
    for end in 0..proof.len() {
        assert!(at(&proof[..end], false).is_err(), "{end}");
        let mut flipped = proof.clone().into_bytes();
        flipped[end] = if flipped[end] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        assert!(at(&flipped, false).is_err(), "{end}");
    }
    let other = signer.jws(&signer.header("ES256"), &json!({"jti": "other"}));
    let spliced = format!(
        "{}.{}.{}",
        parts[0],
        parts[1],
        other.rsplit_once('.').unwrap().1
    );
    assert_eq!(at(&spliced, false).err(), Some(ProofError::Signature));
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(at(&unsigned, false).err(), Some(ProofError::Signature));
}

#[test]
fn every_claim_is_needed_and_fits_the_request() {
    for name in ["jti", "htm", "htu", "iat"] {
        with_claim(name, &Value::Null, Some(ProofError::Malformed));
        with_claim(name, &json!([1]), Some(ProofError::Malformed));
    }
    for method in ["GET", "post", "", "POST "] {
        with_claim("htm", &json!(method), Some(ProofError::Method));
    }
    with_claim("jti", &json!(""), Some(ProofError::Id));
    with_claim("jti", &json!("x".repeat(257)), Some(ProofError::Id));
    with_claim("jti", &json!("x".repeat(256)), None);
    with_claim("ath", &Value::Null, Some(ProofError::AccessToken));
    with_claim("ath", &json!(TOKEN), Some(ProofError::AccessToken));
    with_claim("ath", &json!(""), Some(ProofError::AccessToken));
    with_claim("more", &json!({"x": 1}), None);
}

#[test]
fn a_proof_is_good_for_a_minute_around_its_time() {
    for (offset, expect) in [
        (-3_600, false),
        (-61, false),
        (-60, true),
        (-10, true),
        (0, true),
        (10, true),
        (60, true),
        (61, false),
        (3_600, false),
    ] {
        let verdict = (!expect).then_some(ProofError::Time);
        with_claim("iat", &json!(NOW.seconds() + offset), verdict);
    }
    with_claim("iat", &json!(i64::MAX), Some(ProofError::Time));
    with_claim("iat", &json!(i64::MIN), Some(ProofError::Time));
    with_claim("exp", &json!(NOW.seconds() - 60), Some(ProofError::Time));
    with_claim("exp", &json!(NOW.seconds() + 1), None);
    with_claim("nbf", &json!(NOW.seconds() + 10), None);
    with_claim("nbf", &json!(NOW.seconds() + 61), Some(ProofError::Time));
}

#[test]
fn the_uri_is_compared_as_a_uri() {
    for (uri, same) in [
        (URI, true),
        ("https://id.example:443/token", true),
        ("HTTPS://ID.Example/token", true),
        ("https://id.example/%74oken", true),
        ("https://id.example/x/../token", true),
        ("https://id.example/token?a=b", true),
        ("https://id.example/token#f", true),
        ("https://id.example/token/", false),
        ("https://id.example/Token", false),
        ("https://id.example//token", false),
        ("https://id.example/token%2F", false),
        ("https://id.example/", false),
        ("https://id.example", false),
        ("http://id.example/token", false),
        ("https://id.example:444/token", false),
        ("https://evil.example/token", false),
        ("https://id.example.evil.example/token", false),
        ("https://id.example@evil.example/token", false),
        ("https://user@id.example/token", false),
        ("https://id.example\\token", false),
        ("https://id.example/to\tken", false),
        (" https://id.example/token", false),
        ("/token", false),
        ("token", false),
        ("", false),
    ] {
        with_claim("htu", &json!(uri), (!same).then_some(ProofError::Uri));
    }
    assert!(!is_same_uri(
        "https://id.example/a/b",
        "https://id.example/a%2Fb"
    ));
}

#[test]
fn a_nonce_is_ours_and_there_where_it_must_be() {
    let signer = Signer::p256();
    let ours = nonces().current(NOW);
    let old = nonces().current(NOW.minus(Seconds::new(601)));
    for (nonce, required, expect) in [
        (None, false, None),
        (None, true, Some(ProofError::Nonce)),
        (Some(ours.as_str()), true, None),
        (Some(ours.as_str()), false, None),
        (Some(old.as_str()), true, Some(ProofError::Nonce)),
        (Some(old.as_str()), false, Some(ProofError::Nonce)),
        (Some("x"), false, Some(ProofError::Nonce)),
        (Some(""), true, Some(ProofError::Nonce)),
    ] {
        let mut claims = good();
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let proof = signer.jws(&signer.header("ES256"), &claims);
        assert_eq!(at(&proof, required).err(), expect, "{nonce:?} {required}");
    }
}

#[test]
fn a_proof_is_remembered_by_its_key_and_its_id() {
    let (one, other) = (Signer::p256(), Signer::p256());
    let hash = |signer: &Signer, jti: &str| {
        let mut claims = good();
        claims["jti"] = json!(jti);
        at(&signer.jws(&signer.header("ES256"), &claims), false)
            .unwrap()
            .hash
    };
    assert_eq!(hash(&one, "a"), hash(&one, "a"));
    assert_ne!(hash(&one, "a"), hash(&one, "b"));
    assert_ne!(hash(&one, "a"), hash(&other, "a"));
}

#[test]
fn a_code_is_bound_to_one_key() {
    let (a, b) = ("A".repeat(43), format!("{}E", "A".repeat(42)));
    let named = |text: &str| Params::parse(format!("dpop_jkt={text}").as_bytes()).unwrap();
    let key = |text: &str| Thumbprint::parse(text).unwrap();
    for (params, proved, expect) in [
        (Params::default(), None, Ok(None)),
        (Params::default(), Some(key(&a)), Ok(Some(key(&a)))),
        (named(&a), None, Ok(Some(key(&a)))),
        (named(&a), Some(key(&a)), Ok(Some(key(&a)))),
        (named(&a), Some(key(&b)), Err(ErrorCode::InvalidRequest)),
        (named("x"), None, Err(ErrorCode::InvalidRequest)),
        (named("x"), Some(key(&a)), Err(ErrorCode::InvalidRequest)),
    ] {
        let found = named_key(&params)
            .and_then(|named| code_key(named, proved))
            .map_err(|fault| fault.code);
        assert_eq!(found, expect, "{params:?}");
    }
}
