//! `GET|POST /logout` (OpenID Connect RP-Initiated Logout 1.0).
//!
//! With an ID token of ours that names whoever is signed in here, the session ends at once; otherwise the person is asked,
//! because anybody can make a browser follow a link (SECURITY R59). The browser goes on only to a URI that is registered for the client.
//! Ending the session ends what was granted in it, but for offline access (`store::grants::Standing`), and tells the clients
//! (`identity/session_end.rs`, `web/farewell.rs`). `logout_hint` and `ui_locales` mean nothing here and are no errors.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use maud::html;
use tower_sessions::Session;

use super::error::OAuthError;
use super::form::Form;
use super::paths;
use super::protocol::claims::{IdClaims, TokenType};
use super::protocol::client::{Client, ClientId};
use super::protocol::error::Fault;
use super::protocol::params::Params;
use super::protocol::redirect_uri::with_query;
use super::respond::{fault_page, internal, see_other};
use super::subject::{sid_for, subject_for};
use crate::app::App;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::id::SessionId;
use crate::base::time::Timestamp;
use crate::identity::session::{self, SignIn};
use crate::store::clients;
use crate::store::seal::Sealer;
use crate::web::layout::{Csp, Page, Width, respond};
use crate::web::{cookies, farewell, links};

/// The form field that carries the person's answer.
const CONFIRMATION: &str = "confirmation";

/// The request in the query.
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    RawQuery(query): RawQuery,
) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    answer(
        &app,
        &session,
        params.map_err(OAuthError::Fault),
        Method::Get,
    )
    .await
}

/// How the request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

/// The request in a form, or the answer of our own page.
pub async fn post(
    State(app): State<Arc<App>>,
    session: Session,
    form: Result<Form, OAuthError>,
) -> Response {
    answer(&app, &session, form.map(|form| form.0), Method::Post).await
}

async fn answer(
    app: &App,
    session: &Session,
    params: Result<Params, OAuthError>,
    method: Method,
) -> Response {
    let done = async {
        let params = params?;
        params.check_unrepeated()?;
        log_out(app, session, &params, method).await
    };
    done.await.unwrap_or_else(|error| match error {
        OAuthError::Fault(fault) | OAuthError::Client { fault, .. } => fault_page(&fault),
        OAuthError::Store(_)
        | OAuthError::Throttled(_)
        | OAuthError::Keys(_)
        | OAuthError::Seal(_)
        | OAuthError::Policy(_)
        | OAuthError::Inconsistent(_) => fault_page(&internal(&error)),
    })
}

async fn log_out(
    app: &App,
    session: &Session,
    params: &Params,
    method: Method,
) -> Result<Response, OAuthError> {
    let request = Request::read(app, params, app.clock.now()).await?;
    let sign_in = session::current(session)
        .await
        .map_err(|error| session_failed(&error))?;
    let Some(sign_in) = sign_in else {
        return Ok(match method {
            Method::Get => request.farewell(&[]),
            // A form on the client's site comes without our session cookie (`SameSite=Lax`), a link with it.
            Method::Post => see_other(&request.as_link(app)),
        });
    };
    let confirmed = params
        .get(CONFIRMATION)
        .is_some_and(|token| is_confirmation(&app.sealer, &sign_in.session_id, token));
    if !confirmed && !request.names(app, &sign_in) {
        return Ok(request.ask(app, &sign_in));
    }
    let frames = farewell::frames(app, &sign_in).await?;
    session::end(session)
        .await
        .map_err(|error| session_failed(&error))?;
    let mut response = request.farewell(&frames);
    // `tower-sessions` removes its cookie without `Secure`, which browsers ignore for a `__Host-` name.
    let name = session::cookie_name(&app.config);
    cookies::remove(response.headers_mut(), &app.config, &name);
    Ok(response)
}

fn session_failed(error: &session::SessionError) -> OAuthError {
    tracing::error!(%error, "the session could not be read or ended");
    OAuthError::Inconsistent("the session could not be read or ended")
}

