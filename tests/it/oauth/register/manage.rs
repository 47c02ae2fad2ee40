//! `/register/{client_id}` (RFC 7592).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::oauth::client;
use tessera::oauth::protocol::client::{ClientId, ClientState};

use super::super::party::{Answer, signed_in};
use super::{allow, asked, metadata, open, party, register, send};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::alice;

/// A registration as its client knows it.
struct Own {
    path: String,
    token: String,
    told: Value,
}

async fn own(t: &TestApp, body: &Value) -> (Own, Answer) {
    let answer = register(t, None, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
    let own = Own {
        path: format!("/{}", text("client_id")),
        token: text("registration_access_token"),
        told: answer.json.clone(),
    };
    (own, answer)
}

impl Own {
    async fn send(&self, t: &TestApp, method: Method, body: Option<&Value>) -> Answer {
        send(t, (method, &self.path), Some(&self.token), body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_can_be_sent_back_and_changes_nothing() {
    for engine in engines() {
        let t = TestApp::start_with(engine, open).await;
        let mut body = metadata();
        body["software_id"] = json!("app");
        body["application_type"] = json!("web");
        body["contacts"] = json!(["ops@app.example"]);
        let (own, _) = own(&t, &body).await;
        let read = own.send(&t, Method::GET, None).await;
        assert_eq!(read.status, StatusCode::OK, "{read:?}");
        assert_eq!(read.header("cache-control"), "no-store");
        let mut told = own.told.clone();
        assert!(
            told.as_object_mut()
                .unwrap()
                .remove("client_secret")
                .is_some()
        );
        assert_eq!(read.json, told, "{engine:?}");
        let same = own.send(&t, Method::PUT, Some(&read.json)).await;
        assert_eq!((same.status, &same.json), (StatusCode::OK, &read.json));
        // With its secret, too.
        let same = own.send(&t, Method::PUT, Some(&own.told)).await;
        assert_eq!((same.status, &same.json), (StatusCode::OK, &read.json));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_replaces_everything() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let mut body = metadata();
    body["tos_uri"] = json!("https://app.example/terms");
    let (own, _) = own(&t, &body).await;
    let next = json!({
        "client_id": own.told["client_id"],
        "redirect_uris": ["https://app.example/new"],
        "token_endpoint_auth_method": "none",
    });
    let changed = own.send(&t, Method::PUT, Some(&next)).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    assert_eq!(
        changed.json["redirect_uris"],
        json!(["https://app.example/new"])
    );
    for gone in ["tos_uri", "client_secret", "client_secret_expires_at"] {
        assert!(changed.json.get(gone).is_none(), "{gone}: {changed:?}");
    }
    let mut again = next.clone();
    again["token_endpoint_auth_method"] = json!("client_secret_post");
    let changed = own.send(&t, Method::PUT, Some(&again)).await;
    assert!(changed.json["client_secret"].is_string(), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_is_of_this_client_and_chooses_no_secret() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let (own, _) = own(&t, &metadata()).await;
    let with = |name: &str, value: Value| {
        let mut body = own.told.clone();
        body[name] = value;
        body
    };
    for (body, code) in [
        (metadata(), "invalid_client_metadata"),
        (with("client_id", json!("web")), "invalid_client_metadata"),
        (
            with("client_secret", json!("chosen-by-the-client-itself")),
            "invalid_client_metadata",
        ),
        (with("client_secret", json!(1)), "invalid_client_metadata"),
        (
            with("redirect_uris", json!(["javascript:alert(1)"])),
            "invalid_redirect_uri",
        ),
    ] {
        let refused = own.send(&t, Method::PUT, Some(&body)).await;
        assert_eq!(
            (refused.status, refused.error()),
            (StatusCode::BAD_REQUEST, code),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_deletes_itself_takes_everything_along() {
    for engine in engines() {
        let t = TestApp::start_with(engine, open).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let (own, answer) = own(&t, &metadata()).await;
        let party = party(&t, &answer);
        let page = asked(&mut browser, &party, &[]).await;
        let back = allow(&mut browser, &page).await;
        let code = super::super::party::answered(&back).remove("code").unwrap();
        let tokens = party.redeem(&code).await.tokens();
        assert_eq!(party.userinfo(&tokens.access).await.status, StatusCode::OK);
        let deleted = own.send(&t, Method::DELETE, None).await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
        assert_eq!(
            party.userinfo(&tokens.access).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            party.refresh(tokens.refresh()).await.error(),
            "invalid_client"
        );
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(own.send(&t, method, None).await.error(), "invalid_token");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_token_opens_a_registration() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let (one, _) = own(&t, &metadata()).await;
    let (other, _) = own(&t, &metadata()).await;
    let initial = super::initial_token(&t, None).await;
    let cut = &one.token[..one.token.len() - 1];
    for token in [
        None,
        Some(other.token.as_str()),
        Some(initial.expose().as_str()),
        Some(cut),
        Some("forged"),
        one.told["client_secret"].as_str(),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let refused = send(&t, (method, &one.path), token, Some(&one.told)).await;
            assert_eq!(
                refused.status,
                StatusCode::UNAUTHORIZED,
                "{token:?} {refused:?}"
            );
        }
    }
    // A registration access token registers nobody.
    assert_eq!(
        register(&t, Some(&one.token), &metadata()).await.error(),
        "invalid_token"
    );
    assert_eq!(one.send(&t, Method::GET, None).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_disabled_does_not_enable_itself() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let (own, _) = own(&t, &metadata()).await;
    let id = ClientId::parse(own.told["client_id"].as_str().unwrap()).unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::set_state(&mut tx, &id, ClientState::Disabled, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let refused = own.send(&t, method, Some(&own.told)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
    }
    let mut conn = t.app.db.read().await.unwrap();
    let found = client::get(&mut conn, &id).await.unwrap();
    assert_eq!(found.state, ClientState::Disabled);
}
