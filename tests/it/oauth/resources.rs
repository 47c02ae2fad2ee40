//! Resource indicators (RFC 8707): whom a token is for, and who refuses it.

use http::StatusCode;
use serde_json::{Value, json};
use tessera::oauth::client::NewClient;

use super::party::{Answer, Party, REDIRECT_URI, VERIFIER, answered, claims, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};

const A: &str = "https://a.example/api";
const B: &str = "urn:example:b";

fn with_resources(new: &mut NewClient) {
    new.resources = [A, B].map(str::to_owned).to_vec();
}

async fn setup(engine: Engine) -> (TestApp, Browser, Party) {
    setup_with(engine, |_| {}, with_resources).await
}

/// Authorizes for these resources; the code.
async fn code(party: &Party, browser: &mut Browser, resources: &[&str]) -> String {
    let mut path = party.authorize_path(&[]);
    for resource in resources {
        let pair = url::form_urlencoded::byte_serialize(resource.as_bytes());
        path.push_str("&resource=");
        path.extend(pair);
    }
    answered(&browser.get(&path).await).remove("code").unwrap()
}

async fn redeem(party: &Party, code: &str, resources: &[&str]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    form.extend(resources.iter().map(|resource| ("resource", *resource)));
    party.token(&form).await
}

fn audience(answer: &Answer) -> Value {
    claims(&answer.tokens().access)["aud"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audience_is_what_was_named_and_narrows_from_step_to_step() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let mut granted = async |resources: &[&str]| code(&party, &mut browser, resources).await;

        let plain = redeem(&party, &granted(&[]).await, &[]).await;
        assert_eq!(audience(&plain), t.url);
        let one = redeem(&party, &granted(&[A]).await, &[]).await;
        assert_eq!(audience(&one), A);
        let both = redeem(&party, &granted(&[A, B]).await, &[]).await;
        assert_eq!(audience(&both), json!([A, B]));
        let narrowed = redeem(&party, &granted(&[A, B]).await, &[B]).await;
        assert_eq!(audience(&narrowed), B);
        let own = redeem(&party, &granted(&[A, &format!("{}/", t.url)]).await, &[]).await;
        assert_eq!(audience(&own), json!([A, t.url]));

        // The grant keeps everything: another refresh may narrow otherwise.
        let mut refresh = narrowed.tokens().refresh().to_owned();
        for (resources, expect) in [
            (&[A][..], json!(A)),
            (&[][..], json!([A, B])),
            (&[B, A][..], json!([B, A])),
        ] {
            let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &refresh)];
            form.extend(resources.iter().map(|resource| ("resource", *resource)));
            let answer = party.token(&form).await;
            assert_eq!(audience(&answer), expect, "{resources:?}");
            refresh = answer.tokens().refresh().to_owned();
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
            ("resource", t.url.as_str()),
        ];
        assert_eq!(party.token(&form).await.error(), "invalid_target");
        assert_eq!(
            party.refresh(&refresh).await.error(),
            "ok",
            "nothing was spent"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_names_only_its_own_resources() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    for resource in [
        "https://other.example",
        "https://a.example/api/",
        "relative",
        "https://a.example/api#x",
    ] {
        let page = browser
            .get(&party.authorize_path(&[("resource", resource)]))
            .await;
        assert_eq!(answered(&page)["error"], "invalid_target", "{resource}");
        let form = [("grant_type", "client_credentials"), ("resource", resource)];
        assert_eq!(
            party.token(&form).await.error(),
            "invalid_target",
            "{resource}"
        );
        let code = code(&party, &mut browser, &[A]).await;
        let answer = redeem(&party, &code, &[resource]).await;
        assert_eq!(answer.error(), "invalid_target", "{resource}");
    }
    let answer = party
        .token(&[
            ("grant_type", "client_credentials"),
            ("resource", A),
            ("resource", B),
        ])
        .await;
    assert_eq!(audience(&answer), json!([A, B]));
    let plain = Party::register(&t, "plain", |new| new.skip_consent = true).await;
    let page = browser.get(&plain.authorize_path(&[("resource", A)])).await;
    assert_eq!(answered(&page)["error"], "invalid_target");
    plain
        .code(&mut browser, &[("resource", t.url.as_str())])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_cannot_be_had_with_the_code() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for granted in [&[][..], &[A][..]] {
        let code = code(&party, &mut browser, granted).await;
        let answer = redeem(&party, &code, &[B]).await;
        assert_eq!(answer.error(), "invalid_target", "{granted:?}");
        let again = redeem(&party, &code, &[]).await;
        assert_eq!(again.error(), "invalid_grant", "a code has one try");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_service_is_refused_here() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let foreign = redeem(&party, &code(&party, &mut browser, &[A]).await, &[]).await;
    let foreign = foreign.tokens().access;
    assert_eq!(party.userinfo(&foreign).await.error(), "invalid_token");
    let admin = http_client()
        .get(format!("{}/admin/api/users", t.url))
        .bearer_auth(&foreign);
    assert_eq!(Answer::of(admin).await.status, StatusCode::UNAUTHORIZED);
    let seen = party.introspect(&foreign).await;
    assert_eq!((&seen["active"], &seen["aud"]), (&json!(true), &json!(A)));
    let both = redeem(&party, &code(&party, &mut browser, &[A, &t.url]).await, &[]).await;
    assert_eq!(party.userinfo(&both.tokens().access).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_names_the_resources() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let changes = [("prompt", "consent"), ("resource", A)];
    let page = browser.get(&party.authorize_path(&changes)).await;
    let page = browser.get(page.location()).await;
    assert!(page.text.contains(A), "{}", page.text);
}
