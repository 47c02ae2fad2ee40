//! Profiles at use: what a client is held to whenever it comes, and that the refusal names both.

use http::StatusCode;
use serde_json::json;
use tessera::oauth::client::NewClient;
use tessera::store::q;

use super::client_auth::{Signer, claims, post};
use super::par;
use super::party::{Party, answered, setup_with, signed_in};
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::web::alice;

fn mcp(new: &mut NewClient) {
    Party::public(new);
    new.profile = Some("mcp".to_owned());
    new.resources = vec!["https://mcp.example/mcp".to_owned()];
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_profile_mcp_names_its_service() {
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, mcp).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    let answer = answered(&page);
    assert_eq!(answer["error"], "invalid_target");
    let description = &answer["error_description"];
    assert!(
        description.contains("profile mcp") && description.contains("resource"),
        "{description}"
    );
    let named = [("resource", "https://mcp.example/mcp")];
    let tokens = party.tokens(&mut browser, &named).await;
    assert_eq!(
        super::party::claims(&tokens.access)["aud"],
        "https://mcp.example/mcp"
    );
}

fn fapi2(signer: &Signer) -> impl FnOnce(&mut NewClient) {
    let text = |text: &str| Some(text.to_owned());
    let jwks = json!({ "keys": [signer.jwk("k")] });
    move |new| {
        new.profile = text("fapi2");
        new.token_endpoint_auth_method = text("private_key_jwt");
        new.token_endpoint_auth_signing_alg = text("ES256");
        new.jwks = Some(jwks);
        new.dpop_bound_access_tokens = true;
        new.require_pushed_authorization_requests = true;
        new.id_token_signed_response_alg = text("ES256");
        new.authorization_signed_response_alg = text("ES256");
        new.request_object_signing_alg = text("ES256");
        new.grant_types = Some(vec![
            "authorization_code".to_owned(),
            "client_credentials".to_owned(),
        ]);
        new.skip_consent = true;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_profile_fapi2_pushes_and_addresses_the_issuer_alone() {
    let signer = Signer::p256();
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    let party = Party::register(&t, "bank", fapi2(&signer)).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    let description = &answered(&page)["error_description"];
    assert!(
        description.contains("the profile fapi2 asks for pushed requests"),
        "{description}"
    );

    let fields = par::fields(&party, &[]);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let push = async |jti: &str, audience: serde_json::Value| {
        let mut claims = claims(&t, "bank", jti);
        claims["aud"] = audience;
        post(&t.url, "/par", &signer.jwt(&claims), &fields).await
    };
    for (jti, audience) in [
        ("1", json!(format!("{}/token", t.url))),
        ("2", json!([t.url])),
        ("3", json!([t.url, "https://other.example"])),
    ] {
        let refused = push(jti, audience.clone()).await;
        assert_eq!(refused.error(), "invalid_client", "{audience}");
    }
    let pushed = push("4", json!(t.url)).await;
    assert_eq!(pushed.status, StatusCode::CREATED, "{pushed:?}");
    let page = par::open(&mut browser, "bank", &par::request_uri(&pushed)).await;
    assert!(
        answered(&page).contains_key("code"),
        "{} {}",
        page.location(),
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_left_its_profile_is_not_used() {
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| {
            new.profile = Some("oauth21".to_owned());
        },
    )
    .await;
    party.tokens(&mut browser, &[]).await;
    let code = party.code(&mut browser, &[]).await;
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(q(
        "UPDATE clients SET require_pkce = FALSE WHERE client_id = 'web'",
    ))
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let page = browser.get(&party.authorize_path(&[])).await;
    let description = &answered(&page)["error_description"];
    assert!(
        description.contains("the profile oauth21 asks for PKCE"),
        "{description}"
    );
    let refused = party.redeem(&code).await;
    assert_eq!(refused.error(), "invalid_request");
}
