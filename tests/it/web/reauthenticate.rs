//! `/reauthenticate`: proving it again takes the password only, and changes nothing but the cookie and the time.

use http::StatusCode;
use tessera::base::time::Seconds;

use super::{PASSWORD, alice};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::party::{answered, claims, signed_in};

const SESSION: &str = "tessera";

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_renews_the_session_under_another_cookie_and_signs_nobody_out() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        let first = party.tokens(&mut browser, &[("scope", "openid")]).await;
        t.clock.advance(Seconds::new(200));
        let before = browser.cookies[SESSION].clone();
        let page = browser.get("/reauthenticate?then=sessions").await;
        assert!(page.text.contains("Alice Liddell") && !page.text.contains("name=\"identifier\""));
        let wrong = browser.submit(&page, &[("password", "wrong")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(browser.cookies[SESSION], before);
        let done = browser.submit(&page, &[("password", PASSWORD)]).await;
        assert_eq!(done.location(), "/account/sessions");
        assert_ne!(browser.cookies[SESSION], before);
        let mut old = Browser::new(&t);
        old.cookies.insert(SESSION.to_owned(), before);
        assert!(!old.get("/").await.text.contains("Hello"));
        assert!(party.is_active(&first.access).await, "{engine:?}");
        let second = party.tokens(&mut browser, &[("scope", "openid")]).await;
        let (first, second) = (claims(&first.id.unwrap()), claims(&second.id.unwrap()));
        assert_eq!(first["sid"], second["sid"]);
        let time = |claims: &serde_json::Value| claims["auth_time"].as_i64().unwrap();
        assert_eq!(time(&second) - time(&first), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_wants_a_young_sign_in_gets_it_for_the_password_alone() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    let party = Party::register(&t, "web", |new| {
        new.skip_consent = true;
        new.client_name = Some("Corner shop".to_owned());
    })
    .await;
    t.clock.advance(Seconds::new(100));
    let page = browser
        .get(&party.authorize_path(&[("max_age", "60")]))
        .await;
    assert!(page.location().starts_with("/reauthenticate?flow=flw_"));
    let page = browser.get(page.location()).await;
    assert!(page.text.contains("Corner shop"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://app.example"));
    let next = browser.submit(&page, &[("password", PASSWORD)]).await;
    let back = browser.get(next.location()).await;
    assert!(answered(&back).contains_key("code"), "{}", back.location());
    // Another account begins with its name.
    t.clock.advance(Seconds::new(100));
    let page = browser
        .get(&party.authorize_path(&[("max_age", "60")]))
        .await;
    let flow = page.location().split('=').nth(1).unwrap().to_owned();
    let page = browser.get(page.location()).await;
    assert!(page.text.contains(&format!("/login?flow={flow}")));
    // Silently there is nobody to ask.
    let silent = [("max_age", "60"), ("prompt", "none")];
    let page = browser.get(&party.authorize_path(&silent)).await;
    assert_eq!(answered(&page)["error"], "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_it_is_a_sign_in_and_leads_nowhere_else() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    for (path, expect) in [
        ("/reauthenticate", "/login"),
        ("/reauthenticate?then=password", "/login?then=password"),
        ("/reauthenticate?then=https://evil.example/", "/login"),
    ] {
        assert_eq!(browser.get(path).await.location(), expect);
    }
    let mut browser = signed_in(&t).await;
    let page = browser.get("/reauthenticate?then=//evil.example/").await;
    let done = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!(done.location(), "/");
    let page = browser.get("/reauthenticate?flow=gone").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}
