//! `/consent`: who asks, for what, and who is asked. Nothing is agreed to by looking at the page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;
use url::Url;

use super::csrf::{self, Form, Guard};
use super::details;
use super::flow::{self, FlowQuery};
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::parts::person;
use super::unverified;
use super::visitor::Visitor;
use crate::app::App;
use crate::http::Problem;
use crate::oauth::answer;
use crate::oauth::flow::{Flow, deny, grant_consent};
use crate::oauth::protocol::client::About;

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/consent", get(show).post(submit))
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<FlowQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let flow = require_flow(&app, &query, &headers).await?;
    let Some(visitor) = Visitor::of(&app, &session).await? else {
        return Ok(to_login(&app, &flow));
    };
    let guard = Guard::of(&app, &headers);
    let csp = Csp::redirecting_to(&flow.redirect_uri).showing(logo(&flow));
    let page = Page {
        title: "Allow access",
        width: Width::Narrow,
        body: body(&app, &guard, &visitor, (&flow, &csp)),
    };
    let mut response = respond(StatusCode::OK, &page, &csp);
    guard.keep(&app, response.headers_mut());
    Ok(response)
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<FlowQuery>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Consent, sign_in, &fields)?;
    let flow = require_flow(&app, &query, &headers).await?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, &flow));
    };
    let next = match fields.get("decision") {
        "allow" => {
            grant_consent(&app, &flow, &visitor.user.id, app.clock.now())
                .await
                .map_err(flow::problem)?;
            flow::next(&app, Some(&flow))
        }
        "deny" => {
            let redirect = deny(&app, &flow).await.map_err(flow::problem)?;
            return Ok(answer::send(&app, flow.client(), &redirect, app.clock.now()).await);
        }
        _ => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the form does not say what you decided; go back and choose allow or deny",
            ));
        }
    };
    Ok(Redirect::to(&next).into_response())
}

async fn require_flow(app: &App, query: &FlowQuery, headers: &HeaderMap) -> Result<Flow, Problem> {
    flow::load(app, query, headers, app.clock.now())
        .await?
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "no application is waiting here; go back to it and begin again",
            )
        })
}

fn to_login(app: &App, flow: &Flow) -> Response {
    Redirect::to(&flow::path(app, "/login", Some(flow))).into_response()
}

/// The picture of an application that somebody vouches for. A stranger's would lend it a face that people trust.
pub(super) fn logo(flow: &Flow) -> Option<&str> {
    let logo = flow.about.logo_uri.as_ref()?;
    flow.client().origin.is_verified().then(|| logo.as_str())
}

/// The picture, where the page may load it.
pub(super) fn picture(flow: &Flow, csp: &Csp) -> Markup {
    html! {
        @if let Some(logo) = logo(flow).filter(|_| csp.shows()) {
            img .logo src=(logo) alt="" width="64" height="64" referrerpolicy="no-referrer";
        }
    }
}

fn body(app: &App, guard: &Guard, visitor: &Visitor, (flow, csp): (&Flow, &Csp)) -> Markup {
    html! {
        (picture(flow, csp))
        h1 { "Allow " (flow.client_name) "?" }
        p .lead { "It wants to use your account." }
        (unverified::warning(flow.client(), &flow.redirect_uri))
        (person(&visitor.user))
        h2 #asks { "It will be able to" }
        (scope_list(&flow.scopes, "asks"))
        (details::details(&flow.details))
        (details::resources(&flow.resources))
        (details::duration(flow.duration))
        form method="post" action=(flow::path(app, "/consent", Some(flow))) {
            (guard.field(app, Form::Consent, Some(&visitor.sign_in)))
            div .pair {
                button .button .quiet type="submit" name="decision" value="deny" { "Deny" }
                button .button type="submit" name="decision" value="allow" { "Allow" }
            }
        }
        p .small .below {
            "You will be sent to " strong { (destination(&flow.redirect_uri)) } "."
            (more(&flow.about))
        }
    }
}

/// The scopes in words; `heading` is the id of what stands above them.
pub(super) fn scope_list(scopes: &[String], heading: &str) -> Markup {
    html! {
        ul .scopes aria-labelledby=(heading) {
            @for scope in in_order(scopes) {
                li { (tick()) span { (meaning(scope)) } }
            }
        }
    }
}

/// What the client says about itself, for who wants to read it first. Another tab, so that this page stays.
pub(super) fn more(about: &About) -> Markup {
    let links = [
        ("About the application", &about.client_uri),
        ("Privacy", &about.policy_uri),
        ("Terms", &about.tos_uri),
    ];
    let told = links.map(|(name, uri)| uri.as_ref().map(|uri| (name, uri)));
    html! {
        @if told.iter().any(Option::is_some) {
            span .links {
                @for (name, uri) in told.into_iter().flatten() {
                    a href=(uri.as_str()) target="_blank" rel="noopener noreferrer" { (name) }
                    " "
                }
            }
        }
    }
}

/// The scopes that people know first, in the order of how much they say; then the others as they were asked for.
fn in_order(scopes: &[String]) -> Vec<&str> {
    let known = [
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "offline_access",
    ];
    let rank = |scope: &&str| {
        known
            .iter()
            .position(|name| name == scope)
            .unwrap_or(known.len())
    };
    let mut scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    scopes.sort_by_key(rank);
    scopes
}

/// A scope in words.
fn meaning(scope: &str) -> Markup {
    match scope {
        "openid" => html! { "Recognise your account" },
        "profile" => html! { "See your name, username and profile" },
        "email" => html! { "See your e-mail address" },
        "address" => html! { "See your postal address" },
        "phone" => html! { "See your telephone number" },
        "offline_access" => html! { "Stay connected while you are away" },
        "tessera:admin" => html! { "Administer this server in your name, as far as you may" },
        other => html! { "Use " code { (other) } },
    }
}

/// Where the browser goes, as people recognise it: the host, or the application's own scheme.
fn destination(redirect_uri: &str) -> String {
    Url::parse(redirect_uri).map_or_else(
        |_| redirect_uri.to_owned(),
        |url| match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) if matches!(url.scheme(), "http" | "https") => host.to_owned(),
            _ => format!("the application “{}”", url.scheme()),
        },
    )
}

pub(super) fn tick() -> Markup {
    html! { svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" { path d="M4 10.5l4 4 8-9" {} } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_is_what_people_recognise() {
        for (uri, expected) in [
            ("https://app.example/cb?x=1", "app.example"),
            ("http://127.0.0.1:9000/cb", "127.0.0.1:9000"),
            ("com.example.app:/cb", "the application “com.example.app”"),
            (
                "com.example.app://x/cb",
                "the application “com.example.app”",
            ),
        ] {
            assert_eq!(destination(uri), expected, "{uri}");
        }
    }

    #[test]
    fn familiar_scopes_come_first() {
        let asked = ["z", "email", "a", "openid"].map(str::to_owned);
        assert_eq!(in_order(&asked), ["openid", "email", "z", "a"]);
    }

    #[test]
    fn an_unknown_scope_is_shown_as_it_is_and_escaped() {
        assert_eq!(meaning("a<b").into_string(), "Use <code>a&lt;b</code>");
    }
}
