//! Software statements: who is believed, and what their word is worth.

use axum::routing::get;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::oauth::protocol::software_statement::StatementIssuer;

use super::super::client_auth::Signer;
use super::{metadata, open, register, send};
use crate::harness::database::Engine;
use crate::harness::server::TestApp;

const TRUST: &str = "https://trust.example";

/// A server that believes `TRUST`, whose keys it fetches from a site of ours.
async fn setup(signer: &Signer) -> (TestApp, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/jwks", listener.local_addr().unwrap());
    let keys = json!({ "keys": [signer.jwk("k")] }).to_string();
    let router = axum::Router::new().route("/jwks", get(async move || keys.clone()));
    let site = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        open(config);
        config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
        let issuer = StatementIssuer::parse(&format!("{TRUST} {uri}")).unwrap();
        config.registration.software_statement_issuers = vec![issuer];
    })
    .await;
    (t, site)
}

fn claims(t: &TestApp) -> Value {
    let now = t.clock.now().seconds();
    json!({
        "iss": TRUST, "iat": now, "exp": now + 60, "client_name": "Signed app", "software_id": "app-1",
        "redirect_uris": ["https://app.example/signed"], "skip_consent": true, "scope": "openid tessera:admin"
    })
}

async fn with(t: &TestApp, statement: Value) -> super::Answer {
    let mut body = metadata();
    body["software_statement"] = statement;
    register(t, None, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trusted_issuer_signed_wins_over_what_the_client_says() {
    let signer = Signer::p256();
    let (t, site) = setup(&signer).await;
    let statement = signer.jwt(&claims(&t));
    let answer = with(&t, json!(statement)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.json["client_name"], "Signed app");
    assert_eq!(answer.json["software_id"], "app-1");
    assert_eq!(
        answer.json["redirect_uris"],
        json!(["https://app.example/signed"])
    );
    assert_eq!(answer.json["software_statement"], statement);
    // It gives nothing that registering does not give.
    assert_eq!(answer.json["scope"], "openid");
    let mut body = answer.json.clone();
    body["client_name"] = json!("Mine");
    let path = format!("/{}", answer.json["client_id"].as_str().unwrap());
    let token = answer.json["registration_access_token"].as_str();
    let put = send(&t, (Method::PUT, &path), token, Some(&body)).await;
    assert_eq!(put.json["client_name"], "Signed app", "{put:?}");
    site.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_somebody_else_or_not_in_order_registers_nobody() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let (t, site) = setup(&signer).await;
    let with_claim = |name: &str, value: Value| {
        let mut claims = claims(&t);
        claims[name] = value;
        json!(signer.jwt(&claims))
    };
    let good = signer.jwt(&claims(&t));
    let header = json!({ "alg": "none" });
    let unsigned = format!(
        "{}.",
        signer
            .jwt_with(&header, &claims(&t))
            .rsplit_once('.')
            .unwrap()
            .0
    );
    for (statement, code) in [
        (json!(1), "invalid_software_statement"),
        (json!("x"), "invalid_software_statement"),
        (json!(unsigned), "invalid_software_statement"),
        (json!(&good[..good.len() - 4]), "invalid_software_statement"),
        (
            json!(stranger.jwt(&claims(&t))),
            "invalid_software_statement",
        ),
        (
            with_claim("exp", json!(t.clock.now().seconds())),
            "invalid_software_statement",
        ),
        (
            with_claim("aud", json!("https://other.example")),
            "invalid_software_statement",
        ),
        (
            with_claim("iss", json!("https://evil.example")),
            "unapproved_software_statement",
        ),
        (
            with_claim("iss", json!(null)),
            "unapproved_software_statement",
        ),
        (
            with_claim("redirect_uris", json!(["javascript:alert(1)"])),
            "invalid_redirect_uri",
        ),
    ] {
        let refused = with(&t, statement.clone()).await;
        assert_eq!(
            (refused.status, refused.error()),
            (StatusCode::BAD_REQUEST, code),
            "{statement}"
        );
    }
    site.abort();
    // Where nobody is trusted, statements are nothing.
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let answer = with(&t, json!(good)).await;
    assert_eq!(answer.json["client_name"], "Example app");
    assert!(answer.json.get("software_statement").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_is_told_again_and_can_be_sent_back_after_it_expired() {
    let signer = Signer::p256();
    let (t, site) = setup(&signer).await;
    let statement = signer.jwt(&claims(&t));
    let answer = with(&t, json!(statement)).await;
    let path = format!("/{}", answer.json["client_id"].as_str().unwrap());
    let token = answer.json["registration_access_token"].as_str();
    let shown = send(&t, (Method::GET, &path), token, None).await;
    assert_eq!(shown.json["software_statement"], statement, "{shown:?}");

    t.clock.advance(Seconds::new(3_600));
    let mut body = shown.json.clone();
    body["client_name"] = json!("Mine");
    let put = send(&t, (Method::PUT, &path), token, Some(&body)).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    assert_eq!(put.json["client_name"], "Signed app");
    assert_eq!(put.json["software_statement"], statement);
    // Another one must be good now.
    let mut other = claims(&t);
    other["exp"] = json!(t.clock.now().seconds());
    body["software_statement"] = json!(signer.jwt(&other));
    let put = send(&t, (Method::PUT, &path), token, Some(&body)).await;
    assert_eq!(put.error(), "invalid_software_statement");
    // Without it, the client speaks for itself.
    body.as_object_mut().unwrap().remove("software_statement");
    let put = send(&t, (Method::PUT, &path), token, Some(&body)).await;
    assert_eq!(put.json["client_name"], "Mine");
    assert!(put.json.get("software_statement").is_none());
    site.abort();
}
