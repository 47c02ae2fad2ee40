//! `/admin/api/users/{id}/acting-rights`: who may act in one person's name when tokens are exchanged (RFC 8693). Rights are tuples of
//! the system store, as roles are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;

use super::guard::{Guarded, Inside};
use super::json::{Page, PageQuery, Params};
use super::roles::must_exist;
use crate::app::App;
use crate::base::id::UserId;
use crate::http::Problem;
use crate::policy::system::{self, ActingRight, Permission};

const RIGHTS: &str = "/admin/api/users/{id}/acting-rights";
const RIGHT: &str = "/admin/api/users/{id}/acting-rights/{right}/{subject}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(RIGHTS, Permission::ReadRoles, list)
        .put(RIGHT, Permission::ManageRoles, give)
        .delete(RIGHT, Permission::ManageRoles, take)
}

#[derive(Debug, Serialize)]
struct RightJson {
    subject: String,
    right: &'static str,
}

async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<RightJson>>, Problem> {
    let user = parse_user(&id)?;
    let after = page.after.as_deref().map(parse_place).transpose()?;
    let mut conn = app.db.read().await?;
    let rights = system::acting_for(&mut conn, &user, after, page.limit() + 1).await?;
    let rights = rights
        .into_iter()
        .map(|(right, subject)| RightJson {
            subject,
            right: right.as_str(),
        })
        .collect();
    Ok(Json(Page::cut(rights, page.limit(), |row: &RightJson| {
        format!("{}:{}", row.right, row.subject)
    })))
}

async fn give(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((id, right, subject)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let (user, right) = (parse_user(&id)?, parse_right(&right)?);
    let mut tx = app.db.write().await?;
    must_exist(&mut tx, &format!("user:{user}")).await?;
    must_exist(&mut tx, &subject).await?;
    let written = system::give_acting(&mut tx, &user, (right, &subject), admin.now).await?;
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn take(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((id, right, subject)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let (user, right) = (parse_user(&id)?, parse_right(&right)?);
    let mut tx = app.db.write().await?;
    let written = system::take_acting(&mut tx, &user, (right, &subject), admin.now).await?;
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_user(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn parse_right(name: &str) -> Result<ActingRight, Problem> {
    ActingRight::parse(name).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!(
                "`{name}` is not a right over a person; the rights are impersonator and delegate"
            ),
        )
    })
}

/// Where a row stands in the list: `right:subject`. No right has a colon in its name.
fn parse_place(text: &str) -> Result<(ActingRight, &str), Problem> {
    text.split_once(':')
        .and_then(|(right, subject)| Some((ActingRight::parse(right)?, subject)))
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                format!("`after` is `{text}`; send the `next` of the page before"),
            )
        })
}
