//! Permissions over HTTP and across nodes; the engine's own tests stand beside it.

mod access;
mod api;
mod api_keys;
mod assertions;
mod authzen;
mod cases;
mod dpop;
mod explain;
mod freshness;
mod inline;
mod language;
mod limits;
mod lists;
mod memory;
mod modules;
mod pages;
mod rights;
mod time;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::config::Config;
use tessera::oauth::client::{NewClient, register};
use tessera::policy::PolicyLimits;
use tessera::policy::system::{self, Role};

use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client};

/// The bounds that the server has by default.
pub const LIMITS: PolicyLimits = PolicyLimits {
    max_staleness: Seconds::new(5),
    decision_time: Duration::from_secs(3),
};

/// A server, and a client of it that has a role.
pub struct Api {
    pub t: TestApp,
    http: reqwest::Client,
    token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Api {
    /// A server with a client that may manage stores.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    /// The same, after `change` had its way with the configuration.
    pub async fn start_with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        let t = TestApp::start_with(engine, change).await;
        let token = token_with(&t, "policy", Some(Role::PolicyManager)).await;
        Self {
            t,
            http: client(),
            token,
        }
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.t.url))
            .bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Reply {
            status,
            body,
            headers,
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, &body).await
    }

    /// A live stream of changes, taken up after an event's id.
    pub async fn watch(&self, path: &str, last_id: Option<&str>) -> reqwest::Response {
        let mut request = self
            .http
            .get(format!("{}{path}", self.t.url))
            .bearer_auth(&self.token)
            .header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        response
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &Value::Null).await
    }

    /// A store with a model; its path.
    pub async fn store(&self, model: &str) -> String {
        let store = self.post("/stores", json!({"name": "test store"})).await;
        assert_eq!(store.status, 201, "{store:?}");
        let path = format!("/stores/{}", store.body["id"].as_str().unwrap());
        let model = tessera::policy::engine::dsl::parse(model).unwrap();
        let model = tessera::policy::engine::json::emit(&model);
        let written = self
            .post(&format!("{path}/authorization-models"), model)
            .await;
        assert_eq!(written.status, 201, "{written:?}");
        path
    }

    pub async fn write(&self, store: &str, tuples: &[(&str, &str, &str)]) -> Reply {
        self.post(
            &format!("{store}/write"),
            json!({"writes": {"tuple_keys": keys(tuples)}}),
        )
        .await
    }

    pub async fn allowed(&self, store: &str, tuple: (&str, &str, &str)) -> bool {
        let reply = self
            .post(&format!("{store}/check"), json!({"tuple_key": key(tuple)}))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["allowed"].as_bool().unwrap()
    }
}

impl Reply {
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        assert!(
            self.body["message"]
                .as_str()
                .is_some_and(|message| message.len() > 5),
            "{self:?}"
        );
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub fn key((user, relation, object): (&str, &str, &str)) -> Value {
    json!({"user": user, "relation": relation, "object": object})
}

pub fn keys(tuples: &[(&str, &str, &str)]) -> Vec<Value> {
    tuples.iter().map(|tuple| key(*tuple)).collect()
}

/// The secret of every client made here.
const SECRET: &str = "a-secret-of-the-tests-long-enough-to-be-one";

/// Registers a client, gives it a role, and gets an access token for it by its own credentials.
pub async fn token_with(t: &TestApp, name: &str, role: Option<Role>) -> String {
    let app = Arc::clone(&t.app);
    let now = app.clock.now();
    let new = NewClient {
        client_id: Some(name.to_owned()),
        client_secret: Some(SECRET.to_owned()),
        token_endpoint_auth_method: Some("client_secret_post".to_owned()),
        grant_types: Some(vec!["client_credentials".to_owned()]),
        ..NewClient::default()
    };
    let mut tx = app.db.write().await.unwrap();
    register(&mut tx, &app.sealer, &new, now).await.unwrap();
    let mut written = None;
    if let Some(role) = role {
        written = Some(
            system::assign_role(&mut tx, &format!("client:{name}"), role, now)
                .await
                .unwrap(),
        );
    }
    tx.commit().await.unwrap();
    if let Some(written) = written {
        app.policy.committed(&written, now).await;
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", name),
        ("client_secret", SECRET),
    ];
    let response = client()
        .post(format!("{}/token", t.url))
        .form(&form)
        .send()
        .await
        .unwrap();
    let body: Value = response.json().await.unwrap();
    body["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

pub const DOCS: &str = include_str!("../../../policies/examples/docs.fga");
