//! Discovery states what is true: every endpoint that it names answers, and every word in it is a word that works.

use http::StatusCode;
use serde_json::{Value, json};

use super::party::{Answer, Party, answered, setup};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client as http_client};

async fn get(url: &str) -> Answer {
    Answer::of(http_client().get(url)).await
}

async fn metadata(t: &TestApp) -> Value {
    let answer = get(&format!("{}/.well-known/openid-configuration", t.url)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("cache-control").contains("max-age"));
    answer.json
}

#[tokio::test(flavor = "multi_thread")]
async fn every_advertised_endpoint_answers() {
    let t = TestApp::start(Engine::Sqlite).await;
    let document = metadata(&t).await;
    assert_eq!(document["issuer"], t.url);
    let mut endpoints = 0;
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = value.as_str().unwrap();
            assert!(url.starts_with(&t.url), "{name}");
            let status = get(url).await.status;
            assert_ne!(status, StatusCode::NOT_FOUND, "{name}");
            endpoints += 1;
        }
    }
    assert_eq!(endpoints, 10);
    let oauth = get(&format!("{}/.well-known/oauth-authorization-server", t.url)).await;
    assert_eq!(oauth.json, document);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_advertised_word_works() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let document = metadata(&t).await;
    let words = |name: &str| -> Vec<String> {
        let list = document[name].as_array().unwrap();
        list.iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    for grant_type in words("grant_types_supported") {
        let answer = party.token(&[("grant_type", &grant_type)]).await;
        assert_ne!(answer.error(), "unsupported_grant_type");
    }
    assert_eq!(
        words("backchannel_token_delivery_modes_supported"),
        ["poll", "ping"]
    );
    for prompt in words("prompt_values_supported") {
        let page = browser
            .get(&party.authorize_path(&[("prompt", &prompt)]))
            .await;
        assert!(!page.location().contains("invalid_request"), "{prompt}");
    }
    for mode in words("response_modes_supported") {
        let path = party.authorize_path(&[("response_mode", &mode)]);
        let page = browser.get(&path).await;
        let answers = format!("{} {}", page.location(), page.text);
        let name = if mode.ends_with("jwt") {
            "response"
        } else {
            "code"
        };
        let found = ["?", "#", "name=\""].map(|mark| format!("{mark}{name}"));
        assert!(found.iter().any(|text| answers.contains(text)), "{mode}");
    }
    for response_type in words("response_types_supported") {
        let hybrid = Party::register(&t, &response_type.replace(' ', "-"), |new| {
            new.skip_consent = true;
            new.response_types = vec![response_type.clone()];
        })
        .await;
        let path = hybrid.authorize_path(&[("response_type", &response_type)]);
        let page = browser.get(&path).await;
        assert!(!answered(&page).contains_key("error"), "{response_type}");
    }
    for alg in words("request_object_signing_alg_values_supported") {
        Party::register(&t, &alg, |new| {
            new.request_object_signing_alg = Some(alg.clone());
        })
        .await;
    }
    let tokens = party.tokens(&mut browser, &[]).await;
    let info = party.userinfo(&tokens.access).await;
    let claims = words("claims_supported");
    for name in info.json.as_object().unwrap().keys() {
        assert!(claims.contains(name), "{name}");
    }
    let id = super::party::claims(tokens.id.as_deref().unwrap());
    for name in id.as_object().unwrap().keys() {
        assert!(name == "at_hash" || claims.contains(name), "{name}");
    }
    let id_acr = id["acr"].as_str().unwrap().to_owned();
    assert!(words("acr_values_supported").contains(&id_acr));
    for (member, value) in [
        ("request_parameter_supported", true),
        ("request_uri_parameter_supported", true),
        ("require_request_uri_registration", true),
        ("claims_parameter_supported", true),
        ("require_pushed_authorization_requests", false),
    ] {
        assert_eq!(document[member], json!(value), "{member}");
    }
    assert_eq!(
        document["code_challenge_methods_supported"],
        json!(["S256"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_never_follow_the_host_header() {
    let t = TestApp::start(Engine::Sqlite).await;
    let request = http_client()
        .get(format!("{}/.well-known/openid-configuration", t.url))
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example;proto=https");
    let answer = Answer::of(request).await;
    assert!(!answer.json.to_string().contains("evil.example"));
}
