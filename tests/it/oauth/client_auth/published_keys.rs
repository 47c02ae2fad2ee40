//! Keys that clients publish at their `jwks_uri`: fetched through the guarded client, kept, fetched again when that helps.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::IntoResponse as _;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::time::Seconds;

use super::super::party::Party;
use super::{Signer, claims, own_token};
use crate::harness::database::Engine;
use crate::harness::server::TestApp;

/// A client's own site.
struct Site {
    url: String,
    answer: Arc<Mutex<(StatusCode, String)>>,
    expires: Arc<Mutex<String>>,
    fetched: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((StatusCode::OK, String::new())));
        let fetched = Arc::new(AtomicUsize::new(0));
        let expires = Arc::new(Mutex::new(String::new()));
        let (told, count, until) = (
            Arc::clone(&answer),
            Arc::clone(&fetched),
            Arc::clone(&expires),
        );
        let handler = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let (status, body) = told.lock().unwrap().clone();
            let until = until.lock().unwrap().clone();
            let headers = (!until.is_empty()).then_some([
                // The site's own clock: what counts is the time between the two.
                ("date", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned()),
                ("expires", until),
            ]);
            match headers {
                Some(headers) => (status, headers, body).into_response(),
                None => (status, body).into_response(),
            }
        };
        let router = axum::Router::new().route("/jwks", get(handler));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            answer,
            expires,
            fetched,
            server,
        }
    }

    fn says(&self, status: StatusCode, body: &Value) {
        *self.answer.lock().unwrap() = (status, body.to_string());
    }

    fn publishes(&self, keys: &[Value]) {
        self.says(StatusCode::OK, &json!({ "keys": keys }));
    }

    fn fetches(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

/// A server that may reach the site, and a client whose keys are there.
async fn setup(site: &Site) -> TestApp {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    register(&t, site).await;
    t
}

async fn register(t: &TestApp, site: &Site) {
    Party::register(t, "web", |new| {
        new.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
        new.jwks_uri = Some(site.url.clone());
    })
    .await;
}

/// What a token request with this key and `kid` gets.
async fn attempt(t: &TestApp, signer: &Signer, kid: &str, jti: &str) -> String {
    let header = json!({ "alg": signer.algorithms()[0], "kid": kid });
    let assertion = signer.jwt_with(&header, &claims(t, "web", jti));
    own_token(&t.url, &assertion).await.error().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_once_however_many_wait_and_kept() {
    let site = Site::start().await;
    let t = Arc::new(setup(&site).await);
    let signer = Arc::new(Signer::p256());
    site.publishes(&[signer.jwk("k"), json!({ "kty": "unheard of" })]);
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..32 {
        let (t, signer) = (Arc::clone(&t), Arc::clone(&signer));
        tasks.spawn(async move { attempt(&t, &signer, "k", &index.to_string()).await });
    }
    assert!(tasks.join_all().await.iter().all(|answer| answer == "ok"));
    assert_eq!(site.fetches(), 1);
    t.clock.advance(Seconds::new(299));
    assert_eq!(attempt(&t, &signer, "k", "a").await, "ok");
    assert_eq!(site.fetches(), 1);
    t.clock.advance(Seconds::new(1));
    assert_eq!(attempt(&t, &signer, "k", "b").await, "ok");
    assert_eq!(site.fetches(), 2, "they are looked at again after a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kid_fetches_again_but_not_for_everybody_who_asks() {
    let site = Site::start().await;
    let t = setup(&site).await;
    let (old, new) = (Signer::p256(), Signer::ed25519());
    site.publishes(&[old.jwk("old")]);
    assert_eq!(attempt(&t, &old, "old", "1").await, "ok");
    site.publishes(&[old.jwk("old"), new.jwk("new")]);
    assert_eq!(
        attempt(&t, &new, "new", "2").await,
        "invalid_client",
        "too soon"
    );
    t.clock.advance(Seconds::new(10));
    assert_eq!(attempt(&t, &new, "new", "3").await, "ok");
    assert_eq!(site.fetches(), 2);
    for index in 0..20 {
        let answer = attempt(&t, &new, &format!("invented {index}"), "4").await;
        assert_eq!(answer, "invalid_client");
    }
    assert_eq!(site.fetches(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_fails_does_not_take_good_keys_away() {
    let site = Site::start().await;
    let t = setup(&site).await;
    let signer = Signer::p256();
    site.publishes(&[signer.jwk("k")]);
    assert_eq!(attempt(&t, &signer, "k", "0").await, "ok");
    for (jti, status, body) in [
        ("1", StatusCode::INTERNAL_SERVER_ERROR, json!({})),
        ("2", StatusCode::OK, json!("no keys")),
        ("3", StatusCode::FOUND, json!({})),
        (
            "4",
            StatusCode::OK,
            json!({ "keys": ["x".repeat(300_000)] }),
        ),
    ] {
        site.says(status, &body);
        t.clock.advance(Seconds::new(400));
        assert_eq!(attempt(&t, &signer, "k", jti).await, "ok", "{status} {jti}");
    }
    assert_eq!(site.fetches(), 5);
    // But not for ever.
    t.clock.advance(Seconds::new(86_400));
    assert_eq!(attempt(&t, &signer, "k", "5").await, "invalid_client");
    site.publishes(&[signer.jwk("k")]);
    t.clock.advance(Seconds::new(10));
    assert_eq!(attempt(&t, &signer, "k", "6").await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_client_withdrew_is_refused_after_a_while() {
    let site = Site::start().await;
    let t = setup(&site).await;
    let (old, new) = (Signer::p256(), Signer::p256());
    site.publishes(&[old.jwk("k")]);
    assert_eq!(attempt(&t, &old, "k", "1").await, "ok");
    site.publishes(&[new.jwk("k")]);
    t.clock.advance(Seconds::new(300));
    assert_eq!(attempt(&t, &old, "k", "2").await, "invalid_client");
    assert_eq!(attempt(&t, &new, "k", "3").await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_inside_is_fetched_for_a_client() {
    let site = Site::start().await;
    let t = TestApp::start(Engine::Sqlite).await;
    register(&t, &site).await;
    let signer = Signer::p256();
    site.publishes(&[signer.jwk("k")]);
    assert_eq!(attempt(&t, &signer, "k", "1").await, "invalid_client");
    assert_eq!(site.fetches(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_as_long_as_their_site_says_within_bounds() {
    for (lives_seconds, kept_seconds) in [(1_200, 1_200), (1, 60), (1_000_000, 3_600)] {
        let site = Site::start().await;
        let t = setup(&site).await;
        let signer = Signer::p256();
        site.publishes(&[signer.jwk("k")]);
        let made_at = std::time::UNIX_EPOCH;
        let until = made_at + std::time::Duration::from_secs(lives_seconds);
        *site.expires.lock().unwrap() = httpdate::fmt_http_date(until);
        assert_eq!(attempt(&t, &signer, "k", "1").await, "ok");
        t.clock.advance(Seconds::new(kept_seconds - 10));
        assert_eq!(attempt(&t, &signer, "k", "2").await, "ok");
        assert_eq!(site.fetches(), 1, "{lives_seconds}");
        t.clock.advance(Seconds::new(11));
        assert_eq!(attempt(&t, &signer, "k", "3").await, "ok");
        assert_eq!(site.fetches(), 2, "{lives_seconds}");
    }
}
