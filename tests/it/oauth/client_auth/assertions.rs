//! Assertions (RFC 7523): every algorithm at every endpoint, and everything that must be refused.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Signer, claims, own_token, post, sharing, signing};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_signs_in_wherever_clients_authenticate() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let mut count = 0;
        let mut parties = Vec::new();
        for (id, signer) in [
            ("ec", Signer::p256()),
            ("ed", Signer::ed25519()),
            ("rsa", Signer::rsa()),
        ] {
            parties.push((signing(&t, id, &signer).await, signer));
        }
        parties.push(sharing(&t, "shared").await);
        for (party, signer) in &parties {
            for algorithm in signer.algorithms() {
                let mut assertion = || {
                    count += 1;
                    let claims = claims(&t, &party.client_id, &format!("{count}"));
                    signer.jwt_with(&json!({ "alg": algorithm, "typ": "JWT" }), &claims)
                };
                let answer = own_token(&t.url, &assertion()).await;
                let token = answer.tokens().access;
                let form = [("token", token.as_str())];
                let answer = post(&t.url, "/introspect", &assertion(), &form).await;
                assert_eq!(answer.json["active"], true, "{algorithm} {answer:?}");
                let answer = post(&t.url, "/revoke", &assertion(), &form).await;
                assert_eq!(answer.status, StatusCode::OK, "{algorithm} {answer:?}");
                let answer = post(&t.url, "/introspect", &assertion(), &form).await;
                assert_eq!(answer.json["active"], false, "{algorithm} {answer:?}");
            }
        }
        assert_eq!(count, 20, "{engine:?}");
    }
}

