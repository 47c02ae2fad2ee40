//! `/account`: what people see of their own account and do with it.

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::account::find;
use tessera::store::q;

use super::{PASSWORD, alice, person};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::party::signed_in;

const SESSION: &str = "tessera";
const NEW: &str = "another horse battery staple";
const PAGES: [&str; 5] = [
    "/account",
    "/account/profile",
    "/account/password",
    "/account/sessions",
    "/account/applications",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_for_who_is_signed_in_and_lead_back_after_sign_in() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    for path in PAGES {
        let mut browser = Browser::new(&t);
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        let login = browser.get(page.location()).await;
        let fields = [("identifier", "alice"), ("password", PASSWORD)];
        let page = browser.submit(&login, &fields).await;
        assert_eq!(page.location(), path);
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("form-action 'self'; frame-ancestors 'none'"));
        assert_eq!(page.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_how_they_are_called_and_is_shown_what_is_wrong() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let page = browser.get("/account/profile").await;
        assert!(page.text.contains("alice@example.com, verified"));
        let saved = browser
            .submit(
                &page,
                &[
                    ("name", "Alice L."),
                    ("given_name", " Alice "),
                    ("birthdate", "1852-05-04"),
                ],
            )
            .await;
        assert_eq!(saved.location(), "/account/profile?done=saved");
        let user = find(&t.app.db, &id).await.unwrap().unwrap();
        assert_eq!(user.name.as_deref(), Some("Alice L."));
        assert_eq!(user.profile.given_name.as_deref(), Some("Alice"));
        assert_eq!(user.profile.birthdate.as_deref(), Some("1852-05-04"));
        t.clock.advance(Seconds::new(1));
        let page = browser.get(saved.location()).await;
        assert!(page.text.contains("Saved.") && page.text.contains("1852-05-04"));
        let wrong = browser
            .submit(&page, &[("name", "A"), ("website", "javascript:alert(1)")])
            .await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            wrong.text.contains("“website” must be an"),
            "{}",
            wrong.text
        );
        assert!(
            wrong.text.contains("javascript:alert(1)"),
            "what was typed stays"
        );
        let wrong = browser.submit(&page, &[("name", &"x".repeat(121))]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let emptied = browser.submit(&page, &[]).await;
        assert_eq!(emptied.status, StatusCode::SEE_OTHER);
        let user = find(&t.app.db, &id).await.unwrap().unwrap();
        assert_eq!((user.name, user.profile.given_name), (None, None));
    }
}

