//! `GET|POST /authorize` and `GET /authorize/continue`: from the request to a page of ours, or back to the client.
//!
//! What a request means and what comes next is decided in `protocol`; here the facts are fetched and the answer is sent. The client's
//! registration is read again at every step, so what it may not do any more is not done (SECURITY row 9).

use std::sync::Arc;

use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tower_sessions::Session;

use super::answer::send;
use super::authorization_details::are_agreed;
use super::check_session;
use super::code::{self, Issued};
use super::error::OAuthError;
use super::flow::{self, Flow, FlowError};
use super::form::Form;
use super::front;
use super::incoming::{self, is_still_registered};
use super::known_client;
use super::par;
use super::paths;
use super::protocol::acr::Acr;
use super::protocol::authorize::{self, AuthorizeError, AuthorizeRequest};
use super::protocol::authorize_step::{Agreed, Progress, SignedIn, Step, next, unremembered};
use super::protocol::claims::{IdClaims, TokenType};
use super::protocol::client::Client;
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::params::Params;
use super::protocol::response::{Parts, Redirect};
use super::respond::{fault_page, internal, see_other};
use super::subject::subject_for;
use crate::app::App;
use crate::base::id::FlowId;
use crate::base::time::Timestamp;
use crate::http::RequestId;
use crate::identity::session::{self, SignIn};
use crate::store::{StoreError, consents};
use crate::web::error_page::ErrorPage;
use crate::web::links;

/// The request in the query.
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    answer(&app, &session, &headers, params.map_err(OAuthError::Fault)).await
}

/// The request in a form (OpenID Connect Core 1.0 section 3.1.2.1).
pub async fn post(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    form: Result<Form, OAuthError>,
) -> Response {
    answer(&app, &session, &headers, form.map(|form| form.0)).await
}

async fn answer(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
    params: Result<Params, OAuthError>,
) -> Response {
    let started = async { start(app, session, headers, &params?).await };
    started.await.unwrap_or_else(page)
}

/// An error before client and redirect URI are verified, or one of ours.
fn page(error: OAuthError) -> Response {
    match error {
        OAuthError::Fault(fault) | OAuthError::Client { fault, .. } => fault_page(&fault),
        OAuthError::Store(_)
        | OAuthError::Throttled(_)
        | OAuthError::Keys(_)
        | OAuthError::Seal(_)
        | OAuthError::Policy(_)
        | OAuthError::Inconsistent(_) => fault_page(&internal(&error)),
    }
}

