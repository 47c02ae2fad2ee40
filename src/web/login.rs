//! `/login`: username or address, and password. With a flow, an application waits for the answer.
//!
//! One message for whatever was wrong; the page never tells which name exists (SECURITY R13).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::consent::{logo, more, picture};
use super::csrf::{self, Form, Guard};
use super::flow::FlowQuery;
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::parts::{TextField, alert, password_field, text_field};
use super::visitor::place;
use super::{failed, flow, known_device};
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::http::{ClientAddress, Problem};
use crate::identity::session::{self, SessionError, SignIn};
use crate::identity::sign_in::{self, Answer, Attempt, Desk, Proof};
use crate::oauth::flow::Flow;

const WRONG: &str = "That name and password do not match. Check both and try again.";

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/login", get(show).post(submit))
}

/// What stands on the page.
struct View<'a> {
    query: &'a FlowQuery,
    flow: Option<&'a Flow>,
    identifier: &'a str,
    alert: Option<String>,
    status: StatusCode,
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<FlowQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let flow = flow::load(&app, &query, &headers, app.clock.now()).await?;
    let signed_in = session::current(&session).await.map_err(failed)?.is_some();
    if flow.is_none() && signed_in {
        return Ok(Redirect::to(&flow::after_login(&app, &query, None)).into_response());
    }
    let hint = flow.as_ref().and_then(|flow| flow.login_hint.as_deref());
    let view = View {
        query: &query,
        flow: flow.as_ref(),
        identifier: hint.unwrap_or(""),
        alert: None,
        status: StatusCode::OK,
    };
    Ok(render(&app, &headers, &view))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    address: ClientAddress,
    Query(query): Query<FlowQuery>,
    request: (HeaderMap, Fields),
) -> Result<Response, Problem> {
    let (headers, fields) = request;
    csrf::check(&app, &headers, Form::Login, None, &fields)?;
    let now = app.clock.now();
    let flow = flow::load(&app, &query, &headers, now).await?;
    let attempt = Attempt {
        identifier: fields.get("identifier").to_owned(),
        password: Secret::new(fields.get("password").to_owned()),
        address: address.0,
        known: known_device::of(&app, &headers, now),
        now,
    };
    let answer = answer(&app, &session, &attempt, &headers).await?;
    let (status, alert, wait) = match answer {
        Ok(sign_in) => {
            let next = flow::after_login(&app, &query, flow.as_ref());
            let mut response = Redirect::to(&next).into_response();
            known_device::remember(&app, response.headers_mut(), &sign_in);
            return Ok(response);
        }
        Err(Refusal::Wrong) => (StatusCode::UNPROCESSABLE_ENTITY, WRONG.to_owned(), None),
        Err(Refusal::Wait(wait)) => (StatusCode::TOO_MANY_REQUESTS, too_many(wait), Some(wait)),
    };
    let view = View {
        query: &query,
        flow: flow.as_ref(),
        identifier: &attempt.identifier,
        alert: Some(alert),
        status,
    };
    let mut response = render(&app, &headers, &view);
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.get());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    Ok(response)
}

/// Why nobody was signed in.
pub(super) enum Refusal {
    Wrong,
    Wait(Seconds),
}

/// Tries to sign in and to begin the session.
async fn answer(
    app: &App,
    session: &Session,
    attempt: &Attempt,
    headers: &HeaderMap,
) -> Result<Result<SignIn, Refusal>, Problem> {
    let answer = sign_in::with_password(desk(app), attempt)
        .await
        .map_err(failed)?;
    settle(app, session, answer, headers).await
}

/// What signing in needs.
pub(super) fn desk(app: &App) -> Desk<'_> {
    Desk {
        db: &app.db,
        hasher: &app.hasher,
        limits: &app.config.sign_in,
    }
}

/// Counts what came of an attempt, and begins the session of who proved to be who they say.
pub(super) async fn settle(
    app: &App,
    session: &Session,
    answer: Answer,
    headers: &HeaderMap,
) -> Result<Result<SignIn, Refusal>, Problem> {
    app.metrics.count_sign_in(match &answer {
        Answer::Proved(_) => "proved",
        Answer::Refused => "refused",
        Answer::Wait(_) => "throttled",
    });
    match answer {
        Answer::Proved(proof) => begin(session, proof, headers).await,
        Answer::Refused => Ok(Err(Refusal::Wrong)),
        Answer::Wait(wait) => Ok(Err(Refusal::Wait(wait))),
    }
}

pub(super) async fn begin(
    session: &Session,
    proof: Proof,
    headers: &HeaderMap,
) -> Result<Result<SignIn, Refusal>, Problem> {
    match session::begin(session, proof, &place(headers)).await {
        Ok(sign_in) => Ok(Ok(sign_in)),
        // Locked between the proof and the session: as if the password had been wrong.
        Err(SessionError::Refused) => Ok(Err(Refusal::Wrong)),
        Err(error) => Err(failed(error)),
    }
}

/// What somebody reads who has to wait.
pub(super) fn too_many(wait: Seconds) -> String {
    let time = match wait.get() {
        ..=90 => format!("{} seconds", wait.get()),
        seconds @ 91..=5_400 => format!("{} minutes", (seconds + 59) / 60),
        seconds => format!("{} hours", (seconds + 3_599) / 3_600),
    };
    format!("Too many attempts. Wait {time}, then try again, or ask an administrator for help.")
}

fn render(app: &App, headers: &HeaderMap, view: &View<'_>) -> Response {
    let guard = Guard::of(app, headers);
    let csp = view.flow.map_or_else(Csp::same_origin, |flow| {
        Csp::redirecting_to(&flow.redirect_uri).showing(logo(flow))
    });
    let page = Page {
        title: "Sign in",
        width: Width::Narrow,
        body: body(app, &guard, view, &csp),
    };
    let mut response = respond(view.status, &page, &csp);
    guard.keep(app, response.headers_mut());
    response
}

fn body(app: &App, guard: &Guard, view: &View<'_>, csp: &Csp) -> Markup {
    let action = flow::login_form(app, view.query, view.flow);
    html! {
        @if let Some(flow) = view.flow { (picture(flow, csp)) }
        h1 { "Sign in" }
        p .lead {
            @match view.flow {
                Some(flow) => { "to continue to " strong { (flow.client_name) } }
                None => { "with your Tessera account" }
            }
        }
        form method="post" action=(action) {
            (alert(view.alert.as_deref()))
            (guard.field(app, Form::Login, None))
            (text_field(TextField {
                name: "identifier",
                label: "Username or e-mail",
                value: view.identifier,
                autocomplete: "username",
                focus: view.identifier.is_empty(),
                ..TextField::default()
            }))
            (password_field(TextField {
                name: "password",
                label: "Password",
                autocomplete: "current-password",
                focus: !view.identifier.is_empty(),
                ..TextField::default()
            }))
            button .button type="submit" { "Sign in" }
        }
        @if let Some(flow) = view.flow.filter(|flow| flow.about.has_pages()) {
            p .small .below { (more(&flow.about)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_a_unit_people_use() {
        for (seconds, text) in [
            (3, "3 seconds"),
            (301, "6 minutes"),
            (3_600, "60 minutes"),
            (86_401, "25 hours"),
        ] {
            assert!(too_many(Seconds::new(seconds)).contains(text), "{seconds}");
        }
    }
}
