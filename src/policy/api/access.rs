//! Who calls, and whether they may. Every handler of this room begins here: without an answer of these there is no `now`.
//!
//! | Of | Ask |
//! |---|---|
//! | one store | [`let_in_store`] |
//! | the same again | [`still_let_in_store`] |
//! | writing tuples in it | [`let_in_to_write`] |
//! | writing many, while a long request lasts | [`WriteGate`] |
//! | reading, while a long answer lasts | [`ReadGate`] |
//! | all stores | [`let_in`] |

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::HeaderMap;

use super::error::ApiError;
use crate::app::App;
use crate::base::time::{Seconds, Timestamp};
use crate::oauth::bearer::{BearerError, Caller, authenticate, authenticate_again};
use crate::policy::system::{self, Permission, StorePermission};

/// How often who reads or writes for long is asked again.
const RECHECK_SECONDS: Seconds = Seconds::new(15);
const WRITE: StorePermission = StorePermission::WriteTuples;

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
    may_in_store(app, &caller, (store, permission), now).await
}

/// Asks the same of a request that was let in before: while a stream lasts, or for what more it wants. Its proof of possession, if any, is not asked
/// for twice.
pub(super) async fn still_let_in_store(
    app: &App,
    headers: &HeaderMap,
    store: &str,
    permission: StorePermission,
) -> Result<Timestamp, ApiError> {
    let now = app.clock.now();
    let caller = authenticate_again(app, headers, now)
        .await
        .map_err(refused)?;
    may_in_store(app, &caller, (store, permission), now).await
}

async fn may_in_store(
    app: &App,
    caller: &Caller,
    (store, permission): (&str, StorePermission),
    now: Timestamp,
) -> Result<Timestamp, ApiError> {
    if !caller.reach.covers_in(store, permission) {
        return Err(beyond_the_key(&permission));
    }
    if system::allows_store(&app.policy, &caller.subject, store, permission, now).await? {
        Ok(now)
    } else {
        Err(lacks(caller, permission))
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
    let (caller, now) = writer(app, headers, store).await?;
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

/// Who writes tuples for long: what was let in once is asked again, so that a right that was taken ends it.
pub(super) struct WriteGate {
    app: Arc<App>,
    headers: HeaderMap,
    store: String,
    caller: Caller,
    /// Whether the caller may write tuples of every type.
    is_open: bool,
    /// Otherwise, the types that the caller was found to write.
    types: BTreeSet<String>,
    asked_at: Timestamp,
}

impl WriteGate {
    /// Asks who calls, and whether they may write everything.
    pub(super) async fn open(
        app: Arc<App>,
        headers: HeaderMap,
        store: String,
    ) -> Result<Self, ApiError> {
        let (caller, now) = writer(&app, &headers, &store).await?;
        let mut gate = Self {
            app,
            headers,
            store,
            caller,
            is_open: false,
            types: BTreeSet::new(),
            asked_at: now,
        };
        gate.is_open = gate.writes_all(now).await?;
        Ok(gate)
    }

    /// Whether tuples of every type are let in.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// Lets tuples of a type in.
    pub(super) async fn allow(&mut self, object_type: &str) -> Result<(), ApiError> {
        let now = self.app.clock.now();
        if now >= self.asked_at.plus(RECHECK_SECONDS) {
            self.types.clear();
            self.caller = authenticate_again(&self.app, &self.headers, now)
                .await
                .map_err(refused)?;
            may_write(&self.caller, &self.store)?;
            self.is_open = self.writes_all(now).await?;
            self.asked_at = now;
        }
        if self.is_open || self.types.contains(object_type) {
            return Ok(());
        }
        let subject = self.caller.subject.as_str();
        let asked = (self.store.as_str(), &BTreeSet::from([object_type]));
        if system::allows_writes(&self.app.policy, subject, asked, now).await? {
            self.types.insert(object_type.to_owned());
            return Ok(());
        }
        Err(self.refusal())
    }

    /// What is said to who may not.
    pub(super) fn refusal(&self) -> ApiError {
        lacks(&self.caller, WRITE)
    }

    async fn writes_all(&self, now: Timestamp) -> Result<bool, ApiError> {
        let (policy, subject) = (&self.app.policy, self.caller.subject.as_str());
        Ok(system::allows_store(policy, subject, &self.store, WRITE, now).await?)
    }
}

/// Who reads for long: a right that was taken while the answer lasts ends it.
pub(super) struct ReadGate {
    app: Arc<App>,
    headers: HeaderMap,
    store: String,
    asked_at: Timestamp,
}

impl ReadGate {
    /// Of a reader who was let in at `now`.
    pub(super) const fn of(
        app: Arc<App>,
        headers: HeaderMap,
        store: String,
        now: Timestamp,
    ) -> Self {
        Self {
            app,
            headers,
            store,
            asked_at: now,
        }
    }

    pub(super) const fn app(&self) -> &Arc<App> {
        &self.app
    }

    pub(super) fn store(&self) -> &str {
        &self.store
    }

    /// Asks again, if that is due.
    pub(super) async fn ask_again(&mut self) -> Result<(), ApiError> {
        if self.app.clock.now() >= self.asked_at.plus(RECHECK_SECONDS) {
            let read = StorePermission::Read;
            self.asked_at = still_let_in_store(&self.app, &self.headers, &self.store, read).await?;
        }
        Ok(())
    }
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

/// A caller whose credential is made for writing tuples in the store; whether they may is asked next.
async fn writer(
    app: &App,
    headers: &HeaderMap,
    store: &str,
) -> Result<(Caller, Timestamp), ApiError> {
    let (caller, now) = caller(app, headers).await?;
    may_write(&caller, store)?;
    Ok((caller, now))
}

fn may_write(caller: &Caller, store: &str) -> Result<(), ApiError> {
    if caller.reach.covers_in(store, WRITE) {
        Ok(())
    } else {
        Err(beyond_the_key(&WRITE))
    }
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<(Caller, Timestamp), ApiError> {
    let now = app.clock.now();
    let caller = authenticate(app, headers, now).await.map_err(refused)?;
    Ok((caller, now))
}

fn refused(error: BearerError) -> ApiError {
    match error {
        BearerError::Missing => ApiError::missing_token().refused_for(error),
        BearerError::Invalid | BearerError::Possession(_) | BearerError::StepUp(_) => {
            ApiError::invalid_token(&error).refused_for(error)
        }
        BearerError::InsufficientScope(_) => ApiError::forbidden(&error).refused_for(error),
        BearerError::Internal(error) => ApiError::internal(&error),
    }
}