async fn change(browser: &mut Browser, fields: &[(&str, &str)]) -> Page {
    let page = browser.get("/account/password").await;
    browser.submit(&page, fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_everything_else_and_keeps_this_browser() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let mut here = signed_in(&t).await;
        let mut elsewhere = signed_in(&t).await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        let tokens = party.tokens(&mut here, &[]).await;
        t.clock.advance(Seconds::new(60));
        let before = here.cookies[SESSION].clone();
        let fields = [
            ("current", PASSWORD),
            ("password", NEW),
            ("repeat", NEW),
            ("others", "end"),
        ];
        let done = change(&mut here, &fields).await;
        assert_eq!(
            done.location(),
            "/account/password?done=changed",
            "{}",
            done.text
        );
        let page = here.get(done.location()).await;
        assert!(
            page.text.contains("Your password is changed"),
            "{}",
            page.text
        );
        assert_ne!(here.cookies[SESSION], before, "another cookie");
        let mut stolen = Browser::new(&t);
        stolen.cookies.insert(SESSION.to_owned(), before);
        assert!(!stolen.get("/").await.text.contains("Hello"));
        assert!(
            !elsewhere.get("/").await.text.contains("Hello"),
            "{engine:?}"
        );
        assert_eq!(
            party.refresh(tokens.refresh()).await.error(),
            "invalid_grant"
        );
        assert!(!party.is_active(&tokens.access).await);
        party.tokens(&mut here, &[]).await;
        let mut fresh = Browser::new(&t);
        let page = fresh.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            fresh.sign_in("alice", NEW).await.status,
            StatusCode::SEE_OTHER
        );
        let mut conn = t.app.db.read().await.unwrap();
        let told: i64 = conn
            .one(
                q("SELECT COUNT(*) FROM events WHERE kind = 'user.changed' AND body LIKE $1")
                    .bind(format!("%{id}%password%")),
            )
            .await
            .unwrap();
        assert_eq!(told, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_sessions_may_stay_but_refresh_tokens_do_not() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut here = signed_in(&t).await;
        let mut elsewhere = signed_in(&t).await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        let tokens = party.tokens(&mut elsewhere, &[]).await;
        t.clock.advance(Seconds::new(60));
        let fields = [
            ("current", PASSWORD),
            ("password", NEW),
            ("repeat", NEW),
            ("others", "keep"),
        ];
        let done = change(&mut here, &fields).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
        assert!(elsewhere.get("/").await.text.contains("Hello"));
        assert!(here.get("/").await.text.contains("Hello"));
        assert_eq!(
            party.refresh(tokens.refresh()).await.error(),
            "invalid_grant"
        );
        party.tokens(&mut elsewhere, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_changed_without_the_present_one_or_to_a_bad_one() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    for (current, password, repeat, says) in [
        ("wrong", NEW, NEW, "That password is not right"),
        ("", NEW, NEW, "That password is not right"),
        (PASSWORD, NEW, "other", "The two passwords differ"),
        (PASSWORD, "short", "short", "use at least 15"),
        (
            PASSWORD,
            "alice@example.com",
            "alice@example.com",
            "correct what is marked",
        ),
    ] {
        let fields = [
            ("current", current),
            ("password", password),
            ("repeat", repeat),
        ];
        let page = change(&mut browser, &fields).await;
        assert_eq!(
            page.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{current} {password}"
        );
        assert!(page.text.contains(says), "{says}: {}", page.text);
        assert!(!page.text.contains(NEW), "a password does not come back");
    }
    let mut again = Browser::new(&t);
    assert_eq!(
        again.sign_in("alice", PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shown_in_words_and_ended_one_by_one_or_all() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        person(&t, "bob", "Bob").await;
        let mut bob = Browser::new(&t);
        bob.sign_in("bob", PASSWORD).await;
        let mut second = signed_in(&t).await;
        let mut third = signed_in(&t).await;
        t.clock.advance(Seconds::new(400));
        let mut here = Browser::new(&t);
        let csrf = here.get("/login").await.hidden_fields()[0].1.clone();
        let fields = [
            ("csrf", csrf.as_str()),
            ("identifier", "alice"),
            ("password", PASSWORD),
        ];
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        here.post_with("/login", &fields, &[("user-agent", firefox)])
            .await;
        let page = here.get("/account/sessions").await;
        assert_eq!(page.text.matches("<section").count(), 3, "{}", page.text);
        assert_eq!(page.text.matches("This one").count(), 1);
        for text in ["Firefox on Linux", "127.0.0.0/24", "6 minutes ago"] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let one = page.form("value=\"ses_");
        let done = here.submit(&one, &[]).await;
        assert_eq!(done.location(), "/account/sessions?done=ended");
        let twice = here.submit(&one, &[]).await;
        assert_eq!(twice.location(), "/account/sessions?done=gone");
        let page = here.get(done.location()).await;
        assert_eq!(page.text.matches("<section").count(), 2);
        here.submit(&page.form("value=\"others\""), &[]).await;
        let page = here.get("/account/sessions").await;
        assert_eq!(page.text.matches("<section").count(), 1);
        assert!(!page.text.contains("Sign out everywhere else"));
        for other in [&mut second, &mut third] {
            assert!(!other.get("/").await.text.contains("Hello"));
        }
        assert!(bob.get("/").await.text.contains("Hello"), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_sessions_of_others_or_without_a_fresh_proof() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    person(&t, "bob", "Bob").await;
    let mut bob = Browser::new(&t);
    bob.sign_in("bob", PASSWORD).await;
    let mut here = signed_in(&t).await;
    let mut elsewhere = signed_in(&t).await;
    let page = here.get("/account/sessions").await;
    let form = page.form("value=\"ses_");
    let fields = form.hidden_fields();
    let of_alice = &fields.iter().find(|(name, _)| name == "session").unwrap().1;
    let mut second_bob = Browser::new(&t);
    second_bob.sign_in("bob", PASSWORD).await;
    let own = bob.get("/account/sessions").await.form("value=\"ses_");
    let csrf = own.hidden_fields()[0].1.clone();
    let stolen = [("csrf", csrf.as_str()), ("session", of_alice.as_str())];
    let page = bob.post("/account/sessions/end", &stolen).await;
    assert_eq!(page.location(), "/account/sessions?done=gone");
    assert!(elsewhere.get("/").await.text.contains("Hello"));
    t.clock.advance(Seconds::new(301));
    let page = here.submit(&form, &[]).await;
    assert_eq!(page.location(), "/reauthenticate?then=sessions");
    assert!(elsewhere.get("/").await.text.contains("Hello"));
    let confirm = here.get(page.location()).await;
    let page = here.submit(&confirm, &[("password", PASSWORD)]).await;
    assert_eq!(page.location(), "/account/sessions");
    let page = here.submit(&form, &[]).await;
    assert_eq!(page.location(), "/account/sessions?done=ended");
    assert!(!elsewhere.get("/").await.text.contains("Hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_account_takes_its_own_token() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    signed_in(&t).await;
    let profile = browser.get("/account/profile").await.hidden_fields()[0]
        .1
        .clone();
    for path in [
        "/account/password",
        "/account/sessions/end",
        "/account/applications/withdraw",
        "/reauthenticate",
    ] {
        for csrf in ["", profile.as_str()] {
            let fields = [
                ("csrf", csrf),
                ("current", PASSWORD),
                ("password", NEW),
                ("repeat", NEW),
                ("session", "others"),
            ];
            let page = browser.post(path, &fields).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {csrf}");
        }
    }
    let mut other = signed_in(&t).await;
    let page = other.post("/account/profile", &[("csrf", &profile)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "another session's");
}
