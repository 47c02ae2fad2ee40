//! Refresh tokens over HTTP: the five rows of the table, and what comes before it.

use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::oauth::client;
use tessera::oauth::protocol::client::{ClientId, ClientState};
use tessera::store::q;

use super::party::{Party, claims, setup, setup_with};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::PASSWORD;

async fn events(t: &TestApp, kind: &'static str) -> i64 {
    let mut conn = t.app.db.read().await.unwrap();
    conn.one(q("SELECT COUNT(*) FROM events WHERE kind = $1").bind(kind))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_head_rotates_and_a_young_one_stays() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let first = party.tokens(&mut browser, &[]).await;
        let same = party.refresh(first.refresh()).await.tokens();
        assert_eq!(same.refresh(), first.refresh(), "younger than W1");
        assert_ne!(same.access, first.access);
        t.clock.advance(Seconds::new(11));
        let second = party.refresh(first.refresh()).await.tokens();
        assert_ne!(second.refresh(), first.refresh(), "older than W1");
        assert!(
            party.is_active(&first.access).await,
            "rotation revokes no access token"
        );
        assert!(party.is_active(&second.access).await);
        let id = claims(second.id.as_deref().unwrap());
        assert!(id.get("nonce").is_none());
        assert_eq!(id["sub"], claims(first.id.as_deref().unwrap())["sub"]);
        assert_eq!(
            id["auth_time"],
            claims(first.id.as_deref().unwrap())["auth_time"]
        );
        assert_eq!(events(&t, "refresh.rotated").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_token_gets_the_same_head_within_the_grace_window() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let first = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(300));
        let second = party.refresh(first.refresh()).await.tokens();
        t.clock.advance(Seconds::new(10));
        let again = party.refresh(first.refresh()).await.tokens();
        assert_eq!(again.refresh(), second.refresh());
        assert_ne!(again.access, second.access);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_recovered_and_the_lost_head_is_spent() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let first = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(300));
        let lost = party.refresh(first.refresh()).await.tokens();
        t.clock.advance(Seconds::new(300));
        let recovered = party.refresh(first.refresh()).await.tokens();
        assert_ne!(recovered.refresh(), lost.refresh());
        assert_eq!(events(&t, "refresh.recovered").await, 1);
        t.clock.advance(Seconds::new(300));
        let next = party.refresh(recovered.refresh()).await.tokens();
        // The lost head turns up after all: somebody else has it.
        assert_eq!(party.refresh(lost.refresh()).await.error(), "invalid_grant");
        assert_eq!(party.refresh(next.refresh()).await.error(), "invalid_grant");
        assert!(!party.is_active(&next.access).await);
        assert_eq!(events(&t, "refresh.replayed").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recoveries_are_bounded_in_number_and_in_time() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let first = party.tokens(&mut browser, &[]).await;
    t.clock.advance(Seconds::new(20));
    for _ in 0..7 {
        assert_eq!(party.refresh(first.refresh()).await.error(), "ok");
        t.clock.advance(Seconds::new(20));
    }
    assert_eq!(
        party.refresh(first.refresh()).await.error(),
        "invalid_grant"
    );

    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, Party::public).await;
    let first = party.tokens(&mut browser, &[]).await;
    t.clock.advance(Seconds::new(20));
    party.refresh(first.refresh()).await.tokens();
    t.clock.advance(Seconds::new(601));
    // A browser's window is ten minutes.
    assert_eq!(
        party.refresh(first.refresh()).await.error(),
        "invalid_grant"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_token_revokes_the_family_and_its_access_tokens() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let first = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(20));
        let second = party.refresh(first.refresh()).await.tokens();
        t.clock.advance(Seconds::new(20));
        let third = party.refresh(second.refresh()).await.tokens();
        assert_eq!(
            party.refresh(first.refresh()).await.error(),
            "invalid_grant"
        );
        for token in [&first, &second, &third] {
            assert!(
                !party.is_active(&token.access).await,
                "committed with the error"
            );
            assert_eq!(
                party.refresh(token.refresh()).await.error(),
                "invalid_grant"
            );
        }
        assert_eq!(
            events(&t, "refresh.replayed").await,
            1,
            "theft is told once"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_shows_as_soon_as_both_have_used_theirs() {
    // The thief refreshes first; the owner comes with the same token later.
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let stolen = party.tokens(&mut browser, &[]).await;
    t.clock.advance(Seconds::new(60));
    let thief = party.refresh(stolen.refresh()).await.tokens();
    t.clock.advance(Seconds::new(60));
    let thief_next = party.refresh(thief.refresh()).await.tokens();
    t.clock.advance(Seconds::new(60));
    assert_eq!(
        party.refresh(stolen.refresh()).await.error(),
        "invalid_grant"
    );
    assert_eq!(
        party.refresh(thief_next.refresh()).await.error(),
        "invalid_grant"
    );
    assert!(!party.is_active(&thief_next.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_windows_let_every_token_work_once() {
    let strict = |config: &mut tessera::config::Config| {
        let windows = &mut config.tokens.refresh;
        windows.grace_seconds = Seconds::new(0);
        windows.recovery_seconds = Seconds::new(0);
        windows.recovery_browser_seconds = Seconds::new(0);
        windows.max_recoveries = 0;
    };
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, strict, |_| {}).await;
    let first = party.tokens(&mut browser, &[]).await;
    let second = party.refresh(first.refresh()).await.tokens();
    assert_ne!(second.refresh(), first.refresh());
    assert_eq!(
        party.refresh(first.refresh()).await.error(),
        "invalid_grant"
    );
    assert_eq!(
        party.refresh(second.refresh()).await.error(),
        "invalid_grant"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_ends_however_it_is_used() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let mut refresh = party.tokens(&mut browser, &[]).await.refresh().to_owned();
    for _ in 0..30 {
        t.clock.advance(Seconds::new(86_400 - 1));
        refresh = party.refresh(&refresh).await.tokens().refresh().to_owned();
    }
    t.clock.advance(Seconds::new(30));
    assert_eq!(party.refresh(&refresh).await.error(), "invalid_grant");
    assert_eq!(events(&t, "refresh.replayed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_may_ask_for_less_but_never_for_more() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let first = party
        .tokens(&mut browser, &[("scope", "openid email offline_access")])
        .await;
    t.clock.advance(Seconds::new(20));
    let ask = async |scope: &str, token: &str| {
        party
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", token),
                ("scope", scope),
            ])
            .await
    };
    let more = ask("openid api", first.refresh()).await;
    assert_eq!(more.error(), "invalid_scope");
    let less = ask("email", first.refresh()).await.tokens();
    assert_eq!((less.scope.as_str(), &less.id), ("email", &None));
    t.clock.advance(Seconds::new(20));
    let all = party.refresh(less.refresh()).await.tokens();
    assert_eq!(
        all.scope, "email offline_access openid",
        "the grant itself is not narrowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_its_client_can_use_or_burn_a_refresh_token() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let other = Party::register(&t, "other", |_| {}).await;
        let public = Party::register(&t, "public", Party::public).await;
        let first = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(20));
        assert_eq!(
            other.refresh(first.refresh()).await.error(),
            "invalid_grant"
        );
        assert_eq!(
            public.refresh(first.refresh()).await.error(),
            "invalid_grant"
        );
        let second = party.refresh(first.refresh()).await.tokens();
        t.clock.advance(Seconds::new(20));
        let third = party.refresh(second.refresh()).await.tokens();
        // A stranger with a spent token is refused, and that is all.
        assert_eq!(
            other.refresh(first.refresh()).await.error(),
            "invalid_grant"
        );
        assert!(party.is_active(&third.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_ends_families_without_offline_access_only() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let online = party.tokens(&mut browser, &[("scope", "openid")]).await;
        let offline = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(20));
        let home = browser.get("/").await;
        browser.submit(&home, &[]).await;
        assert_eq!(
            party.refresh(online.refresh()).await.error(),
            "invalid_grant"
        );
        assert!(!party.is_active(&online.access).await);
        assert_eq!(party.refresh(offline.refresh()).await.error(), "ok");
        assert_eq!(
            events(&t, "refresh.replayed").await,
            0,
            "logout is not theft"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_gets_nothing_and_its_tokens_stop_working_here() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let watcher = Party::register(&t, "watcher", |_| {}).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let own = party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens();
    let mut tx = t.app.db.write().await.unwrap();
    let client_id = ClientId::parse("web").unwrap();
    client::set_state(&mut tx, &client_id, ClientState::Disabled, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        party.refresh(tokens.refresh()).await.error(),
        "invalid_client"
    );
    assert!(!watcher.is_active(&tokens.access).await);
    assert!(!watcher.is_active(&own.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_family() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    t.clock.advance(Seconds::new(20));
    let user = claims(&tokens.access)["sub"].as_str().unwrap().to_owned();
    let user = tessera::base::id::UserId::parse(&user).unwrap();
    let hash = t
        .app
        .hasher
        .hash(tessera::identity::password::Password::typed(PASSWORD).unwrap())
        .await
        .unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    account::set_password(&mut tx, &user, &hash, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        party.refresh(tokens.refresh()).await.error(),
        "invalid_grant"
    );
    assert_eq!(
        party.userinfo(&tokens.access).await.error(),
        "invalid_token"
    );
}
