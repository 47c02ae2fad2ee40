//! What a person let applications do, and taking it back at `/account/applications`.

use std::sync::Arc;

use tessera::base::time::Seconds;
use tessera::oauth::applications;
use tessera::oauth::protocol::client::ClientId;
use tessera::serve::outbox::deliver_due;
use tessera::store::{consents, outbox, q};

use super::backchannel::{ask, at_a_till, decide as decide_ciba, poll as poll_ciba};
use super::device;
use super::party::{Party, agree, answered, setup_with, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::receiver::Receiver;
use crate::harness::server::TestApp;
use crate::web::{PASSWORD, alice, person};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_who_has_access_and_takes_it_back_whole() {
    for engine in engines() {
        let receiver = Receiver::start().await;
        let (t, mut browser, web) = setup_with(
            engine,
            |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
            |new| {
                new.client_name = Some("Corner <shop>".to_owned());
                new.backchannel_logout_uri = Some(receiver.url.clone());
                new.resources = vec!["https://api.example".to_owned()];
            },
        )
        .await;
        let user = applications_user(&t).await;
        let other = Party::register(&t, "other", |new| new.skip_consent = true).await;
        let kept = other.tokens(&mut browser, &[]).await;
        let with = [("resource", "https://api.example")];
        let tokens = web.tokens(&mut browser, &with).await;
        let page = browser.get("/account/applications").await;
        for text in [
            "Corner &lt;shop&gt;",
            "See your e-mail address",
            "https://api.example",
            "2025-01-01",
            "also while you are away",
        ] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        // An authorization that is on its way may not come after.
        let waiting = browser
            .get(&web.authorize_path(&[("prompt", "consent")]))
            .await;
        let consent = browser.get(waiting.location()).await;
        let allowed = browser.submit(&consent, &[("decision", "allow")]).await;
        let done = browser.submit(&page.form("value=\"web\""), &[]).await;
        assert_eq!(done.location(), "/account/applications?done=withdrawn");
        assert_eq!(web.refresh(tokens.refresh()).await.error(), "invalid_grant");
        assert!(!web.is_active(&tokens.access).await);
        let again = browser.get(allowed.location()).await;
        assert!(
            again.location().starts_with("/consent"),
            "{}",
            again.location()
        );
        let asked = browser.get(&web.authorize_path(&[])).await;
        assert!(
            asked.location().starts_with("/consent"),
            "{}",
            asked.location()
        );
        other.refresh(kept.refresh()).await.tokens();
        deliver_due(Arc::clone(&t.app)).await.unwrap();
        assert_eq!(receiver.got().len(), 1, "{engine:?}");
        let page = browser.get("/account/applications").await;
        assert!(!page.text.contains("Corner"), "{}", page.text);
        let mut conn = t.app.db.read().await.unwrap();
        assert!(
            consents::scopes(&mut conn, &user, "web")
                .await
                .unwrap()
                .is_empty()
        );
        let told: i64 = conn
            .one(q(
                "SELECT COUNT(*) FROM events WHERE kind = 'consent.withdrawn'",
            ))
            .await
            .unwrap();
        assert_eq!(told, 1);
    }
}

async fn applications_user(t: &TestApp) -> tessera::base::id::UserId {
    let mut conn = t.app.db.read().await.unwrap();
    let users = tessera::store::users::list(&mut conn, None, 10)
        .await
        .unwrap();
    users
        .into_iter()
        .find(|user| user.username == "alice")
        .unwrap()
        .id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_and_not_fetched_yet_is_taken_back_too() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let till = Party::register(&t, "till", |new| {
            at_a_till(new);
            let device = "urn:ietf:params:oauth:grant-type:device_code".to_owned();
            new.grant_types.as_mut().unwrap().push(device);
        })
        .await;
        let answer = ask(&till, &[("login_hint", "alice")]).await;
        decide_ciba(&mut browser, "allow").await;
        let codes = device::begin(&till).await;
        device::decide(&mut browser, &codes.user, "allow").await;
        let page = browser.get("/account/applications").await;
        browser.submit(&page.form("value=\"till\""), &[]).await;
        let poll = poll_ciba(&till, answer.json["auth_req_id"].as_str().unwrap()).await;
        assert_eq!(poll.error(), "access_denied", "{engine:?}");
        let poll = device::poll(&till, &codes.device).await;
        assert_eq!(poll.error(), "access_denied", "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_stands_is_shown_and_only_ones_own_is_taken_back() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let bob = person(&t, "bob", "Bob").await;
        let web = Party::register(&t, "web", |_| {}).await;
        let gone = Party::register(&t, "gone", |new| new.skip_consent = true).await;
        agree(&t, &bob, &web).await;
        let mut browser = signed_in(&t).await;
        gone.tokens(&mut browser, &[("scope", "openid")]).await;
        let now = t.clock.now();
        let shown = applications::of_person(&t.app.db, &user, now)
            .await
            .unwrap();
        assert_eq!(shown.len(), 1, "bob's is not alice's");
        assert!(!shown[0].offline);
        let id = ClientId::parse("web").unwrap();
        let mut tx = t.app.db.write().await.unwrap();
        assert!(
            !applications::withdraw(&mut tx, &user, &id, now)
                .await
                .unwrap()
        );
        assert_eq!(outbox::count(&mut tx).await.unwrap().0, 0);
        tx.commit().await.unwrap();
        let of_bob = applications::of_person(&t.app.db, &bob, now).await.unwrap();
        assert_eq!(of_bob.len(), 1);
        assert_eq!(
            of_bob[0].renewed_at, None,
            "agreed, and nothing granted yet"
        );
        // Without offline access it ends with the session.
        t.clock.advance(Seconds::new(3_601));
        let shown = applications::of_person(&t.app.db, &user, t.clock.now())
            .await
            .unwrap();
        assert!(shown.is_empty(), "{engine:?} {shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_not_redeemed_dies_with_the_consent() {
    let (t, mut browser, web) = setup_with(Engine::Sqlite, |_| {}, |_| {}).await;
    let page = browser.get(&web.authorize_path(&[])).await;
    let code = answered(&page)["code"].clone();
    let page = browser.get("/account/applications").await;
    browser.submit(&page.form("value=\"web\""), &[]).await;
    assert_eq!(web.redeem(&code).await.error(), "invalid_grant");
    let mut again = crate::harness::browser::Browser::new(&t);
    again.sign_in("alice", PASSWORD).await;
}
