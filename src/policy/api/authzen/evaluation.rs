//! `POST /access/v1/evaluation`: one question, one decision (Authorization API 1.0 section 6).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::entity::Item;
use super::token::{Who, resolve};
use super::{ApiError, InPath, Session};
use crate::app::App;
use crate::policy::{CheckRequest, PolicyError};

pub(super) async fn answer(
    app: State<Arc<App>>,
    store: InPath,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let session = Session::open(app, &headers, store, &body).await?;
    session.single().await
}

/// A decision, and what is said about it.
pub(super) struct Decision {
    pub(super) allowed: bool,
    context: Map<String, Value>,
}

impl Decision {
    /// No, because the question has no answer.
    pub(super) fn refused(error: &ApiError) -> Self {
        let shown = json!({"status": 400, "code": error.code, "message": error.message});
        Self::denied("error", shown)
    }

    fn denied(name: &str, value: Value) -> Self {
        Self {
            allowed: false,
            context: Map::from_iter([(name.to_owned(), value)]),
        }
    }

    pub(super) fn shown(self) -> Value {
        if self.context.is_empty() {
            return json!({"decision": self.allowed});
        }
        json!({"decision": self.allowed, "context": self.context})
    }
}

impl Session {
    /// Answers the request as one question.
    pub(super) async fn single(&self) -> Result<Response, ApiError> {
        let item = Item::read(&self.request, &Map::new()).map_err(|e| ApiError::invalid(&e))?;
        Ok(self.answer(self.decide(item).await?.shown()))
    }

    /// Decides. What cannot be decided is not permitted; only a fault of ours is an error.
    pub(super) async fn decide(&self, mut item: Item) -> Result<Decision, ApiError> {
        let mut context = Map::new();
        match resolve(&self.app, &item.subject, self.now).await {
            Ok(Who::Given) => {}
            Ok(Who::Bearer(subject)) => {
                let shown = json!({"type": subject.type_name, "id": subject.id});
                context.insert("subject".to_owned(), shown);
                item.subject = subject;
            }
            Ok(Who::Nobody) => {
                self.app.metrics.count_check("denied");
                let reason = "the access token is malformed, expired, revoked or for somebody else";
                return Ok(Decision::denied("reason", reason.into()));
            }
            Err(error) => return Err(ApiError::internal(&error)),
        }
        match self.check(&item).map_err(ApiError::from) {
            Ok(allowed) => {
                let counted = if allowed { "allowed" } else { "denied" };
                self.app.metrics.count_check(counted);
                Ok(Decision { allowed, context })
            }
            Err(error) => {
                self.app.metrics.count_check("error");
                if error.is_clients() {
                    Ok(Decision::refused(&error))
                } else {
                    Err(error)
                }
            }
        }
    }

    pub(super) fn check(&self, item: &Item) -> Result<bool, PolicyError> {
        let asked = item.tuple()?;
        let request = CheckRequest {
            model_id: "",
            object: &asked.object,
            relation: &asked.relation,
            subject: &asked.subject,
            contextual: &[],
            context: &item.context(),
        };
        self.view.check(&request)
    }
}
