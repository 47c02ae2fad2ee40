//! `/login`: sessions begin here, and only here.

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::store::q;

use super::{PASSWORD, alice, person};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

const SESSION: &str = "tessera";

async fn rows(t: &TestApp, sql: &'static str) -> i64 {
    t.app.db.read().await.unwrap().one(q(sql)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = Browser::new(&t);
        let page = browser.sign_in("Alice@example.com", PASSWORD).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/"));
        let cookie = page
            .headers
            .get_all("set-cookie")
            .iter()
            .next_back()
            .unwrap();
        let cookie = cookie.to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let secret = browser.cookies[SESSION].clone();
        let stored: String = t
            .app
            .db
            .read()
            .await
            .unwrap()
            .one(q("SELECT id_hash FROM sessions"))
            .await
            .unwrap();
        assert_ne!(stored, secret, "the database holds the hash only");
        let home = browser.get("/").await;
        assert!(home.text.contains("Hello, Alice Liddell"), "{}", home.text);
        assert_eq!(browser.get("/login").await.location(), "/");

        let page = browser.submit(&home, &[]).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/"));
        assert!(!browser.cookies.contains_key(SESSION));
        assert_eq!(rows(&t, "SELECT COUNT(*) FROM sessions").await, 0);
        browser.cookies.insert(SESSION.to_owned(), secret);
        assert!(
            !browser.get("/").await.text.contains("Hello"),
            "ended on the server"
        );
        let told = rows(
            &t,
            "SELECT COUNT(*) FROM events WHERE kind IN ('session.signed_in', 'session.signed_out')",
        );
        assert_eq!(told.await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_pages_writes_nothing() {
    let t = TestApp::start(Engine::Sqlite).await;
    let mut browser = Browser::new(&t);
    browser.get("/").await;
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    browser.get("/login").await;
    assert!(!browser.cookies.contains_key(SESSION));
    assert_eq!(rows(&t, "SELECT COUNT(*) FROM sessions").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_the_same_answer() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let locked = person(&t, "locked", "Locked").await;
    let mut tx = t.app.db.write().await.unwrap();
    account::lock(&mut tx, &locked, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", "wrong"),
        ("locked", PASSWORD),
        ("", ""),
    ] {
        let mut browser = Browser::new(&t);
        let page = browser.sign_in(name, password).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text.contains("do not match"));
        assert!(
            !page.text.contains("wrong"),
            "the password does not come back"
        );
        assert!(!browser.cookies.contains_key(SESSION));
        let csrf = &page.hidden_fields()[0].1;
        let without_name = page
            .text
            .replace(csrf.as_str(), "")
            .replace(&format!("value=\"{name}\""), "")
            .replace(" autofocus", "");
        let mut headers: Vec<String> = page.headers.keys().map(ToString::to_string).collect();
        headers.sort_unstable();
        answers.push((without_name, headers));
    }
    for answer in &answers[..3] {
        assert_eq!(answer, &answers[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_failures_even_the_right_password_must_wait() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    for _ in 0..10 {
        let page = browser.sign_in("alice", "wrong").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let page = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.header("retry-after"), "301");
    assert!(page.text.contains("Wait 6 minutes"));
    t.clock.advance(Seconds::new(300));
    assert_eq!(
        browser.sign_in("alice", PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        rows(
            &t,
            "SELECT COUNT(*) FROM sign_in_attempts WHERE bucket LIKE 'account:%'"
        )
        .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_id_is_worth_nothing_after_sign_in() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        person(&t, "mallory", "Mallory").await;
        let mut mallory = Browser::new(&t);
        mallory.sign_in("mallory", PASSWORD).await;
        let planted = mallory.cookies[SESSION].clone();

        let mut victim = Browser::new(&t);
        victim.cookies.insert(SESSION.to_owned(), planted.clone());
        let page = victim.get("/login").await;
        assert_eq!(page.location(), "/", "signed in as the planter");
        let fresh = Browser::new(&t).get("/login").await;
        let form = fresh
            .header("set-cookie")
            .split(['=', ';'])
            .nth(1)
            .unwrap()
            .to_owned();
        victim.cookies.insert("tessera-form".to_owned(), form);
        let page = victim
            .submit(&fresh, &[("identifier", "alice"), ("password", PASSWORD)])
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        assert_ne!(victim.cookies[SESSION], planted, "a new id at sign-in");
        assert!(
            !mallory.get("/").await.text.contains("Hello"),
            "the old session ended"
        );
        assert!(victim.get("/").await.text.contains("Hello, Alice"));

        let mut made_up = Browser::new(&t);
        made_up
            .cookies
            .insert(SESSION.to_owned(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned());
        made_up.sign_in("alice", PASSWORD).await;
        assert_ne!(made_up.cookies[SESSION], "AAAAAAAAAAAAAAAAAAAAAA");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_at_last_in_any_case() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = Browser::new(&t);
        browser.sign_in("alice", PASSWORD).await;
        for _ in 0..28 {
            t.clock.advance(Seconds::new(3_000));
            assert!(browser.get("/").await.text.contains("Hello"), "in use");
        }
        t.clock.advance(Seconds::new(3_000));
        assert!(
            !browser.get("/").await.text.contains("Hello"),
            "a day is over"
        );

        browser.sign_in("alice", PASSWORD).await;
        t.clock.advance(Seconds::new(3_601));
        assert!(
            !browser.get("/").await.text.contains("Hello"),
            "an hour idle"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_or_a_new_password_ends_the_session_at_once() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let mut browser = Browser::new(&t);
        browser.sign_in("alice", PASSWORD).await;
        t.clock.advance(Seconds::new(1));
        let mut tx = t.app.db.write().await.unwrap();
        account::lock(&mut tx, &id, t.clock.now()).await.unwrap();
        account::unlock(&mut tx, &id, t.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!browser.get("/").await.text.contains("Hello"));
        assert_eq!(
            browser.sign_in("alice", PASSWORD).await.status,
            StatusCode::SEE_OTHER
        );
        // Even a session whose row a bug would leave behind.
        t.clock.advance(Seconds::new(1));
        let mut tx = t.app.db.write().await.unwrap();
        tx.exec(q("UPDATE users SET tokens_valid_from = $1").bind(t.clock.now()))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(!browser.get("/").await.text.contains("Hello"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_does_not_exist_leads_nowhere() {
    let t = TestApp::start(Engine::Sqlite).await;
    let mut browser = Browser::new(&t);
    for flow in [
        "",
        "x",
        "https://evil.example",
        "flw_00000000000000000000000000",
    ] {
        let page = browser.get(&format!("/login?flow={flow}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{flow}");
        assert!(page.location().is_empty());
        assert!(page.text.contains("start again"), "{}", page.text);
    }
}
