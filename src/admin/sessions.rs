//! `/admin/api/users/{id}/sessions`: where somebody is signed in, and ending it (SECURITY R33).
//!
//! Ending a session ends what was granted in it and tells its clients, as signing out does.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;

use super::guard::{Guarded, Inside};
use super::json::{Page, PageQuery, Params};
use crate::app::App;
use crate::base::id::{SessionId, UserId};
use crate::http::Problem;
use crate::identity::account::AccountError;
use crate::identity::session;
use crate::policy::system::Permission;
use crate::store::sessions::{self, SessionRow};
use crate::store::{Conn, users};

const SESSIONS: &str = "/admin/api/users/{id}/sessions";
const SESSION: &str = "/admin/api/users/{id}/sessions/{session}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(SESSIONS, Permission::ReadUsers, list)
        .delete(SESSIONS, Permission::ManageUsers, end_all)
        .delete(SESSION, Permission::ManageUsers, end_one)
}

/// A session, as the API shows it.
#[derive(Debug, Serialize)]
struct SessionJson {
    /// The `sid` of the tokens issued in it.
    id: String,
    signed_in_at: String,
    last_seen_at: String,
    expires_at: String,
}

impl From<SessionRow> for SessionJson {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.session_id.to_string(),
            signed_in_at: row.auth_time.rfc3339(),
            last_seen_at: row.last_seen_at.rfc3339(),
            expires_at: row.expires_at.rfc3339(),
        }
    }
}

/// How many sessions were ended.
#[derive(Debug, Serialize)]
struct Ended {
    ended: usize,
}

async fn list(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<SessionJson>>, Problem> {
    let user_id = parse_user(&id)?;
    let after = page.after.as_deref().map(parse_session).transpose()?;
    let mut conn = app.db.read().await?;
    check_exists(&mut conn, &user_id).await?;
    let (after, limit) = (after.as_ref(), page.limit());
    let rows = sessions::list_of_user(&mut conn, &user_id, after, limit + 1, admin.now).await?;
    let rows = rows.into_iter().map(SessionJson::from).collect();
    Ok(Json(Page::cut(rows, limit, |row| row.id.clone())))
}

async fn end_one(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((id, session)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (user_id, session_id) = (parse_user(&id)?, parse_session(&session)?);
    admin
        .require_power_over(&app, &format!("user:{user_id}"))
        .await?;
    let mut tx = app.db.write().await?;
    if !session::end_one(&mut tx, &user_id, &session_id, admin.now).await? {
        let detail = format!("`{user_id}` has no session `{session_id}`; it may have ended");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_all(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<Ended>, Problem> {
    let user_id = parse_user(&id)?;
    admin
        .require_power_over(&app, &format!("user:{user_id}"))
        .await?;
    let mut tx = app.db.write().await?;
    check_exists(&mut tx, &user_id).await?;
    let ended = session::end_all(&mut tx, &user_id, admin.now).await?;
    tx.commit().await?;
    Ok(Json(Ended { ended }))
}

async fn check_exists(conn: &mut Conn, id: &UserId) -> Result<(), Problem> {
    let user = users::find(conn, id).await?;
    user.map(drop)
        .ok_or_else(|| AccountError::NoSuchUser(id.clone()).into())
}

fn parse_user(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn parse_session(text: &str) -> Result<SessionId, Problem> {
    SessionId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}
