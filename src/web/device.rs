//! `/device`: a person enters the code that a device shows, sees who asks for what and from where, and decides (RFC 8628
//! section 3.3). Nothing is agreed to by opening the link that holds the code.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use tower_sessions::Session;

use super::consent::{more, scope_list};
use super::csrf::{self, Form, Guard};
use super::details;
use super::flow::Destination;
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::login::too_many;
use super::parts::{TextField, ago, person, text_field};
use super::visitor::Visitor;
use super::{failed, links};
use crate::app::App;
use crate::base::id::DeviceId;
use crate::base::time::{Seconds, Timestamp};
use crate::http::{ClientAddress, Problem};
use crate::oauth::device::approval::{self, DeviceRequest, Opened};
use crate::oauth::paths;
use crate::oauth::protocol::polling::Decision;
use crate::oauth::protocol::user_code::UserCode;

const DECISION: &str = "/device/decision";
/// One answer for a code that nobody issued, one that expired, one that was decided, and one that another sign-in opened.
const UNKNOWN: &str =
    "No device waits under this code. Look at the device: it may show a new one by now.";

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(paths::DEVICE, get(show).post(enter))
        .route(DECISION, post(decide))
}

/// `?user_code=` of the link that a device may show (RFC 8628 section 3.3.1).
#[derive(Debug, Deserialize)]
struct CodeQuery {
    user_code: Option<String>,
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<CodeQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let code = query.user_code.as_deref().and_then(UserCode::parse);
    let Some(visitor) = Visitor::of(&app, &session).await? else {
        return Ok(to_login(&app, code));
    };
    let typed = code.map_or_else(String::new, |code| code.to_string());
    let entry = (typed.as_str(), None);
    Ok(entry_page(&app, &headers, &visitor, entry, StatusCode::OK))
}

async fn enter(
    State(app): State<Arc<App>>,
    session: Session,
    address: ClientAddress,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Device, sign_in, &fields)?;
    let typed = fields.get("user_code");
    let code = UserCode::parse(typed);
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, code));
    };
    let now = app.clock.now();
    let opened = match &code {
        None => Opened::Unknown,
        Some(code) => approval::open(&app, code, (&visitor.sign_in, address.0), now)
            .await
            .map_err(failed)?,
    };
    Ok(match (opened, code) {
        (Opened::Found(request), Some(code)) => {
            let look = Look {
                request: &request,
                code: &code,
                address: address.0,
                now,
            };
            decision_page(&app, &headers, &visitor, &look)
        }
        (Opened::Wait(wait), _) => waiting_page(&app, &headers, &visitor, (typed, wait)),
        (Opened::Found(_) | Opened::Unknown, _) => {
            let entry = (typed, Some(UNKNOWN));
            entry_page(
                &app,
                &headers,
                &visitor,
                entry,
                StatusCode::UNPROCESSABLE_ENTITY,
            )
        }
    })
}

async fn decide(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::DeviceDecision, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, None));
    };
    let decision = decision(&fields)?;
    let decided = match DeviceId::parse(fields.get("request")) {
        Ok(id) => approval::decide(&app, &id, decision, &visitor.sign_in, app.clock.now())
            .await
            .map_err(failed)?,
        Err(_) => false,
    };
    if !decided {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "this code has ended, or was opened elsewhere; have the device show a new one",
        ));
    }
    let page = Page {
        title: "Device",
        width: Width::Narrow,
        body: done(decision),
    };
    Ok(respond(StatusCode::OK, &page, &Csp::same_origin()))
}

/// What the pressed button says.
pub(super) fn decision(fields: &Fields) -> Result<Decision, Problem> {
    match fields.get("decision") {
        "allow" => Ok(Decision::Approve),
        "deny" => Ok(Decision::Deny),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the form does not say what you decided; go back and choose allow or deny",
        )),
    }
}

fn to_login(app: &App, code: Option<UserCode>) -> Response {
    let login = Destination::Device(code).login();
    Redirect::to(&links::path(&app.config, &login)).into_response()
}

