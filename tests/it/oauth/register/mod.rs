//! Clients that nobody registered by hand: dynamic registration, its management, metadata documents.

mod documents;
mod dynamic;
mod manage;
mod statements;
mod store;

use http::Method;
use serde_json::{Value, json};
use tessera::base::secret::Secret;
use tessera::base::time::Seconds;
use tessera::config::{Config, RegistrationPolicy};
use tessera::oauth::initial_token::{self, NewInitialToken};

use super::party::{Answer, Party, REDIRECT_URI};
use crate::harness::browser::{Browser, Page};
use crate::harness::server::{TestApp, client as http_client};

/// Anybody registers.
pub fn open(config: &mut Config) {
    config.registration.policy = RegistrationPolicy::Open;
}

/// Whoever has an initial access token registers.
pub fn by_token(config: &mut Config) {
    config.registration.policy = RegistrationPolicy::Token;
}

/// An initial access token.
pub async fn initial_token(t: &TestApp, max_uses: Option<u32>) -> Secret<String> {
    let new = NewInitialToken {
        name: "test".to_owned(),
        max_uses,
        lifetime: Seconds::new(3_600),
    };
    let mut tx = t.app.db.write().await.unwrap();
    let (_, secret) = initial_token::create(&mut tx, &new, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    secret
}

/// Sends metadata to the registration endpoint, or below it.
pub async fn send(
    t: &TestApp,
    (method, path): (Method, &str),
    token: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let mut request = http_client().request(method, format!("{}/register{path}", t.url));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    Answer::of(request).await
}

pub async fn register(t: &TestApp, token: Option<&str>, body: &Value) -> Answer {
    send(t, (Method::POST, ""), token, Some(body)).await
}

/// What a plain application asks for.
pub fn metadata() -> Value {
    json!({
        "client_name": "Example app",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
    })
}

/// The client of an answer, as a relying party.
pub fn party(t: &TestApp, answer: &Answer) -> Party {
    let text = |name: &str| answer.json[name].as_str().map(str::to_owned);
    let id = text("client_id").unwrap_or_else(|| panic!("{answer:?}"));
    Party::with(&t.url, &id, text("client_secret"))
}

/// Begins at the client with a signed-in browser; the consent page.
pub async fn asked(browser: &mut Browser, party: &Party, changes: &[(&str, &str)]) -> Page {
    let page = browser.get(&party.authorize_path(changes)).await;
    assert!(
        page.location().starts_with("/consent"),
        "{} {}",
        page.location(),
        page.text
    );
    browser.get(page.location()).await
}

/// Allows; where the browser is sent in the end.
pub async fn allow(browser: &mut Browser, page: &Page) -> Page {
    let page = browser.submit(page, &[("decision", "allow")]).await;
    browser.get(page.location()).await
}
