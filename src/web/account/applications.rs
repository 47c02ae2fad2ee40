//! `/account/applications`: what a person let applications do, and taking it back (SECURITY R46).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::{DoneQuery, Look, done, page_with_forms, to_login, to_overview};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::applications::{self, Application};
use crate::oauth::protocol::client::ClientId;
use crate::web::consent::{more, scope_list};
use crate::web::csrf::{self, Form, Guard};
use crate::web::flow::AccountPage;
use crate::web::form::Fields;
use crate::web::links;
use crate::web::parts::{ago, day};
use crate::web::visitor::Visitor;

const PAGE: AccountPage = AccountPage::Applications;
const WITHDRAW: &str = "/account/applications/withdraw";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PAGE.path(), get(show))
        .route(WITHDRAW, post(withdraw))
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<DoneQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let visitor = match Visitor::at(&app, &session, PAGE).await? {
        Ok(visitor) => visitor,
        Err(login) => return Ok(login),
    };
    let now = app.clock.now();
    let found = applications::of_person(&app.db, &visitor.user.id, now).await?;
    let look = Look {
        app: &app,
        headers: &headers,
        visitor: &visitor,
    };
    Ok(render(&look, &found, query.done.as_deref(), now))
}

async fn withdraw(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Withdraw, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, PAGE));
    };
    let withdrawn = match ClientId::parse(fields.get("client")) {
        Ok(client_id) => {
            let mut tx = app.db.write().await?;
            let user_id = &visitor.user.id;
            let withdrawn =
                applications::withdraw(&mut tx, user_id, &client_id, app.clock.now()).await?;
            tx.commit().await?;
            withdrawn
        }
        Err(_) => false,
    };
    let word = if withdrawn { "withdrawn" } else { "gone" };
    Ok(done(&app, PAGE, word))
}

fn render(look: &Look<'_>, found: &[Application], told: Option<&str>, now: Timestamp) -> Response {
    let guard = Guard::of(look.app, look.headers);
    let body = html! {
        h1 { "Applications with access" }
        p .lead {
            @if found.is_empty() { "No application may use your account." }
            @else { "Take back what you do not use any more." }
        }
        @match told {
            Some("withdrawn") => p .notice role="status" { "Taken back. The application has to ask you again." },
            Some("gone") => p .notice .bad role="status" { "That application had no access any more." },
            _ => {},
        }
        @for application in found {
            (card(look, &guard, (application, now)))
        }
        (to_overview(look.app))
    };
    page_with_forms(
        look.app,
        &guard,
        ("Applications with access", body),
        StatusCode::OK,
    )
}

fn card(look: &Look<'_>, guard: &Guard, (application, now): (&Application, Timestamp)) -> Markup {
    // An id may hold what an element's id may not.
    let heading = format!("of-{}", application.client_id);
    html! {
        section .request aria-labelledby=(heading) {
            h2 id=(heading) { (application.name) }
            @if !application.scopes.is_empty() { (scope_list(&application.scopes, &heading)) }
            @if !application.resources.is_empty() {
                p .small { "At: " @for resource in &application.resources { code { (resource) } " " } }
            }
            dl {
                dt { "Since" }
                dd { (day(application.since)) }
                @if let Some(at) = application.renewed_at {
                    dt { "Access last given or renewed" }
                    dd { (ago(at, now)) @if application.offline { ", also while you are away" } }
                }
            }
            p .small { (more(&application.about)) }
            form method="post" action=(links::path(&look.app.config, WITHDRAW)) {
                (guard.field(look.app, Form::Withdraw, Some(&look.visitor.sign_in)))
                input type="hidden" name="client" value=(application.client_id);
                button .button .quiet type="submit" aria-label={ "Take back the access of " (application.name) } { "Take back" }
            }
        }
    }
}
