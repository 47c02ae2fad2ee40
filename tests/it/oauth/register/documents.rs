//! Clients whose id is the address of their metadata.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::config::Config;
use tessera::oauth::client;
use tessera::oauth::protocol::client::{ClientId, ClientState};

use super::super::party::{Party, REDIRECT_URI, answered, claims, signed_in};
use super::{allow, asked};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::web::alice;

/// Status, header fields and body of an answer.
type Told = (StatusCode, Vec<(&'static str, String)>, String);

/// An application's own site, with its document.
pub struct Site {
    pub address: String,
    answer: Arc<Mutex<Told>>,
    fetched: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/client.json", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new((StatusCode::OK, Vec::new(), String::new())));
        let fetched = Arc::new(AtomicUsize::new(0));
        let (told, count) = (Arc::clone(&answer), Arc::clone(&fetched));
        let handler = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let (status, headers, body) = told.lock().unwrap().clone();
            let mut response = http::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(axum::body::Body::from(body)).unwrap()
        };
        let router = axum::Router::new().route("/client.json", get(handler));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let site = Self {
            address,
            answer,
            fetched,
            server,
        };
        site.publishes(|_| {});
        site
    }

    pub fn document(&self) -> Value {
        json!({
            "client_id": self.address,
            "client_name": "Documented app",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        })
    }

    pub fn says(&self, status: StatusCode, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        *self.answer.lock().unwrap() = (status, headers.collect(), body.to_owned());
    }

    pub fn publishes(&self, change: impl FnOnce(&mut Value)) {
        let mut document = self.document();
        change(&mut document);
        let headers = [("content-type", "application/json")];
        self.says(StatusCode::OK, &headers, &document.to_string());
    }

    pub fn fetches(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    pub fn party(&self, t: &TestApp) -> Party {
        Party::with(&t.url, &self.address, None)
    }
}

pub fn on(config: &mut Config) {
    config.registration.client_id_metadata_documents = true;
    config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
}

async fn setup(engine: Engine) -> (TestApp, Browser, Site, Party) {
    let t = TestApp::start_with(engine, on).await;
    alice(&t).await;
    let browser = signed_in(&t).await;
    let site = Site::start().await;
    let party = site.party(&t);
    (t, browser, site, party)
}

/// Where an authorization request leads at first.
async fn begin(browser: &mut Browser, party: &Party) -> Page {
    browser.get(&party.authorize_path(&[])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_what_the_document_at_its_id_says() {
    for engine in engines() {
        let (t, mut browser, site, party) = setup(engine).await;
        let page = asked(&mut browser, &party, &[]).await;
        let host = site.address.strip_prefix("http://").unwrap();
        let host = host.strip_suffix("/client.json").unwrap();
        for text in ["Allow Documented app?", "Not verified.", host] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let back = allow(&mut browser, &page).await;
        let code = answered(&back).remove("code").unwrap();
        let tokens = party.redeem(&code).await.tokens();
        assert_eq!(claims(tokens.id.as_ref().unwrap())["aud"], site.address);
        assert_eq!(claims(&tokens.access)["client_id"], site.address);
        assert_eq!(party.userinfo(&tokens.access).await.status, StatusCode::OK);
        t.clock.advance(Seconds::new(30));
        assert_eq!(party.refresh(tokens.refresh()).await.error(), "ok");
        assert_eq!(site.fetches(), 1, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_used_only_where_the_operator_lets_them() {
    let t = TestApp::start(Engine::Sqlite).await;
    let site = Site::start().await;
    let mut browser = Browser::new(&t);
    let page = begin(&mut browser, &site.party(&t)).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.fetches(), 0);
    let supported = async |t: &TestApp| {
        let url = format!("{}/.well-known/openid-configuration", t.url);
        let text = http_client()
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["client_id_metadata_document_supported"]
            == true
    };
    assert!(!supported(&t).await);
    assert!(supported(&TestApp::start_with(Engine::Sqlite, on).await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_one_fetches() {
    let (t, _, site, party) = setup(Engine::Sqlite).await;
    let path = party.authorize_path(&[]);
    // Made before, so that all ask at the same time.
    let mut browsers: Vec<Browser> = (0..8).map(|_| Browser::new(&t)).collect();
    let asking = browsers.iter_mut().map(|browser| browser.get(&path));
    for page in futures_util::future::join_all(asking).await {
        assert_eq!(page.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(site.fetches(), 1);
    // Another node finds it in the database.
    let node = t.second_node().await;
    let mut browser = Browser::at(&node.url);
    assert_eq!(browser.get(&path).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_fetched_again_when_it_is_no_longer_fresh() {
    let (t, mut browser, site, party) = setup(Engine::Sqlite).await;
    let headers = [
        ("content-type", "application/json"),
        ("cache-control", "max-age=600"),
    ];
    site.says(StatusCode::OK, &headers, &site.document().to_string());
    assert_eq!(
        begin(&mut browser, &party).await.status,
        StatusCode::SEE_OTHER
    );
    t.clock.advance(Seconds::new(599));
    begin(&mut browser, &party).await;
    assert_eq!(site.fetches(), 1);
    site.publishes(|document| document["redirect_uris"] = json!(["https://app.example/new"]));
    t.clock.advance(Seconds::new(1));
    let page = begin(&mut browser, &party).await;
    assert_eq!(site.fetches(), 2);
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "the URI is withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_is_used_for_a_day_while_the_address_does_not_answer() {
    let (t, mut browser, site, party) = setup(Engine::Sqlite).await;
    assert_eq!(
        begin(&mut browser, &party).await.status,
        StatusCode::SEE_OTHER
    );
    site.says(StatusCode::SERVICE_UNAVAILABLE, &[], "");
    t.clock.advance(Seconds::new(3_600));
    assert_eq!(
        begin(&mut browser, &party).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(site.fetches(), 2);
    // Not tried again at once.
    assert_eq!(
        begin(&mut browser, &party).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(site.fetches(), 2);
    t.clock.advance(Seconds::new(86_400));
    let page = begin(&mut browser, &party).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(
        page.text.contains("the client metadata document"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_in_order_makes_no_client() {
    let json = [("content-type", "application/json")];
    let (t, mut browser, site, party) = setup(Engine::Sqlite).await;
    let document = site.document().to_string();
    let long = document.replace("Documented app", &"x".repeat(6_000));
    let elsewhere = document.replace("client.json", "other.json");
    let with_secret = document.replace("\"none\"", "\"client_secret_basic\"");
    let moved = [
        ("location", site.address.as_str()),
        ("content-type", "application/json"),
    ];
    for (status, headers, body) in [
        (StatusCode::NOT_FOUND, &json[..], &document),
        (StatusCode::FOUND, &moved[..], &document),
        (
            StatusCode::OK,
            &[("content-type", "text/html")][..],
            &document,
        ),
        (StatusCode::OK, &[][..], &document),
        (StatusCode::OK, &json[..], &long),
        (StatusCode::OK, &json[..], &elsewhere),
        (StatusCode::OK, &json[..], &with_secret),
        (StatusCode::OK, &json[..], &"[]".to_owned()),
    ] {
        site.says(status, headers, body);
        let page = begin(&mut browser, &party).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{body}");
        let token = party.redeem("x").await;
        assert_eq!(token.error(), "invalid_client", "{token:?}");
        t.clock.advance(Seconds::new(10));
    }
    site.says(
        StatusCode::OK,
        &[("content-type", "application/json; charset=utf-8")],
        &document,
    );
    assert_eq!(
        begin(&mut browser, &party).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_disabled_stays_so_whatever_its_document_says() {
    let (t, mut browser, site, party) = setup(Engine::Sqlite).await;
    begin(&mut browser, &party).await;
    let id = ClientId::parse(&site.address).unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::set_state(&mut tx, &id, ClientState::Disabled, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    site.publishes(|document| document["client_name"] = json!("Another name"));
    t.clock.advance(Seconds::new(3_600));
    let page = begin(&mut browser, &party).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.fetches(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_of_the_operators_choice_may_be_named() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        on(config);
        let resource = "https://mcp.example/mcp".to_owned().try_into().unwrap();
        config.registration.resources = vec![resource];
    })
    .await;
    alice(&t).await;
    let mut browser = signed_in(&t).await;
    let site = Site::start().await;
    let party = site.party(&t);
    let named = [("resource", "https://mcp.example/mcp")];
    let page = asked(&mut browser, &party, &named).await;
    assert!(
        page.text.contains("https://mcp.example/mcp"),
        "{}",
        page.text
    );
    let back = allow(&mut browser, &page).await;
    let code = answered(&back).remove("code").unwrap();
    let tokens = party.redeem(&code).await.tokens();
    assert_eq!(claims(&tokens.access)["aud"], "https://mcp.example/mcp");
    let page = browser
        .get(&party.authorize_path(&[("resource", "https://other.example")]))
        .await;
    assert_eq!(answered(&page)["error"], "invalid_target");
}
