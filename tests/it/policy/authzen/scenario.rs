//! A model and tuples on a server of their own, asked through AuthZEN at the root and under the store.

use serde_json::{Value, json};

use crate::harness::database::Engine;
use crate::policy::{Api, Reply};

/// A server with one store, which is the default store too.
pub struct Scenario {
    api: Api,
    /// Where the endpoints are: at the root, and under the store.
    pub bases: [String; 2],
}

impl Scenario {
    pub async fn start(engine: Engine, model: &str, tuples: &[Value]) -> Self {
        let api = Api::start_with(engine, |config| {
            config.policy_default_store = Some("test store".to_owned());
        })
        .await;
        let store = api.store(model).await;
        for some in tuples.chunks(100) {
            let written = api
                .post(
                    &format!("{store}/write"),
                    json!({"writes": {"tuple_keys": some}}),
                )
                .await;
            assert_eq!(written.status, 200, "{written:?}");
        }
        Self {
            api,
            bases: [String::new(), store],
        }
    }

    /// Asks an endpoint, such as `evaluation`, at the root and under the store; the answers must be the same.
    pub async fn ask(&self, endpoint: &str, request: &Value) -> Reply {
        let mut replies = Vec::new();
        for base in &self.bases {
            let path = format!("{base}/access/v1/{endpoint}");
            replies.push(self.api.post(&path, request.clone()).await);
        }
        let (under, root) = (replies.pop().unwrap(), replies.pop().unwrap());
        assert_eq!(
            (root.status, &root.body),
            (under.status, &under.body),
            "{request}"
        );
        assert_eq!(under.header("content-type"), "application/json");
        under
    }

    /// Asks with headers and any body, under the store.
    pub async fn send(&self, endpoint: &str, media: &str, id: &str, body: &str) -> Reply {
        let request = self
            .api
            .http
            .post(format!(
                "{}{}/access/v1/{endpoint}",
                self.api.t.url, self.bases[1]
            ))
            .bearer_auth(&self.api.token)
            .header("content-type", media)
            .header("x-request-id", id)
            .body(body.to_owned());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply {
            status,
            body: response.json().await.unwrap(),
            headers,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.api.get(path).await
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.api.t.url
    }

    /// Whether an evaluation permits.
    pub async fn permits(&self, request: &Value) -> bool {
        let reply = self.ask("evaluation", request).await;
        assert_eq!(reply.status, 200, "{request} {reply:?}");
        reply.body["decision"].as_bool().unwrap()
    }

    /// What a search finds: the member `of` of each result, sorted.
    pub async fn finds(&self, kind: &str, of: &str, request: &Value) -> Vec<String> {
        let reply = self.ask(&format!("search/{kind}"), request).await;
        assert_eq!(reply.status, 200, "{request} {reply:?}");
        let results = reply.body["results"].as_array().unwrap();
        let mut found: Vec<String> = results
            .iter()
            .map(|one| {
                if kind != "action" {
                    assert_eq!(one["type"], request[kind]["type"], "{reply:?}");
                }
                one[of].as_str().unwrap().to_owned()
            })
            .collect();
        found.sort();
        found
    }
}

/// An entity of AuthZEN's.
pub fn entity(of_type: &str, id: &str) -> Value {
    json!({"type": of_type, "id": id})
}

/// One question.
pub fn asked(subject: Value, action: &str, resource: Value) -> Value {
    let mut request = json!({"action": {"name": action}});
    request["subject"] = subject;
    request["resource"] = resource;
    request
}
