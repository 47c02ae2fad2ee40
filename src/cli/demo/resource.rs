//! The sample resource service: believes access tokens that verify through JWKS, and asks Tessera who may see which document.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use oauth2::basic::BasicClient;
use oauth2::{ClientId, ClientSecret, TokenResponse as _, TokenUrl};
use serde::{Deserialize, Serialize};

use super::exchange;
use super::verify::Verifier;
use crate::outbound::Outbound;

/// The documents that the service holds.
pub const DOCUMENTS: [&str; 2] = ["plan", "salaries"];

/// The service's own settings.
pub struct Resource {
    /// Verifies the tokens of callers.
    pub verifier: Verifier,
    /// Reaches Tessera.
    pub http: Outbound,
    /// The service's client at Tessera, with which it asks for checks.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The store that holds who may see what.
    pub store_id: String,
}

/// One line of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// The document's name.
    pub name: String,
    /// Whether the caller may see it.
    pub allowed: bool,
    /// The check that was asked, as a tuple.
    pub check: String,
}

#[derive(Clone, Deserialize)]
struct AccessClaims {
    sub: String,
}

#[derive(Deserialize)]
struct CheckAnswer {
    allowed: bool,
}

/// `GET /documents` with a bearer token.
pub fn router(resource: Arc<Resource>) -> Router {
    Router::new()
        .route("/documents", get(documents))
        .with_state(resource)
}

async fn documents(State(resource): State<Arc<Resource>>, headers: HeaderMap) -> Response {
    let Some(token) = bearer(&headers) else {
        return refuse("send the access token as `Authorization: Bearer ..`");
    };
    let audience = &resource.verifier.discovery().issuer;
    let claims: AccessClaims = match resource.verifier.verify(token, "at+jwt", audience).await {
        Ok(claims) => claims,
        Err(error) => return refuse(&error.to_string()),
    };
    let mut answer = Vec::new();
    for document in DOCUMENTS {
        match resource.check(&claims.sub, document).await {
            Ok(line) => answer.push(line),
            Err(error) => return (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
        }
    }
    Json(answer).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

fn refuse(reason: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (StatusCode::UNAUTHORIZED, challenge, reason.to_owned()).into_response()
}

impl Resource {
    /// Asks Tessera whether `user:<sub>` is a viewer of the document.
    async fn check(&self, sub: &str, document: &str) -> anyhow::Result<Document> {
        let (user, object) = (format!("user:{sub}"), format!("doc:{document}"));
        let body = serde_json::json!({ "tuple_key": { "user": user, "relation": "viewer", "object": object } });
        let issuer = &self.verifier.discovery().issuer;
        let request = http::Request::post(format!("{issuer}/stores/{}/check", self.store_id))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.own_token().await?),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&body)?)?;
        let answer = self.http.send(request).await?;
        anyhow::ensure!(
            answer.status.is_success(),
            "the check was refused with {}",
            answer.status
        );
        let CheckAnswer { allowed } = serde_json::from_slice(&answer.body)?;
        Ok(Document {
            name: document.to_owned(),
            allowed,
            check: format!("{user} viewer {object}"),
        })
    }

    /// The service's own access token (RFC 6749 section 4.4). A real service keeps it until it expires.
    async fn own_token(&self) -> anyhow::Result<String> {
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.clone()))
            .set_token_uri(TokenUrl::new(
                self.verifier.discovery().token_endpoint.clone(),
            )?);
        let http = exchange(&self.http);
        let token = client
            .exchange_client_credentials()
            .request_async(&http)
            .await?;
        Ok(token.access_token().secret().clone())
    }
}
