//! Session management: a frame that knows whether somebody is still signed in, where it is switched on.

use http::StatusCode;
use tessera::oauth::protocol::logout::session_state;

use super::party::{answered, setup, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::web::PASSWORD;

const COOKIE: &str = "tessera-state";

async fn iframe_in_discovery(t: &TestApp) -> serde_json::Value {
    let page = Browser::new(t)
        .get("/.well-known/openid-configuration")
        .await;
    let document: serde_json::Value = serde_json::from_str(&page.text).unwrap();
    document["check_session_iframe"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn off_it_leaves_no_trace() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    assert!(!answered(&page).contains_key("session_state"));
    assert!(!browser.cookies.contains_key(COOKIE));
    assert!(iframe_in_discovery(&t).await.is_null());
    let frame = browser.get("/check-session").await;
    assert_eq!(frame.status, StatusCode::NOT_FOUND);
    assert_eq!(frame.header("x-frame-options"), "DENY");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_follows_sign_in_and_sign_out() {
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |config| config.sessions.check_session_iframe = true,
        |_| {},
    )
    .await;
    assert_eq!(
        iframe_in_discovery(&t).await,
        format!("{}/check-session", t.url)
    );
    let first = browser.cookies[COOKIE].clone();
    let page = browser.get(&party.authorize_path(&[])).await;
    let state = answered(&page).remove("session_state").unwrap();
    let (_, salt) = state.split_once('.').unwrap();
    assert_eq!(
        state,
        session_state("web", "https://app.example", &first, salt)
    );
    assert_eq!(page.header("set-cookie"), "", "it is in step already");

    let asked = browser.get("/logout").await;
    let token = asked.attribute("<button", "value").unwrap();
    let gone = browser.submit(&asked, &[("confirmation", &token)]).await;
    assert!(!browser.cookies.contains_key(COOKIE), "{:?}", gone.headers);
    browser.sign_in("alice", PASSWORD).await;
    assert_ne!(browser.cookies[COOKIE], first);
    assert!(!browser.cookies[COOKIE].contains("ses_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_may_hold_the_frame() {
    let (_t, mut browser, _party) = setup_with(
        Engine::Sqlite,
        |config| config.sessions.check_session_iframe = true,
        |_| {},
    )
    .await;
    let page = browser.get("/check-session").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("x-frame-options"), "");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    assert!(
        policy.ends_with("frame-ancestors https://app.example"),
        "{policy}"
    );
    assert!(page.text.contains("data-cookie=\"tessera-state\""));
}
