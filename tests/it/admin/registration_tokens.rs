//! `/admin/api/registration-tokens`.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::policy::system::Role;

use super::{Operator, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::register::{by_token, metadata, register};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_shown_once_used_listed_and_ended() {
    for engine in engines() {
        let t = TestApp::start_with(engine, by_token).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let path = "/registration-tokens";
        let made = admin
            .post(path, &json!({ "name": "ci", "max_uses": 5 }))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let token = made.json["token"].as_str().unwrap();
        assert!(token.starts_with("tsr_ia_"));
        let registered = register(&t, Some(token), &metadata()).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
        let list = admin.get(path).await.json;
        let item = &list["items"][0];
        assert_eq!(
            (&item["name"], &item["uses"], &item["max_uses"]),
            (&json!("ci"), &json!(1), &json!(5))
        );
        assert!(!list.to_string().contains(token), "{list}");
        let id = format!(
            "/clients/{}",
            registered.json["client_id"].as_str().unwrap()
        );
        let client = admin.get(&id).await.json;
        assert_eq!(client["origin"], "token");
        assert_eq!(admin.put(&id, &client).await.json["origin"], "token");

        let one = format!("{path}/{}", item["id"].as_str().unwrap());
        assert_eq!(
            admin.order(Method::DELETE, &one).await.status,
            StatusCode::NO_CONTENT
        );
        refused(
            &admin.order(Method::DELETE, &one).await,
            StatusCode::NOT_FOUND,
            "no initial access token",
        );
        assert_eq!(
            register(&t, Some(token), &metadata()).await.error(),
            "invalid_token"
        );
        for (body, field) in [
            (json!({ "name": "" }), "`name`"),
            (json!({ "name": "x", "max_uses": 0 }), "`max_uses`"),
            (
                json!({ "name": "x", "expires_in_seconds": 1 }),
                "`expires_in_seconds`",
            ),
            (json!({ "name": "x", "uses": 1 }), "`uses`"),
        ] {
            refused(
                &admin.post(path, &body).await,
                StatusCode::UNPROCESSABLE_ENTITY,
                field,
            );
        }
    }
}

/// A client whose id is an address is addressed by `~` and the address in base64url.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_id_is_an_address_can_be_disabled() {
    let t = TestApp::start(crate::harness::database::Engine::Sqlite).await;
    let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
    let address = "https://app.example/client.json";
    let mut tx = t.app.db.write().await.unwrap();
    let now = t.clock.now();
    tessera::oauth::client::keep_document(
        &mut tx,
        (
            &tessera::oauth::protocol::client::ClientId::parse(address).unwrap(),
            &tessera::oauth::client::NewClient {
                token_endpoint_auth_method: Some("none".to_owned()),
                redirect_uris: vec!["https://app.example/cb".to_owned()],
                ..Default::default()
            },
        ),
        tessera::store::client_documents::Freshness {
            fetched_at: now,
            fresh_until: now,
        },
        now,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let path = format!(
        "/clients/~{}",
        tessera::base::encoding::base64url(address.as_bytes())
    );
    let read = admin.get(&path).await;
    assert_eq!(
        (&read.json["client_id"], &read.json["origin"]),
        (&json!(address), &json!("document"))
    );
    let disabled = admin.order(Method::POST, &format!("{path}/disable")).await;
    assert_eq!(disabled.json["state"], "disabled", "{disabled:?}");
    let made = admin
        .post(
            "/clients",
            &json!({ "client_id": address, "redirect_uris": ["https://app.example/cb"] }),
        )
        .await;
    refused(&made, StatusCode::UNPROCESSABLE_ENTITY, "client_id");
}
