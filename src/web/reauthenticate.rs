//! `/reauthenticate`: somebody who is signed in proves it once more, with only what is missing: the password, not the name.
//!
//! For what takes a fresh proof in the account (SECURITY R35), and for applications that want one (`max_age`, RFC 9470). The
//! session goes on under another cookie; nobody is signed out of anything.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::csrf::{self, Form, Guard};
use super::flow::{self, FlowQuery};
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::login::{Refusal, desk, settle, too_many};
use super::parts::{TextField, alert, password_field, person};
use super::visitor::Visitor;
use super::{failed, known_device, links};
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::http::Problem;
use crate::identity::sign_in;
use crate::oauth::flow::Flow;
use crate::oauth::paths;

pub(super) const WRONG: &str = "That password is not right. Try again.";

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route(paths::REAUTHENTICATE, get(show).post(submit))
}

/// What stands on the page.
struct View<'a> {
    query: &'a FlowQuery,
    flow: Option<&'a Flow>,
    visitor: &'a Visitor,
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
    let Some(visitor) = Visitor::of(&app, &session).await? else {
        return Ok(to_login(&app, &query, flow.as_ref()));
    };
    let view = View {
        query: &query,
        flow: flow.as_ref(),
        visitor: &visitor,
        alert: None,
        status: StatusCode::OK,
    };
    Ok(render(&app, &headers, &view))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<FlowQuery>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let signed_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Reauthenticate, signed_in, &fields)?;
    let now = app.clock.now();
    let flow = flow::load(&app, &query, &headers, now).await?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, &query, flow.as_ref()));
    };
    let password = Secret::new(fields.get("password").to_owned());
    let answer = sign_in::again(desk(&app), &visitor.user.id, &password, now)
        .await
        .map_err(failed)?;
    let refusal = match settle(&app, &session, answer, &headers).await? {
        Ok(sign_in) => {
            let next = flow::after_login(&app, &query, flow.as_ref());
            let mut response = Redirect::to(&next).into_response();
            known_device::remember(&app, response.headers_mut(), &sign_in);
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    let (status, alert, wait) = told(&refusal);
    let view = View {
        query: &query,
        flow: flow.as_ref(),
        visitor: &visitor,
        alert: Some(alert),
        status,
    };
    Ok(retry_after(render(&app, &headers, &view), wait))
}

/// How a refused password is told.
pub(super) fn told(refusal: &Refusal) -> (StatusCode, String, Option<Seconds>) {
    match refusal {
        Refusal::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, WRONG.to_owned(), None),
        Refusal::Wait(wait) => (StatusCode::TOO_MANY_REQUESTS, too_many(*wait), Some(*wait)),
    }
}

/// An answer that says when to try again.
pub(super) fn retry_after(mut response: Response, wait: Option<Seconds>) -> Response {
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.get());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// Nobody is signed in any more: then the whole of it.
fn to_login(app: &App, query: &FlowQuery, flow: Option<&Flow>) -> Response {
    Redirect::to(&flow::login_form(app, query, flow)).into_response()
}

fn render(app: &App, headers: &HeaderMap, view: &View<'_>) -> Response {
    let guard = Guard::of(app, headers);
    let page = Page {
        title: "Confirm that it is you",
        width: Width::Narrow,
        body: body(app, &guard, view),
    };
    let csp = view.flow.map_or_else(Csp::same_origin, |flow| {
        Csp::redirecting_to(&flow.redirect_uri)
    });
    let mut response = respond(view.status, &page, &csp);
    guard.keep(app, response.headers_mut());
    response
}

fn body(app: &App, guard: &Guard, view: &View<'_>) -> Markup {
    let user = &view.visitor.user;
    html! {
        h1 { "Confirm that it is you" }
        p .lead {
            @match view.flow {
                Some(flow) => { strong { (flow.client_name) } " wants to be sure. Enter your password once more." }
                None => { "You signed in a while ago. Enter your password once more to go on." }
            }
        }
        (person(user))
        form method="post" action=(flow::reauthentication(app, view.query, view.flow)) {
            (alert(view.alert.as_deref()))
            (guard.field(app, Form::Reauthenticate, Some(&view.visitor.sign_in)))
            (username_for_managers(&user.username))
            (password_field(TextField {
                name: "password",
                label: "Password",
                autocomplete: "current-password",
                focus: true,
                ..TextField::default()
            }))
            div .stack {
                button .button type="submit" { "Confirm" }
                @match view.flow {
                    Some(_) => { a .button .quiet href=(flow::path(app, "/login", view.flow)) { "Use another account" } }
                    None => { a .button .quiet href=(links::path(&app.config, "/account")) { "Not now" } }
                }
            }
        }
    }
}

/// Tells password managers whose password is meant.
pub(super) fn username_for_managers(username: &str) -> Markup {
    html! { input type="hidden" name="username" autocomplete="username" value=(username); }
}
