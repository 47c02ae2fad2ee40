//! `/token`: client authentication and the grants' own rules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use tessera::base::time::Seconds;

use super::party::VERIFIER;
use super::party::{Answer, Party, REDIRECT_URI, claims, setup, setup_with};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};

const CREDENTIALS: &str = "grant_type=client_credentials";

async fn post(url: &str, authorization: Option<&str>, body: &str) -> Answer {
    let mut request = http_client()
        .post(format!("{url}/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned());
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    Answer::of(request).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_registered_method_authenticates_a_client() {
    let t = TestApp::start(Engine::Sqlite).await;
    let by_basic = Party::register(&t, "basic", |_| {}).await;
    let by_post = Party::register(&t, "post", |new| {
        new.token_endpoint_auth_method = Some("client_secret_post".to_owned());
    })
    .await;
    Party::register(&t, "public", Party::public).await;
    let (b, p) = (by_basic.secret.unwrap(), by_post.secret.unwrap());
    let in_body =
        |id: &str, secret: &str| format!("{CREDENTIALS}&client_id={id}&client_secret={secret}");
    for (authorization, body, expect) in [
        (Some(basic("basic", &b)), CREDENTIALS.to_owned(), "ok"),
        (None, in_body("post", &p), "ok"),
        (None, in_body("basic", &b), "invalid_client"),
        (
            Some(basic("post", &p)),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some(basic("basic", &p)),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some(basic("post", &b)),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some(basic("basic", "")),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some(basic("nobody", &b)),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some(basic("basic", &b)),
            in_body("basic", &b),
            "invalid_request",
        ),
        (
            Some(basic("basic", &b)),
            format!("{CREDENTIALS}&client_id=post"),
            "invalid_request",
        ),
        (
            Some(basic("basic", &b)),
            format!("{CREDENTIALS}&client_id=basic"),
            "ok",
        ),
        (
            None,
            format!("{CREDENTIALS}&client_id=basic"),
            "invalid_client",
        ),
        (
            None,
            format!("{CREDENTIALS}&client_id=post"),
            "invalid_client",
        ),
        (
            None,
            format!("{CREDENTIALS}&client_id=public"),
            "unauthorized_client",
        ),
        (None, in_body("public", "x"), "invalid_client"),
        (
            Some(basic("public", "")),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some("Bearer x".to_owned()),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (
            Some("Basic %%%".to_owned()),
            CREDENTIALS.to_owned(),
            "invalid_client",
        ),
        (None, CREDENTIALS.to_owned(), "invalid_client"),
    ] {
        let answer = post(&t.url, authorization.as_deref(), &body).await;
        assert_eq!(
            answer.error(),
            expect,
            "{authorization:?} {body} {answer:?}"
        );
        if expect == "invalid_client" {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.starts_with("Basic"), authorization.is_some());
        }
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_form_encoded_in_the_header() {
    let t = TestApp::start(Engine::Sqlite).await;
    let secret = "a+b%c:d/e=f&0123456789";
    Party::register(&t, "web", |new| new.client_secret = Some(secret.to_owned())).await;
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let answer = post(&t.url, Some(&basic("web", &encoded)), CREDENTIALS).await;
    assert_eq!(answer.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_token_requests_are_invalid() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let auth = basic("web", party.secret.as_deref().unwrap());
    for (body, expect) in [
        ("", "invalid_request"),
        (
            "grant_type=password&username=a&password=b",
            "unsupported_grant_type",
        ),
        ("grant_type=", "invalid_request"),
        (
            "grant_type=client_credentials&grant_type=client_credentials",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&scope=api&scope=api",
            "invalid_request",
        ),
        (
            "grant_type=client_credentials&resource=https://a.example&resource=https://b.example",
            "invalid_target",
        ),
        ("grant_type=client_credentials&unknown=1", "ok"),
        ("grant_type=client_credentials&scope=%ff", "invalid_request"),
        ("grant_type=client_credentials&scope=%00", "invalid_request"),
        (
            "grant_type=client_credentials&scope=nonsense",
            "invalid_scope",
        ),
        (
            "grant_type=client_credentials&scope=openid",
            "invalid_scope",
        ),
        ("grant_type=authorization_code", "invalid_request"),
        ("grant_type=authorization_code&code=x", "invalid_grant"),
        ("grant_type=refresh_token", "invalid_request"),
        ("grant_type=refresh_token&refresh_token=x", "invalid_grant"),
    ] {
        let answer = post(&t.url, Some(&auth), body).await;
        assert_eq!(answer.error(), expect, "{body}");
    }
    let json = http_client()
        .post(format!("{}/token", t.url))
        .header("authorization", &auth)
        .json(&serde_json::json!({"grant_type": "client_credentials"}));
    assert_eq!(Answer::of(json).await.error(), "invalid_request");
    let large = format!("{CREDENTIALS}&x={}", "y".repeat(40_000));
    assert_eq!(
        post(&t.url, Some(&auth), &large).await.error(),
        "invalid_request"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_as_itself_is_its_own_subject() {
    let (_t, _browser, party) = setup(Engine::Sqlite).await;
    let answer = party.token(&[("grant_type", "client_credentials")]).await;
    let tokens = answer.tokens();
    assert_eq!(tokens.scope, "api tessera:admin");
    assert_eq!((&tokens.refresh, &tokens.id), (&None, &None));
    let claims = claims(&tokens.access);
    assert_eq!(claims["sub"], "web");
    assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    assert!(party.is_active(&tokens.access).await);
    let answer = party.userinfo(&tokens.access).await;
    assert_eq!(answer.error(), "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_once_and_its_second_use_revokes_everything() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let code = party.code(&mut browser, &[]).await;
        let tokens = party.redeem(&code).await.tokens();
        assert!(party.is_active(&tokens.access).await);
        t.clock.advance(Seconds::new(100));
        let again = party.redeem(&code).await;
        assert_eq!(again.error(), "invalid_grant");
        assert!(
            !party.is_active(&tokens.access).await,
            "committed with the error"
        );
        let refreshed = party.refresh(tokens.refresh()).await;
        assert_eq!(refreshed.error(), "invalid_grant");
        assert_eq!(
            party.userinfo(&tokens.access).await.error(),
            "invalid_token"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_for_a_minute() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    for (seconds, expect) in [(59, "ok"), (60, "invalid_grant")] {
        let code = party.code(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(seconds));
        assert_eq!(
            party.redeem(&code).await.error(),
            expect,
            "after {seconds} s"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_its_client_can_use_or_burn_a_code() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let other = Party::register(&t, "other", |_| {}).await;
        let public = Party::register(&t, "public", Party::public).await;
        let code = party.code(&mut browser, &[]).await;
        assert_eq!(other.redeem(&code).await.error(), "invalid_grant");
        assert_eq!(public.redeem(&code).await.error(), "invalid_grant");
        let tokens = party.redeem(&code).await.tokens();
        // Nor does a stranger's second use revoke anything.
        assert_eq!(other.redeem(&code).await.error(), "invalid_grant");
        assert!(party.is_active(&tokens.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_verifier_or_redirect_uri_consumes_the_code() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let other = "x".repeat(43);
    for (redirect_uri, verifier) in [
        (REDIRECT_URI, other.as_str()),
        (REDIRECT_URI, ""),
        (REDIRECT_URI, "short"),
        ("https://app.example/other", VERIFIER),
        ("", VERIFIER),
    ] {
        let code = party.code(&mut browser, &[]).await;
        let answer = party
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", verifier),
            ])
            .await;
        assert_eq!(answer.error(), "invalid_grant", "{redirect_uri} {verifier}");
        assert_eq!(
            party.redeem(&code).await.error(),
            "invalid_grant",
            "no second guess"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let (_t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| new.grant_types = Some(vec!["authorization_code".to_owned()]),
    )
    .await;
    let tokens = party.tokens(&mut browser, &[]).await;
    assert_eq!(tokens.refresh, None);
    assert_eq!(tokens.scope, "email openid profile");
    let answer = party.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.error(), "unauthorized_client");
}
