//! `/admin/api/users`: create, read, change, lock, set a password.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};

use super::guard::{Admin, Guarded, Inside};
use super::json::{Body, Page, PageQuery, Params, Patch};
use crate::app::App;
use crate::base::id::UserId;
use crate::http::Problem;
use crate::identity::account::{self, AccountError};
use crate::identity::hasher::{self, HashError};
use crate::identity::identifier::{Email, Username};
use crate::identity::password::{Password, PasswordHash};
use crate::identity::profile::Profile;
use crate::identity::user::{DisplayName, NewUser, User, UserChange};
use crate::policy::system::Permission;
use crate::store::users;

const USERS: &str = "/admin/api/users";
const USER: &str = "/admin/api/users/{id}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(USERS, Permission::ReadUsers, list)
        .post(USERS, Permission::ManageUsers, create)
        .get(USER, Permission::ReadUsers, read)
        .patch(USER, Permission::ManageUsers, change)
        .post("/admin/api/users/{id}/lock", Permission::ManageUsers, lock)
        .post(
            "/admin/api/users/{id}/unlock",
            Permission::ManageUsers,
            unlock,
        )
        .put(
            "/admin/api/users/{id}/password",
            Permission::ManageUsers,
            set_password,
        )
}

/// A user, as the API shows it.
#[derive(Debug, Serialize)]
struct UserJson {
    id: String,
    username: String,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
    /// Standard claims beside these, by their names.
    profile: Profile,
    state: &'static str,
    created_at: String,
    updated_at: String,
}

