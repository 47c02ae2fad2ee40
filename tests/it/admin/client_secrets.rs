//! Secrets that are replaced while the old one stays good for a while.

use http::StatusCode;
use serde_json::json;
use tessera::base::time::Seconds;
use tessera::oauth::protocol::client::ClientId;
use tessera::oauth::sweep;
use tessera::policy::system::Role;
use tessera::store::clients;

use super::{Operator, refused};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::oauth::client_auth::{Signer, claims, own_token, sharing, signing};
use crate::oauth::party::Party;

async fn works(t: &TestApp, id: &str, secret: &str) -> bool {
    let form = [("grant_type", "client_credentials")];
    let request = http_client().post(format!("{}/token", t.url)).form(&form);
    let answer = request.basic_auth(id, Some(secret)).send().await.unwrap();
    answer.status().is_success()
}

async fn rotate(admin: &Operator, id: &str, overlap: i64) -> String {
    let path = format!("/clients/{id}/secret");
    let answer = admin
        .post(&path, &json!({ "overlap_seconds": overlap }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json["client_secret"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_secret_stays_good_for_the_overlap() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let shop = Party::register(&t, "shop", |_| {}).await;
        let first = shop.secret.unwrap();
        let second = rotate(&admin, "shop", 3_600).await;
        assert!(works(&t, "shop", &first).await && works(&t, "shop", &second).await);
        let shown = admin.get("/clients/shop").await.json;
        assert_eq!(shown["former_secret_expires_at"], "2025-01-01T01:00:00Z");
        assert!(shown.get("client_secret").is_none());
        // What was read can be sent back.
        let same = admin.put("/clients/shop", &shown).await;
        assert_eq!((same.status, &same.json), (StatusCode::OK, &shown));

        t.clock.advance(Seconds::new(3_599));
        assert!(works(&t, "shop", &first).await, "{engine:?}");
        t.clock.advance(Seconds::new(1));
        assert!(!works(&t, "shop", &first).await, "{engine:?}");
        assert!(works(&t, "shop", &second).await, "{engine:?}");

        let rows = sweep::sweep(&t.app.db, &t.app.config.tokens, t.clock.now()).await;
        assert_eq!(rows.unwrap(), 1, "{engine:?}");
        let id = ClientId::parse("shop").unwrap();
        let mut conn = t.app.db.read().await.unwrap();
        let kept = clients::find(&mut conn, &id).await.unwrap().unwrap();
        assert_eq!(kept.former_secret, None, "the MAC is forgotten too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_secret_can_be_ended_and_never_two_are_old() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let shop = Party::register(&t, "shop", |_| {}).await;
        let first = shop.secret.unwrap();
        let second = rotate(&admin, "shop", 3_600).await;
        let third = rotate(&admin, "shop", 3_600).await;
        assert!(!works(&t, "shop", &first).await, "{engine:?}");
        assert!(works(&t, "shop", &second).await && works(&t, "shop", &third).await);
        for _ in 0..2 {
            let path = "/clients/shop/former-secret";
            let answer = admin.order(http::Method::DELETE, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert!(answer.json.get("former_secret_expires_at").is_none());
        }
        assert!(!works(&t, "shop", &second).await && works(&t, "shop", &third).await);
        // Without an overlap the present one and the one before it end at once.
        rotate(&admin, "shop", 3_600).await;
        let last = rotate(&admin, "shop", 0).await;
        assert!(!works(&t, "shop", &third).await && works(&t, "shop", &last).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_has_bounds_and_a_secret_to_overlap() {
    let t = TestApp::start(Engine::Sqlite).await;
    let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
    Party::register(&t, "shop", |_| {}).await;
    signing(&t, "keys", &Signer::p256()).await;
    for (body, says) in [
        (json!({ "overlap_seconds": -1 }), "`overlap_seconds`"),
        (json!({ "overlap_seconds": 2_592_001 }), "`overlap_seconds`"),
        (json!({ "overlap": 1 }), "`overlap`"),
    ] {
        let answer = admin.post("/clients/shop/secret", &body).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, says);
    }
    let answer = admin.post("/clients/keys/secret", &json!({})).await;
    refused(&answer, StatusCode::CONFLICT, "`keys` has no secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_sign_while_they_overlap() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let (_, first) = sharing(&t, "shared").await;
        let second = Signer::Secret(rotate(&admin, "shared", 60).await);
        for (jti, signer, expect) in [("1", &first, "ok"), ("2", &second, "ok")] {
            let assertion = signer.jwt(&claims(&t, "shared", jti));
            assert_eq!(own_token(&t.url, &assertion).await.error(), expect, "{jti}");
        }
        t.clock.advance(Seconds::new(60));
        for (jti, signer, expect) in [("3", &first, "invalid_client"), ("4", &second, "ok")] {
            let assertion = signer.jwt(&claims(&t, "shared", jti));
            assert_eq!(own_token(&t.url, &assertion).await.error(), expect, "{jti}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_readable_only_where_it_signs() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let (party, signer) = sharing(&t, "shared").await;
        let sealed = async || {
            let id = ClientId::parse("shared").unwrap();
            let mut conn = t.app.db.read().await.unwrap();
            let kept = clients::find(&mut conn, &id).await.unwrap().unwrap();
            kept.sealed_secret
        };
        let secret = party.secret.unwrap();
        assert!(!sealed().await.unwrap().contains(&secret));
        let mut read = admin.get("/clients/shared").await.json;
        assert!(!read.to_string().contains(&secret));

        // The method changes: the secret is kept, but no more than needed.
        read["token_endpoint_auth_method"] = json!("client_secret_basic");
        let answer = admin.put("/clients/shared", &read).await;
        assert!(answer.json.get("client_secret").is_none(), "{answer:?}");
        assert_eq!(sealed().await, None, "{engine:?}");
        assert!(works(&t, "shared", &secret).await, "{engine:?}");

        // And back: what was not kept cannot sign, so another is made.
        read["token_endpoint_auth_method"] = json!("client_secret_jwt");
        let answer = admin.put("/clients/shared", &read).await;
        let another = Signer::Secret(answer.json["client_secret"].as_str().unwrap().to_owned());
        let own = |signer: &Signer, jti: &str| signer.jwt(&claims(&t, "shared", jti));
        assert_eq!(
            own_token(&t.url, &own(&signer, "1")).await.error(),
            "invalid_client"
        );
        own_token(&t.url, &own(&another, "2")).await.tokens();
    }
}
