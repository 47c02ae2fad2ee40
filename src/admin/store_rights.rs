//! `/admin/api/stores/{store}/rights`: who may do what in one store. Rights are tuples of the system store, as roles are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::guard::{Guarded, Inside};
use super::json::{Page, PageQuery, Params};
use super::roles::must_exist;
use crate::app::App;
use crate::http::Problem;
use crate::policy::system::{self, Permission, PlacedRight, RightError, StoreRight};
use crate::store::{Conn, policy_stores};

const RIGHTS: &str = "/admin/api/stores/{store}/rights";
const RIGHT: &str = "/admin/api/stores/{store}/rights/{right}/{subject}";

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
    /// Only of objects of this type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    object_type: Option<String>,
}

/// Which part of the store a right is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(rename = "type")]
    object_type: Option<String>,
}

async fn list(
    State(app): State<Arc<App>>,
    Path(store): Path<String>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<RightJson>>, Problem> {
    let after = page.after.as_deref().map(parse_place).transpose()?;
    let mut conn = app.db.read().await?;
    store_must_exist(&mut conn, &store).await?;
    let rights = system::rights_in(&mut conn, &store, after.as_ref(), page.limit() + 1).await?;
    let rights = rights.into_iter().map(RightJson::from).collect();
    Ok(Json(Page::cut(rights, page.limit(), RightJson::place)))
}

async fn give(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((store, right, subject)): Path<(String, String, String)>,
    Params(part): Params<Part>,
) -> Result<StatusCode, Problem> {
    let right = placed(&right, subject, part.object_type)?;
    let mut tx = app.db.write().await?;
    store_must_exist(&mut tx, &store).await?;
    must_exist(&mut tx, &right.subject).await?;
    let written = system::give_right(&mut tx, &store, &right, admin.now).await?;
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn take(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((store, right, subject)): Path<(String, String, String)>,
    Params(part): Params<Part>,
) -> Result<StatusCode, Problem> {
    let right = placed(&right, subject, part.object_type)?;
    let mut tx = app.db.write().await?;
    store_must_exist(&mut tx, &store).await?;
    let written = system::take_right(&mut tx, &store, &right, admin.now).await?;
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

impl From<PlacedRight> for RightJson {
    fn from(placed: PlacedRight) -> Self {
        Self {
            subject: placed.subject,
            right: placed.right.as_str(),
            object_type: placed.object_type,
        }
    }
}

impl RightJson {
    /// Where it stands in the list: `right:type:subject`. Neither a right nor a type has a colon in its name.
    fn place(&self) -> String {
        let object_type = self.object_type.as_deref().unwrap_or_default();
        format!("{}:{object_type}:{}", self.right, self.subject)
    }
}

fn parse_place(text: &str) -> Result<PlacedRight, Problem> {
    let mut parts = text.splitn(3, ':');
    if let (Some(right), Some(object_type), Some(subject)) =
        (parts.next(), parts.next(), parts.next())
        && let Some(right) = StoreRight::parse(right)
    {
        return Ok(PlacedRight {
            right,
            object_type: Some(object_type.to_owned()).filter(|text| !text.is_empty()),
            subject: subject.to_owned(),
        });
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        format!("`after` is `{text}`; send the `next` of the page before"),
    ))
}

fn placed(
    name: &str,
    subject: String,
    object_type: Option<String>,
) -> Result<PlacedRight, Problem> {
    Ok(PlacedRight {
        right: PlacedRight::check(name, object_type.as_deref())?,
        object_type,
        subject,
    })
}

impl From<RightError> for Problem {
    fn from(error: RightError) -> Self {
        let status = match error {
            RightError::Unknown { .. } => StatusCode::NOT_FOUND,
            RightError::TakesNoType(_) | RightError::Type(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}

/// A right is given in a store that exists: a mistyped id would be a right in nothing.
async fn store_must_exist(conn: &mut Conn, store: &str) -> Result<(), Problem> {
    match policy_stores::find(conn, store).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("no store has the id `{store}`; `GET /stores` lists them"),
        )),
    }
}