/// The form for the code, with what was typed and what is wrong with it.
fn entry_page(
    app: &App,
    headers: &HeaderMap,
    visitor: &Visitor,
    (typed, error): (&str, Option<&str>),
    status: StatusCode,
) -> Response {
    let guard = Guard::of(app, headers);
    let body = html! {
        h1 { "Connect a device" }
        p .lead { "Enter the code that the device shows. Use only a code from a device that you hold or see." }
        (person(&visitor.user))
        form method="post" action=(links::path(&app.config, paths::DEVICE)) {
            (guard.field(app, Form::Device, Some(&visitor.sign_in)))
            (text_field(TextField {
                name: "user_code",
                label: "Code",
                value: typed,
                hint: "Eight letters, such as WDJB-MJHT",
                error,
                focus: true,
                ..TextField::default()
            }))
            button .button type="submit" { "Continue" }
        }
    };
    let page = Page {
        title: "Connect a device",
        width: Width::Narrow,
        body,
    };
    let mut response = respond(status, &page, &Csp::same_origin());
    guard.keep(app, response.headers_mut());
    response
}

fn waiting_page(
    app: &App,
    headers: &HeaderMap,
    visitor: &Visitor,
    (typed, wait): (&str, Seconds),
) -> Response {
    let alert = too_many(wait);
    let entry = (typed, Some(alert.as_str()));
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = entry_page(app, headers, visitor, entry, status);
    let seconds = HeaderValue::from(wait.get());
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// What a person looks at before they decide.
struct Look<'a> {
    request: &'a DeviceRequest,
    code: &'a UserCode,
    address: IpAddr,
    now: Timestamp,
}

fn decision_page(app: &App, headers: &HeaderMap, visitor: &Visitor, look: &Look<'_>) -> Response {
    let guard = Guard::of(app, headers);
    let page = Page {
        title: "Allow a device",
        width: Width::Narrow,
        body: question(app, &guard, visitor, look),
    };
    let mut response = respond(StatusCode::OK, &page, &Csp::same_origin());
    guard.keep(app, response.headers_mut());
    response
}

fn question(app: &App, guard: &Guard, visitor: &Visitor, look: &Look<'_>) -> Markup {
    let request = look.request;
    html! {
        h1 { "Allow " (request.client_name) "?" }
        p .lead { "A device wants to use your account. Go on only if it shows this code and is yours:" }
        p .usercode { code { (look.code) } }
        (person(&visitor.user))
        h2 #from { "Where it asks from" }
        (origin(look))
        h2 #asks { "It will be able to" }
        (scope_list(&request.scopes, "asks"))
        (details::details(&request.details))
        (details::resources(&request.resources))
        (details::duration(request.duration))
        form method="post" action=(links::path(&app.config, DECISION)) {
            (guard.field(app, Form::DeviceDecision, Some(&visitor.sign_in)))
            input type="hidden" name="request" value=(request.id);
            div .pair {
                button .button .quiet type="submit" name="decision" value="deny" { "Deny" }
                button .button type="submit" name="decision" value="allow" { "Allow" }
            }
        }
        p .small .below { "If somebody sent you this code, deny it: they would get your account." (more(&request.about)) }
    }
}

/// Where the device is, as far as the server sees; said aloud when the person is elsewhere.
fn origin(look: &Look<'_>) -> Markup {
    let request = look.request;
    let here = look.address.to_string() == request.address;
    html! {
        dl aria-labelledby="from" {
            dt { "Network address" }
            dd { code { (request.address) } @if here { ", the same as yours" } }
            dt { "When" }
            dd { (ago(request.created_at, look.now)) }
        }
        @if !here {
            p .notice { "You are at " code { (look.address) } ". That is another address: be sure that the device is yours." }
        }
    }
}

fn done(decision: Decision) -> Markup {
    html! {
        @match decision {
            Decision::Approve => {
                h1 { "The device is connected" }
                p .lead { "It goes on by itself within seconds. You can close this page." }
            }
            Decision::Deny => {
                h1 { "The device was refused" }
                p .lead { "It gets no access to your account. You can close this page." }
            }
        }
    }
}
