//! `POST /register` (RFC 7591).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::config::RegistrationPolicy;

use super::super::party::{answered, signed_in};
use super::{allow, asked, by_token, initial_token, metadata, open, party, register, send};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::web::alice;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_registers_itself_and_signs_people_in() {
    for engine in engines() {
        let t = TestApp::start_with(engine, open).await;
        let answer = register(&t, None, &metadata()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let told = &answer.json;
        assert_eq!(told["client_name"], "Example app");
        assert_eq!(
            told["grant_types"],
            json!(["authorization_code", "refresh_token"])
        );
        assert_eq!(told["response_types"], json!(["code"]));
        assert_eq!(told["token_endpoint_auth_method"], "client_secret_basic");
        assert_eq!(told["id_token_signed_response_alg"], "RS256");
        assert_eq!(told["client_secret_expires_at"], 0);
        assert_eq!(told["client_id_issued_at"], t.clock.now().seconds());
        let id = told["client_id"].as_str().unwrap();
        assert_eq!(
            told["registration_client_uri"],
            format!("{}/register/{id}", t.url)
        );
        assert!(
            told["registration_access_token"]
                .as_str()
                .unwrap()
                .starts_with("tsr_ra_")
        );

        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let party = party(&t, &answer);
        let page = asked(&mut browser, &party, &[]).await;
        for text in ["Allow Example app?", "Not verified."] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let back = allow(&mut browser, &page).await;
        let code = answered(&back).remove("code").unwrap();
        let tokens = party.redeem(&code).await.tokens();
        assert!(tokens.refresh.is_some() && tokens.id.is_some());
        let claims = party.userinfo(&tokens.access).await.json;
        assert_eq!(claims["email"], "alice@example.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_unless_the_operator_says_so() {
    let t = TestApp::start(Engine::Sqlite).await;
    let token = initial_token(&t, None).await;
    for token in [None, Some(token.expose().as_str())] {
        let answer = register(&t, token, &metadata()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
    }
    let discovery = discovery(&t).await;
    assert!(
        discovery.get("registration_endpoint").is_none(),
        "{discovery}"
    );
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let endpoint = format!("{}/register", t.url);
    assert_eq!(self::discovery(&t).await["registration_endpoint"], endpoint);
}

async fn discovery(t: &TestApp) -> Value {
    let url = format!("{}/.well-known/oauth-authorization-server", t.url);
    let text = http_client()
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initial_access_token_is_good_for_its_uses_and_its_time() {
    for engine in engines() {
        let t = TestApp::start_with(engine, by_token).await;
        let secret = initial_token(&t, Some(2)).await;
        let token = Some(secret.expose().as_str());
        for wrong in [None, Some("tsr_ia_x"), Some("forged")] {
            let refused = register(&t, wrong, &metadata()).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
            assert_eq!(refused.error(), "invalid_token");
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
        }
        // What is refused does not use it up.
        for _ in 0..3 {
            let refused = register(&t, token, &json!({ "redirect_uris": ["x"] })).await;
            assert_eq!(refused.error(), "invalid_redirect_uri");
        }
        for _ in 0..2 {
            assert_eq!(
                register(&t, token, &metadata()).await.status,
                StatusCode::CREATED
            );
        }
        assert_eq!(
            register(&t, token, &metadata()).await.error(),
            "invalid_token"
        );
        let late = initial_token(&t, None).await;
        t.clock.advance(Seconds::new(3_600));
        let answer = register(&t, Some(late.expose().as_str()), &metadata()).await;
        assert_eq!(answer.error(), "invalid_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_registrations_never_exceed_the_uses_of_a_token() {
    for engine in engines() {
        let t = TestApp::start_with(engine, by_token).await;
        let secret = initial_token(&t, Some(3)).await;
        let (token, body) = (Some(secret.expose().as_str()), metadata());
        let answers =
            futures_util::future::join_all((0..12).map(|_| register(&t, token, &body))).await;
        let made = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::CREATED);
        assert_eq!(made.count(), 3, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_registered_with_a_token_is_trusted_like_the_token() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        by_token(config);
        config.registration.require_pkce = false;
    })
    .await;
    let secret = initial_token(&t, None).await;
    let mut body = metadata();
    body["logo_uri"] = json!("https://cdn.example/logo.png");
    body["policy_uri"] = json!("https://app.example/privacy");
    body["tos_uri"] = json!("https://app.example/terms");
    let answer = register(&t, Some(secret.expose().as_str()), &body).await;
    assert_eq!(answer.json["require_pkce"], false, "{answer:?}");
    alice(&t).await;
    let party = party(&t, &answer);
    // Whoever has still to sign in sees whose application it is.
    let mut stranger = Browser::new(&t);
    let page = stranger.get(&party.authorize_path(&[])).await;
    let page = stranger.get(page.location()).await;
    for text in [
        "https://cdn.example/logo.png",
        "https://app.example/privacy",
        "https://app.example/terms",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("img-src data: https://cdn.example;"),
        "{policy}"
    );
    let mut browser = signed_in(&t).await;
    // Without PKCE, too: the OpenID Foundation's tests for dynamic clients send none.
    let plain = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = asked(&mut browser, &party, &plain).await;
    assert!(!page.text.contains("Not verified."), "{}", page.text);
    for text in [
        "https://cdn.example/logo.png",
        "https://app.example/privacy",
        "https://app.example/terms",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("img-src data: https://cdn.example;"),
        "{policy}"
    );
    allow(&mut browser, &page).await;
    // What was agreed to is remembered.
    party.code(&mut browser, &[("prompt", "none")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_registers_so_many_clients_and_waits_then() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        open(config);
        config.registration.network_limit = 3;
    })
    .await;
    for _ in 0..3 {
        assert_eq!(
            register(&t, None, &metadata()).await.status,
            StatusCode::CREATED
        );
    }
    let refused = register(&t, None, &metadata()).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    assert_eq!(refused.error(), "temporarily_unavailable");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    t.clock.advance(Seconds::new(wait.max(3_600)));
    assert_eq!(
        register(&t, None, &metadata()).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_is_refused_where_anybody_may_register_too() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let refused = register(&t, Some("tsr_ia_forged"), &metadata()).await;
    assert_eq!(refused.error(), "invalid_token");
    let secret = initial_token(&t, None).await;
    let mut body = metadata();
    body["grant_types"] = json!(["client_credentials"]);
    assert_eq!(
        register(&t, None, &body).await.error(),
        "invalid_client_metadata"
    );
    let vouched = register(&t, Some(secret.expose().as_str()), &body).await;
    assert_eq!(vouched.status, StatusCode::CREATED, "{vouched:?}");
    let own = party(&t, &vouched)
        .token(&[("grant_type", "client_credentials")])
        .await;
    assert_eq!(own.status, StatusCode::OK, "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_object_is_refused() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    assert_eq!(t.app.config.registration.policy, RegistrationPolicy::Open);
    let post = |content_type: &'static str, body: String| {
        let request = http_client().post(format!("{}/register", t.url));
        super::super::party::Answer::of(request.header("content-type", content_type).body(body))
    };
    for (content_type, body, code) in [
        (
            "application/json",
            "[]".to_owned(),
            "invalid_client_metadata",
        ),
        ("application/json", String::new(), "invalid_client_metadata"),
        (
            "application/json",
            "{\"a\":".repeat(200),
            "invalid_client_metadata",
        ),
        (
            "application/json",
            format!("{{\"a\":\"{}\"}}", "x".repeat(200_000)),
            "invalid_request",
        ),
        ("text/plain", metadata().to_string(), "invalid_request"),
        (
            "application/x-www-form-urlencoded",
            "client_name=x".to_owned(),
            "invalid_request",
        ),
    ] {
        let refused = post(content_type, body).await;
        assert_eq!(
            (refused.status, refused.error()),
            (StatusCode::BAD_REQUEST, code),
            "{refused:?}"
        );
    }
    let list = send(&t, (Method::GET, ""), None, None).await;
    assert_eq!(list.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_register() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let request = http_client()
        .post(format!("{}/register", t.url))
        .header("origin", "https://inspector.example")
        .json(&metadata());
    let answer = super::super::party::Answer::of(request).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}
