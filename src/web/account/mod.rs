//! `/account`: what a person sees of their own account, and what they do with it themselves.
//!
//! [`profile`] (name and what they tell), [`password`], [`sessions`] (where they are signed in), [`applications`] (what they let
//! others do). Whose account it is comes from the session alone (SECURITY row 43). What cannot be undone takes a fresh proof
//! (`/reauthenticate`, SECURITY R35).

mod applications;
mod password;
mod profile;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use tower_sessions::Session;

use super::csrf::Guard;
use super::flow::{AccountPage, Destination};
use super::layout::{Csp, Page, Width, respond};
use super::links;
use super::parts::person;
use super::visitor::Visitor;
use crate::app::App;
use crate::http::Problem;

/// The routes of these pages.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(AccountPage::Overview.path(), get(show))
        .merge(profile::router())
        .merge(password::router())
        .merge(sessions::router())
        .merge(applications::router())
}

/// What a page says of what was done before: a word of ours.
#[derive(Debug, Default, Deserialize)]
struct DoneQuery {
    done: Option<String>,
}

async fn show(State(app): State<Arc<App>>, session: Session) -> Result<Response, Problem> {
    let visitor = match Visitor::at(&app, &session, AccountPage::Overview).await? {
        Ok(visitor) => visitor,
        Err(login) => return Ok(login),
    };
    let page = Page {
        title: "Your account",
        width: Width::Narrow,
        body: html! {
            h1 { "Your account" }
            p .lead { "What is known of you here, and who may use it." }
            (person(&visitor.user))
            (menu(&app))
        },
    };
    Ok(respond(StatusCode::OK, &page, &Csp::same_origin()))
}

fn menu(app: &App) -> Markup {
    let entries = [
        (
            AccountPage::Profile,
            "Profile",
            "Your name, and what applications may be told",
        ),
        (AccountPage::Password, "Password", "Choose another one"),
        (
            AccountPage::Sessions,
            "Where you are signed in",
            "Browsers and devices; end what is not yours",
        ),
        (
            AccountPage::Applications,
            "Applications with access",
            "What you allowed, and how to take it back",
        ),
    ];
    html! {
        ul .menu {
            @for (page, name, hint) in entries {
                li { a href=(links::path(&app.config, page.path())) { strong { (name) } span .hint { (hint) } } }
            }
        }
        (back(app, "/", "Back"))
    }
}

/// A page of the account, with the browser's form cookie.
fn page_with_forms(
    app: &App,
    guard: &Guard,
    (title, body): (&str, Markup),
    status: StatusCode,
) -> Response {
    let page = Page {
        title,
        width: Width::Narrow,
        body,
    };
    let mut response = respond(status, &page, &Csp::same_origin());
    guard.keep(app, response.headers_mut());
    response
}

/// The way back.
fn back(app: &App, page: &str, text: &str) -> Markup {
    html! { p .below { a href=(links::path(&app.config, page)) { (text) } } }
}

/// The way back to the overview.
fn to_overview(app: &App) -> Markup {
    back(app, AccountPage::Overview.path(), "Your account")
}

/// Back to a page of the account that says what was done.
fn done(app: &App, page: AccountPage, done: &str) -> Response {
    let path = links::path(&app.config, page.path());
    Redirect::to(&format!("{path}?done={done}")).into_response()
}

/// Nobody is signed in: then to the sign-in that leads back.
fn to_login(app: &App, page: AccountPage) -> Response {
    let login = Destination::Account(page).login();
    Redirect::to(&links::path(&app.config, &login)).into_response()
}

/// Whoever looks at a page's form.
struct Look<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    visitor: &'a Visitor,
}
