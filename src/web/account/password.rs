//! `/account/password`: a person's own password, changed by themselves. It takes the present one (SECURITY R12, row 30).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::{DoneQuery, Look, done, page_with_forms, to_login, to_overview};
use crate::app::App;
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::http::Problem;
use crate::identity::password::Password;
use crate::identity::password_change::{self, Changed, Wanted};
use crate::web::csrf::{self, Form, Guard};
use crate::web::flow::AccountPage;
use crate::web::form::Fields;
use crate::web::login::{Refusal, begin, desk, too_many};
use crate::web::parts::{TextField, alert, password_field, sentence};
use crate::web::reauthenticate::{WRONG, retry_after, username_for_managers};
use crate::web::visitor::Visitor;
use crate::web::{failed, known_device, links};

const PAGE: AccountPage = AccountPage::Password;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(PAGE.path(), get(show).post(submit))
}

/// What is wrong with what was sent, by field.
#[derive(Debug, Default)]
struct Faults {
    general: Option<String>,
    current: Option<String>,
    password: Option<String>,
    repeat: Option<String>,
    wait: Option<Seconds>,
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
    let look = Look {
        app: &app,
        headers: &headers,
        visitor: &visitor,
    };
    let said = (query.done.as_deref() == Some("changed"))
        .then_some("Your password is changed. Applications ask you again when they need you.");
    Ok(render(&look, said, &Faults::default(), StatusCode::OK))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let signed_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Password, signed_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, PAGE));
    };
    let look = Look {
        app: &app,
        headers: &headers,
        visitor: &visitor,
    };
    let faults = match change(&look, &session, &fields).await? {
        Ok(response) => return Ok(response),
        Err(faults) => faults,
    };
    let status = match faults.wait {
        Some(_) => StatusCode::TOO_MANY_REQUESTS,
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let response = render(&look, None, &faults, status);
    Ok(retry_after(response, faults.wait))
}

/// Changes it and goes on with the session; or says what is wrong.
async fn change(
    look: &Look<'_>,
    session: &Session,
    fields: &Fields,
) -> Result<Result<Response, Faults>, Problem> {
    let app = look.app;
    let wanted = match wanted(look, fields) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(Err(faults)),
    };
    let sign_in = &look.visitor.sign_in;
    let changed = password_change::change(desk(app), sign_in, wanted, app.clock.now())
        .await
        .map_err(failed)?;
    let refusal = match changed {
        Changed::Refused => Refusal::Wrong,
        Changed::Wait(wait) => Refusal::Wait(wait),
        Changed::Done(proof) => match begin(session, proof, look.headers).await? {
            Ok(sign_in) => {
                let mut response = done(app, PAGE, "changed");
                known_device::remember(app, response.headers_mut(), &sign_in);
                return Ok(Ok(response));
            }
            // Locked since: the password is changed, the session is over.
            Err(_) => return Ok(Ok(to_login(app, PAGE))),
        },
    };
    Ok(Err(match refusal {
        Refusal::Wrong => Faults {
            current: Some(WRONG.to_owned()),
            ..Faults::default()
        },
        Refusal::Wait(wait) => Faults {
            general: Some(too_many(wait)),
            wait: Some(wait),
            ..Faults::default()
        },
    }))
}

/// What the form asks for, if the new password may be one; only then is the present one looked at.
fn wanted(look: &Look<'_>, fields: &Fields) -> Result<Wanted, Faults> {
    let user = &look.visitor.user;
    let context = [user.username.as_str(), user.email.as_deref().unwrap_or("")];
    let min_chars = look.app.config.passwords.min_chars;
    let new = Password::choose(fields.get("password"), min_chars, &context);
    let same = fields.get("password") == fields.get("repeat");
    match new {
        Ok(new) if same => Ok(Wanted {
            current: Secret::new(fields.get("current").to_owned()),
            new,
            end_others: fields.get("others") != "keep",
        }),
        new => Err(Faults {
            general: Some("Please correct what is marked below.".to_owned()),
            password: new.err().map(|error| sentence(&error)),
            repeat: (!same).then(|| "The two passwords differ.".to_owned()),
            ..Faults::default()
        }),
    }
}

fn render(look: &Look<'_>, said: Option<&str>, faults: &Faults, status: StatusCode) -> Response {
    let guard = Guard::of(look.app, look.headers);
    let body = html! {
        h1 { "Password" }
        p .lead { "Choose another password. Only you should know it." }
        @if let Some(said) = said { p .notice role="status" { (said) } }
        form method="post" action=(links::path(&look.app.config, PAGE.path())) {
            (alert(faults.general.as_deref()))
            (guard.field(look.app, Form::Password, Some(&look.visitor.sign_in)))
            (username_for_managers(&look.visitor.user.username))
            (inputs(look.app.config.passwords.min_chars, faults))
            button .button type="submit" { "Change password" }
        }
        (to_overview(look.app))
    };
    page_with_forms(look.app, &guard, ("Password", body), status)
}

fn inputs(min_chars: u32, faults: &Faults) -> Markup {
    let length =
        format!("At least {min_chars} characters. A few unrelated words are easy to remember.");
    html! {
        (password_field(TextField {
            name: "current",
            label: "Present password",
            autocomplete: "current-password",
            error: faults.current.as_deref(),
            ..TextField::default()
        }))
        (password_field(TextField {
            name: "password",
            label: "New password",
            autocomplete: "new-password",
            hint: &length,
            error: faults.password.as_deref(),
            ..TextField::default()
        }))
        (password_field(TextField {
            name: "repeat",
            label: "New password again",
            autocomplete: "new-password",
            error: faults.repeat.as_deref(),
            ..TextField::default()
        }))
        fieldset {
            legend { "Everywhere else" }
            (choice("end", "Sign out everywhere else", "Other browsers, devices and API keys of yours. Best if somebody may know the old password.", true))
            (choice("keep", "Stay signed in there", "Applications have to ask you again all the same.", false))
        }
    }
}

fn choice(value: &str, label: &str, hint: &str, checked: bool) -> Markup {
    html! {
        label .choice {
            input type="radio" name="others" value=(value) checked[checked];
            span { (label) span .hint { (hint) } }
        }
    }
}
