//! Which pages of other origins may read an answer.

use http::Method;

use super::party::{Party, setup};
use crate::harness::database::Engine;
use crate::harness::server::client as http_client;

const ALLOW: &str = "access-control-allow-origin";

/// The allowed origin of the answer, or an empty text.
async fn allowed(request: reqwest::RequestBuilder, origin: &str) -> String {
    let response = request.header("origin", origin).send().await.unwrap();
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-credentials")
    );
    response
        .headers()
        .get(ALLOW)
        .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_of_clients_may_call_what_clients_call_and_nobody_may_call_authorize() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let http = http_client();
    let url = |path: &str| format!("{}{path}", t.url);
    let (ours, other) = ("https://app.example", "https://evil.example");
    for path in ["/token", "/revoke", "/userinfo"] {
        for (origin, expect) in [(ours, ours), (other, ""), ("null", "")] {
            let preflight = http
                .request(Method::OPTIONS, url(path))
                .header("access-control-request-method", "POST");
            assert_eq!(allowed(preflight, origin).await, expect, "{path} {origin}");
        }
    }
    for path in ["/authorize", "/introspect", "/logout", "/login"] {
        let preflight = http
            .request(Method::OPTIONS, url(path))
            .header("access-control-request-method", "GET");
        assert_eq!(allowed(preflight, ours).await, "", "{path}");
        assert_eq!(allowed(http.get(url(path)), ours).await, "", "{path}");
    }
    for path in [
        "/jwks",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        assert_eq!(allowed(http.get(url(path)), other).await, "*", "{path}");
    }
    let token = party.tokens(&mut browser, &[]).await.access;
    let userinfo = || http.get(url("/userinfo")).bearer_auth(&token);
    assert_eq!(allowed(userinfo(), ours).await, ours);
    assert_eq!(allowed(userinfo(), other).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_clients_origin_may_not_read_another_clients_answers() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    Party::register(&t, "other", |new| {
        new.redirect_uris = vec!["https://other.example/cb".to_owned()];
    })
    .await;
    let post = || {
        http_client()
            .post(format!("{}/token", t.url))
            .basic_auth("web", party.secret.as_deref())
            .form(&[("grant_type", "client_credentials")])
    };
    assert_eq!(
        allowed(post(), "https://app.example").await,
        "https://app.example"
    );
    assert_eq!(allowed(post(), "https://other.example").await, "");
}
