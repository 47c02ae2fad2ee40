//! Who calls, and whether they may. Every handler of this room begins here: without an answer of these there is no `now`.
//!
//! | Of | Ask |
//! |---|---|
//! | one store | [`let_in_store`] |
//! | writing tuples in it | [`let_in_to_write`] |
//! | all stores | [`let_in`] |

use std::collections::BTreeSet;

use axum::http::HeaderMap;

use super::error::ApiError;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::bearer::{BearerError, Caller, authenticate};
use crate::policy::system::{self, Permission, StorePermission};

/// Lets a caller with the permission in; the instant of the request.
pub(super) async fn let_in(
    app: &App,
    headers: &HeaderMap,
    permission: Permission,
) -> Result<Timestamp, ApiError> {
    let (caller, now) = caller(app, headers).await?;
    if !caller.reach.covers(permission) {
        return Err(beyond_the_key(&permission));
    }
    if system::allows(&app.policy, &caller.subject, permission, now).await? {
        Ok(now)
    } else {
        Err(ApiError::forbidden(&format_args!(
            "`{}` lacks the permission `{permission}`; an administrator can assign a role that has it",
            caller.subject
        )))
    }
}

/// Lets a caller in who may do this in the store, by a right in it or by a role; the instant of the request.
///
/// An id that is malformed, or that no store has, keeps everybody out who has no role: what exists is not told to them.
pub(super) async fn let_in_store(
    app: &App,
    headers: &HeaderMap,
    store: &str,
    permission: StorePermission,
) -> Result<Timestamp, ApiError> {
    let (caller, now) = caller(app, headers).await?;
    if !caller.reach.covers_in(store, permission) {
        return Err(beyond_the_key(&permission));
    }
    if system::allows_store(&app.policy, &caller.subject, store, permission, now).await? {
        Ok(now)
    } else {
        Err(lacks(&caller, permission))
    }
}

/// Lets a caller in who may write tuples of all types of objects in the store, or of each type that the request names:
/// also those of its preconditions, whose outcome tells what is there.
pub(super) async fn let_in_to_write(
    app: &App,
    headers: &HeaderMap,
    store: &str,
    types: impl FnOnce() -> BTreeSet<String>,
) -> Result<Timestamp, ApiError> {
    const WRITE: StorePermission = StorePermission::WriteTuples;
    let (caller, now) = caller(app, headers).await?;
    if !caller.reach.covers_in(store, WRITE) {
        return Err(beyond_the_key(&WRITE));
    }
    let (policy, subject) = (&app.policy, caller.subject.as_str());
    if system::allows_store(policy, subject, store, WRITE, now).await? {
        return Ok(now);
    }
    let types = types();
    let types = types.iter().map(String::as_str).collect();
    if system::allows_writes(policy, subject, (store, &types), now).await? {
        return Ok(now);
    }
    Err(lacks(&caller, WRITE))
}

/// Says the same of a permission that the key lacks and of a store that is not its own.
fn beyond_the_key(permission: &dyn std::fmt::Display) -> ApiError {
    ApiError::forbidden(&format_args!(
        "the API key is not made for the permission `{permission}` here; an administrator can make one that is"
    ))
}

fn lacks(caller: &Caller, permission: StorePermission) -> ApiError {
    ApiError::forbidden(&format_args!(
        "`{}` lacks the permission `{permission}` in this store; an administrator can give a right or assign a role that has it",
        caller.subject
    ))
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<(Caller, Timestamp), ApiError> {
    let now = app.clock.now();
    match authenticate(app, headers, now).await {
        Ok(caller) => Ok((caller, now)),
        Err(BearerError::Missing) => Err(ApiError::missing_token()),
        Err(error @ BearerError::Invalid) => Err(ApiError::invalid_token(&error)),
        Err(error @ BearerError::InsufficientScope(_)) => Err(ApiError::forbidden(&error)),
        Err(BearerError::Internal(error)) => Err(ApiError::internal(&error)),
    }
}
