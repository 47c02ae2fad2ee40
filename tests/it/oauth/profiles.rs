//! Profiles at use: what a client is held to whenever it comes, and that the refusal names both.

use http::StatusCode;
use serde_json::json;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::client_assertion::TYPE;
use tessera::store::q;

use super::client_auth::{Signer, claims, post};
use super::dpop::Key;
use super::par;
use super::party::{Answer, Party, answered, header, setup_with, signed_in};
use super::resource_servers::{opaque, server};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client as http_client};
use crate::web::alice;

const PLAIN: &str = "urn:example:plain";
const OLD: &str = "urn:example:old";
const OPAQUE: &str = "urn:example:opaque";

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
async fn nothing_that_a_client_of_the_profile_fapi2_gets_is_signed_with_rs256() {
    let (signer, key) = (Signer::p256(), Key::new());
    let t = TestApp::start(Engine::Sqlite).await;
    Party::register(&t, "bank", |new| {
        fapi2(&signer)(new);
        new.resources = [PLAIN, OLD, OPAQUE].map(str::to_owned).to_vec();
    })
    .await;
    server(&t, OLD, |new| {
        new.access_token_signing_alg = Some("RS256".to_owned());
    })
    .await;
    server(&t, OPAQUE, opaque).await;
    let token = async |jti: &str, resource: &str| {
        let assertion = signer.jwt(&claims(&t, "bank", jti));
        let form = [
            ("grant_type", "client_credentials"),
            ("resource", resource),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let request = http_client().post(format!("{}/token", t.url)).form(&form);
        Answer::of(request.header("dpop", key.proof(&t))).await
    };
    for (jti, resource) in [("1", t.url.as_str()), ("2", PLAIN)] {
        let access = token(jti, resource).await.tokens().access;
        assert_eq!(header(&access)["alg"], "ES256", "{resource}");
    }
    let access = token("3", OPAQUE).await.tokens().access;
    assert!(access.starts_with("tsr_at_"), "{access}");
    // What a service insists on and the profile rules out is no token at all.
    assert_eq!(token("4", OLD).await.error(), "invalid_target");

    let access = token("5", &t.url).await.tokens().access;
    let assertion = signer.jwt(&claims(&t, "bank", "6"));
    let form = [
        ("token", access.as_str()),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    let request = http_client()
        .post(format!("{}/introspect", t.url))
        .form(&form);
    let answer = Answer::of(request.header("accept", "application/token-introspection+jwt")).await;
    let jwt = answer.json.as_str().unwrap();
    assert_eq!(header(jwt)["alg"], "ES256");
    let said = super::party::claims(jwt);
    assert_eq!(said["token_introspection"]["active"], true);
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
