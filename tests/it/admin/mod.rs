//! The admin API over HTTP: what it does, and for whom.

mod acting_rights;
mod api_keys;
mod client_secrets;
mod clients;
mod outbox;
mod registration_tokens;
mod resource_servers;
mod roles;
mod sessions;
mod store_rights;
mod trusted_issuers;
mod users;

use http::{Method, StatusCode};
use serde_json::Value;
use tessera::policy::system::{self, Role};

use crate::harness::server::{TestApp, client};
use crate::oauth::Party;
use crate::oauth::party::Answer;

/// Somebody who calls the API with an access token.
struct Operator {
    token: String,
    url: String,
    http: reqwest::Client,
}

impl Operator {
    /// A client of that name, acting as itself, with these roles.
    async fn with(t: &TestApp, client_id: &str, roles: &[Role]) -> Self {
        let party = Party::register(t, client_id, |_| {}).await;
        for role in roles {
            give(t, &format!("client:{client_id}"), *role).await;
        }
        let answer = party.token(&[("grant_type", "client_credentials")]).await;
        Self::bearing(t, &answer.tokens().access)
    }

    /// Whoever this access token speaks for.
    fn bearing(t: &TestApp, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            url: t.url.clone(),
            http: client(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }

    /// A request without a body.
    async fn order(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.request(method, path)).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/admin/api{path}", self.url));
        request.bearer_auth(&self.token)
    }
}

/// Gives a role, without the API.
async fn give(t: &TestApp, subject: &str, role: Role) {
    let now = t.clock.now();
    let mut tx = t.app.db.write().await.unwrap();
    let written = system::assign_role(&mut tx, subject, role, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    t.app.policy.committed(&written, now).await;
}

/// A refusal is a problem (RFC 9457) with this status, and says this.
#[track_caller]
fn refused(answer: &Answer, status: StatusCode, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{says}: {detail}");
}

/// Every entry of a list, read in pages of `limit`, and how many pages there were.
async fn pages(operator: &Operator, list: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut items, mut count, mut after) = (Vec::new(), 0, String::new());
    loop {
        let answer = operator.get(&format!("{list}?limit={limit}{after}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let page = answer.json["items"].as_array().unwrap();
        assert!(page.len() <= limit);
        items.extend(page.iter().cloned());
        count += 1;
        match answer.json["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (items, count),
        }
    }
}
