//! `/consent`: nothing is agreed to but by the person who was asked, in the browser that was asked.

use http::StatusCode;
use tessera::oauth::client::{NewClient, register};
use tessera::store::q;

use super::{PASSWORD, alice, person};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

const REDIRECT_URI: &str = "http://127.0.0.1:9000/cb";
const AUTHORIZE: &str = "/authorize?response_type=code&client_id=web&redirect_uri=http://127.0.0.1:9000/cb\
    &scope=openid%20profile&state=s1&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

async fn web_client(t: &TestApp, name: &str, redirect_uri: &str) {
    let new = NewClient {
        client_id: Some("web".to_owned()),
        client_name: Some(name.to_owned()),
        token_endpoint_auth_method: Some("none".to_owned()),
        redirect_uris: vec![redirect_uri.to_owned()],
        scope: Some("openid profile email".to_owned()),
        ..NewClient::default()
    };
    let mut tx = t.app.db.write().await.unwrap();
    register(&mut tx, &t.app.sealer, &new, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Begins at the client and signs in; the consent page.
async fn asked(browser: &mut Browser, authorize: &str) -> Page {
    let page = browser.get(authorize).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let login = browser.get(page.location()).await;
    let fields = [("identifier", "alice"), ("password", PASSWORD)];
    let page = browser.submit(&login, &fields).await;
    let page = browser.get(page.location()).await;
    browser.get(page.location()).await
}

async fn consents(t: &TestApp) -> i64 {
    let mut conn = t.app.db.read().await.unwrap();
    conn.one(q("SELECT COUNT(*) FROM consents")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_allows_comes_back_with_a_code_and_is_not_asked_again() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        web_client(&t, "Example app", REDIRECT_URI).await;
        let mut browser = Browser::new(&t);
        let page = asked(&mut browser, AUTHORIZE).await;
        for text in [
            "Allow Example app?",
            "Alice Liddell",
            "See your name",
            "127.0.0.1:9000",
        ] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("form-action 'self' http://127.0.0.1:9000;"),
            "{policy}"
        );
        assert_eq!(consents(&t).await, 0, "looking agrees to nothing");

        let page = browser.submit(&page, &[("decision", "allow")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let page = browser.get(page.location()).await;
        let target = page.location().to_owned();
        assert!(target.starts_with(REDIRECT_URI), "{target}");
        assert!(
            target.contains("code=tsr_ac_") && target.contains("state=s1"),
            "{target}"
        );
        let again = browser.get(AUTHORIZE).await;
        assert!(
            again.location().starts_with(REDIRECT_URI),
            "{}",
            again.location()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_denies_comes_back_with_an_error() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    web_client(&t, "Example app", REDIRECT_URI).await;
    let mut browser = Browser::new(&t);
    let asking = asked(&mut browser, AUTHORIZE).await;
    let page = browser.submit(&asking, &[("decision", "deny")]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let target = page.location();
    assert!(
        target.starts_with(REDIRECT_URI) && target.contains("error=access_denied"),
        "{target}"
    );
    assert_eq!(consents(&t).await, 0);
    let page = browser.submit(&asking, &[("decision", "allow")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "the flow has ended");
    assert_eq!(consents(&t).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_worth_nothing_in_another_browser() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    person(&t, "mallory", "Mallory").await;
    web_client(&t, "Example app", REDIRECT_URI).await;
    let mut browser = Browser::new(&t);
    let page = asked(&mut browser, AUTHORIZE).await;
    let action = page.attribute("<form", "action").unwrap();
    let mut mallory = Browser::new(&t);
    mallory.sign_in("mallory", PASSWORD).await;
    // With a flow, and so a binding, of her own.
    mallory.get(AUTHORIZE).await;
    for path in [action.as_str(), &action.replace("/consent", "/login")] {
        let page = mallory.get(path).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!page.text.contains("Example app"));
    }
    let hidden = page.hidden_fields();
    let fields = [("csrf", hidden[0].1.as_str()), ("decision", "allow")];
    assert_eq!(
        mallory.post(&action, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(consents(&t).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_takes_the_form_and_says_which() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    web_client(&t, "Example app", REDIRECT_URI).await;
    let mut browser = Browser::new(&t);
    let page = asked(&mut browser, AUTHORIZE).await;
    let action = page.attribute("<form", "action").unwrap();
    let refused = browser.post(&action, &[("decision", "allow")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let vague = browser.submit(&page, &[]).await;
    assert_eq!(vague.status, StatusCode::BAD_REQUEST);
    assert_eq!(consents(&t).await, 0);
    browser.cookies.remove("tessera");
    let signed_out = browser.get(&action).await;
    assert_eq!(signed_out.location(), action.replace("/consent", "/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_schemes_are_named_and_allowed_and_names_are_text() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    web_client(&t, "<img src=x onerror=alert(1)>", "com.example.app:/cb").await;
    let mut browser = Browser::new(&t);
    let authorize = AUTHORIZE.replace(REDIRECT_URI, "com.example.app:/cb");
    let page = asked(&mut browser, &authorize).await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' com.example.app:;"),
        "{policy}"
    );
    assert!(page.text.contains("&lt;img src=x") && !page.text.contains("<img"));
    let page = browser.submit(&page, &[("decision", "allow")]).await;
    let page = browser.get(page.location()).await;
    assert!(
        page.location().starts_with("com.example.app:/cb?"),
        "{}",
        page.location()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_says_about_itself_can_be_read_before_deciding() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let new = NewClient {
        client_id: Some("web".to_owned()),
        token_endpoint_auth_method: Some("none".to_owned()),
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        scope: Some("openid profile".to_owned()),
        policy_uri: Some("https://app.example/privacy?a=1&b=2".to_owned()),
        ..NewClient::default()
    };
    let mut tx = t.app.db.write().await.unwrap();
    register(&mut tx, &t.app.sealer, &new, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut browser = Browser::new(&t);
    let page = asked(&mut browser, AUTHORIZE).await;
    assert!(
        page.text.contains(
            r#"<a href="https://app.example/privacy?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">Privacy</a>"#
        ),
        "{}",
        page.text
    );
    assert!(!page.text.contains("Terms"), "{}", page.text);
}
