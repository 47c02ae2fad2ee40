//! `/admin/api/registration-tokens`: initial access tokens, with which clients are registered (RFC 7591 section 3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::guard::{Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::InitialTokenId;
use crate::base::time::Seconds;
use crate::http::Problem;
use crate::oauth::initial_token::{self, InitialTokenError, NewInitialToken};
use crate::policy::system::Permission;
use crate::store::initial_access_tokens::{self, InitialToken};

const TOKENS: &str = "/admin/api/registration-tokens";
/// How long a token is good when the request does not say, in seconds: a day.
const LIFETIME_SECONDS: i64 = 86_400;

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(TOKENS, Permission::ReadClients, list)
        .post(TOKENS, Permission::ManageClients, create)
        .delete(
            "/admin/api/registration-tokens/{id}",
            Permission::ManageClients,
            remove,
        )
}

/// A token, as the API shows it.
#[derive(Debug, Serialize)]
struct TokenJson {
    id: String,
    name: String,
    uses: i64,
    max_uses: Option<i64>,
    created_at: String,
    expires_at: String,
    /// Shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<InitialToken> for TokenJson {
    fn from(token: InitialToken) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            uses: token.uses,
            max_uses: token.max_uses,
            created_at: token.created_at.rfc3339(),
            expires_at: token.expires_at.rfc3339(),
            token: None,
        }
    }
}

/// A token to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    max_uses: Option<u32>,
    expires_in_seconds: Option<i64>,
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<TokenJson>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found = initial_access_tokens::list(&mut conn, after.as_ref(), page.limit() + 1).await?;
    let found = found.into_iter().map(TokenJson::from).collect();
    Ok(Json(Page::cut(found, page.limit(), |token: &TokenJson| {
        token.id.clone()
    })))
}

async fn create(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    let new = NewInitialToken {
        name: new.name,
        max_uses: new.max_uses,
        lifetime: Seconds::new(new.expires_in_seconds.unwrap_or(LIFETIME_SECONDS)),
    };
    let mut tx = app.db.write().await?;
    let (token, secret) = initial_token::create(&mut tx, &new, admin.now).await?;
    tx.commit().await?;
    let shown = TokenJson {
        token: Some(secret.expose().clone()),
        ..token.into()
    };
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

async fn remove(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    initial_token::delete(&mut tx, &id, admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_id(text: &str) -> Result<InitialTokenId, Problem> {
    InitialTokenId::parse(text)
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

impl From<InitialTokenError> for Problem {
    fn from(error: InitialTokenError) -> Self {
        let status = match error {
            InitialTokenError::Name | InitialTokenError::Uses | InitialTokenError::Lifetime => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            InitialTokenError::NotFound(_) => StatusCode::NOT_FOUND,
            InitialTokenError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
