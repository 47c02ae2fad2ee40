//! Forms are accepted only from pages of ours, in the browser that got them.

use http::StatusCode;

use super::{PASSWORD, alice};
use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;

const SIGN_IN: [(&str, &str); 2] = [("identifier", "alice"), ("password", PASSWORD)];

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_token_or_with_another_is_refused() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    let page = browser.get("/login").await;
    let token = page.hidden_fields()[0].1.clone();
    let other = Browser::new(&t).get("/login").await.hidden_fields()[0]
        .1
        .clone();
    let cut = &token[..token.len() - 1];
    for wrong in ["", "x", cut, &other] {
        let fields = [SIGN_IN[0], SIGN_IN[1], ("csrf", wrong)];
        let page = browser.post("/login", &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(
        browser.post("/login", &SIGN_IN).await.status,
        StatusCode::FORBIDDEN
    );
    let fields = [SIGN_IN[0], SIGN_IN[1], ("csrf", token.as_str())];
    for headers in [
        [("origin", "https://evil.example")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        let page = browser.post_with("/login", &fields, &headers).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let mut elsewhere = Browser::new(&t);
    let page = elsewhere.post("/login", &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "without the cookie");
    let page = browser
        .post_with(
            "/login",
            &fields,
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_form_or_session_is_none_of_another() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    let login = browser.get("/login").await.hidden_fields()[0].1.clone();
    browser.sign_in("alice", PASSWORD).await;
    let page = browser.post("/signout", &[("csrf", &login)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let first = browser.get("/").await.hidden_fields()[0].1.clone();
    // Another session in the same browser, with the same form cookie.
    browser.cookies.remove("tessera");
    browser.sign_in("alice", PASSWORD).await;
    let page = browser.post("/signout", &[("csrf", &first)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(
        browser.get("/").await.text.contains("Hello"),
        "still signed in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_takes_a_form() {
    let t = TestApp::start(Engine::Sqlite).await;
    let mut browser = Browser::new(&t);
    assert_eq!(
        browser.get("/signout").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        browser.post("/signout", &[]).await.status,
        StatusCode::FORBIDDEN
    );
}
