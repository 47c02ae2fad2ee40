//! `/revoke` and `/introspect`: what goes, what stays, who may know.

use http::StatusCode;
use serde_json::json;
use tessera::base::time::Seconds;
use tessera::store::q;

use super::party::{Party, claims, setup};
use crate::harness::database::{Engine, engines};

async fn revoke(party: &Party, token: &str) -> String {
    let answer = party.post("/revoke", &[("token", token)]).await;
    answer.error().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_goes_alone() {
    for engine in engines() {
        let (_t, mut browser, party) = setup(engine).await;
        let tokens = party.tokens(&mut browser, &[]).await;
        let sibling = party.refresh(tokens.refresh()).await.tokens();
        for _ in 0..2 {
            assert_eq!(revoke(&party, &tokens.access).await, "ok");
        }
        assert!(!party.is_active(&tokens.access).await);
        assert_eq!(
            party.userinfo(&tokens.access).await.error(),
            "invalid_token"
        );
        assert!(party.is_active(&sibling.access).await);
        assert_eq!(party.refresh(tokens.refresh()).await.error(), "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_takes_everything_with_it_and_is_no_theft_later() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let first = party.tokens(&mut browser, &[]).await;
        t.clock.advance(Seconds::new(20));
        let second = party.refresh(first.refresh()).await.tokens();
        assert_eq!(
            revoke(&party, first.refresh()).await,
            "ok",
            "an older one does as well"
        );
        for token in [&first, &second] {
            assert!(!party.is_active(&token.access).await);
            assert_eq!(
                party.refresh(token.refresh()).await.error(),
                "invalid_grant"
            );
        }
        let mut conn = t.app.db.read().await.unwrap();
        let replays: i64 = conn
            .one(q(
                "SELECT COUNT(*) FROM events WHERE kind = 'refresh.replayed'",
            ))
            .await
            .unwrap();
        assert_eq!(replays, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_no_error_and_anothers_is_refused() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let other = Party::register(&t, "other", |_| {}).await;
    let public = Party::register(&t, "public", Party::public).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    for nonsense in ["x", "tsr_rt_AAAA", "a.b.c", tokens.id.as_deref().unwrap()] {
        assert_eq!(revoke(&party, nonsense).await, "ok", "{nonsense}");
    }
    for thief in [&other, &public] {
        assert_eq!(revoke(thief, &tokens.access).await, "invalid_grant");
        assert_eq!(revoke(thief, tokens.refresh()).await, "invalid_grant");
    }
    assert!(party.is_active(&tokens.access).await);
    assert_eq!(party.post("/revoke", &[]).await.error(), "invalid_request");
    let twice = [("token", "x"), ("token", "y")];
    assert_eq!(
        party.post("/revoke", &twice).await.error(),
        "invalid_request"
    );
    let hinted = [
        ("token", tokens.refresh()),
        ("token_type_hint", "access_token"),
    ];
    assert_eq!(party.post("/revoke", &hinted).await.error(), "ok");
    assert!(
        !party.is_active(&tokens.access).await,
        "a wrong hint does not matter"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_tells_resource_servers_what_a_token_says() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let resource = Party::register(&t, "resource", |_| {}).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let mut expect = claims(&tokens.access);
    expect["active"] = json!(true);
    expect["token_type"] = json!("Bearer");
    assert_eq!(resource.introspect(&tokens.access).await, expect);
    let refresh = party.introspect(tokens.refresh()).await;
    assert_eq!(refresh["active"], true);
    assert_eq!(refresh["client_id"], "web");
    assert!(
        refresh["scope"]
            .as_str()
            .unwrap()
            .contains("offline_access")
    );
    for (asker, token) in [
        (&resource, tokens.refresh()),
        (&party, tokens.id.as_deref().unwrap()),
        (&party, "nonsense"),
    ] {
        assert_eq!(
            asker.introspect(token).await,
            json!({"active": false}),
            "{token}"
        );
    }
    t.clock.advance(Seconds::new(300));
    let expired = resource.introspect(&tokens.access).await;
    assert_eq!(expired, json!({"active": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection_is_for_clients_with_a_secret() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let public = Party::register(&t, "public", Party::public).await;
    let token = party.tokens(&mut browser, &[]).await.access;
    let answer = public.post("/introspect", &[("token", &token)]).await;
    assert_eq!(answer.error(), "invalid_client");
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        party.post("/introspect", &[]).await.error(),
        "invalid_request"
    );
}
