//! Who looks at a page.

use axum::response::{IntoResponse as _, Redirect, Response};
use http::HeaderMap;
use http::header::USER_AGENT;
use tower_sessions::Session;

use super::flow::{AccountPage, Destination};
use super::{failed, links};
use crate::app::App;
use crate::base::time::{Seconds, Timestamp};
use crate::http::{ClientAddress, Problem};
use crate::identity::account;
use crate::identity::place::Place;
use crate::identity::session::{self, SignIn};
use crate::identity::user::User;
use crate::policy::system::{self, Permission};

/// How long a proof is good for what takes a fresh one.
const FRESH: Seconds = Seconds::new(300);

/// Where the request that the current task answers comes from, for who signs in with it.
pub fn place(headers: &HeaderMap) -> Place {
    let user_agent = headers
        .get(USER_AGENT)
        .map(|value| value.to_str().unwrap_or(""));
    Place::of(
        user_agent,
        ClientAddress::current().map(|address| address.0),
    )
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The sign-in.
    pub sign_in: SignIn,
    /// The account.
    pub user: User,
}

impl Visitor {
    /// Who is signed in, if anybody is.
    pub async fn of(app: &App, session: &Session) -> Result<Option<Self>, Problem> {
        let Some(sign_in) = session::current(session).await.map_err(failed)? else {
            return Ok(None);
        };
        let user = account::find(&app.db, &sign_in.user_id).await?;
        Ok(user.map(|user| Self { sign_in, user }))
    }

    /// Who is signed in; or where to go to sign in and come back to this page of the account.
    pub async fn at(
        app: &App,
        session: &Session,
        page: AccountPage,
    ) -> Result<Result<Self, Response>, Problem> {
        let login = || {
            let login = Destination::Account(page).login();
            Redirect::to(&links::path(&app.config, &login)).into_response()
        };
        Ok(Self::of(app, session).await?.ok_or_else(login))
    }

    /// Whether they proved who they are just now, as what cannot be undone takes (SECURITY R35, row 30).
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.sign_in.auth_time.plus(FRESH) >= now
    }

    /// Whether this person may register and change applications.
    pub async fn may_manage_clients(&self, app: &App) -> Result<bool, Problem> {
        let subject = format!("user:{}", self.user.id);
        let now = app.clock.now();
        system::allows(&app.policy, &subject, Permission::ManageClients, now)
            .await
            .map_err(failed)
    }
}
