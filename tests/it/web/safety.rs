//! What holds on every page: headers, escaping, bounds, and that the request's Host means nothing.

use http::StatusCode;

use super::{PASSWORD, person};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client};

const PAYLOAD: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[track_caller]
fn check_headers(page: &Page, what: &str) {
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{what}: {policy}"
    );
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-type", "text/html; charset=utf-8"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(page.header(name), value, "{what}: {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_carries_the_strict_headers() {
    let t = TestApp::start(Engine::Sqlite).await;
    person(&t, "alice", "Alice").await;
    let mut browser = Browser::new(&t);
    for path in ["/", "/login", "/login?flow=x", "/nothing"] {
        check_headers(&browser.get(path).await, path);
    }
    check_headers(&browser.sign_in("alice", "wrong").await, "failed sign-in");
    check_headers(&browser.post("/login", &[]).await, "refused form");
    browser.sign_in("alice", PASSWORD).await;
    check_headers(&browser.get("/").await, "account");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_wrote_is_text_on_every_page() {
    let t = TestApp::start(Engine::Sqlite).await;
    person(&t, "alice", PAYLOAD).await;
    let mut browser = Browser::new(&t);
    let failed = browser.sign_in(PAYLOAD, "wrong").await;
    assert!(failed.text.contains("&lt;img"), "shown as text");
    browser.sign_in("alice", PASSWORD).await;
    let home = browser.get("/").await;
    assert!(home.text.contains("&lt;script&gt;alert"), "shown as text");
    let unknown = browser
        .get("/login?flow=%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    for page in [failed, home, unknown] {
        assert!(
            !page.text.contains("<script>alert") && !page.text.contains("<img"),
            "{}",
            page.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_header_leads_nowhere() {
    let t = TestApp::start(Engine::Sqlite).await;
    for path in ["/", "/login", "/nothing"] {
        let response = client()
            .get(format!("{}{path}", t.url))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example")
            .header("accept", "text/html")
            .send()
            .await
            .unwrap();
        let headers = format!("{:?}", response.headers());
        let text = response.text().await.unwrap();
        assert!(
            !text.contains("evil.example") && !headers.contains("evil.example"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_bounded_and_of_one_kind() {
    let t = TestApp::start(Engine::Sqlite).await;
    let url = format!("{}/login", t.url);
    let send = |body: String, kind: &'static str| {
        let request = client().post(&url).header("content-type", kind).body(body);
        async move { request.send().await.unwrap().status() }
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        send("a".repeat(40_000), form).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        send("password=a&password=b".to_owned(), form).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        send("{}".to_owned(), "application/json").await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(send(String::new(), form).await, StatusCode::FORBIDDEN);
}
