//! `/approvals`: what clients ask of a person without a browser of theirs (OpenID Connect CIBA Core 1.0): who asks, for what,
//! since when, and the message to compare; allowed or denied one by one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use tower_sessions::Session;

use super::consent::scope_list;
use super::csrf::{self, Form, Guard};
use super::details;
use super::device::decision;
use super::flow::Destination;
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::links;
use super::parts::{ago, person};
use super::visitor::Visitor;
use crate::app::App;
use crate::base::id::BackchannelId;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::backchannel::approval::{self, Waiting};
use crate::oauth::protocol::polling::Decision;

const PATH: &str = "/approvals";

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route(PATH, get(show).post(submit))
}

/// What the page says of the decision before.
#[derive(Debug, Deserialize)]
struct DoneQuery {
    done: Option<String>,
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<DoneQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(visitor) = Visitor::of(&app, &session).await? else {
        return Ok(to_login(&app));
    };
    let now = app.clock.now();
    let waiting = approval::waiting(&app, &visitor.user.id, now).await?;
    let guard = Guard::of(&app, &headers);
    let page = Page {
        title: "Requests to you",
        width: Width::Narrow,
        body: html! {
            h1 { "Requests to you" }
            p .lead { @if waiting.is_empty() { "No application asks for anything now." } @else { "Allow only what you began yourself, just now." } }
            (said(query.done.as_deref()))
            (person(&visitor.user))
            (list(&app, &guard, &visitor, (&waiting, now)))
        },
    };
    let mut response = respond(StatusCode::OK, &page, &Csp::same_origin());
    guard.keep(&app, response.headers_mut());
    Ok(response)
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Approval, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app));
    };
    let decision = decision(&fields)?;
    let decided = match BackchannelId::parse(fields.get("request")) {
        Ok(id) => approval::decide(&app, &id, decision, &visitor.sign_in, app.clock.now()).await?,
        Err(_) => false,
    };
    let done = match (decided, decision) {
        (true, Decision::Approve) => "allowed",
        (true, Decision::Deny) => "denied",
        (false, Decision::Approve | Decision::Deny) => "ended",
    };
    let next = links::path(&app.config, &format!("{PATH}?done={done}"));
    Ok(Redirect::to(&next).into_response())
}

fn to_login(app: &App) -> Response {
    let login = Destination::Approvals.login();
    Redirect::to(&links::path(&app.config, &login)).into_response()
}

/// What came of the decision before: words of ours only.
fn said(done: Option<&str>) -> Markup {
    html! {
        @match done {
            Some("allowed") => p .notice role="status" { "Allowed. The application goes on by itself." },
            Some("denied") => p .notice role="status" { "Denied. The application gets no access." },
            Some("ended") => p .notice .bad role="status" { "That request has ended, or was decided already." },
            _ => {},
        }
    }
}

fn list(
    app: &App,
    guard: &Guard,
    visitor: &Visitor,
    (waiting, now): (&[Waiting], Timestamp),
) -> Markup {
    html! {
        @for request in waiting {
            (card(app, guard, visitor, (request, now)))
        }
        a .button .quiet href=(links::path(&app.config, PATH)) { "Look again" }
    }
}

fn card(
    app: &App,
    guard: &Guard,
    visitor: &Visitor,
    (waiting, now): (&Waiting, Timestamp),
) -> Markup {
    let request = &waiting.request;
    let scopes: Vec<String> = request.scope.iter().map(str::to_owned).collect();
    let heading = request.id.as_str();
    html! {
        section .request aria-labelledby=(heading) {
            h2 id=(heading) { "Allow " (request.client_name) "?" }
            p .small { "It asked " (ago(request.created_at, now)) " and will be able to:" }
            (scope_list(&scopes, heading))
            (details::details(&waiting.details))
            (details::resources(&waiting.resources))
            (details::duration(waiting.duration))
            @if let Some(message) = &request.binding_message {
                p .small { "Deny it unless the application shows you the same message:" }
                p .usercode { code { (message) } }
            }
            form method="post" action=(links::path(&app.config, PATH)) {
                (guard.field(app, Form::Approval, Some(&visitor.sign_in)))
                input type="hidden" name="request" value=(request.id);
                div .pair {
                    button .button .quiet type="submit" name="decision" value="deny" { "Deny" }
                    button .button type="submit" name="decision" value="allow" { "Allow" }
                }
            }
        }
    }
}
