//! The only way into the admin API: a route, the permission that opens it, and the check in front of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Extension, Router};

use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::bearer::{self, Caller};
use crate::policy::PolicyError;
use crate::policy::system::{self, Permission, Reach};

/// A route and what opens it.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The HTTP method.
    pub method: &'static str,
    /// The path template.
    pub path: &'static str,
    /// The permission in the system store.
    pub permission: Permission,
}

/// Routes that nobody enters without the permission they name.
pub struct Guarded {
    app: Arc<App>,
    router: Router<Arc<App>>,
    doors: Vec<Door>,
}

/// Who is inside, and when the request came.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The subject in the system store, such as `user:usr_..` or `client:web`.
    pub subject: String,
    /// What of the subject's power the credential brings.
    pub reach: Reach,
    /// The instant of the request.
    pub now: Timestamp,
}

impl Guarded {
    /// No routes yet.
    pub fn new(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            router: Router::new(),
            doors: Vec::new(),
        }
    }

    /// Adds `GET path`.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(("GET", MethodFilter::GET), path, permission, handler)
    }

    /// Adds `POST path`.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(("POST", MethodFilter::POST), path, permission, handler)
    }

    /// Adds `PUT path`.
    #[must_use]
    pub fn put<H, T>(self, path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(("PUT", MethodFilter::PUT), path, permission, handler)
    }

    /// Adds `PATCH path`.
    #[must_use]
    pub fn patch<H, T>(self, path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(("PATCH", MethodFilter::PATCH), path, permission, handler)
    }

    /// Adds `DELETE path`.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, permission: Permission, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.add(("DELETE", MethodFilter::DELETE), path, permission, handler)
    }

    fn add<H, T>(
        mut self,
        (method, filter): (&'static str, MethodFilter),
        path: &'static str,
        permission: Permission,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        let guard = from_fn_with_state((Arc::clone(&self.app), permission), enter);
        self.router = self.router.route(path, on(filter, handler).layer(guard));
        self.doors.push(Door {
            method,
            path,
            permission,
        });
        self
    }

    /// The routes.
    pub fn into_router(self) -> Router<Arc<App>> {
        self.router
    }

    /// The routes with their permissions.
    pub fn doors(self) -> Vec<Door> {
        self.doors
    }
}

/// Authenticates the bearer, checks the permission, and lets the handler know who is there.
async fn enter(
    State((app, permission)): State<(Arc<App>, Permission)>,
    mut request: Request,
    next: Next,
) -> Response {
    match authorize(&app, request.headers(), permission).await {
        Ok(admin) => {
            request.extensions_mut().insert(admin);
            next.run(request).await
        }
        Err(refusal) => refusal,
    }
}

async fn authorize(
    app: &App,
    headers: &http::HeaderMap,
    permission: Permission,
) -> Result<Admin, Response> {
    let now = app.clock.now();
    let caller: Caller = bearer::authenticate(app, headers, now)
        .await
        .map_err(IntoResponse::into_response)?;
    let admin = Admin {
        subject: caller.subject.clone(),
        reach: caller.reach.clone(),
        now,
    };
    admin
        .require(app, permission)
        .await
        .map_err(IntoResponse::into_response)?;
    // Last: whoever lacks the permission is not sent to sign in for nothing.
    caller
        .require(app.config.admin.demand(), now)
        .map_err(IntoResponse::into_response)?;
    Ok(admin)
}

impl Admin {
    /// Refuses with 403 unless this administrator holds the permission too.
    pub async fn require(&self, app: &App, permission: Permission) -> Result<(), Problem> {
        if !self.reach.covers(permission) {
            let detail = format!(
                "the API key is not made for the permission `{permission}`; an administrator can make one that is"
            );
            return Err(Problem::new(http::StatusCode::FORBIDDEN, detail));
        }
        let allowed = system::allows(&app.policy, &self.subject, permission, self.now).await?;
        if allowed {
            return Ok(());
        }
        Err(Problem::new(
            http::StatusCode::FORBIDDEN,
            format!(
                "`{}` lacks `{}` on `system:tessera`; an administrator can assign a role that has it",
                self.subject,
                permission.as_str(),
            ),
        ))
    }

    /// Refuses to touch an account or client that holds roles, or rights in a store or over a person, unless the caller may assign them: whoever resets an administrator's
    /// password would be one (SECURITY row 42).
    pub async fn require_power_over(&self, app: &App, subject: &str) -> Result<(), Problem> {
        let mut conn = app.db.read().await?;
        let roles = system::roles_of(&mut conn, subject).await?;
        let rights = system::holds_store_rights(&mut conn, subject).await?;
        let acts = system::holds_acting_rights(&mut conn, subject).await?;
        drop(conn);
        if (roles.is_empty() && !rights && !acts) || self.is_wholly(subject) {
            return Ok(());
        }
        self.require(app, Permission::ManageRoles).await
    }

    /// Whether this is that subject with all of its power. A limited key of the same owner is less: with the owner's new
    /// password or secret it would be the owner.
    pub fn is_wholly(&self, subject: &str) -> bool {
        self.reach == Reach::Whole && self.subject == subject
    }
}

/// The administrator, as handlers take it.
pub type Inside = Extension<Admin>;

/// The permission data's failures: the database's, or a fault of ours.
impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Store(error) => error.into(),
            PolicyError::Tuple(error) => {
                Self::new(http::StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            other => Self::internal(&other),
        }
    }
}
