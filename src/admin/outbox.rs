//! `/admin/api/outbox`: messages to other servers that wait or were given up; the dead are sent again or removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::guard::{Guarded, Inside};
use super::json::{Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::MessageId;
use crate::http::Problem;
use crate::policy::system::Permission;
use crate::store::outbox::{self, MessageRow, MessageState};

const OUTBOX: &str = "/admin/api/outbox";
const MESSAGE: &str = "/admin/api/outbox/{id}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(OUTBOX, Permission::ReadOutbox, list)
        .get(MESSAGE, Permission::ReadOutbox, read)
        .delete(MESSAGE, Permission::ManageOutbox, remove)
        .post(
            "/admin/api/outbox/{id}/retry",
            Permission::ManageOutbox,
            retry,
        )
}

/// A message, as the API shows it.
#[derive(Debug, Serialize)]
struct MessageJson {
    id: String,
    kind: String,
    destination: String,
    state: &'static str,
    attempts: i64,
    next_attempt_at: String,
    last_error: Option<String>,
    created_at: String,
}

impl From<MessageRow> for MessageJson {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind,
            destination: row.destination,
            state: row.state.as_str(),
            attempts: row.attempts,
            next_attempt_at: row.next_attempt_at.rfc3339(),
            last_error: row.last_error,
            created_at: row.created_at.rfc3339(),
        }
    }
}

/// Which messages, and which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `dead` when absent.
    state: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<MessageJson>>, Problem> {
    let page = PageQuery {
        after: query.after,
        limit: query.limit,
    };
    let state = match query.state.as_deref() {
        None => MessageState::Dead,
        Some(text) => MessageState::parse(text).ok_or_else(|| {
            let detail = format!("`state` is `{text}`; use `dead` or `pending`");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })?,
    };
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let rows = outbox::list(&mut conn, state, after.as_ref(), page.limit() + 1).await?;
    let rows = rows.into_iter().map(MessageJson::from).collect();
    Ok(Json(Page::cut(rows, page.limit(), |row: &MessageJson| {
        row.id.clone()
    })))
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<MessageJson>, Problem> {
    let id = parse_id(&id)?;
    let row = outbox::find(&mut app.db.read().await?, &id).await?;
    row.map(|row| Json(row.into()))
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, gone(&id)))
}

async fn retry(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<MessageJson>, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    if !outbox::revive(&mut tx, &id, admin.now).await? {
        return Err(not_dead(&id));
    }
    let row = outbox::find(&mut tx, &id).await?;
    tx.commit().await?;
    row.map(|row| Json(row.into()))
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, gone(&id)))
}

async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse_id(&id)?;
    let mut tx = app.db.write().await?;
    if !outbox::remove_dead(&mut tx, &id).await? {
        return Err(not_dead(&id));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_id(text: &str) -> Result<MessageId, Problem> {
    MessageId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn gone(id: &MessageId) -> String {
    format!("there is no message `{id}`; it may have arrived meanwhile")
}

fn not_dead(id: &MessageId) -> Problem {
    let detail = format!("no message `{id}` was given up; list those with `?state=dead`");
    Problem::new(StatusCode::NOT_FOUND, detail)
}
