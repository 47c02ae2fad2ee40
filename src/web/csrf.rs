//! Forms are accepted only from pages of ours, in the browser that got them (SECURITY R36).
//!
//! A random cookie and, in the form, its MAC with the form's name and the session: another site can neither read the one nor make
//! the other, a form of one kind is none of another, and nothing is stored. Beside it what the browser says of the request's
//! origin is believed where it says something.

use aws_lc_rs::hmac;
use http::HeaderMap;
use http::StatusCode;
use http::header::ORIGIN;
use maud::{Markup, html};

use super::form::Fields;
use super::{cookies, links};
use crate::app::App;
use crate::base::encoding::{base64url, from_base64url};
use crate::base::secret::{Secret, TokenKind};
use crate::http::Problem;
use crate::identity::session::SignIn;

/// The hidden field's name.
const FIELD: &str = "csrf";
/// The cookie's name, before its prefix.
const COOKIE: &str = "tessera-form";
/// The first bytes of a token of no other kind.
const DOMAIN: &str = "form|";

/// The forms of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sign in.
    Login,
    /// Sign out.
    SignOut,
    /// Allow or deny a client.
    Consent,
    /// Make the first administrator.
    Setup,
    /// Register an application.
    Application,
    /// Enter a device's code.
    Device,
    /// Allow or deny a device.
    DeviceDecision,
    /// Allow or deny a client that asked without a browser.
    Approval,
    /// Prove once more who one is.
    Reauthenticate,
    /// Change one's own name and profile.
    Profile,
    /// Change one's own password.
    Password,
    /// End sessions of one's own.
    EndSession,
    /// Take back what an application was given.
    Withdraw,
}

impl Form {
    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SignOut => "signout",
            Self::Consent => "consent",
            Self::Setup => "setup",
            Self::Application => "application",
            Self::Device => "device",
            Self::DeviceDecision => "device decision",
            Self::Approval => "approval",
            Self::Reauthenticate => "reauthenticate",
            Self::Profile => "profile",
            Self::Password => "password",
            Self::EndSession => "end session",
            Self::Withdraw => "withdraw",
        }
    }
}

/// The browser's form cookie: the one it sent, or a new one.
#[derive(Debug)]
pub struct Guard {
    cookie: Secret<String>,
    fresh: bool,
}

impl Guard {
    /// The guard of the browser that sent these headers.
    pub fn of(app: &App, headers: &HeaderMap) -> Self {
        let sent = cookies::read(headers, &cookies::name(&app.config, COOKIE))
            .filter(|value| TokenKind::Csrf.hash(value).is_some());
        Self {
            fresh: sent.is_none(),
            cookie: sent.map_or_else(
                || TokenKind::Csrf.generate(),
                |value| Secret::new(value.to_owned()),
            ),
        }
    }

    /// The hidden field of a form.
    pub fn field(&self, app: &App, form: Form, sign_in: Option<&SignIn>) -> Markup {
        let mac = hmac::sign(&key(app), &self.message(form, sign_in));
        html! { input type="hidden" name=(FIELD) value=(base64url(mac.as_ref())); }
    }

    /// Gives the browser its cookie, when it had none.
    pub fn keep(&self, app: &App, headers: &mut HeaderMap) {
        if self.fresh {
            let name = cookies::name(&app.config, COOKIE);
            cookies::set(headers, &app.config, &name, self.cookie.expose());
        }
    }

    fn message(&self, form: Form, sign_in: Option<&SignIn>) -> Vec<u8> {
        let session = sign_in.map_or("", |sign_in| sign_in.session_id.as_str());
        let (form, cookie) = (form.name(), self.cookie.expose());
        format!("{DOMAIN}{form}|{session}|{cookie}").into_bytes()
    }
}

/// Refuses a form that no page of ours gave to this browser.
pub fn check(
    app: &App,
    headers: &HeaderMap,
    form: Form,
    sign_in: Option<&SignIn>,
    fields: &Fields,
) -> Result<(), Problem> {
    let guard = Guard::of(app, headers);
    let sent = from_base64url(fields.get(FIELD)).unwrap_or_default();
    let genuine = !guard.fresh
        && hmac::verify(&key(app), &guard.message(form, sign_in), &sent).is_ok()
        && is_same_origin(headers, links::origin(&app.config).as_deref());
    genuine.then_some(()).ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "the form is too old or came from elsewhere; go back, load the page again and repeat what you did",
        )
    })
}

/// Whether the browser does not say that another site sent the request.
///
/// Our own pages send `Origin: null`, because they ask for no referrer; `Sec-Fetch-Site` then tells the difference.
fn is_same_origin(headers: &HeaderMap, origin: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => true,
        Some(_) => false,
        None => match text(ORIGIN.as_str()) {
            None | Some("null") => true,
            Some(sent) => Some(sent) == origin,
        },
    }
}

fn key(app: &App) -> hmac::Key {
    app.sealer.derive_mac_key("forms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let ours = Some("https://id.example");
        assert_eq!(is_same_origin(&map, ours), expected, "{headers:?}");
    }

    #[test]
    fn what_the_browser_says_of_the_origin_is_believed() {
        check(&[], true);
        check(
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            true,
        );
        check(
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://id.example"),
            ],
            false,
        );
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://id.example")], true);
        check(&[("origin", "null")], true);
        check(&[("origin", "https://id.example.evil.example")], false);
        check(&[("origin", "http://id.example")], false);
    }
}
