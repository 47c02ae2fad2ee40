//! The authorization request that waits behind a page, if one does; and which of our own pages a sign-in leads back to.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{failed, links};
use crate::app::App;
use crate::base::time::Timestamp;
use crate::http::Problem;
use crate::oauth::flow::{self, Flow, FlowError};
use crate::oauth::paths;
use crate::oauth::protocol::user_code::UserCode;

/// `?flow=` of a page: an id of ours, never a URL (SECURITY row 5).
#[derive(Debug, Default, Deserialize)]
pub struct FlowQuery {
    flow: Option<String>,
    then: Option<String>,
    user_code: Option<String>,
}

/// A page of ours that sends people to sign in first. A word and a code, never a URL (SECURITY row 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The account.
    Home,
    /// Where a device's code is entered; this one.
    Device(Option<UserCode>),
    /// What clients ask of the person.
    Approvals,
    /// A page of the person's own account.
    Account(AccountPage),
}

/// The pages of a person's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountPage {
    /// What there is.
    Overview,
    /// Name and profile.
    Profile,
    /// The password.
    Password,
    /// Where they are signed in.
    Sessions,
    /// What applications may do.
    Applications,
}

impl AccountPage {
    const ALL: [Self; 5] = [
        Self::Overview,
        Self::Profile,
        Self::Password,
        Self::Sessions,
        Self::Applications,
    ];

    /// The page's path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Profile => "/account/profile",
            Self::Password => "/account/password",
            Self::Sessions => "/account/sessions",
            Self::Applications => "/account/applications",
        }
    }

    /// The word for it behind `then=`.
    const fn word(self) -> &'static str {
        match self {
            Self::Overview => "account",
            Self::Profile => "profile",
            Self::Password => "password",
            Self::Sessions => "sessions",
            Self::Applications => "applications",
        }
    }
}

impl FlowQuery {
    /// Where a sign-in without an application leads.
    fn destination(&self) -> Destination {
        match self.then.as_deref() {
            Some("device") => {
                Destination::Device(self.user_code.as_deref().and_then(UserCode::parse))
            }
            Some("approvals") => Destination::Approvals,
            Some(word) => AccountPage::ALL
                .into_iter()
                .find(|page| page.word() == word)
                .map_or(Destination::Home, Destination::Account),
            None => Destination::Home,
        }
    }
}

impl Destination {
    /// The page.
    fn page(&self) -> String {
        match self {
            Self::Home => "/".to_owned(),
            Self::Device(None) => paths::DEVICE.to_owned(),
            Self::Device(Some(code)) => format!("{}?user_code={code}", paths::DEVICE),
            Self::Approvals => "/approvals".to_owned(),
            Self::Account(page) => page.path().to_owned(),
        }
    }

    /// The sign-in that leads there.
    pub fn login(&self) -> String {
        match self {
            Self::Home => "/login".to_owned(),
            Self::Device(None) => "/login?then=device".to_owned(),
            Self::Device(Some(code)) => format!("/login?then=device&user_code={code}"),
            Self::Approvals => "/login?then=approvals".to_owned(),
            Self::Account(page) => format!("/login?then={}", page.word()),
        }
    }
}

/// Where a sign-in leads.
pub fn after_login(app: &App, query: &FlowQuery, flow: Option<&Flow>) -> String {
    match flow {
        Some(_) => next(app, flow),
        None => links::path(&app.config, &query.destination().page()),
    }
}

/// The page where somebody who is signed in proves it once more, for a flow or for a page of their account.
pub fn reauthentication(app: &App, query: &FlowQuery, flow: Option<&Flow>) -> String {
    match (flow, query.destination()) {
        (Some(_), _) => path(app, paths::REAUTHENTICATE, flow),
        (None, Destination::Account(page)) => reauthenticate_for(app, page),
        (None, _) => links::path(&app.config, paths::REAUTHENTICATE),
    }
}

/// The same for a page of the account.
pub fn reauthenticate_for(app: &App, page: AccountPage) -> String {
    let path = links::path(&app.config, paths::REAUTHENTICATE);
    format!("{path}?then={}", page.word())
}

/// Where the sign-in's form goes.
pub fn login_form(app: &App, query: &FlowQuery, flow: Option<&Flow>) -> String {
    match flow {
        Some(_) => path(app, "/login", flow),
        None => links::path(&app.config, &query.destination().login()),
    }
}

/// Loads the flow that a page's address names; `None` when it names none.
pub async fn load(
    app: &App,
    query: &FlowQuery,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Flow>, Problem> {
    match &query.flow {
        None => Ok(None),
        Some(id) => flow::load(app, id, headers, now)
            .await
            .map(Some)
            .map_err(problem),
    }
}

/// A flow that cannot go on, told to the person.
pub fn problem(error: FlowError) -> Problem {
    match error {
        FlowError::Gone => Problem::new(StatusCode::BAD_REQUEST, error.to_string()),
        FlowError::WrongBrowser => Problem::new(StatusCode::FORBIDDEN, error.to_string()),
        FlowError::Store(_) => failed(error),
    }
}

/// Where a page leads when it is done.
pub fn next(app: &App, flow: Option<&Flow>) -> String {
    match flow {
        Some(_) => path(app, paths::CONTINUE, flow),
        None => links::path(&app.config, "/"),
    }
}

/// The path of a page that belongs to the flow.
pub fn path(app: &App, page: &str, flow: Option<&Flow>) -> String {
    let path = links::path(&app.config, page);
    match flow {
        Some(flow) => format!("{path}?flow={}", flow.id),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_pages_of_ours_only() {
        for (then, user_code, page) in [
            (None, None, "/"),
            (Some("device"), None, "/device"),
            (
                Some("device"),
                Some("wdjb mjht"),
                "/device?user_code=WDJB-MJHT",
            ),
            (Some("device"), Some("https://evil.example"), "/device"),
            (Some("approvals"), Some("WDJB-MJHT"), "/approvals"),
            (Some("https://evil.example"), None, "/"),
            (Some("//evil.example"), Some("WDJB-MJHT"), "/"),
            (Some("account"), None, "/account"),
            (Some("sessions"), None, "/account/sessions"),
            (Some("/account/sessions"), None, "/"),
        ] {
            let query = FlowQuery {
                flow: None,
                then: then.map(str::to_owned),
                user_code: user_code.map(str::to_owned),
            };
            assert_eq!(query.destination().page(), page, "{query:?}");
        }
    }
}
