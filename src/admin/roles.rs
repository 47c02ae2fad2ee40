//! `/admin/api/roles` and `/admin/api/role-assignments`: who may administer what. Assignments are tuples of the system store.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Serialize;

use super::guard::{Guarded, Inside};
use crate::app::App;
use crate::base::id::UserId;
use crate::http::Problem;
use crate::oauth::protocol::client::ClientId;
use crate::policy::system::{self, Permission, Role};
use crate::store::{Tx, clients, users};

const ASSIGNMENTS: &str = "/admin/api/role-assignments/{subject}";
const ASSIGNMENT: &str = "/admin/api/role-assignments/{subject}/{role}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get("/admin/api/roles", Permission::ReadRoles, list)
        .get(ASSIGNMENTS, Permission::ReadRoles, of_subject)
        .put(ASSIGNMENT, Permission::ManageRoles, assign)
        .delete(ASSIGNMENT, Permission::ManageRoles, remove)
}

#[derive(Debug, Serialize)]
struct RoleJson {
    name: &'static str,
    description: &'static str,
}

#[derive(Debug, Serialize)]
struct RolesOfSubject {
    subject: String,
    roles: Vec<&'static str>,
}

async fn list() -> Json<Vec<RoleJson>> {
    Json(
        Role::ALL
            .iter()
            .map(|role| RoleJson {
                name: role.as_str(),
                description: role.description(),
            })
            .collect(),
    )
}

async fn of_subject(
    State(app): State<Arc<App>>,
    Path(subject): Path<String>,
) -> Result<Json<RolesOfSubject>, Problem> {
    let mut conn = app.db.read().await?;
    let roles = system::roles_of(&mut conn, &subject).await?;
    Ok(Json(RolesOfSubject {
        subject,
        roles: roles.into_iter().map(Role::as_str).collect(),
    }))
}

async fn assign(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((subject, role)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let role = parse_role(&role)?;
    let mut tx = app.db.write().await?;
    must_exist(&mut tx, &subject).await?;
    let written = system::assign_role(&mut tx, &subject, role, admin.now).await?;
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path((subject, role)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let role = parse_role(&role)?;
    let mut tx = app.db.write().await?;
    let written = system::remove_role(&mut tx, &subject, role, admin.now).await?;
    if role == Role::Admin && !system::any_admin(&mut tx).await? {
        let advice =
            "the last administrator cannot be removed; assign `admin` to somebody else first";
        return Err(Problem::new(StatusCode::CONFLICT, advice));
    }
    tx.commit().await?;
    app.policy.committed(&written, admin.now).await;
    Ok(StatusCode::NO_CONTENT)
}

fn parse_role(name: &str) -> Result<Role, Problem> {
    Role::parse(name).ok_or_else(|| {
        let known = Role::ALL
            .iter()
            .copied()
            .map(Role::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        Problem::new(
            StatusCode::NOT_FOUND,
            format!("`{name}` is not a role; the roles are {known}"),
        )
    })
}

/// A role is given to somebody who exists: a tuple for a mistyped id would wait for whoever gets that id.
pub(super) async fn must_exist(tx: &mut Tx, subject: &str) -> Result<(), Problem> {
    let exists = match subject.split_once(':') {
        Some(("user", id)) => match UserId::parse(id) {
            Ok(id) => users::find(tx, &id).await?.is_some(),
            Err(_) => false,
        },
        Some(("client", id)) => match ClientId::parse(id) {
            Ok(id) => clients::find(tx, &id).await?.is_some(),
            Err(_) => false,
        },
        _ => false,
    };
    if exists {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is no `{subject}`; a subject is `user:<user id>` or `client:<client_id>`"),
    ))
}
