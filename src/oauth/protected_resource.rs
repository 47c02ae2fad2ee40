//! Tessera's own APIs say where tokens for them come from (RFC 9728): the metadata, and its address in every refusal.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::paths;
use super::protocol::dpop::ProofAlgorithm;
use super::protocol::own_api;
use super::protocol::scope::TESSERA_ADMIN;
use super::signed_metadata;
use crate::app::App;
use crate::http::Problem;

/// The metadata of a protected resource (section 2).
#[derive(Debug, Serialize)]
struct Metadata {
    resource: String,
    resource_name: &'static str,
    authorization_servers: [String; 1],
    scopes_supported: [&'static str; 1],
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: &'static [ProofAlgorithm],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
}

impl Metadata {
    /// Of the API that begins at a path; the empty path is the server itself.
    fn of(app: &App, path: &str) -> Self {
        let issuer = &app.config.issuer;
        Self {
            resource: format!("{issuer}{path}"),
            resource_name: "Tessera",
            authorization_servers: [issuer.clone()],
            scopes_supported: [TESSERA_ADMIN],
            bearer_methods_supported: ["header"],
            dpop_signing_alg_values_supported: ProofAlgorithm::ALL,
            tls_client_certificate_bound_access_tokens: app.config.client_certificates.possible(),
        }
    }
}

/// The metadata of the server itself.
pub async fn get(State(app): State<Arc<App>>) -> Response {
    signed_metadata::respond(&app, &Metadata::of(&app, ""))
}

/// The metadata of one API, whose path follows the well-known part (section 3.1).
pub async fn get_of_path(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response {
    let path = format!("/{path}");
    match own_api::of_path(&path) {
        Some(api) if api == path => signed_metadata::respond(&app, &Metadata::of(&app, api)),
        Some(_) | None => Problem::new(
            StatusCode::NOT_FOUND,
            "no API of this server begins at that path",
        )
        .into_response(),
    }
}

/// Names the metadata in every 401 and 403 of the APIs (section 5.1).
pub async fn advertise(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let api = own_api::of_path(request.uri().path());
    let mut response = next.run(request).await;
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&response.status());
    let Some(api) = api.filter(|_| refused) else {
        return response;
    };
    let metadata = format!(
        "resource_metadata=\"{}{}{api}\"",
        app.config.issuer,
        paths::RESOURCE_METADATA
    );
    let headers = response.headers_mut();
    let mut challenges: Vec<String> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    if challenges.is_empty() {
        challenges.push("Bearer realm=\"tessera\"".to_owned());
    }
    headers.remove(WWW_AUTHENTICATE);
    for challenge in challenges {
        // Nothing in it but our own ASCII.
        if let Ok(value) = HeaderValue::from_str(&format!("{challenge}, {metadata}")) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    response
}
