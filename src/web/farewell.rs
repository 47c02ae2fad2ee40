//! The page after signing out (OpenID Connect Front-Channel Logout 1.0): one frame for each application that wants to end its own
//! session in this browser, then on to where the browser was sent.
//!
//! With a script the browser goes on when the frames have loaded, and after four seconds in any case; without one there is a button.

use axum::response::Response;
use http::StatusCode;
use maud::{PreEscaped, html};

use super::layout::{Csp, Page, Width, respond};
use crate::app::App;
use crate::identity::session::SignIn;
use crate::oauth::protocol::logout::frontchannel_request;
use crate::oauth::subject::sid_for;
use crate::store::grants::SessionClient;
use crate::store::{StoreError, grants};

const SCRIPT: &str = include_str!("farewell.js");

/// What the signed-out page of a sign-in loads in frames: one URL for each application that wants it.
pub async fn frames(app: &App, sign_in: &SignIn) -> Result<Vec<String>, StoreError> {
    let mut conn = app.db.read().await?;
    let clients = grants::clients_of_session(&mut conn, &sign_in.session_id).await?;
    let frame = |client: &SessionClient| {
        let uri = client.metadata.logout.frontchannel_logout_uri.as_ref()?;
        let named = (client.client_id.as_str(), &client.metadata);
        let sid = sid_for(&app.sealer, named, &sign_in.session_id);
        Some(frontchannel_request(uri.as_str(), &app.config.issuer, &sid))
    };
    Ok(clients.iter().filter_map(frame).collect())
}

/// The page: its frames, and a way on to `target`.
pub fn page(frames: &[String], target: Option<&str>) -> Response {
    let csp = Csp::same_origin().framing(frames).with_script(SCRIPT);
    let page = Page {
        title: "Signed out",
        width: Width::Narrow,
        body: html! {
            h1 { "You are signed out" }
            @if frames.is_empty() {
                p .lead { "You can close this page." }
            } @else {
                p .lead { "Your applications are being signed out, too." }
            }
            @for uri in csp.framed(frames) { iframe src=(uri) title="Signing out" hidden {} }
            @if let Some(target) = target {
                a #go .button href=(target) { "Continue" }
                script { (PreEscaped(SCRIPT)) }
            }
        },
    };
    respond(StatusCode::OK, &page, &csp)
}
