//! `/setup/application`: registers an application and shows its settings, once.
//!
//! For whoever may manage clients. The answer to the form is the page with the secret: nothing keeps the secret for another look.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::csrf::{self, Form, Guard};
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::parts::{TextField, alert, sentence, steps, text_field};
use super::visitor::Visitor;
use super::{application_settings, failed, links};
use crate::app::App;
use crate::http::Problem;
use crate::oauth::client::{ClientError, NewClient, Registered, register};

/// Scopes that an application made here may ask for.
const SCOPE: &str = "openid profile email offline_access";

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/setup/application", get(show).post(submit))
}

/// What is wrong with what was sent.
#[derive(Debug, Default)]
struct Faults {
    general: Option<String>,
    name: Option<String>,
    redirect_uri: Option<String>,
}

/// What the form holds.
#[derive(Clone, Copy, Debug, Default)]
struct Entered<'a> {
    name: &'a str,
    redirect_uri: &'a str,
    public: bool,
}

async fn show(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(visitor) = Visitor::of(&app, &session).await? else {
        return Ok(Redirect::to(&links::path(&app.config, "/login")).into_response());
    };
    require_manager(&app, &visitor).await?;
    let form = (Entered::default(), Faults::default());
    Ok(render(&app, &headers, &visitor, form, StatusCode::OK))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Application, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(Redirect::to(&links::path(&app.config, "/login")).into_response());
    };
    require_manager(&app, &visitor).await?;
    let entered = Entered {
        name: fields.get("name").trim(),
        redirect_uri: fields.get("redirect_uri").trim(),
        public: fields.get("kind") == "public",
    };
    match make(&app, entered).await? {
        Ok(registered) => Ok(application_settings::page(&app, &registered)),
        Err(faults) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(render(&app, &headers, &visitor, (entered, faults), status))
        }
    }
}

async fn require_manager(app: &App, visitor: &Visitor) -> Result<(), Problem> {
    if visitor.may_manage_clients(app).await? {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "only people who manage applications may do this; ask an administrator for the role `client_manager`",
    ))
}

/// Registers the application; or says what is wrong.
async fn make(app: &App, entered: Entered<'_>) -> Result<Result<Registered, Faults>, Problem> {
    if entered.name.is_empty() {
        return Ok(Err(Faults {
            name: Some("Give the application a name that people recognise.".to_owned()),
            ..Faults::default()
        }));
    }
    let method = if entered.public {
        "none"
    } else {
        "client_secret_basic"
    };
    let new = NewClient {
        client_name: Some(entered.name.to_owned()),
        token_endpoint_auth_method: Some(method.to_owned()),
        redirect_uris: vec![entered.redirect_uri.to_owned()],
        grant_types: Some(vec![
            "authorization_code".to_owned(),
            "refresh_token".to_owned(),
        ]),
        scope: Some(SCOPE.to_owned()),
        ..NewClient::default()
    };
    let mut tx = app.db.write().await?;
    match register(&mut tx, &app.sealer, &new, app.clock.now()).await {
        Ok(registered) => {
            tx.commit().await?;
            Ok(Ok(registered))
        }
        Err(error @ (ClientError::Store(_) | ClientError::Seal(_))) => Err(failed(error)),
        Err(error) => Ok(Err(faults_of(&error))),
    }
}

fn faults_of(error: &ClientError) -> Faults {
    let mut faults = Faults::default();
    let ClientError::Invalid(all) = error else {
        faults.general = Some(sentence(error));
        return faults;
    };
    for fault in all {
        let place = match fault.field {
            "client_name" => &mut faults.name,
            "redirect_uris" => &mut faults.redirect_uri,
            _ => &mut faults.general,
        };
        *place = Some(sentence(&fault.message));
    }
    faults
}

fn render(
    app: &App,
    headers: &HeaderMap,
    visitor: &Visitor,
    (entered, faults): (Entered<'_>, Faults),
    status: StatusCode,
) -> Response {
    let guard = Guard::of(app, headers);
    let page = Page {
        title: "Register an application",
        width: Width::Narrow,
        body: html! {
            (steps(2))
            h1 { "Register an application" }
            p .lead { "Tell Tessera which application people will sign in to." }
            form method="post" action=(links::path(&app.config, "/setup/application")) {
                (alert(faults.general.as_deref()))
                (guard.field(app, Form::Application, Some(&visitor.sign_in)))
                (inputs(entered, &faults))
                div .stack {
                    button .button type="submit" { "Register" }
                    a .button .quiet href=(links::path(&app.config, "/")) { "Not now" }
                }
            }
        },
    };
    let mut response = respond(status, &page, &Csp::same_origin());
    guard.keep(app, response.headers_mut());
    response
}

fn inputs(entered: Entered<'_>, faults: &Faults) -> Markup {
    html! {
        (text_field(TextField {
            name: "name",
            label: "Name",
            value: entered.name,
            hint: "People see it when they sign in.",
            error: faults.name.as_deref(),
            focus: true,
            ..TextField::default()
        }))
        (text_field(TextField {
            name: "redirect_uri",
            label: "Redirect URI",
            value: entered.redirect_uri,
            autocomplete: "url",
            hint: "Where the application receives the answer, such as https://app.example/callback. It is compared letter by letter.",
            error: faults.redirect_uri.as_deref(),
            ..TextField::default()
        }))
        fieldset {
            legend { "Kind" }
            (choice("confidential", "It runs on a server", "It can keep a secret.", !entered.public))
            (choice("public", "It runs in a browser or on a device", "It cannot keep a secret; PKCE protects it.", entered.public))
        }
    }
}

fn choice(value: &str, label: &str, hint: &str, checked: bool) -> Markup {
    html! {
        label .choice {
            input type="radio" name="kind" value=(value) checked[checked];
            span { (label) span .hint { (hint) } }
        }
    }
}
