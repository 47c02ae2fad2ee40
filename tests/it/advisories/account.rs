//! Rows of the catalogue about sessions and what people do with their own account.

use http::StatusCode;
use tessera::base::id::SessionId;
use tessera::base::secret::Secret;
use tessera::base::time::Seconds;
use tessera::identity::account::find;
use tessera::identity::hasher::Hasher;
use tessera::identity::password::Password;
use tessera::identity::password_change::{self, Changed, Wanted};
use tessera::identity::session::SignIn;
use tessera::identity::sign_in::Desk;

use crate::harness::browser::Browser;
use crate::harness::database::{Engine, START, engines};
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::party::{answered, claims, signed_in};
use crate::web::{PASSWORD, alice, person};

const SESSION: &str = "tessera";
const NEW: &str = "another horse battery staple";

/// Row 25: the cookie's id is another one after each step that proves something, and the one before is worth nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_id_is_fixed_by_nobody_at_any_step() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = Browser::new(&t);
        browser
            .cookies
            .insert(SESSION.to_owned(), "AAAAAAAAAAAAAAAAAAAAAA".to_owned());
        let mut ids = vec![browser.cookies[SESSION].clone()];
        browser.sign_in("alice", PASSWORD).await;
        ids.push(browser.cookies[SESSION].clone());
        t.clock.advance(Seconds::new(1));
        let page = browser.get("/reauthenticate").await;
        browser.submit(&page, &[("password", PASSWORD)]).await;
        ids.push(browser.cookies[SESSION].clone());
        t.clock.advance(Seconds::new(1));
        let page = browser.get("/account/password").await;
        let fields = [("current", PASSWORD), ("password", NEW), ("repeat", NEW)];
        browser.submit(&page, &fields).await;
        ids.push(browser.cookies[SESSION].clone());
        assert!(browser.get("/").await.text.contains("Hello"), "{engine:?}");
        let live = ids.pop().unwrap();
        for old in ids {
            assert_ne!(old, live);
            let mut planted = Browser::new(&t);
            planted.cookies.insert(SESSION.to_owned(), old);
            assert!(!planted.get("/").await.text.contains("Hello"));
        }
    }
}

/// Row 25: a cookie that a neighbouring host may set passes for the one that only this host can, or the cookie passes in another writing.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_under_another_name_or_in_another_writing() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let web = Party::register(&t, "web", |new| new.skip_consent = true).await;
    let silent = web.authorize_path(&[("prompt", "none")]);
    let session = signed_in(&t).await.cookies[SESSION].clone();
    let encoded: Vec<String> = session.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let quoted = format!("\"{session}\"");
    for (name, value, passes) in [
        (SESSION, session.as_str(), true),
        (SESSION, &encoded.concat(), false),
        (SESSION, &quoted, false),
        ("%74essera", &session, false),
        ("tesser%61", &session, false),
        ("tessera ", &session, false),
        ("Tessera", &session, false),
    ] {
        let mut browser = Browser::new(&t);
        browser.cookies.insert(name.to_owned(), value.to_owned());
        let greets = browser.get("/").await.text.contains("Hello");
        assert_eq!(greets, passes, "{name}={value}");
        browser.cookies.clear();
        browser.cookies.insert(name.to_owned(), value.to_owned());
        let answers = answered(&browser.get(&silent).await).contains_key("code");
        assert_eq!(
            answers, passes,
            "{name}={value} at the authorization endpoint"
        );
    }
}

/// Row 25: a flow that another browser began signs nobody in and is not gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_flow_does_not_bind_a_session() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
    let mut mallory = Browser::new(&t);
    let page = mallory.get(&party.authorize_path(&[])).await;
    let flow = page.location().split('=').nth(1).unwrap().to_owned();
    let mut victim = signed_in(&t).await;
    for path in [
        "/login",
        "/reauthenticate",
        "/consent",
        "/authorize/continue",
    ] {
        // Before and after the victim has a flow cookie of its own.
        let page = victim.get(&format!("{path}?flow={flow}")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
    }
    victim
        .get(&party.authorize_path(&[("prompt", "login")]))
        .await;
    let page = victim.get(&format!("/reauthenticate?flow={flow}")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = mallory
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert!(page.location().starts_with("/login"), "still nobody");
}

/// Row 26: two people in one browser, one after the other: what the first left never becomes the second's, nor the reverse.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_never_taken_for_that_of_whoever_comes_next() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let alice = alice(&t).await;
        let bob = person(&t, "bob", "Bob").await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        let mut browser = signed_in(&t).await;
        let of_alice = party.tokens(&mut browser, &[]).await;
        let home = browser.get("/").await;
        browser.submit(&home, &[]).await;
        browser.sign_in("bob", PASSWORD).await;
        let of_bob = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(20));
        let of_alice_again = party.refresh(of_alice.refresh()).await.tokens();
        let of_bob_again = party.refresh(of_bob.refresh()).await.tokens();
        for (tokens, user) in [
            (of_alice, &alice),
            (of_alice_again, &alice),
            (of_bob, &bob),
            (of_bob_again, &bob),
        ] {
            assert_eq!(
                claims(&tokens.id.unwrap())["sub"],
                user.as_str(),
                "{engine:?}"
            );
            if party.is_active(&tokens.access).await {
                assert_eq!(party.introspect(&tokens.access).await["sub"], user.as_str());
            }
        }
        // Without signing out in between, too.
        let fresh = browser.get("/login?flow=").await;
        assert_eq!(fresh.status, StatusCode::BAD_REQUEST);
        let page = browser
            .get(&party.authorize_path(&[("prompt", "login")]))
            .await;
        let page = browser.get(page.location()).await;
        let fields = [("identifier", "alice"), ("password", PASSWORD)];
        let next = browser.submit(&page, &fields).await;
        let back = browser.get(next.location()).await;
        let tokens = party.redeem(&answered(&back)["code"]).await.tokens();
        let id = claims(&tokens.id.unwrap());
        assert_eq!(id["sub"], alice.as_str());
        assert!(browser.get("/account").await.text.contains("Alice"));
    }
}

