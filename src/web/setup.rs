//! `/setup/{link}`: makes the first administrator, once.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::csrf::{self, Form, Guard};
use super::form::Fields;
use super::layout::{Csp, Page, Width, respond};
use super::parts::{TextField, alert, password_field, sentence, steps, text_field};
use super::visitor::place;
use super::{failed, links};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::identity::account::AccountError;
use crate::identity::hasher::{HashError, RETRY_AFTER as HASHER_RETRY};
use crate::identity::identifier::{Email, Username};
use crate::identity::login::Factor;
use crate::identity::password::Password;
use crate::identity::profile::Profile;
use crate::identity::session;
use crate::identity::setup::{self, SetupError};
use crate::identity::sign_in::Proof;
use crate::identity::user::NewUser;

/// The routes of this page.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/setup/{link}", get(show).post(submit))
}

/// What is wrong with what was sent, by field; `general` concerns none of them.
#[derive(Debug, Default)]
struct Faults {
    general: Option<String>,
    username: Option<String>,
    email: Option<String>,
    password: Option<String>,
    repeat: Option<String>,
}

async fn show(
    State(app): State<Arc<App>>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_live(&app, &link, app.clock.now()).await?;
    let view = (StatusCode::OK, Faults::default());
    Ok(render(&app, &headers, &link, ("", ""), view))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    Path(link): Path<String>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    csrf::check(&app, &headers, Form::Setup, None, &fields)?;
    let now = app.clock.now();
    require_live(&app, &link, now).await?;
    match make(&app, &link, &fields, now).await? {
        Ok(proof) => {
            session::begin(&session, proof, &place(&headers))
                .await
                .map_err(failed)?;
            let next = links::path(&app.config, "/setup/application");
            Ok(Redirect::to(&next).into_response())
        }
        Err(view) => {
            let busy = view.0 == StatusCode::TOO_MANY_REQUESTS;
            let entered = (fields.get("username"), fields.get("email"));
            let mut response = render(&app, &headers, &link, entered, view);
            if busy {
                let seconds = HeaderValue::from(HASHER_RETRY.get());
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            Ok(response)
        }
    }
}

async fn require_live(app: &App, link: &str, now: Timestamp) -> Result<(), Problem> {
    if setup::is_live(&app.db, link, now).await? {
        return Ok(());
    }
    Err(spent())
}

fn spent() -> Problem {
    Problem::new(StatusCode::GONE, SetupError::LinkSpent.to_string())
}

/// Makes the administrator; or says which page to show instead.
async fn make(
    app: &App,
    link: &str,
    fields: &Fields,
    now: Timestamp,
) -> Result<Result<Proof, (StatusCode, Faults)>, Problem> {
    let (mut new, password) = match check(app, fields) {
        Ok(checked) => checked,
        Err(faults) => return Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, faults))),
    };
    new.password = match app.hasher.hash(password).await {
        Ok(hash) => Some(hash),
        Err(error @ HashError::Overloaded) => {
            let faults = Faults {
                general: Some(sentence(&error)),
                ..Faults::default()
            };
            return Ok(Err((StatusCode::TOO_MANY_REQUESTS, faults)));
        }
        Err(error @ HashError::Failed) => return Err(failed(error)),
    };
    match setup::make_administrator(&app.db, link, &new, now).await {
        Ok(user_id) => Ok(Ok(Proof {
            user_id,
            factors: vec![Factor::Password],
            at: now,
        })),
        Err(SetupError::LinkSpent | SetupError::AdministratorExists) => Err(spent()),
        Err(SetupError::Account(error)) => {
            Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, faults_of(&error))))
        }
        Err(error @ (SetupError::Role(_) | SetupError::Store(_))) => Err(failed(error)),
    }
}

fn faults_of(error: &AccountError) -> Faults {
    let text = Some(sentence(error));
    match error {
        AccountError::UsernameTaken(_) => Faults {
            username: text,
            ..Faults::default()
        },
        AccountError::EmailTaken(_) => Faults {
            email: text,
            ..Faults::default()
        },
        AccountError::NoSuchUser(_) | AccountError::Changed(_) | AccountError::Store(_) => Faults {
            general: text,
            ..Faults::default()
        },
    }
}

/// Checks everything that was sent; all faults at once.
fn check(app: &App, fields: &Fields) -> Result<(NewUser, Password), Faults> {
    let username = Username::parse(fields.get("username"));
    let email = Email::parse(fields.get("email"));
    let context = [fields.get("username"), fields.get("email")];
    let min_chars = app.config.passwords.min_chars;
    let password = Password::choose(fields.get("password"), min_chars, &context);
    let same = fields.get("password") == fields.get("repeat");
    match (username, email, password, same) {
        (Ok(username), Ok(email), Ok(password), true) => {
            let new = NewUser {
                username,
                email: Some(email),
                email_verified: false,
                name: None,
                profile: Profile::default(),
                password: None,
            };
            Ok((new, password))
        }
        (username, email, password, same) => Err(Faults {
            general: Some("Please correct what is marked below.".to_owned()),
            username: username.err().map(|error| sentence(&error)),
            email: email.err().map(|error| sentence(&error)),
            password: password.err().map(|error| sentence(&error)),
            repeat: (!same).then(|| "The two passwords differ.".to_owned()),
        }),
    }
}

fn render(
    app: &App,
    headers: &HeaderMap,
    link: &str,
    entered: (&str, &str),
    (status, faults): (StatusCode, Faults),
) -> Response {
    let guard = Guard::of(app, headers);
    let action = links::path(&app.config, &format!("/setup/{link}"));
    let page = Page {
        title: "Set up",
        width: Width::Narrow,
        body: html! {

            (steps(1))
            h1 { "Welcome to Tessera" }
            p .lead { "Make the administrator's account. This link works once." }
            form method="post" action=(action) {
                (alert(faults.general.as_deref()))
                (guard.field(app, Form::Setup, None))
                (inputs(app.config.passwords.min_chars, entered, &faults))
                button .button type="submit" { "Create administrator" }
            }
        },
    };
    let mut response = respond(status, &page, &Csp::same_origin());
    guard.keep(app, response.headers_mut());
    response
}

fn inputs(min_chars: u32, (username, email): (&str, &str), faults: &Faults) -> Markup {
    let length =
        format!("At least {min_chars} characters. A few unrelated words are easy to remember.");
    html! {
        (text_field(TextField {
            name: "username",
            label: "Username",
            value: username,
            autocomplete: "username",
            hint: "Letters, digits, dots, dashes and underscores.",
            error: faults.username.as_deref(),
            focus: true,
        }))
        (text_field(TextField {
            name: "email",
            label: "E-mail",
            value: email,
            autocomplete: "email",
            error: faults.email.as_deref(),
            ..TextField::default()
        }))
        (password_field(TextField {
            name: "password",
            label: "Password",
            autocomplete: "new-password",
            hint: &length,
            error: faults.password.as_deref(),
            ..TextField::default()
        }))
        (password_field(TextField {
            name: "repeat",
            label: "Password again",
            autocomplete: "new-password",
            error: faults.repeat.as_deref(),
            ..TextField::default()
        }))
    }
}
