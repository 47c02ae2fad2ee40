//! `/authorize`: who gets a code, who is asked first, and where errors go.

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::oauth::client;
use tessera::oauth::protocol::client::{ClientId, ClientState};

use super::party::{Party, agree, answered, claims, setup, setup_with, signed_in};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::{alice, person};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_becomes_tokens_that_say_who_signed_in() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let page = browser.get(&party.authorize_path(&[])).await;
        let answer = answered(&page);
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("access-control-allow-origin"), "");
        assert_eq!(answer["state"], "st");
        assert_eq!(answer["iss"], t.url);
        let redeemed = party.redeem(&answer["code"]).await;
        assert_eq!(redeemed.header("cache-control"), "no-store");
        assert_eq!(redeemed.json["token_type"], "Bearer");
        assert_eq!(redeemed.json["expires_in"], 300);
        let tokens = redeemed.tokens();
        assert_eq!(tokens.scope, "email offline_access openid profile");

        let access = claims(&tokens.access);
        let id = claims(tokens.id.as_deref().unwrap());
        for token in [&access, &id] {
            assert_eq!(token["iss"], t.url);
            assert!(token["sub"].as_str().unwrap().starts_with("usr_"));
            assert!(token["sid"].as_str().unwrap().starts_with("ses_"));
            assert_eq!(token["iat"], t.clock.now().seconds());
            assert_eq!(token["exp"], t.clock.now().seconds() + 300);
        }
        assert_eq!(super::party::header(&tokens.access)["typ"], "at+jwt");
        assert_eq!(access["aud"], t.url);
        assert_eq!(access["client_id"], "web");
        assert!(access["jti"].as_str().unwrap().starts_with("gnt_"));
        assert_eq!(id["aud"], "web");
        assert_eq!(id["nonce"], "no");
        assert_eq!(id["amr"][0], "pwd");
        assert_eq!(id["auth_time"], t.clock.now().seconds());
        let info = party.userinfo(&tokens.access).await;
        assert_eq!(info.json["sub"], id["sub"]);
        assert_eq!(info.json["preferred_username"], "alice");
        assert_eq!(info.json["email"], "alice@example.com");
        assert_eq!(info.json["email_verified"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_a_request_too() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let path = party.authorize_path(&[]);
    let query = path.split_once('?').unwrap().1;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let page = browser.post("/authorize", &fields).await;
    assert!(answered(&page).contains_key("code"), "{}", page.location());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_unknown_is_asked_to_sign_in_and_a_new_scope_to_be_agreed_to() {
    let t = TestApp::start(Engine::Sqlite).await;
    let user = alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let mut browser = Browser::new(&t);
    let page = browser.get(&party.authorize_path(&[])).await;
    assert!(
        page.location().starts_with("/login?flow=flw_"),
        "{}",
        page.location()
    );
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let cookie = page.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert!(
        !page.location().contains("app.example"),
        "the flow's id says nothing"
    );

    let mut browser = signed_in(&t).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    assert!(
        page.location().starts_with("/consent?flow=flw_"),
        "{}",
        page.location()
    );
    let flow = page.location().split_once('=').unwrap().1.to_owned();
    let resumed = format!("/authorize/continue?flow={flow}");
    let again = browser.get(&resumed).await;
    assert!(
        again.location().starts_with("/consent?flow="),
        "not agreed yet"
    );
    agree(&t, &user, &party).await;
    let page = browser.get(&resumed).await;
    assert!(answered(&page).contains_key("code"), "{}", page.location());
    let page = browser.get(&resumed).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "a flow answers once");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_none_answers_by_redirect() {
    let t = TestApp::start(Engine::Sqlite).await;
    let user = alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let silent = party.authorize_path(&[("prompt", "none")]);
    let page = Browser::new(&t).get(&silent).await;
    assert_eq!(answered(&page)["error"], "login_required");
    assert_eq!(answered(&page)["iss"], t.url);
    let mut browser = signed_in(&t).await;
    let page = browser.get(&silent).await;
    assert_eq!(answered(&page)["error"], "consent_required");
    agree(&t, &user, &party).await;
    let page = browser.get(&silent).await;
    assert!(answered(&page).contains_key("code"));
    t.clock.advance(Seconds::new(100));
    let page = browser
        .get(&party.authorize_path(&[("prompt", "none"), ("max_age", "60")]))
        .await;
    assert_eq!(answered(&page)["error"], "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_and_max_age_ask_again() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    t.clock.advance(Seconds::new(100));
    for (changes, expect) in [
        (("prompt", "login"), "/login"),
        (("prompt", "select_account"), "/login"),
        (("prompt", "consent"), "/consent"),
        (("max_age", "60"), "/reauthenticate"),
        (("max_age", "100"), "https://app.example/cb"),
    ] {
        let page = browser.get(&party.authorize_path(&[changes])).await;
        assert!(
            page.location().starts_with(expect),
            "{changes:?} {}",
            page.location()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_hint_must_name_who_is_signed_in() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let hint = party.tokens(&mut browser, &[]).await.id.unwrap();
    t.clock.advance(Seconds::new(1_000));
    let silent = [("prompt", "none"), ("id_token_hint", hint.as_str())];
    let page = browser.get(&party.authorize_path(&silent)).await;
    assert!(
        answered(&page).contains_key("code"),
        "expired, but it names alice"
    );
    person(&t, "bob", "Bob").await;
    let mut other = Browser::new(&t);
    other.sign_in("bob", crate::web::PASSWORD).await;
    let page = other.get(&party.authorize_path(&silent)).await;
    assert_eq!(answered(&page)["error"], "login_required");
    let page = browser
        .get(&party.authorize_path(&[("id_token_hint", "nonsense")]))
        .await;
    assert_eq!(answered(&page)["error"], "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_go_back_to_a_verified_redirect_uri_and_nowhere_else() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    for (changes, expect) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("scope", "nonsense"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("request", "eyJ"), "request_not_supported"),
        (
            ("request_uri", "https://app.example/r"),
            "request_uri_not_supported",
        ),
        (("response_mode", "web_message"), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
    ] {
        let page = browser.get(&party.authorize_path(&[changes])).await;
        let answer = answered(&page);
        assert_eq!(
            answer.get("error").map(String::as_str),
            Some(expect),
            "{changes:?}"
        );
        assert_eq!(answer["state"], "st");
        assert_eq!(answer["iss"], t.url);
        assert!(!answer["error_description"].is_empty());
    }
    for changes in [
        [("client_id", "nobody")],
        [("client_id", "")],
        [("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "")],
    ] {
        let page = browser.get(&party.authorize_path(&changes)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert_eq!(page.location(), "");
        assert!(page.text.contains("request id"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_without_meaning_here_are_no_errors() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let ignored = [
        ("display", "popup"),
        ("ui_locales", "de-CH fr"),
        ("acr_values", "urn:example:loa:2"),
        ("claims", "{\"userinfo\":{\"email\":null}}"),
        ("login_hint", "alice@example.com"),
        ("claims_locales", "de"),
        ("x-vendor", "1"),
    ];
    party.code(&mut browser, &ignored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_disabled_or_changed_in_between_gets_no_code() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let client_id = ClientId::parse("web").unwrap();
    let mut browser = signed_in(&t).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    let flow = page.location().split_once('=').unwrap().1.to_owned();
    let mut tx = t.app.db.write().await.unwrap();
    client::set_state(&mut tx, &client_id, ClientState::Disabled, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let page = browser
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let page = browser.get(&party.authorize_path(&[])).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_expires() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let mut browser = signed_in(&t).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    let flow = page.location().split_once('=').unwrap().1.to_owned();
    t.clock.advance(Seconds::new(1_801));
    let page = browser
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scope_everything_but_offline_access_is_meant() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let tokens = party.tokens(&mut browser, &[("scope", "")]).await;
    assert_eq!(tokens.scope, "api email openid profile tessera:admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_omitted_redirect_uri_stays_omitted() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let plain = [("scope", "api"), ("redirect_uri", "")];
    let code = party.code(&mut browser, &plain).await;
    let answer = party
        .token(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", super::party::VERIFIER),
        ])
        .await;
    let tokens = answer.tokens();
    assert_eq!(tokens.id, None, "openid was not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_client_may_be_let_off_pkce() {
    let (_t, mut browser, party) =
        setup_with(Engine::Sqlite, |_| {}, |new| new.require_pkce = Some(false)).await;
    let plain = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = party.code(&mut browser, &plain).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", super::party::REDIRECT_URI),
    ];
    assert_eq!(party.token(&form).await.error(), "ok");
}
