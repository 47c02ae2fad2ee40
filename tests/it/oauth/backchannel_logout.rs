//! Back-channel logout: whoever was given something in a session is told when it ends, however it ends.

use std::sync::Arc;

use http::StatusCode;
use tessera::base::id::UserId;
use tessera::base::time::Seconds;
use tessera::identity::password::Password;
use tessera::identity::{account, session};
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::claims::TokenType;
use tessera::oauth::protocol::logout::LogoutClaims;
use tessera::oauth::sweep;
use tessera::serve::outbox::deliver_due;
use tessera::store::{outbox, sessions};

use super::party::{Party, claims, header, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::receiver::Receiver;
use crate::harness::server::TestApp;
use crate::web::{PASSWORD, person};

/// A server, alice's browser, and `web`, which is told at `uri`.
async fn start(engine: Engine, uri: &str) -> (TestApp, Browser, Party) {
    let month = Seconds::new(30 * 86_400);
    setup_with(
        engine,
        |config| {
            config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
            config.sessions.idle_seconds = month;
            config.sessions.absolute_seconds = month;
        },
        |new| new.backchannel_logout_uri = Some(uri.to_owned()),
    )
    .await
}

async fn pending(t: &TestApp) -> i64 {
    let mut conn = t.app.db.read().await.unwrap();
    outbox::count(&mut conn).await.unwrap().0
}

fn first_party(uri: &str) -> impl FnOnce(&mut NewClient) {
    let uri = uri.to_owned();
    move |new| {
        new.skip_consent = true;
        new.backchannel_logout_uri = Some(uri);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_of_the_session_gets_a_logout_token_of_its_own() {
    for engine in engines() {
        let receiver = Receiver::start().await;
        let (t, mut browser, web) = start(engine, &receiver.url).await;
        let other = Party::register(&t, "other", first_party(&receiver.url)).await;
        Party::register(&t, "stranger", first_party(&receiver.url)).await;
        Party::register(&t, "deaf", |new| new.skip_consent = true).await;
        let id = web.tokens(&mut browser, &[]).await.id.unwrap();
        web.tokens(&mut browser, &[]).await;
        other.tokens(&mut browser, &[]).await;
        browser.get(&format!("/logout?id_token_hint={id}")).await;
        t.clock.advance(Seconds::new(100));
        deliver_due(Arc::clone(&t.app)).await.unwrap();
        let mut audiences = Vec::new();
        for body in receiver.got() {
            let token = body.strip_prefix("logout_token=").unwrap();
            assert_eq!(header(token)["typ"], "logout+jwt");
            let said: LogoutClaims = t
                .app
                .keys
                .verify(TokenType::LogoutToken, token, t.clock.now())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(said.iss, t.url);
            assert_eq!(said.sub, claims(&id)["sub"]);
            assert_eq!(said.sid.as_str(), claims(&id)["sid"]);
            assert_eq!(said.iat, t.clock.now().seconds(), "signed when it is sent");
            assert!(claims(token).get("nonce").is_none());
            audiences.push(said.aud);
        }
        audiences.sort();
        assert_eq!(audiences, ["other", "web"], "{engine:?}");
        assert_eq!(pending(&t).await, 0);
    }
}

/// Ways that a session ends.
#[derive(Clone, Copy, Debug)]
enum Way {
    SignOut,
    Lock,
    Password,
    EndOne,
    EndAll,
    Expiry,
}

async fn end(t: &TestApp, browser: &mut Browser, user: &UserId, way: Way) {
    let now = t.clock.now();
    if matches!(way, Way::SignOut) {
        let page = browser.get("/").await;
        browser.submit(&page, &[]).await;
        return;
    }
    let password = Password::typed("another sentence altogether").unwrap();
    let hash = t.app.hasher.hash(password).await.unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    match way {
        Way::SignOut => {}
        Way::Lock => assert!(account::lock(&mut tx, user, now).await.unwrap()),
        Way::Password => account::set_password(&mut tx, user, &hash, now)
            .await
            .unwrap(),
        Way::EndOne => {
            let list = sessions::list_of_user(&mut tx, user, None, 9, now).await;
            let id = &list.unwrap()[0].session_id;
            assert!(session::end_one(&mut tx, user, id, now).await.unwrap());
            assert!(!session::end_one(&mut tx, user, id, now).await.unwrap());
        }
        Way::EndAll => assert_eq!(session::end_all(&mut tx, user, now).await.unwrap(), 1),
        Way::Expiry => {
            tx.commit().await.unwrap();
            t.clock.advance(Seconds::new(31 * 86_400));
            assert!(session::sweep(&t.app.db, t.clock.now()).await.unwrap() >= 1);
            return;
        }
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_that_a_session_ends_tells_its_clients() {
    for engine in engines() {
        for way in [
            Way::SignOut,
            Way::Lock,
            Way::Password,
            Way::EndOne,
            Way::EndAll,
            Way::Expiry,
        ] {
            let (t, mut browser, web) = start(engine, "https://app.example/out").await;
            let id = web.tokens(&mut browser, &[]).await.id.unwrap();
            let user = UserId::parse(claims(&id)["sub"].as_str().unwrap()).unwrap();
            assert_eq!(pending(&t).await, 0);
            end(&t, &mut browser, &user, way).await;
            assert_eq!(pending(&t).await, 1, "{engine:?} {way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_remembered_as_long_as_its_session_lives() {
    let (t, mut browser, web) = start(Engine::Sqlite, "https://app.example/out").await;
    let changes = [("scope", "openid")];
    let id = web.tokens(&mut browser, &changes).await.id.unwrap();
    t.clock.advance(Seconds::new(10 * 86_400));
    let tokens = &t.app.config.tokens;
    sweep::sweep(&t.app.db, tokens, t.clock.now())
        .await
        .unwrap();
    browser.get(&format!("/logout?id_token_hint={id}")).await;
    assert_eq!(pending(&t).await, 1);
    // Its refresh family is kept until it expires: an old token is known for what it is.
    t.clock.advance(Seconds::new(400 * 86_400));
    let swept = sweep::sweep(&t.app.db, tokens, t.clock.now()).await;
    assert_eq!(swept.unwrap(), 1, "the grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_access_survives_signing_out_unless_the_client_wants_otherwise() {
    for engine in engines() {
        let (t, mut browser, web) = start(engine, "https://app.example/out").await;
        let strict = Party::register(&t, "strict", |new| {
            new.skip_consent = true;
            new.revoke_offline_access_at_logout = true;
        })
        .await;
        let kept = web.tokens(&mut browser, &[]).await;
        let ended = strict.tokens(&mut browser, &[]).await;
        let page = browser.get("/").await;
        browser.submit(&page, &[]).await;
        t.clock.advance(Seconds::new(60));
        assert_eq!(web.refresh(kept.refresh()).await.error(), "ok");
        assert_eq!(
            strict.refresh(ended.refresh()).await.error(),
            "invalid_grant"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proving_it_again_ends_nothing_and_somebody_else_ends_it() {
    for engine in engines() {
        let (t, mut browser, web) = start(engine, "https://app.example/out").await;
        let changes = [("scope", "openid")];
        let before = web.tokens(&mut browser, &changes).await;
        let old = browser.cookies["tessera"].clone();
        t.clock.advance(Seconds::new(60));
        for (name, waiting, active) in [("alice", 0, true), ("bob", 1, false)] {
            if name == "bob" {
                person(&t, "bob", "Bob").await;
            }
            // A sign-in of the same instant would count as the one that is asked for.
            t.clock.advance(Seconds::new(1));
            let login = [("scope", "openid"), ("prompt", "login")];
            let page = browser.get(&web.authorize_path(&login)).await;
            let page = browser.get(page.location()).await;
            let fields = [("identifier", name), ("password", PASSWORD)];
            let page = browser.submit(&page, &fields).await;
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
            assert_eq!(pending(&t).await, waiting, "{name}");
            assert_eq!(web.is_active(&before.access).await, active, "{name}");
            assert_ne!(browser.cookies["tessera"], old, "the cookie is new");
            let mut thief = Browser::new(&t);
            thief.cookies.insert("tessera".to_owned(), old.clone());
            assert!(!thief.get("/").await.text.contains("Hello"));
        }
    }
}
