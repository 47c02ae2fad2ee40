//! The middleware: request ids, headers, ambiguous paths, panics, errors by `Accept`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde_json::Value;
use tessera::app::App;
use tessera::http::ClientAddress;
use tessera::serve;
use tower::ServiceExt as _;

use super::raw::send;
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client};

#[tokio::test]
async fn every_answer_carries_a_new_request_id_and_the_security_headers() {
    let t = TestApp::start(Engine::Sqlite).await;
    let first = client()
        .get(format!("{}/livez", t.url))
        .header("x-request-id", "chosen-by-the-client")
        .send()
        .await
        .unwrap();
    let second = client()
        .get(format!("{}/no-such-path", t.url))
        .send()
        .await
        .unwrap();
    let id = |response: &reqwest::Response| response.headers()["x-request-id"].clone();
    assert_eq!(id(&first).len(), 16);
    assert_ne!(id(&first), id(&second));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(first.headers()[name], value);
        assert_eq!(second.headers()[name], value);
    }
    assert!(
        !first.headers().contains_key("strict-transport-security"),
        "a loopback issuer over http must not pin https"
    );
}

#[tokio::test]
async fn an_https_issuer_tells_browsers_to_stay_with_https() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.issuer = "https://id.example.com".to_owned();
    })
    .await;
    let answer = send(&t.url, "GET", "/livez", &[]).await;
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=31536000")
    );
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_for_programs_and_a_page_for_browsers() {
    let t = TestApp::start(Engine::Sqlite).await;
    let json = send(&t.url, "GET", "/no-such-path", &[]).await;
    assert_eq!(json.status, 404);
    assert_eq!(
        json.header("content-type"),
        Some("application/problem+json")
    );
    let body: Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(body["status"], 404);
    assert_eq!(
        body["request_id"].as_str(),
        json.header("x-request-id"),
        "the id in the answer is the id in the log"
    );

    let html = [("Accept", "text/html,*/*;q=0.8")];
    let page = send(&t.url, "GET", "/no-such-path", &html).await;
    assert_eq!(page.status, 404);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.body.contains(page.header("x-request-id").unwrap()));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("form-action 'self'")
    );
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let t = TestApp::start(Engine::Sqlite).await;
    let html = [("Accept", "text/html")];
    for headers in [&[][..], &html[..]] {
        let answer = send(&t.url, "DELETE", "/livez", headers).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    }
}

#[tokio::test]
async fn paths_that_a_proxy_could_read_differently_are_refused() {
    let t = TestApp::start(Engine::Sqlite).await;
    for path in [
        "//livez",
        "/livez;x=1",
        "/x/../livez",
        "/x/%2e%2e/livez",
        "/x%2flivez",
        "/x%5clivez",
    ] {
        let answer = send(&t.url, "GET", path, &[]).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    // hyper itself refuses a raw backslash.
    assert_eq!(send(&t.url, "GET", "/x\\livez", &[]).await.status, 400);
}

#[tokio::test]
async fn no_answer_repeats_the_host_header() {
    let t = TestApp::start(Engine::Sqlite).await;
    let host = [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
    ];
    for path in [
        "/livez",
        "/no-such-path",
        "/.well-known/openid-configuration",
    ] {
        let answer = send(&t.url, "GET", path, &host).await;
        assert!(!answer.head.contains("evil.example"), "{path}");
        assert!(!answer.body.contains("evil.example"), "{path}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let t = TestApp::start(Engine::Sqlite).await;
    let response = client()
        .post(format!("{}/livez", t.url))
        .body(vec![b'x'; 1024 * 1024])
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_panic_is_a_500_with_its_request_id_and_the_server_lives_on() {
    async fn panics() {
        panic!("the handler's secret reason");
    }
    let t = TestApp::start(Engine::Sqlite).await;
    let added: Router<Arc<App>> = Router::new().route("/panics", get(panics));
    let router = serve::wrap(added, Arc::clone(&t.app));
    for _ in 0..2 {
        let request = http::Request::get("/panics")
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let id = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(&id), "{body}");
        assert!(!body.contains("secret reason"), "{body}");
    }
}

#[tokio::test]
async fn the_client_address_is_the_peer_unless_the_peer_is_a_declared_proxy() {
    async fn tell(ClientAddress(address): ClientAddress) -> String {
        address.to_string()
    }
    for (proxies, expected) in [(vec![], "127.0.0.1"), (vec!["127.0.0.0/8"], "198.51.100.7")] {
        let t = TestApp::start_with(Engine::Sqlite, |config| {
            config.trusted_proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
        })
        .await;
        let added: Router<Arc<App>> = Router::new().route("/tell", get(tell));
        let router = serve::wrap(added, Arc::clone(&t.app));
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 4711));
        let request = http::Request::get("/tell")
            .header("x-forwarded-for", "203.0.113.1, 198.51.100.7")
            .extension(axum::extract::ConnectInfo(peer))
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(body, expected);
    }
}