/// Changes one member.
fn with(mut value: Value, name: &str, member: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    if member.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), member);
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_missing_or_wrong_is_refused_and_burns_nothing() {
    let t = TestApp::start(Engine::Sqlite).await;
    let signer = Signer::p256();
    signing(&t, "web", &signer).await;
    signing(&t, "other", &Signer::p256()).await;
    let now = t.clock.now().seconds();
    let good = claims(&t, "web", "the one");
    for (name, wrong) in [
        ("iss", Value::Null),
        ("iss", json!("other")),
        ("sub", Value::Null),
        ("sub", json!("other")),
        ("aud", Value::Null),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!(format!("{}/", t.url))),
        ("aud", json!(["https://elsewhere.example"])),
        ("exp", Value::Null),
        ("exp", json!(now)),
        ("exp", json!(now - 3_600)),
        ("exp", json!(now + 86_400)),
        ("exp", json!("never")),
        ("iat", json!(now + 61)),
        ("nbf", json!(now + 61)),
        ("jti", Value::Null),
        ("jti", json!("")),
    ] {
        let claims = with(good.clone(), name, wrong);
        let answer = own_token(&t.url, &signer.jwt(&claims)).await;
        assert_eq!(answer.error(), "invalid_client", "{claims}");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{claims}");
    }
    for (name, right) in [
        ("aud", json!(format!("{}/token", t.url))),
        ("aud", json!(["https://elsewhere.example", t.url])),
        ("iat", Value::Null),
        ("iat", json!(now + 10)),
        ("nbf", json!(now + 10)),
    ] {
        let jti = format!("{name} {right}");
        let claims = with(with(good.clone(), name, right), "jti", json!(jti));
        own_token(&t.url, &signer.jwt(&claims)).await.tokens();
    }
    own_token(&t.url, &signer.jwt(&good)).await.tokens();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_not_the_clients_is_refused_and_burns_nothing() {
    let t = TestApp::start(Engine::Sqlite).await;
    let (rsa, foreign) = (Signer::rsa(), Signer::rsa());
    signing(&t, "web", &rsa).await;
    let (_, shared) = sharing(&t, "shared").await;
    let good = claims(&t, "web", "the one");
    let n = rsa.jwk("k")["n"].as_str().unwrap().to_owned();
    let as_secret = |text: &str| Signer::Secret(text.to_owned());
    let public = rsa.jwk("k").to_string();
    let header = |alg: &str| json!({ "alg": alg, "kid": "k" });
    let own_key = json!({ "alg": "RS256", "kid": "k", "jwk": foreign.jwk("k"), "jku": "https://evil.example" });
    let rsa_jwt = rsa.jwt(&good);
    let (unsigned, _) = rsa_jwt.rsplit_once('.').unwrap();
    for (what, assertion) in [
        ("a foreign key", foreign.jwt(&good)),
        ("a key in the header", foreign.jwt_with(&own_key, &good)),
        ("alg none", foreign.jwt_with(&header("none"), &good)),
        ("alg none, no signature", {
            let jwt = foreign.jwt_with(&header("none"), &good);
            format!("{}.", jwt.rsplit_once('.').unwrap().0)
        }),
        ("the public key as a secret", as_secret(&public).jwt(&good)),
        ("the modulus as a secret", as_secret(&n).jwt(&good)),
        ("an empty secret", as_secret("").jwt(&good)),
        ("another client's secret", shared.jwt(&good)),
        (
            "another algorithm's name",
            rsa.jwt_with(&header("PS512"), &good),
        ),
        (
            "another family's name",
            rsa.jwt_with(&header("ES256"), &good),
        ),
        (
            "another kid",
            rsa.jwt_with(&json!({ "alg": "RS256", "kid": "x" }), &good),
        ),
        (
            "crit",
            rsa.jwt_with(&json!({ "alg": "RS256", "crit": ["x"] }), &good),
        ),
        (
            "another typ",
            rsa.jwt_with(&json!({ "alg": "RS256", "typ": "dpop+jwt" }), &good),
        ),
        ("no signature", format!("{unsigned}.")),
        ("no parts", "x".to_owned()),
        ("a cut signature", rsa_jwt[..rsa_jwt.len() - 4].to_owned()),
    ] {
        let answer = own_token(&t.url, &assertion).await;
        assert_eq!(answer.error(), "invalid_client", "{what}");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
    }
    own_token(&t.url, &rsa_jwt).await.tokens();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_uses_its_registered_method_and_algorithm_only() {
    let t = TestApp::start(Engine::Sqlite).await;
    let rsa = Signer::rsa();
    let jwks = json!({ "keys": [rsa.jwk("k")] });
    super::Party::register(&t, "strict", |new| {
        new.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
        new.token_endpoint_auth_signing_alg = Some("PS256".to_owned());
        new.jwks = Some(jwks.clone());
    })
    .await;
    let claims_of = |jti: &str| claims(&t, "strict", jti);
    let answer = own_token(&t.url, &rsa.jwt(&claims_of("1"))).await;
    assert_eq!(answer.error(), "invalid_client", "RS256");
    let ps256 = json!({ "alg": "PS256" });
    let assertion = rsa.jwt_with(&ps256, &claims_of("1"));
    own_token(&t.url, &assertion).await.tokens();

    // The same secret, sent or signed with, and the other way round.
    let (shared, signer) = sharing(&t, "shared").await;
    let answer = shared.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.error(), "invalid_client", "{answer:?}");
    let basic = super::Party::register(&t, "basic", |_| {}).await;
    let secret = Signer::Secret(basic.secret.clone().unwrap());
    let answer = own_token(&t.url, &secret.jwt(&claims(&t, "basic", "1"))).await;
    assert_eq!(answer.error(), "invalid_client", "{answer:?}");
    let assertion = signer.jwt(&claims(&t, "shared", "1"));
    own_token(&t.url, &assertion).await.tokens();
    // A confidential client without any proof.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "strict"),
    ];
    let request = crate::harness::server::client()
        .post(format!("{}/token", t.url))
        .form(&form);
    let answer = super::Answer::of(request).await;
    assert_eq!(answer.error(), "invalid_client", "{answer:?}");
}
