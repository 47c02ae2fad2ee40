//! `GET /check-session`: the frame that tells an application whether the person is still signed in (OpenID Connect Session
//! Management 1.0 section 3), where `sessions.check_session_iframe` switches it on.
//!
//! A cookie that the frame's script may read follows the session: a MAC of its id, gone when nobody is signed in. It proves nothing and opens
//! nothing. Every authorization answer carries a hash of it; the frame computes the hash again for whoever asks, for the origin that asks.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERER};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use tower_sessions::Session;

use super::protocol::authorize::AuthorizeRequest;
use super::protocol::logout;
use super::protocol::redirect_uri::origin_of;
use crate::app::App;
use crate::base::encoding::base64url;
use crate::base::id::SessionId;
use crate::base::secret::random;
use crate::http::{Problem, headers};
use crate::identity::session::{self, SignIn};
use crate::store::seal::Sealer;
use crate::store::{StoreError, clients};
use crate::web::{cookies, layout};

const SCRIPT: &str = include_str!("check_session.js");
/// The cookie's name, before its prefix.
const COOKIE: &str = "tessera-state";
/// Origins that one answer names at most, when the browser does not say which one asks.
const ORIGINS: u32 = 100;

/// The frame.
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if !app.config.sessions.check_session_iframe {
        let advice = "session management is off; switch on `sessions.check_session_iframe`";
        return Err(Problem::new(StatusCode::NOT_FOUND, advice));
    }
    let ancestors = ancestors(&app, &headers).await?;
    let policy = format!(
        "default-src 'none'; script-src {}; base-uri 'none'; frame-ancestors {ancestors}",
        layout::source_of(SCRIPT)
    );
    let mut response = Html(document(&cookie_name(&app)).into_string()).into_response();
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'",
    ));
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response.extensions_mut().insert(headers::Framed);
    Ok(response)
}

fn document(cookie: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Session" } }
            body data-cookie=(cookie) { script { (PreEscaped(SCRIPT)) } }
        }
    }
}

/// Who may hold the frame: the client's origin that asks, or all of them when the browser does not say.
async fn ancestors(app: &App, headers: &HeaderMap) -> Result<String, StoreError> {
    let mut conn = app.db.read().await?;
    let asking = headers.get(REFERER).and_then(|value| value.to_str().ok());
    let origins = match asking.and_then(origin_of) {
        Some(origin) if clients::has_origin(&mut conn, &origin, None).await? => vec![origin],
        Some(_) => Vec::new(),
        None => clients::origins(&mut conn, ORIGINS).await?,
    };
    let sources: Vec<String> = origins
        .iter()
        .filter_map(|origin| layout::frame_source(origin))
        .collect();
    Ok(if sources.is_empty() {
        "'none'".to_owned()
    } else {
        sources.join(" ")
    })
}

/// The `session_state` of an answer to `request`; none when it is off, or when the answer goes to no web origin.
pub fn state(app: &App, request: &AuthorizeRequest, sign_in: &SignIn) -> Option<String> {
    if !app.config.sessions.check_session_iframe {
        return None;
    }
    let origin = origin_of(&request.redirect_uri)?;
    let held = browser_state(&app.sealer, &sign_in.session_id);
    let salt = base64url(&random::<16>());
    Some(logout::session_state(
        &request.client_id,
        &origin,
        &held,
        &salt,
    ))
}

/// Keeps the readable cookie in step with the session, whatever the request did to it.
pub async fn keep_cookie(
    State(app): State<Arc<App>>,
    session: Session,
    request: Request,
    next: Next,
) -> Response {
    if !app.config.sessions.check_session_iframe {
        return next.run(request).await;
    }
    let name = cookie_name(&app);
    let held = cookies::read(request.headers(), &name).map(str::to_owned);
    let mut response = next.run(request).await;
    let Ok(sign_in) = session::current(&session).await else {
        return response;
    };
    let wanted = sign_in.map(|sign_in| browser_state(&app.sealer, &sign_in.session_id));
    if wanted != held {
        let headers = response.headers_mut();
        match wanted {
            Some(value) => cookies::set_readable(headers, &app.config, &name, &value),
            None => cookies::remove_readable(headers, &app.config, &name),
        }
    }
    response
}

fn cookie_name(app: &App) -> String {
    cookies::name(&app.config, COOKIE)
}

fn browser_state(sealer: &Sealer, session_id: &SessionId) -> String {
    let key = sealer.derive_mac_key("browser state");
    base64url(hmac::sign(&key, session_id.as_str().as_bytes()).as_ref())
}