/// What a client wants.
struct Request {
    client: Option<Client>,
    /// Verified, if given: whose session, and which.
    hint: Option<IdClaims>,
    /// Registered for the client, with its state.
    target: Option<String>,
    /// What our page sends back with the person's answer.
    again: Vec<(&'static str, String)>,
}

impl Request {
    async fn read(app: &App, params: &Params, now: Timestamp) -> Result<Self, OAuthError> {
        let hint: Option<IdClaims> = match params.get("id_token_hint") {
            // Whether it has expired does not matter: it says who, not that they are signed in.
            Some(token) => app.keys.verify(TokenType::IdToken, token, now).await?,
            None => None,
        };
        let hint = hint.filter(|claims| claims.iss == app.config.issuer);
        let named = hint.as_ref().map(|claims| claims.aud.as_str());
        let client_id = match (params.get("client_id"), named) {
            (Some(sent), Some(named)) if sent != named => {
                return Err(Fault::invalid_request(
                    "`client_id` is not the client of `id_token_hint`",
                )
                .into());
            }
            (sent, named) => sent.or(named),
        };
        let client = match client_id.map(ClientId::parse) {
            Some(Ok(client_id)) => clients::find(&mut app.db.read().await?, &client_id).await?,
            Some(Err(_)) | None => None,
        };
        let target = target(params, client.as_ref())?;
        let again = [
            "id_token_hint",
            "client_id",
            "post_logout_redirect_uri",
            "state",
        ]
        .into_iter()
        .filter_map(|name| Some((name, params.get(name)?.to_owned())))
        .collect();
        Ok(Self {
            client,
            hint,
            target,
            again,
        })
    }

    /// Whether the hint names this very sign-in.
    fn names(&self, app: &App, sign_in: &SignIn) -> bool {
        let (Some(claims), Some(client)) = (&self.hint, &self.client) else {
            return false;
        };
        let named = (client.client_id.as_str(), &client.settings.metadata);
        claims.sid == sid_for(&app.sealer, named, &sign_in.session_id)
            && claims.sub == subject_for(&app.sealer, client, &sign_in.user_id)
    }

    /// Asks the person.
    fn ask(&self, app: &App, sign_in: &SignIn) -> Response {
        let name = self
            .client
            .as_ref()
            .map(|client| client.settings.client_name.as_str());
        let token = confirmation(&app.sealer, &sign_in.session_id);
        let page = Page {
            title: "Sign out",
            width: Width::Narrow,
            body: html! {
                h1 { "Sign out?" }
                p .lead {
                    @if let Some(name) = name { strong { (name) } " asks to sign you out." }
                    @else { "You will be signed out of this browser." }
                }
                form method="post" action=(links::path(&app.config, paths::LOGOUT)) {
                    @for (name, value) in &self.again { input type="hidden" name=(name) value=(value); }
                    button type="submit" name=(CONFIRMATION) value=(token) { "Sign out" }
                }
            },
        };
        let csp = self
            .target
            .as_deref()
            .map_or_else(Csp::same_origin, Csp::redirecting_to);
        respond(StatusCode::OK, &page, &csp)
    }

    /// The same request as a link to this endpoint.
    fn as_link(&self, app: &App) -> String {
        let pairs: Vec<(&str, &str)> = self
            .again
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        with_query(&links::path(&app.config, paths::LOGOUT), &pairs)
    }

    /// Back to the client, or a page that says it is done; by way of the frames of the clients that want one.
    fn farewell(&self, frames: &[String]) -> Response {
        match &self.target {
            Some(target) if frames.is_empty() => see_other(target),
            target => farewell::page(frames, target.as_deref()),
        }
    }
}

/// Where the browser goes afterwards. Exactly a registered URI (SECURITY row 5), or the request is refused.
fn target(params: &Params, client: Option<&Client>) -> Result<Option<String>, OAuthError> {
    let Some(uri) = params.get("post_logout_redirect_uri") else {
        return Ok(None);
    };
    let registered = client
        .filter(|client| client.is_active())
        .is_some_and(|client| {
            let uris = &client.settings.post_logout_redirect_uris;
            uris.iter().any(|registered| registered.matches(uri))
        });
    if !registered {
        return Err(Fault::invalid_request(
            "`post_logout_redirect_uri` is not registered for the client; send `client_id` or `id_token_hint` and a registered URI",
        )
        .into());
    }
    Ok(Some(match params.get("state") {
        Some(state) => with_query(uri, &[("state", state)]),
        None => uri.to_owned(),
    }))
}

/// Proof that the form came from our page in this session: another site cannot know it.
fn confirmation(sealer: &Sealer, session_id: &SessionId) -> String {
    let key = sealer.derive_mac_key("logout confirmation");
    base64url(hmac::sign(&key, session_id.as_str().as_bytes()).as_ref())
}

fn is_confirmation(sealer: &Sealer, session_id: &SessionId, presented: &str) -> bool {
    let key = sealer.derive_mac_key("logout confirmation");
    from_base64url(presented)
        .is_some_and(|tag| hmac::verify(&key, session_id.as_str().as_bytes(), &tag).is_ok())
}
