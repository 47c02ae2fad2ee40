//! A relying party: registered at a test server, it makes requests by hand and reads what comes back.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;
use tessera::base::encoding::base64url;
use tessera::base::id::UserId;
use tessera::base::secret::sha256;
use tessera::config::Config;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::client::ClientId;

use crate::harness::browser::{Browser, Page};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client as http_client};
use crate::web::{PASSWORD, alice};

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const REDIRECT_URI: &str = "https://app.example/cb";

/// A registered client at a running server.
pub struct Party {
    pub client_id: String,
    pub secret: Option<String>,
    pub url: String,
    http: reqwest::Client,
}

/// An answer of a JSON endpoint.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub json: Value,
}

/// What a token request got.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<String>,
    pub scope: String,
}

/// A server, alice signed in in a browser, and the client `web`: confidential, first-party, every grant.
pub async fn setup(engine: Engine) -> (TestApp, Browser, Party) {
    setup_with(engine, |_| {}, |_| {}).await
}

pub async fn setup_with(
    engine: Engine,
    config: impl FnOnce(&mut Config),
    change: impl FnOnce(&mut NewClient),
) -> (TestApp, Browser, Party) {
    let t = TestApp::start_with(engine, config).await;
    let user = alice(&t).await;
    let browser = signed_in(&t).await;
    let party = Party::register(&t, "web", change).await;
    agree(&t, &user, &party).await;
    (t, browser, party)
}

/// A browser in which alice is signed in.
pub async fn signed_in(t: &TestApp) -> Browser {
    let mut browser = Browser::new(t);
    let page = browser.sign_in("alice", PASSWORD).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    browser
}

/// Notes that the person agreed to everything that the party may ask for.
pub async fn agree(t: &TestApp, user: &UserId, party: &Party) {
    let mut tx = t.app.db.write().await.unwrap();
    let client_id = ClientId::parse(&party.client_id).unwrap();
    let client = client::get(&mut tx, &client_id).await.unwrap();
    let scope = &client.settings.scope;
    let now = t.clock.now();
    tessera::store::consents::add(&mut tx, user, &party.client_id, scope, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

impl Party {
    pub async fn register(t: &TestApp, id: &str, change: impl FnOnce(&mut NewClient)) -> Self {
        let mut new = NewClient {
            client_id: Some(id.to_owned()),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            post_logout_redirect_uris: vec!["https://app.example/bye".to_owned()],
            grant_types: Some(
                ["authorization_code", "refresh_token", "client_credentials"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            scope: Some("openid profile email offline_access api tessera:admin".to_owned()),
            ..NewClient::default()
        };
        change(&mut new);
        let mut tx = t.app.db.write().await.unwrap();
        let registered = client::register(&mut tx, &t.app.sealer, &new, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Self {
            client_id: registered.client.client_id.as_str().to_owned(),
            secret: new.client_secret.or_else(|| {
                registered
                    .generated_secret
                    .map(|secret| secret.expose().clone())
            }),
            url: t.url.clone(),
            http: http_client(),
        }
    }

    /// A client that came in another way.
    pub fn with(url: &str, client_id: &str, secret: Option<String>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            secret,
            url: url.to_owned(),
            http: http_client(),
        }
    }

    /// The same client, talking to another node.
    pub fn at(&self, url: &str) -> Self {
        Self {
            client_id: self.client_id.clone(),
            secret: self.secret.clone(),
            url: url.to_owned(),
            http: http_client(),
        }
    }

    /// A public client with the same redirect URI.
    pub fn public(new: &mut NewClient) {
        new.token_endpoint_auth_method = Some("none".to_owned());
        new.grant_types = Some(
            ["authorization_code", "refresh_token"]
                .map(str::to_owned)
                .to_vec(),
        );
    }

    /// The path of an authorization request; `changes` replace parameters, an empty value removes one.
    pub fn authorize_path(&self, changes: &[(&str, &str)]) -> String {
        let challenge = base64url(sha256(VERIFIER.as_bytes()).as_ref());
        let mut params: BTreeMap<&str, &str> = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email offline_access"),
            ("state", "st"),
            ("nonce", "no"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        params.extend(changes.iter().copied());
        params.retain(|_, value| !value.is_empty());
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(params)
            .finish();
        format!("/authorize?{query}")
    }

    /// Authorizes in the browser; the code.
    pub async fn code(&self, browser: &mut Browser, changes: &[(&str, &str)]) -> String {
        let page = browser.get(&self.authorize_path(changes)).await;
        answered(&page)
            .remove("code")
            .unwrap_or_else(|| panic!("no code: {} {} {}", page.status, page.location(), page.text))
    }

    /// Authorizes and exchanges the code.
    pub async fn tokens(&self, browser: &mut Browser, changes: &[(&str, &str)]) -> Tokens {
        let code = self.code(browser, changes).await;
        self.redeem(&code).await.tokens()
    }

    pub async fn redeem(&self, code: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("/token", form).await
    }

    /// Whether introspection calls a token active.
    pub async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    pub async fn introspect(&self, token: &str) -> Value {
        let answer = self.post("/introspect", &[("token", token)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json
    }

    /// Posts a form with the client's own authentication.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(path, form, &[]).await
    }

    /// The same, with DPoP proofs beside it.
    pub async fn post_with(&self, path: &str, form: &[(&str, &str)], proofs: &[&str]) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.url));
        for proof in proofs {
            request = request.header("dpop", *proof);
        }
        if let Some(secret) = &self.secret {
            Answer::of(request.basic_auth(&self.client_id, Some(secret)).form(form)).await
        } else {
            let mut form = form.to_vec();
            form.push(("client_id", &self.client_id));
            Answer::of(request.form(&form)).await
        }
    }

    pub async fn userinfo(&self, token: &str) -> Answer {
        Answer::of(
            self.http
                .get(format!("{}/userinfo", self.url))
                .bearer_auth(token),
        )
        .await
    }
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        Self {
            status,
            headers,
            json: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// The OAuth error code, or `ok`.
    pub fn error(&self) -> &str {
        if self.status.is_success() {
            return "ok";
        }
        self.json["error"].as_str().unwrap_or("no OAuth error")
    }

    #[track_caller]
    pub fn tokens(&self) -> Tokens {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        let text = |name: &str| self.json[name].as_str().map(str::to_owned);
        Tokens {
            access: text("access_token").unwrap(),
            refresh: text("refresh_token"),
            id: text("id_token"),
            scope: text("scope").unwrap_or_default(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Tokens {
    #[track_caller]
    pub fn refresh(&self) -> &str {
        self.refresh.as_deref().expect("a refresh token")
    }
}

/// The parameters that the server sent back to the client with a redirect, in the query or in the fragment.
pub fn answered(page: &Page) -> BTreeMap<String, String> {
    let location = page.location();
    let parameters = ["https://app.example/cb?", "https://app.example/cb#"]
        .iter()
        .find_map(|target| location.strip_prefix(target));
    let Some(parameters) = parameters.filter(|_| page.status == StatusCode::SEE_OTHER) else {
        return BTreeMap::new();
    };
    url::form_urlencoded::parse(parameters.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The claims of a JWT, unverified.
pub fn claims(jwt: &str) -> Value {
    part(jwt, 1)
}

/// The header of a JWT.
pub fn header(jwt: &str) -> Value {
    part(jwt, 0)
}

fn part(jwt: &str, index: usize) -> Value {
    let text = jwt.split('.').nth(index).unwrap();
    serde_json::from_slice(&tessera::base::encoding::from_base64url(text).unwrap()).unwrap()
}
