//! Who calls, and whether they may. Every handler of this room begins here: without an answer of `let_in` there is no `now`.

use axum::http::HeaderMap;

use super::error::ApiError;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::bearer::{BearerError, authenticate};
use crate::policy::system::{self, Permission};

/// Lets a caller with the permission in; the instant of the request.
pub(super) async fn let_in(
    app: &App,
    headers: &HeaderMap,
    permission: Permission,
) -> Result<Timestamp, ApiError> {
    let now = app.clock.now();
    let caller = match authenticate(app, headers, now).await {
        Ok(caller) => caller,
        Err(BearerError::Missing) => return Err(ApiError::missing_token()),
        Err(error @ BearerError::Invalid) => return Err(ApiError::invalid_token(&error)),
        Err(error @ BearerError::InsufficientScope(_)) => return Err(ApiError::forbidden(&error)),
        Err(BearerError::Internal(error)) => return Err(ApiError::internal(&error)),
    };
    if system::allows(&app.policy, &caller.subject, permission, now).await? {
        Ok(now)
    } else {
        Err(ApiError::forbidden(&format_args!(
            "`{}` lacks the permission `{permission}`; an administrator can assign a role that has it",
            caller.subject
        )))
    }
}
