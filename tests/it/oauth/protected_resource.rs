//! Tessera's own APIs as protected resources (RFC 9728), and signed metadata.

use http::StatusCode;
use serde_json::{Value, json};
use tessera::policy::system::{self, Role};

use super::party::{Answer, Party, claims, header, setup};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client as http_client};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

async fn get(url: &str, token: Option<&str>) -> Answer {
    let request = http_client().get(url);
    Answer::of(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_api_says_where_tokens_for_it_come_from() {
    let t = TestApp::start(Engine::Sqlite).await;
    for path in ["", "/admin/api", "/stores", "/access/v1"] {
        let answer = get(&format!("{}{WELL_KNOWN}{path}", t.url), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("cache-control").contains("max-age"));
        assert_eq!(answer.json["resource"], format!("{}{path}", t.url));
        assert_eq!(answer.json["authorization_servers"], json!([t.url]));
        assert_eq!(answer.json["scopes_supported"], json!(["tessera:admin"]));
        assert_eq!(answer.json["bearer_methods_supported"], json!(["header"]));
        assert!(answer.json.get("signed_metadata").is_none());
    }
    for path in ["/token", "/admin", "/admin/api/users", "/stores/x", "/"] {
        let answer = get(&format!("{}{WELL_KNOWN}{path}", t.url), None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let url = format!("{}/.well-known/oauth-authorization-server", t.url);
    let resources = &get(&url, None).await.json["protected_resources"];
    assert_eq!(resources.as_array().unwrap().len(), 3);
    assert!(
        resources
            .as_array()
            .unwrap()
            .contains(&json!(format!("{}/admin/api", t.url)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_an_api_names_its_metadata() {
    let t = TestApp::start(Engine::Sqlite).await;
    let party = Party::register(&t, "plain", |_| {}).await;
    let own = party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens();
    for (api, path) in [
        ("/admin/api", "/admin/api/users"),
        ("/stores", "/stores"),
        ("/stores", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/changes"),
    ] {
        let expect = format!("resource_metadata=\"{}{WELL_KNOWN}{api}\"", t.url);
        let plain = Some(own.access.as_str());
        for (token, status) in [(None, 401), (Some("forged"), 401), (plain, 403)] {
            let answer = get(&format!("{}{path}", t.url), token).await;
            assert_eq!(answer.status, status, "{path} {answer:?}");
            let challenges: Vec<&str> = answer
                .headers
                .get_all("www-authenticate")
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            assert!(challenges[0].starts_with("Bearer realm"), "{challenges:?}");
            assert!(
                challenges.iter().all(|one| one.ends_with(&expect)),
                "{challenges:?}"
            );
        }
    }
    // Nothing else has it.
    let userinfo = get(&format!("{}/userinfo", t.url), None).await;
    assert!(
        !userinfo
            .header("www-authenticate")
            .contains("resource_metadata")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_asked_for_by_the_apis_url_opens_it() {
    let t = TestApp::start(Engine::Sqlite).await;
    let party = Party::register(&t, "boss", |_| {}).await;
    let mut tx = t.app.db.write().await.unwrap();
    system::assign_role(&mut tx, "client:boss", Role::Admin, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let resource = format!("{}/admin/api", t.url);
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", resource.as_str()),
    ];
    let tokens = party.token(&form).await.tokens();
    assert_eq!(claims(&tokens.access)["aud"], t.url);
    let users = get(&format!("{resource}/users"), Some(&tokens.access)).await;
    assert_eq!(users.status, StatusCode::OK, "{users:?}");
    let other = format!("{}/token", t.url);
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", other.as_str()),
    ];
    assert_eq!(party.token(&form).await.error(), "invalid_target");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_signed_where_the_operator_wants_it() {
    let t = TestApp::start_with(Engine::Sqlite, |config| config.signed_metadata = true).await;
    for path in ["/.well-known/oauth-authorization-server", WELL_KNOWN] {
        let mut document = get(&format!("{}{path}", t.url), None).await.json;
        let members = document.as_object_mut().unwrap();
        let jwt = members.remove("signed_metadata").unwrap();
        let jwt = jwt.as_str().unwrap();
        assert_eq!(header(jwt)["typ"], "oauth-metadata+jwt");
        let mut signed = claims(jwt);
        let claims = signed.as_object_mut().unwrap();
        assert_eq!(claims.remove("iss"), Some(json!(t.url)));
        assert_eq!(claims.remove("iat"), Some(json!(t.clock.now().seconds())));
        assert_eq!(signed, document, "{path}");
        let jwks: Value = get(&format!("{}/jwks", t.url), None).await.json;
        let key = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        jsonwebtoken::decode::<Value>(jwt, &key, &validation).unwrap();
    }
}

/// A signed document is none of the tokens that it is not.
#[tokio::test(flavor = "multi_thread")]
async fn signed_metadata_is_no_token() {
    let (t, _, party) = setup(Engine::Sqlite).await;
    let jwt = t
        .app
        .keys
        .sign(
            tessera::oauth::protocol::claims::TokenType::Metadata,
            &json!({ "iss": t.url, "aud": t.url }),
        )
        .unwrap();
    assert_eq!(party.userinfo(&jwt).await.status, StatusCode::UNAUTHORIZED);
    assert!(!party.is_active(&jwt).await);
}
