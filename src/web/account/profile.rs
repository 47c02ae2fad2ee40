//! `/account/profile`: how a person is called, and what applications may be told of them.
//!
//! The person changes what is theirs to say. Username, e-mail address, telephone number and whether those are verified are an
//! administrator's: the form does not read them (SECURITY row 31).

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
use crate::http::Problem;
use crate::identity::account;
use crate::identity::profile::Profile;
use crate::identity::user::{DisplayName, User};
use crate::web::csrf::{self, Form, Guard};
use crate::web::flow::AccountPage;
use crate::web::form::Fields;
use crate::web::links;
use crate::web::parts::{TextField, alert, optional_field, sentence};
use crate::web::visitor::Visitor;

const PAGE: AccountPage = AccountPage::Profile;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(PAGE.path(), get(show).post(submit))
}

/// A claim that people say themselves: the field's name, its label, what browsers may fill in, and its place.
type Own = (
    &'static str,
    &'static str,
    &'static str,
    fn(&mut Profile) -> &mut Option<String>,
);

const OWN: [Own; 10] = [
    ("given_name", "Given name", "given-name", |p| {
        &mut p.given_name
    }),
    ("family_name", "Family name", "family-name", |p| {
        &mut p.family_name
    }),
    ("nickname", "Nickname", "nickname", |p| &mut p.nickname),
    ("profile", "Your page", "url", |p| &mut p.profile),
    ("picture", "Address of a picture", "photo", |p| {
        &mut p.picture
    }),
    ("website", "Web site", "url", |p| &mut p.website),
    ("gender", "Gender", "sex", |p| &mut p.gender),
    (
        "birthdate",
        "Date of birth, such as 1990-12-31",
        "bday",
        |p| &mut p.birthdate,
    ),
    ("zoneinfo", "Time zone, such as Europe/Paris", "off", |p| {
        &mut p.zoneinfo
    }),
    ("locale", "Language, such as en-GB", "language", |p| {
        &mut p.locale
    }),
];

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
    let said = (query.done.as_deref() == Some("saved")).then_some("Saved.");
    let user = &visitor.user;
    let entered = (user.name.as_deref().unwrap_or(""), &user.profile);
    Ok(render(&look, entered, (said, None), StatusCode::OK))
}

async fn submit(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::Profile, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, PAGE));
    };
    let profile = read(&fields, &visitor.user.profile);
    let name = fields.get("name").trim();
    let fault = match save(&app, &visitor.user, name, &profile).await? {
        Ok(()) => return Ok(done(&app, PAGE, "saved")),
        Err(fault) => fault,
    };
    let look = Look {
        app: &app,
        headers: &headers,
        visitor: &visitor,
    };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(render(
        &look,
        (name, &profile),
        (None, Some(&fault)),
        status,
    ))
}

/// The profile with what the form says of it; an empty field removes the claim.
fn read(fields: &Fields, seen: &Profile) -> Profile {
    let mut profile = seen.clone();
    for (name, _, _, place) in OWN {
        let text = fields.get(name).trim();
        *place(&mut profile) = (!text.is_empty()).then(|| text.to_owned());
    }
    profile
}

/// Saves it, or says what is wrong.
async fn save(
    app: &App,
    seen: &User,
    name: &str,
    profile: &Profile,
) -> Result<Result<(), String>, Problem> {
    let name = match Some(name)
        .filter(|name| !name.is_empty())
        .map(DisplayName::parse)
    {
        None => None,
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => return Ok(Err(sentence(&error))),
    };
    if let Err(error) = profile.check() {
        return Ok(Err(sentence(&error)));
    }
    let mut tx = app.db.write().await?;
    let saved =
        account::update_own(&mut tx, seen, (name.as_ref(), profile), app.clock.now()).await?;
    if !saved {
        return Ok(Err(
            "Your account was changed at the same time. Look at it again, then repeat what you did.".to_owned(),
        ));
    }
    tx.commit().await?;
    Ok(Ok(()))
}

fn render(
    look: &Look<'_>,
    (name, profile): (&str, &Profile),
    (said, fault): (Option<&str>, Option<&str>),
    status: StatusCode,
) -> Response {
    let guard = Guard::of(look.app, look.headers);
    let mut shown = profile.clone();
    let body = html! {
        h1 { "Profile" }
        p .lead { "Applications that you allow to see your profile are told what you fill in here. Nothing of it is required." }
        @if let Some(said) = said { p .notice role="status" { (said) } }
        form method="post" action=(links::path(&look.app.config, PAGE.path())) {
            (alert(fault))
            (guard.field(look.app, Form::Profile, Some(&look.visitor.sign_in)))
            (field("name", "Name", "name", name))
            @for (name, label, autocomplete, place) in OWN {
                (field(name, label, autocomplete, place(&mut shown).as_deref().unwrap_or("")))
            }
            button .button type="submit" { "Save" }
        }
        (fixed(&look.visitor.user))
        (to_overview(look.app))
    };
    page_with_forms(look.app, &guard, ("Profile", body), status)
}

fn field(name: &str, label: &str, autocomplete: &str, value: &str) -> Markup {
    optional_field(TextField {
        name,
        label,
        value,
        autocomplete,
        ..TextField::default()
    })
}

/// What an administrator keeps.
fn fixed(user: &User) -> Markup {
    html! {
        h2 { "Kept by an administrator" }
        dl {
            dt { "Username" }
            dd { (user.username) }
            dt { "E-mail" }
            dd {
                @match &user.email {
                    Some(email) => { (email) @if user.email_verified { ", verified" } @else { ", not verified" } }
                    None => "None",
                }
            }
            @if let Some(number) = &user.profile.phone_number {
                dt { "Telephone" }
                dd { (number) }
            }
        }
    }
}
