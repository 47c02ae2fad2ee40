//! Confusion of keys and algorithms (SECURITY R67 and R68, RFC 8725 sections 2.1, 3.1 and 3.10): whatever a token's header claims, only a
//! published key with its own algorithm verifies it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use serde_json::{Value, json};
use tessera::base::encoding::{base64url, from_base64url};
use tessera::oauth::protocol::claims::TokenType;
use tessera::oauth::protocol::signing::SigningAlgorithm;
use tessera::store::q;
use tessera::store::seal::Place;

use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::oauth::party::{Party, header, setup};

/// The header and claims of a token, changed, not signed yet.
fn message(genuine: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut head = header(genuine);
    change(&mut head);
    let payload = genuine.split('.').nth(1).unwrap();
    format!("{}.{payload}", base64url(head.to_string().as_bytes()))
}

fn signature(genuine: &str) -> &str {
    genuine.rsplit('.').next().unwrap()
}

/// The published key with this algorithm.
fn published(t: &TestApp, algorithm: SigningAlgorithm) -> Value {
    let jwks: Value = serde_json::from_str(&t.app.keys.jwks()).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let found = keys.iter().find(|key| key["alg"] == algorithm.as_str());
    found.unwrap().clone()
}

async fn arrange() -> (TestApp, Party, String) {
    let (t, _, party) = setup(Engine::Sqlite).await;
    for algorithm in SigningAlgorithm::ALL {
        let now = t.clock.now();
        let claims = json!({});
        let kind = TokenType::AccessToken;
        t.app
            .keys
            .sign_for(*algorithm, kind, &claims, now)
            .await
            .unwrap();
    }
    let own = party.token(&[("grant_type", "client_credentials")]).await;
    let genuine = own.tokens().access;
    assert!(party.is_active(&genuine).await);
    (t, party, genuine)
}

#[track_caller]
fn assert_all_differ(genuine: &str, forged: &[String]) {
    assert!(forged.iter().all(|token| token != genuine));
}

/// A public key is no shared secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_not_taken_for_a_shared_secret() {
    let (t, party, genuine) = arrange().await;
    let key = published(&t, SigningAlgorithm::Rs256);
    let n = from_base64url(key["n"].as_str().unwrap()).unwrap();
    let e = from_base64url(key["e"].as_str().unwrap()).unwrap();
    let der = {
        use aws_lc_rs::encoding::AsDer as _;
        let public = rsa::PublicKeyComponents { n: &n, e: &e };
        public.as_der().unwrap().as_ref().to_vec()
    };
    let secrets = [
        n,
        key["n"].as_str().unwrap().as_bytes().to_vec(),
        key.to_string().into_bytes(),
        der,
        Vec::new(),
    ];
    for (alg, mac) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ] {
        for secret in &secrets {
            let message = message(&genuine, |head| head["alg"] = json!(alg));
            let tag = hmac::sign(&hmac::Key::new(mac, secret), message.as_bytes());
            let token = format!("{message}.{}", base64url(tag.as_ref()));
            assert!(!party.is_active(&token).await, "{token}");
        }
    }
}

/// `none`, in every spelling, verifies nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_token_is_refused() {
    let (_t, party, genuine) = arrange().await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let message = message(&genuine, |head| head["alg"] = json!(alg));
        for token in [
            format!("{message}."),
            message.clone(),
            format!("{message}.{}", signature(&genuine)),
        ] {
            assert!(!party.is_active(&token).await, "{token}");
        }
    }
}

/// The key that the `kid` names verifies its own algorithm and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_algorithm_verifies_no_other() {
    let (t, party, genuine) = arrange().await;
    let mut forged = Vec::new();
    for named in SigningAlgorithm::ALL {
        for claimed in SigningAlgorithm::ALL {
            if (*named, *claimed) == (SigningAlgorithm::Rs256, SigningAlgorithm::Rs256) {
                continue;
            }
            let kid = published(&t, *named)["kid"].clone();
            let message = message(&genuine, |head| {
                head["kid"] = kid;
                head["alg"] = json!(claimed.as_str());
            });
            forged.push(format!("{message}.{}", signature(&genuine)));
        }
    }
    assert_all_differ(&genuine, &forged);
    for token in forged {
        assert!(!party.is_active(&token).await, "{token}");
    }
}

/// The server's own private key, as only this test can have it.
async fn private_key(t: &TestApp) -> RsaKeyPair {
    let kid = t.app.keys.active_kid();
    let mut conn = t.app.db.read().await.unwrap();
    let sealed: String = conn
        .one(q("SELECT sealed_private FROM signing_keys WHERE kid = $1").bind(&kid))
        .await
        .unwrap();
    let place = Place {
        table: "signing_keys",
        column: "sealed_private",
        row: &kid,
    };
    let pkcs8 = t.app.sealer.open_sealed(place, &sealed).unwrap();
    RsaKeyPair::from_pkcs8(&pkcs8).unwrap()
}

fn rsa_signature(key: &RsaKeyPair, padding: &'static dyn RsaEncoding, message: &str) -> String {
    let mut signed = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    key.sign(padding, &random, message.as_bytes(), &mut signed)
        .unwrap();
    base64url(&signed)
}

/// Not even a genuine signature helps when it is not of the key's algorithm, or when the header demands what we do not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_signature_with_another_algorithm_or_a_critical_header_is_refused() {
    let (t, party, genuine) = arrange().await;
    let key = private_key(&t).await;
    let paddings: [(&str, &'static dyn RsaEncoding); 2] =
        [("PS256", &RSA_PSS_SHA256), ("RS512", &RSA_PKCS1_SHA512)];
    for (alg, padding) in paddings {
        let message = message(&genuine, |head| head["alg"] = json!(alg));
        let token = format!("{message}.{}", rsa_signature(&key, padding, &message));
        assert!(!party.is_active(&token).await, "{alg}");
    }
    let pkcs1 = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
    for (extra, good) in [
        (json!({}), true),
        (json!({"crit": ["exp"]}), false),
        (json!({"crit": ["b64"], "b64": true}), false),
        (json!({"crit": []}), false),
        // Without effect: nobody fetches or reads them.
        (
            json!({"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}),
            true,
        ),
    ] {
        let message = message(&genuine, |head| {
            for (name, value) in extra.as_object().unwrap() {
                head[name] = value.clone();
            }
        });
        let token = format!("{message}.{}", rsa_signature(&key, pkcs1, &message));
        assert_eq!(party.is_active(&token).await, good, "{extra}");
    }
}

/// A key that a token brings along, or points to, verifies nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_header_is_never_used() {
    let (t, party, genuine) = arrange().await;
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let jwk =
        json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y), "kid": "mine"});
    let ours = published(&t, SigningAlgorithm::Es256)["kid"].clone();
    for kid in [
        json!("mine"),
        ours,
        Value::Null,
        json!("../../dev/null"),
        json!(""),
    ] {
        for (name, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/x5u.pem")),
            ("x5c", json!(["AAAA"])),
        ] {
            let message = message(&genuine, |head| {
                head["alg"] = json!("ES256");
                head["kid"] = kid.clone();
                head[name] = value;
            });
            let signed = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            let token = format!("{message}.{}", base64url(signed.as_ref()));
            assert!(!party.is_active(&token).await, "{kid} {name}");
        }
    }
}