impl From<User> for UserJson {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            name: user.name,
            profile: user.profile,
            state: user.state.as_str(),
            created_at: user.created_at.rfc3339(),
            updated_at: user.updated_at.rfc3339(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateUser {
    username: String,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    name: Option<String>,
    #[serde(default)]
    profile: Profile,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    username: Option<String>,
    #[serde(default)]
    email: Patch<String>,
    email_verified: Option<bool>,
    #[serde(default)]
    name: Patch<String>,
    /// As a whole: a claim that is left out is removed.
    profile: Option<Profile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    password: String,
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<UserJson>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let users = users::list(&mut conn, after.as_ref(), page.limit() + 1).await?;
    let users = users.into_iter().map(UserJson::from).collect();
    Ok(Json(Page::cut(users, page.limit(), |user| user.id.clone())))
}

async fn create(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(body): Body<CreateUser>,
) -> Result<Response, Problem> {
    let new = NewUser {
        username: Username::parse(&body.username).map_err(|error| unusable("username", &error))?,
        email: parse(body.email.as_deref(), "email", Email::parse)?,
        email_verified: body.email_verified,
        name: parse(body.name.as_deref(), "name", DisplayName::parse)?,
        profile: checked(body.profile.clone())?,
        password: match &body.password {
            Some(text) => {
                let context = [Some(body.username.as_str()), body.email.as_deref()];
                Some(
                    hash(
                        &app,
                        text,
                        &context.into_iter().flatten().collect::<Vec<_>>(),
                    )
                    .await?,
                )
            }
            None => None,
        },
    };
    let mut tx = app.db.write().await?;
    let id = account::create(&mut tx, &new, admin.now).await?;
    let user = found(users::find(&mut tx, &id).await?, &id)?;
    tx.commit().await?;
    let location = [(LOCATION, format!("{}{USERS}/{id}", app.config.path()))];
    Ok((StatusCode::CREATED, location, Json(UserJson::from(user))).into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<UserJson>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    Ok(Json(found(users::find(&mut conn, &id).await?, &id)?.into()))
}

async fn change(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(body): Body<ChangeUser>,
) -> Result<Json<UserJson>, Problem> {
    let id = parse_id(&id)?;
    admin.require_power_over(&app, &subject(&id)).await?;
    let mut tx = app.db.write().await?;
    let user = found(users::find(&mut tx, &id).await?, &id)?;
    let mut change = UserChange {
        username: parse(body.username.as_deref(), "username", Username::parse)?,
        profile: body.profile.clone().map(checked).transpose()?,
        ..UserChange::default()
    };
    match &body.name {
        Patch::Absent => {}
        Patch::Null => change.name = Some(None),
        Patch::Value(name) => change.name = Some(parse(Some(name), "name", DisplayName::parse)?),
    }
    change_email(&mut change, &body, &user)?;
    let user = account::update(&mut tx, &user, &change, admin.now).await?;
    tx.commit().await?;
    Ok(Json(user.into()))
}

fn checked(profile: Profile) -> Result<Profile, Problem> {
    profile
        .check()
        .map_err(|error| unusable("profile", &error))?;
    Ok(profile)
}

/// A new address is unverified unless the body says otherwise; `email_verified` alone speaks of the address there is.
fn change_email(change: &mut UserChange, body: &ChangeUser, user: &User) -> Result<(), Problem> {
    let address = match (&body.email, body.email_verified) {
        (Patch::Value(address), _) => Some(address.as_str()),
        (Patch::Null, _) => None,
        (Patch::Absent, Some(_)) => user.email.as_deref(),
        (Patch::Absent, None) => return Ok(()),
    };
    let same = address == user.email.as_deref();
    let verified = body.email_verified.unwrap_or(same && user.email_verified);
    let email = parse(address, "email", Email::parse)?;
    if email.is_none() && verified {
        return Err(invalid("email_verified", "cannot be true without an email"));
    }
    change.email = Some(email.map(|email| (email, verified)));
    Ok(())
}

async fn lock(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<UserJson>, Problem> {
    let id = parse_id(&id)?;
    if admin.subject == subject(&id) {
        let advice = "you cannot lock your own account; ask another administrator";
        return Err(Problem::new(StatusCode::CONFLICT, advice));
    }
    set_state(&app, &admin, &id, true).await
}

async fn unlock(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<UserJson>, Problem> {
    let id = parse_id(&id)?;
    set_state(&app, &admin, &id, false).await
}

async fn set_state(
    app: &App,
    admin: &Admin,
    id: &UserId,
    locked: bool,
) -> Result<Json<UserJson>, Problem> {
    admin.require_power_over(app, &subject(id)).await?;
    let mut tx = app.db.write().await?;
    if locked {
        account::lock(&mut tx, id, admin.now).await?;
    } else {
        account::unlock(&mut tx, id, admin.now).await?;
    }
    let user = found(users::find(&mut tx, id).await?, id)?;
    tx.commit().await?;
    Ok(Json(user.into()))
}

async fn set_password(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(body): Body<SetPassword>,
) -> Result<StatusCode, Problem> {
    let id = parse_id(&id)?;
    admin.require_power_over(&app, &subject(&id)).await?;
    let mut conn = app.db.read().await?;
    let user = found(users::find(&mut conn, &id).await?, &id)?;
    drop(conn);
    let context = [Some(user.username.as_str()), user.email.as_deref()];
    let hash = hash(
        &app,
        &body.password,
        &context.into_iter().flatten().collect::<Vec<_>>(),
    )
    .await?;
    let mut tx = app.db.write().await?;
    account::set_password(&mut tx, &id, &hash, admin.now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn hash(app: &App, text: &str, context: &[&str]) -> Result<PasswordHash, Problem> {
    let password = Password::choose(text, app.config.passwords.min_chars, context)
        .map_err(|error| unusable("password", &error))?;
    app.hasher
        .hash(password)
        .await
        .map_err(|error| match error {
            HashError::Overloaded => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many passwords are being hashed; try again in a few seconds",
            )
            .retry_after(hasher::RETRY_AFTER),
            HashError::Failed => Problem::internal(&error),
        })
}

fn subject(id: &UserId) -> String {
    format!("user:{id}")
}

fn parse_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

fn found(user: Option<User>, id: &UserId) -> Result<User, Problem> {
    user.ok_or_else(|| AccountError::NoSuchUser(id.clone()).into())
}

fn parse<T, E: std::fmt::Display>(
    text: Option<&str>,
    field: &str,
    parse: fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    text.map(parse)
        .transpose()
        .map_err(|error| unusable(field, &error))
}

fn unusable(field: &str, error: &dyn std::fmt::Display) -> Problem {
    invalid(field, &error.to_string())
}

fn invalid(field: &str, reason: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        format!("`{field}`: {reason}"),
    )
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let status = match error {
            AccountError::UsernameTaken(_)
            | AccountError::EmailTaken(_)
            | AccountError::Changed(_) => StatusCode::CONFLICT,
            AccountError::NoSuchUser(_) => StatusCode::NOT_FOUND,
            AccountError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
