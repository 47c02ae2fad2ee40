//! `/account/sessions`: where a person is signed in, and ending it (SECURITY R34). Ending takes a fresh proof (ASVS 7.5.2):
//! who finds an open browser cannot throw its owner out elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use tower_sessions::Session;

use super::{DoneQuery, Look, done, page_with_forms, to_login, to_overview};
use crate::app::App;
use crate::base::id::SessionId;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::identity::own_sessions::{self, OwnSession};
use crate::identity::session;
use crate::web::csrf::{self, Form, Guard};
use crate::web::flow::{AccountPage, reauthenticate_for};
use crate::web::form::Fields;
use crate::web::links;
use crate::web::parts::ago;
use crate::web::visitor::Visitor;

const PAGE: AccountPage = AccountPage::Sessions;
const END: &str = "/account/sessions/end";
/// What the form sends to end all sessions but this one.
const OTHERS: &str = "others";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(PAGE.path(), get(show))
        .route(END, post(end))
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
    let own = own_sessions::list(&app.db, &visitor.user.id, now).await?;
    let look = Look {
        app: &app,
        headers: &headers,
        visitor: &visitor,
    };
    Ok(render(&look, &own, query.done.as_deref(), now))
}

async fn end(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&app, &session).await?;
    let sign_in = visitor.as_ref().map(|visitor| &visitor.sign_in);
    csrf::check(&app, &headers, Form::EndSession, sign_in, &fields)?;
    let Some(visitor) = visitor else {
        return Ok(to_login(&app, PAGE));
    };
    let now = app.clock.now();
    if !visitor.is_fresh(now) {
        return Ok(Redirect::to(&reauthenticate_for(&app, PAGE)).into_response());
    }
    let user_id = &visitor.user.id;
    let mut tx = app.db.write().await?;
    let ended = match fields.get("session") {
        OTHERS => {
            let kept = &visitor.sign_in.session_id;
            own_sessions::end_others(&mut tx, user_id, kept, now).await? > 0
        }
        id => match SessionId::parse(id) {
            Ok(id) => session::end_one(&mut tx, user_id, &id, now).await?,
            Err(_) => false,
        },
    };
    tx.commit().await?;
    Ok(done(&app, PAGE, if ended { "ended" } else { "gone" }))
}

fn render(look: &Look<'_>, own: &[OwnSession], told: Option<&str>, now: Timestamp) -> Response {
    let guard = Guard::of(look.app, look.headers);
    let body = html! {
        h1 { "Where you are signed in" }
        p .lead { "End what you do not recognise, and then choose another password." }
        @match told {
            Some("ended") => p .notice role="status" { "Ended. Applications that were used there are told." },
            Some("gone") => p .notice .bad role="status" { "That session has ended already." },
            _ => {},
        }
        @for session in own {
            (card(look, &guard, (session, now)))
        }
        @if own.len() > 1 {
            (end_form(look, &guard, (OTHERS, "Sign out everywhere else", "Sign out everywhere else")))
        }
        (to_overview(look.app))
    };
    page_with_forms(
        look.app,
        &guard,
        ("Where you are signed in", body),
        StatusCode::OK,
    )
}

fn card(look: &Look<'_>, guard: &Guard, (session, now): (&OwnSession, Timestamp)) -> Markup {
    let this = session.session_id == look.visitor.sign_in.session_id;
    let heading = session.session_id.as_str();
    let browser = session.place.browser.as_deref().unwrap_or("A browser");
    let label = format!("End the session in {browser}");
    html! {
        section .request aria-labelledby=(heading) {
            h2 id=(heading) { (browser) @if this { span .tag { "This one" } } }
            dl {
                @if let Some(network) = &session.place.network {
                    dt { "Network" }
                    dd { code { (network) } }
                }
                dt { "Signed in" }
                dd { (ago(session.signed_in_at, now)) }
                dt { "Last seen" }
                dd { (ago(session.last_seen_at, now)) }
            }
            @if !this { (end_form(look, guard, (heading, &label, "End"))) }
        }
    }
}

fn end_form(look: &Look<'_>, guard: &Guard, (value, label, text): (&str, &str, &str)) -> Markup {
    html! {
        form method="post" action=(links::path(&look.app.config, END)) {
            (guard.field(look.app, Form::EndSession, Some(&look.visitor.sign_in)))
            input type="hidden" name="session" value=(value);
            button .button .quiet type="submit" aria-label=(label) { (text) }
        }
    }
}