/// Row 30: no session, however it was come by, changes the password without the present one.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_changed_by_who_only_has_the_session() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        for wait in [0, 301] {
            t.clock.advance(Seconds::new(wait));
            for current in [None, Some(""), Some("wrong"), Some(NEW)] {
                let page = browser.get("/account/password").await;
                let mut fields = vec![("password", NEW), ("repeat", NEW)];
                fields.extend(current.map(|current| ("current", current)));
                let page = browser.submit(&page, &fields).await;
                assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{current:?}");
            }
        }
        let mut fresh = Browser::new(&t);
        assert_eq!(
            fresh.sign_in("alice", NEW).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(
            fresh.sign_in("alice", PASSWORD).await.status,
            StatusCode::SEE_OTHER
        );
    }
}

/// Row 30: of changes at the same time with the same present password one is made.
#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_a_password_do_not_both_take() {
    for engine in engines() {
        let t = TestApp::start_with(engine, |config| config.sign_in.hashing_queue = 64).await;
        let user_id = alice(&t).await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..6 {
            let (app, user_id) = (t.app.clone(), user_id.clone());
            tasks.spawn(async move {
                let desk = Desk {
                    db: &app.db,
                    hasher: &Hasher::clone(&app.hasher),
                    limits: &app.config.sign_in,
                };
                let sign_in = SignIn {
                    session_id: SessionId::new(START),
                    user_id,
                    auth_time: START,
                    factors: vec![],
                };
                let wanted = Wanted {
                    current: Secret::new(PASSWORD.to_owned()),
                    new: Password::choose(&format!("{NEW} number {n}"), 15, &[]).unwrap(),
                    end_others: true,
                };
                let now = START.plus(Seconds::new(5));
                password_change::change(desk, &sign_in, wanted, now)
                    .await
                    .unwrap()
            });
        }
        let changed = tasks.join_all().await;
        let done = changed
            .iter()
            .filter(|one| matches!(one, Changed::Done(_)))
            .count();
        assert_eq!(done, 1, "{engine:?} {changed:?}");
    }
}

/// Row 31: the form's fields, and beside them every other name that an account has: only what is a person's own to say changes.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_of_themselves_that_they_are_verified() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let mut tx = t.app.db.write().await.unwrap();
        tx.exec(
            tessera::store::q("UPDATE users SET email_verified = FALSE, profile = $1")
                .bind(r#"{"phone_number":"+14255551212","phone_number_verified":false}"#),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let before = find(&t.app.db, &id).await.unwrap().unwrap();
        let mut browser = signed_in(&t).await;
        let page = browser.get("/account/profile").await;
        t.clock.advance(Seconds::new(1));
        let fields = [
            ("name", "Alice the Second"),
            ("id", "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
            ("username", "root"),
            ("email", "root@example.com"),
            ("email_verified", "true"),
            ("phone_number", "+4912345678"),
            ("phone_number_verified", "true"),
            ("address.country", "UK"),
            ("state", "active"),
            ("password", NEW),
            ("roles", "admin"),
            ("tokens_valid_from", "0"),
        ];
        let saved = browser.submit(&page, &fields).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
        let after = find(&t.app.db, &id).await.unwrap().unwrap();
        assert_eq!(after.name.as_deref(), Some("Alice the Second"));
        let mut expect = before;
        expect.name.clone_from(&after.name);
        expect.updated_at = after.updated_at;
        assert_eq!(after, expect, "{engine:?}");
    }
}
