//! `/admin/api/clients`.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::base::time::Seconds;
use tessera::policy::system::Role;

use super::{Operator, give, pages, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::party::Party;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_read_can_be_sent_back() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let body = json!({
            "client_id": "shop", "client_name": "Shop", "scope": "openid profile",
            "redirect_uris": ["https://shop.example/cb"], "post_logout_redirect_uris": ["https://shop.example/"],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        });
        let made = admin.post("/clients", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(made.header("location"), "/admin/api/clients/shop");
        let secret = made.json["client_secret"].as_str().unwrap();
        let mut read = admin.get("/clients/shop").await.json;
        assert!(read.get("client_secret").is_none(), "{read}");
        assert_eq!(read["scope"], "openid profile");
        assert_eq!(read["token_endpoint_auth_method"], "client_secret_basic");

        t.clock.advance(Seconds::new(60));
        let same = admin.put("/clients/shop", &read).await;
        assert_eq!(
            (same.status, &same.json),
            (StatusCode::OK, &read),
            "{engine:?}"
        );
        assert!(works(&t, "shop", secret).await, "{engine:?}");

        read["client_name"] = json!("Corner shop");
        let changed = admin.put("/clients/shop", &read).await.json;
        assert_eq!(changed["client_name"], "Corner shop");
        assert_ne!(changed["updated_at"], read["updated_at"]);
        assert_eq!(admin.get("/clients/shop").await.json, changed);

        let unknown = admin
            .put("/clients/shop", &json!({ "redirect_uri": "x" }))
            .await;
        refused(&unknown, StatusCode::UNPROCESSABLE_ENTITY, "`redirect_uri`");
        let other = admin
            .put("/clients/shop", &json!({ "client_id": "other" }))
            .await;
        refused(&other, StatusCode::UNPROCESSABLE_ENTITY, "`client_id`");
        let twice = admin.post("/clients", &body).await;
        refused(&twice, StatusCode::CONFLICT, "`shop`");
        let absent = admin.get("/clients/absent").await;
        refused(&absent, StatusCode::NOT_FOUND, "`absent`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_client_is_named() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let body = json!({ "client_secret": "short", "redirect_uris": ["http://evil.example/cb"] });
        let answer = admin.post("/clients", &body).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "redirect_uris: ");
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "client_secret: ");
        // `state` can be read, not registered.
        let body = json!({ "redirect_uris": ["https://a.example/cb"], "state": "active" });
        let answer = admin.post("/clients", &body).await;
        refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "`state`");
        let (clients, pages) = pages(&admin, "/clients", 1).await;
        assert_eq!((clients.len(), pages), (1, 1), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_listed_in_pages() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        for id in ["a", "b", "c", "d"] {
            Party::register(&t, id, |_| {}).await;
        }
        let (clients, count) = pages(&admin, "/clients", 2).await;
        let ids: Vec<&str> = clients
            .iter()
            .map(|client| client["client_id"].as_str().unwrap())
            .collect();
        assert_eq!(
            (ids, count),
            (vec!["a", "b", "boss", "c", "d"], 3),
            "{engine:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_gets_nothing_until_it_is_enabled() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let shop = Party::register(&t, "shop", |_| {}).await;
        let secret = shop.secret.as_deref().unwrap();
        let answer = admin.order(Method::POST, "/clients/shop/disable").await;
        assert_eq!(answer.json["state"], "disabled", "{answer:?}");
        assert!(!works(&t, "shop", secret).await, "{engine:?}");
        let answer = admin.order(Method::POST, "/clients/shop/enable").await;
        assert_eq!(answer.json["state"], "active", "{answer:?}");
        assert!(works(&t, "shop", secret).await, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_ends_the_old_one() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let shop = Party::register(&t, "shop", |_| {}).await;
        let answer = admin.order(Method::POST, "/clients/shop/secret").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let new = answer.json["client_secret"].as_str().unwrap();
        assert!(!works(&t, "shop", shop.secret.as_deref().unwrap()).await);
        assert!(works(&t, "shop", new).await, "{engine:?}");
        Party::register(&t, "phone", Party::public).await;
        let answer = admin.order(Method::POST, "/clients/phone/secret").await;
        refused(&answer, StatusCode::CONFLICT, "`phone` is public");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_manages_clients_manages_none_that_administer() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let manager = Operator::with(&t, "desk", &[Role::ClientManager]).await;
        Party::register(&t, "console", |_| {}).await;
        Party::register(&t, "robot", |new| new.scope = Some("openid".to_owned())).await;
        let answer = manager.order(Method::POST, "/clients/robot/secret").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        give(&t, "client:robot", Role::Auditor).await;

        let says = "can_manage_roles";
        let uri = json!(["https://evil.example/cb"]);
        // One has a role, the other may act for administrators.
        for id in ["robot", "console"] {
            let path = format!("/clients/{id}");
            let answer = manager.put(&path, &json!({ "redirect_uris": uri })).await;
            refused(&answer, StatusCode::FORBIDDEN, says);
            for order in ["secret", "disable", "enable"] {
                let answer = manager
                    .order(Method::POST, &format!("{path}/{order}"))
                    .await;
                refused(&answer, StatusCode::FORBIDDEN, says);
            }
        }
        let body = json!({
            "client_id": "mine", "redirect_uris": uri, "scope": "openid tessera:admin", "skip_consent": true,
        });
        let answer = manager.post("/clients", &body).await;
        refused(&answer, StatusCode::FORBIDDEN, says);
        let harmless = json!({ "client_id": "mine", "redirect_uris": uri });
        let answer = manager.post("/clients", &harmless).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let answer = manager.put("/clients/mine", &body).await;
        refused(&answer, StatusCode::FORBIDDEN, says);
    }
}

/// Whether the client gets a token as itself with this secret.
async fn works(t: &TestApp, id: &str, secret: &str) -> bool {
    let request = crate::harness::server::client().post(format!("{}/token", t.url));
    let form = [("grant_type", "client_credentials")];
    let request = request.basic_auth(id, Some(secret)).form(&form);
    request.send().await.unwrap().status().is_success()
}
