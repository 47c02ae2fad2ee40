//! Requests that mean harm, as data: each is refused with the error of its specification and a body that says what to do, nobody is
//! sent anywhere that was not verified, nothing fails inside, and the server works as before.

mod clients;
mod holders;
mod people;
mod wire;

use base64::Engine as _;
use serde_json::Value;
use tessera::base::time::Seconds;
use tessera::policy::system::{self, Role};

use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client};
use crate::oauth::Party;
use crate::oauth::client_auth::{Signer, signing};
use crate::oauth::dpop::{self, Key};
use crate::oauth::party::{setup, signed_in};

/// Fewest requests of the corpus.
const FEWEST: usize = 320;

/// A server, and everything that an attacker may have.
struct Armed {
    t: TestApp,
    browser: Browser,
    web: Party,
    url: String,
    now: i64,
    /// `Authorization` of the client `web`.
    basic: String,
    secret: String,
    access: String,
    refresh: String,
    id_token: String,
    expired: String,
    admin: String,
    signer: Signer,
    stranger: Signer,
    key: Key,
    spent_proof: String,
    public_key: String,
}

impl Armed {
    async fn new() -> Self {
        let (t, mut browser, web) = setup(Engine::Sqlite).await;
        let expired = web.tokens(&mut browser, &[]).await.access;
        t.clock.advance(Seconds::new(600));
        let tokens = web.tokens(&mut browser, &[]).await;
        let boss = Party::register(&t, "boss", |_| {}).await;
        let form = [("grant_type", "client_credentials")];
        let admin = boss.token(&form).await.tokens().access;
        let mut tx = t.app.db.write().await.unwrap();
        system::assign_role(&mut tx, "client:boss", Role::Admin, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let signer = Signer::p256();
        signing(&t, "signer", &signer).await;
        let key = Key::new();
        let spent_proof = key.proof(&t);
        dpop::token(&web, &form, &[&spent_proof]).await.tokens();
        let jwks = client()
            .get(format!("{}/jwks", t.url))
            .send()
            .await
            .unwrap();
        let secret = web.secret.clone().unwrap();
        let mut armed = Self {
            url: t.url.clone(),
            now: t.clock.now().seconds(),
            basic: String::new(),
            secret,
            access: tokens.access.clone(),
            refresh: tokens.refresh().to_owned(),
            id_token: tokens.id.unwrap(),
            expired,
            admin,
            signer,
            stranger: Signer::p256(),
            key,
            spent_proof,
            public_key: jwks.text().await.unwrap(),
            t,
            browser,
            web,
        };
        armed.basic = format!("Basic {}", base64(&format!("web:{}", armed.secret)));
        armed
    }

    /// A token whose shared secret is what everybody can read.
    fn with_public_key(&self, header: &Value, claims: &Value) -> String {
        Signer::Secret(self.public_key.clone()).jwt_with(header, claims)
    }

    fn corpus(&self) -> Vec<wire::Case> {
        let mut cases = clients::everywhere(self);
        cases.extend(clients::grants(self));
        cases.extend(clients::assertions(self));
        cases.extend(people::requests(self));
        cases.extend(people::paths(self));
        cases.extend(holders::tokens(self));
        cases.extend(holders::proofs(self));
        cases.extend(holders::bodies(self));
        cases
    }
}

pub fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_request_is_refused_by_the_rules_and_the_server_lives_on() {
    let mut w = Armed::new().await;
    let corpus = w.corpus();
    assert!(corpus.len() >= FEWEST, "{}", corpus.len());
    let address = w.url.strip_prefix("http://").unwrap().to_owned();
    let mut faults = Vec::new();
    for case in &corpus {
        faults.extend(wire::fault(&address, case).await);
    }
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        corpus.len(),
        faults.join("\n")
    );
    let metrics = w.t.app.metrics.text().unwrap();
    assert!(!metrics.contains("status=\"5"), "{metrics}");
    assert_eq!(w.web.refresh(&w.refresh).await.error(), "ok");
    w.web.tokens(&mut w.browser, &[]).await;
    signed_in(&w.t).await;
}

/// What a client sends comes back encoded, and is never a header of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_state_makes_no_header() {
    let (_t, mut browser, web) = setup(Engine::Sqlite).await;
    for state in [
        "a\r\nSet-Cookie: evil=1",
        "a\nLocation: https://evil.example/",
        "\u{0}",
    ] {
        let page = browser.get(&web.authorize_path(&[("state", state)])).await;
        assert!(page.header("set-cookie").find("evil").is_none());
        if page.status.is_redirection() {
            assert!(
                page.location().starts_with("https://app.example/cb?"),
                "{}",
                page.location()
            );
            assert_eq!(crate::oauth::party::answered(&page)["state"], state);
        }
    }
}
