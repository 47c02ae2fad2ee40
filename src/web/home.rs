//! `/` and `/signout`: who is signed in here, and how to leave.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::csrf::{self, Form, Guard};
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::parts::person;
use super::visitor::Visitor;
use super::{cookies, failed, farewell, links};
use crate::app::App;
use crate::http::Problem;
use crate::identity::session;

/// The routes of these pages.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(show))
        .route("/signout", post(sign_out))
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let may_manage_clients = match &visitor {
        Some(visitor) => visitor.may_manage_clients(&app).await?,
        None => false,
    };
    let guard = Guard::of(&app, &headers);
    let page = Page {
        title: "Account",
        width: Width::Narrow,
        body: match &visitor {
            Some(visitor) => account(&app, &guard, visitor, may_manage_clients),
            None => welcome(&app),
        },
    };
    let mut response = respond(StatusCode::OK, &page, &Csp::same_origin());
    if visitor.is_some() {
        guard.keep(&app, response.headers_mut());
    }
    Ok(response)
}

async fn sign_out(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let sign_in = session::current(&session).await.map_err(failed)?;
    csrf::check(&app, &headers, Form::SignOut, sign_in.as_ref(), &fields)?;
    let frames = match &sign_in {
        Some(sign_in) => farewell::frames(&app, sign_in).await?,
        None => Vec::new(),
    };
    session::end(&session).await.map_err(failed)?;
    let home = links::path(&app.config, "/");
    let mut response = if frames.is_empty() {
        Redirect::to(&home).into_response()
    } else {
        farewell::page(&frames, Some(&home))
    };
    // `tower-sessions` removes its cookie without `Secure`, which browsers ignore for a `__Host-` name.
    let name = session::cookie_name(&app.config);
    cookies::remove(response.headers_mut(), &app.config, &name);
    Ok(response)
}

fn welcome(app: &App) -> Markup {
    html! {
        h1 { "Sign in with Tessera" }
        p .lead { "Applications send you here to sign in. You can also look at your account." }
        a .button href=(links::path(&app.config, "/login")) { "Sign in" }
    }
}

fn account(app: &App, guard: &Guard, visitor: &Visitor, may_manage_clients: bool) -> Markup {
    html! {
        h1 { "Hello, " (visitor.user.display_name()) }
        p .lead { "You are signed in." }
        (person(&visitor.user))
        div .stack {
            @if may_manage_clients {
                a .button href=(links::path(&app.config, "/setup/application")) { "Register an application" }
            }
            a .button .quiet href=(links::path(&app.config, "/account")) { "Your account" }
            a .button .quiet href=(links::path(&app.config, "/approvals")) { "Requests to you" }
            form method="post" action=(links::path(&app.config, "/signout")) {
                (guard.field(app, Form::SignOut, Some(&visitor.sign_in)))
                button .button .quiet type="submit" { "Sign out" }
            }
        }
    }
}