async fn start(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, OAuthError> {
    let now = app.clock.now();
    let client_id = authorize::client_id(params)?;
    let client = known_client::find(app, &client_id, now)
        .await?
        .filter(Client::is_active)
        .ok_or_else(|| {
            Fault::invalid_request("no active client has this `client_id`; register it first")
        })?;
    let request = match incoming::read(app, params, &client, now).await? {
        Ok(request) => request,
        Err(AuthorizeError::ShowPage(fault)) => return Err(fault.into()),
        Err(AuthorizeError::RedirectBack(redirect)) => {
            return Ok(send(app, &client, &redirect, now).await);
        }
    };
    let hinted_subject = match hinted_subject(app, &request, now).await? {
        Ok(subject) => subject,
        Err(fault) => return Ok(send(app, &client, &request.answer_fault(fault), now).await),
    };
    let progress = Progress {
        started_at: now,
        consented_by: None,
        hinted_subject: hinted_subject.clone(),
    };
    let sign_in = signed_in(session).await?;
    match step(app, (&request, &client), &progress, sign_in.as_ref(), now).await? {
        Next::Page(path) => {
            let begun = flow::begin(app, request, hinted_subject, headers, now).await?;
            let mut response = see_other(&page_of(app, path, &begun.id));
            if let Some(cookie) = begun.cookie {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Next::Issue(sign_in) => {
            if let Err(fault) = front::make_ready(app, (&request, &client), now).await? {
                return Ok(send(app, &client, &request.answer_fault(fault), now).await);
            }
            let mut tx = app.db.write().await?;
            par::use_up(app, &mut tx, &request, now).await?;
            let issued = code::issue(app, &mut tx, &request, (&client, sign_in), now).await?;
            tx.commit().await?;
            let redirect = granted(app, &request, (&client, sign_in), issued, now).await?;
            Ok(send(app, &client, &redirect, now).await)
        }
        Next::Fail(fault) => Ok(send(app, &client, &request.answer_fault(fault), now).await),
    }
}

/// The flow that a page has done its part of.
#[derive(Debug, Deserialize)]
pub struct ContinueQuery {
    flow: String,
}

/// Decides the next step again after a page.
pub async fn resume(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    Query(query): Query<ContinueQuery>,
) -> Response {
    match resume_flow(&app, &session, &headers, &query.flow).await {
        Ok(response) => response,
        Err(ResumeError::Flow(FlowError::Store(error))) => page(error.into()),
        Err(ResumeError::Flow(error)) => flow_page(&error),
        Err(ResumeError::OAuth(error)) => page(error),
    }
}

#[derive(Debug, thiserror::Error)]
enum ResumeError {
    #[error(transparent)]
    Flow(#[from] FlowError),
    #[error(transparent)]
    OAuth(#[from] OAuthError),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::OAuth(error.into())
    }
}

async fn resume_flow(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
    flow_id: &str,
) -> Result<Response, ResumeError> {
    let now = app.clock.now();
    let flow = flow::load(app, flow_id, headers, now).await?;
    let request = &flow.row.request;
    check_still_registered(&flow)?;
    let progress = Progress {
        started_at: flow.row.created_at,
        consented_by: flow.row.consented_by.clone(),
        hinted_subject: flow.row.hinted_subject.clone(),
    };
    let sign_in = signed_in(session).await?;
    match step(
        app,
        (request, &flow.client),
        &progress,
        sign_in.as_ref(),
        now,
    )
    .await?
    {
        Next::Page(path) => Ok(see_other(&page_of(app, path, &flow.id))),
        Next::Issue(sign_in) => {
            if let Err(fault) = front::make_ready(app, (request, &flow.client), now).await? {
                return Ok(send(app, &flow.client, &request.answer_fault(fault), now).await);
            }
            let mut tx = app.db.write().await?;
            flow::take(&mut tx, &flow).await?;
            par::use_up(app, &mut tx, request, now).await?;
            let whom = (&flow.client, sign_in);
            let issued = code::issue(app, &mut tx, request, whom, now).await?;
            tx.commit().await?;
            let redirect = granted(app, request, whom, issued, now).await?;
            Ok(send(app, &flow.client, &redirect, now).await)
        }
        Next::Fail(fault) => {
            flow::end(app, &flow).await?;
            Ok(send(app, &flow.client, &request.answer_fault(fault), now).await)
        }
    }
}

/// What the browser does next.
enum Next<'a> {
    /// Show this page.
    Page(&'static str),
    /// Take a code to the client.
    Issue(&'a SignIn),
    /// Take an error to the client.
    Fail(Fault),
}

/// A page of ours that belongs to a flow.
fn page_of(app: &App, page: &str, flow_id: &FlowId) -> String {
    format!("{}?flow={flow_id}", links::path(&app.config, page))
}

/// Fetches the facts and has the next step decided.
async fn step<'a>(
    app: &App,
    (request, client): (&AuthorizeRequest, &Client),
    progress: &Progress,
    sign_in: Option<&'a SignIn>,
    now: Timestamp,
) -> Result<Next<'a>, OAuthError> {
    let person = match sign_in {
        None => None,
        Some(sign_in) => {
            let mut conn = app.db.read().await?;
            let whom = (&sign_in.user_id, request.client_id.as_str());
            let agreed = Agreed {
                scope: consents::scopes(&mut conn, whom.0, whom.1).await?,
                details: are_agreed(&mut conn, whom, &request.authorization_details, now).await?,
            };
            let signed_in = SignedIn {
                user_id: sign_in.user_id.clone(),
                subject: subject_for(&app.sealer, client, &sign_in.user_id),
                auth_time: sign_in.auth_time,
                acr: Acr::of(&sign_in.amr()),
            };
            Some((signed_in, agreed))
        }
    };
    let person = person
        .as_ref()
        .map(|(signed_in, agreed)| (signed_in, agreed));
    let mut decided = next(request, &client.settings, progress, person, now);
    if !client.origin.is_verified() {
        let user_id = sign_in.map(|sign_in| &sign_in.user_id);
        decided = unremembered(decided, request, progress, user_id);
    }
    Ok(match (decided, sign_in) {
        (Step::Issue, Some(sign_in)) => Next::Issue(sign_in),
        (Step::Reauthenticate, _) => Next::Page(paths::REAUTHENTICATE),
        (Step::Login | Step::Issue, _) => Next::Page("/login"),
        (Step::Consent, _) => Next::Page("/consent"),
        (Step::Fail(fault), _) => Next::Fail(fault),
    })
}

/// The answer with what was issued, or the refusal.
async fn granted(
    app: &App,
    request: &AuthorizeRequest,
    (client, sign_in): (&Client, &SignIn),
    issued: Option<Issued>,
    now: Timestamp,
) -> Result<Redirect, OAuthError> {
    let Some(Issued { grant, code }) = issued else {
        return Ok(request.answer_fault(Fault::new(
            ErrorCode::AccessDenied,
            "the account or the client may not be used any more",
        )));
    };
    let session_state = check_session::state(app, request, sign_in);
    let parts = Parts {
        session_state,
        ..front::parts(app, (request, client), (&grant, code), now).await?
    };
    Ok(request.answer_parts(parts))
}

/// Whom the client's ID token names. It may have expired: it says who, not that they are signed in (OpenID Connect Core 1.0
/// section 3.1.2.1).
pub(super) async fn hinted_subject(
    app: &App,
    request: &AuthorizeRequest,
    now: Timestamp,
) -> Result<Result<Option<String>, Fault>, OAuthError> {
    let Some(hint) = &request.id_token_hint else {
        return Ok(Ok(None));
    };
    let claims: Option<IdClaims> = app.keys.verify(TokenType::IdToken, hint, now).await?;
    Ok(claims
        .filter(|claims| claims.iss == app.config.issuer && claims.aud == request.client_id)
        .map(|claims| Some(claims.sub))
        .ok_or_else(|| {
            Fault::invalid_request(
                "`id_token_hint` is not an ID token of this server for this client",
            )
        }))
}

async fn signed_in(session: &Session) -> Result<Option<SignIn>, OAuthError> {
    session::current(session).await.map_err(|error| {
        tracing::error!(%error, "the session could not be read");
        OAuthError::Inconsistent("the session could not be read")
    })
}

/// The registration may have changed while the person was on a page.
fn check_still_registered(flow: &Flow) -> Result<(), OAuthError> {
    if is_still_registered(&flow.row.request, &flow.client) {
        Ok(())
    } else {
        Err(Fault::invalid_request("the client's registration changed meanwhile").into())
    }
}

/// A flow that this browser cannot go on with.
fn flow_page(error: &FlowError) -> Response {
    let id = RequestId::current();
    let status = match error {
        FlowError::Gone => StatusCode::BAD_REQUEST,
        FlowError::WrongBrowser => StatusCode::FORBIDDEN,
        FlowError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    ErrorPage {
        status,
        title: "This sign-in cannot go on",
        advice: &format!("The reason: {error}."),
        request_id: id.as_ref().map(RequestId::as_str),
    }
    .respond()
    .into_response()
}
