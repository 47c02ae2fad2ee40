//! CIBA clients that are pinged (OpenID Connect CIBA Core 1.0, section 10.2): told once of the decision, told again when that failed.

use std::sync::Arc;

use serde_json::Value;
use tessera::base::time::Seconds;
use tessera::serve::outbox::deliver_due;
use tessera::store::{outbox, q};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::backchannel::{ask, at_a_till, decide, poll, setup};
use super::party::{Party, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::alice;

/// Reads one request from a connection and answers it with a status line.
async fn answer_one(listener: &tokio::net::TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    while !text.ends_with(b"}") {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..read]);
    }
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_it_is_told_that_there_is_a_decision_and_told_again_when_that_failed() {
    for engine in engines() {
        let t = TestApp::start_with(engine, |config| {
            config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
        })
        .await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/told", listener.local_addr().unwrap());
        let till = Party::register(&t, "till", |new| {
            at_a_till(new);
            new.backchannel_token_delivery_mode = Some("ping".to_owned());
            new.backchannel_client_notification_endpoint = Some(endpoint);
        })
        .await;
        assert_eq!(
            ask(&till, &[("login_hint", "alice")]).await.error(),
            "invalid_request"
        );
        let token = "8d67dc78-7faa-4d41-aabd-67707b374255";
        for decision in ["allow", "deny"] {
            let form = [
                ("login_hint", "alice"),
                ("client_notification_token", token),
            ];
            let asked = ask(&till, &form).await;
            let auth_req_id = asked.json["auth_req_id"].as_str().unwrap();
            let mut conn = t.app.db.read().await.unwrap();
            let kept: String = conn
                .one(q(
                    "SELECT sealed_ping FROM backchannel_requests ORDER BY id DESC LIMIT 1",
                ))
                .await
                .unwrap();
            drop(conn);
            assert!(!kept.contains(token) && !kept.contains(auth_req_id));
            decide(&mut browser, decision).await;
            let deliver = || deliver_due(Arc::clone(&t.app));
            let (_, sent) = tokio::join!(answer_one(&listener, "500 No"), deliver());
            sent.unwrap();
            t.clock.advance(Seconds::new(7));
            let (told, sent) = tokio::join!(answer_one(&listener, "204 No Content"), deliver());
            sent.unwrap();
            let (head, body) = told.split_once("\r\n\r\n").unwrap();
            let head = head.to_ascii_lowercase();
            assert!(head.starts_with("post /told http/1.1"), "{head}");
            assert!(
                head.contains(&format!("authorization: bearer {token}")),
                "{head}"
            );
            assert!(head.contains("content-type: application/json"), "{head}");
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(body, serde_json::json!({ "auth_req_id": auth_req_id }));
            let expect = if decision == "allow" {
                "ok"
            } else {
                "access_denied"
            };
            assert_eq!(poll(&till, auth_req_id).await.error(), expect);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_its_tokens_already_is_not_told_any_more() {
    for engine in engines() {
        let (t, mut browser, _) = setup(engine).await;
        let till = Party::register(&t, "pinged", |new| {
            at_a_till(new);
            new.backchannel_token_delivery_mode = Some("ping".to_owned());
            // Nobody is reached there: the address is private, and none is allowed.
            new.backchannel_client_notification_endpoint = Some("http://127.0.0.1:1/".to_owned());
        })
        .await;
        let form = [("login_hint", "alice"), ("client_notification_token", "tk")];
        let asked = ask(&till, &form).await;
        decide(&mut browser, "allow").await;
        let waiting = async || {
            outbox::count(&mut t.app.db.read().await.unwrap())
                .await
                .unwrap()
        };
        deliver_due(Arc::clone(&t.app)).await.unwrap();
        assert_eq!(
            waiting().await,
            (1, 0),
            "{engine:?}: it will be tried again"
        );
        let auth_req_id = asked.json["auth_req_id"].as_str().unwrap();
        poll(&till, auth_req_id).await.tokens();
        t.clock.advance(Seconds::new(7));
        deliver_due(Arc::clone(&t.app)).await.unwrap();
        assert_eq!(waiting().await, (0, 0), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_that_the_client_refuses_is_not_sent_again() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/told", listener.local_addr().unwrap());
    // Whoever followed it would wait here for an answer, and try again later.
    let moved = format!("302 Found\r\nLocation: {endpoint}");
    let till = Party::register(&t, "till", |new| {
        at_a_till(new);
        new.backchannel_token_delivery_mode = Some("ping".to_owned());
        new.backchannel_client_notification_endpoint = Some(endpoint);
    })
    .await;
    for status in ["401 No", "403 No", &moved] {
        let form = [
            ("login_hint", "alice"),
            ("client_notification_token", "8d67dc78"),
        ];
        let asked = ask(&till, &form).await;
        decide(&mut browser, "allow").await;
        let (_, sent) = tokio::join!(
            answer_one(&listener, status),
            deliver_due(Arc::clone(&t.app))
        );
        sent.unwrap();
        let mut conn = t.app.db.read().await.unwrap();
        assert_eq!(outbox::count(&mut conn).await.unwrap(), (0, 0), "{status}");
        drop(conn);
        let id = asked.json["auth_req_id"].as_str().unwrap();
        assert_eq!(poll(&till, id).await.error(), "ok", "{status}");
    }
}
