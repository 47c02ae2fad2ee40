//! What a proof is compared with, and the nonces in answers.
//!
//! A proof is made for one method and one URI. The endpoints that take tokens hand on headers only, so the request's target goes
//! beside them; it is noted only for requests that have a proof.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};

use super::nonces;
use crate::app::App;
use crate::oauth::protocol::dpop::{HEADER, NONCE_HEADER};

tokio::task_local! {
    static CURRENT: Target;
}

/// A request's method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The method.
    pub method: Method,
    /// The path, as it was sent.
    pub path: String,
}

impl Target {
    /// The target of the request that the current task answers; `None` when it has no proof.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `answer` as the answer to a request for this.
    pub async fn scope<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }
}

/// Marks an answer that is to carry a nonce.
#[derive(Clone, Copy, Debug)]
struct NonceWanted;

/// Asks for a nonce in the answer (RFC 9449 section 8).
pub fn offer_nonce(response: &mut Response) {
    response.extensions_mut().insert(NonceWanted);
}

/// Notes the target of a request with a proof. Puts a nonce into the answer where one was asked for, and, where nonces are required,
/// into every answer (section 8.2).
pub async fn note_target(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    let target = Target {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
    };
    let mut response = target.scope(next.run(request)).await;
    let is_wanted = response.extensions().get::<NonceWanted>().is_some();
    if is_wanted || app.config.dpop.require_nonce {
        let nonce = nonces(&app).current(app.clock.now());
        // Base64url is ASCII.
        if let Ok(nonce) = HeaderValue::from_str(&nonce) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(NONCE_HEADER), nonce);
        }
    }
    response
}
