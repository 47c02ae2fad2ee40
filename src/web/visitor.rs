//! Who looks at a page.

use tower_sessions::Session;

use super::failed;
use crate::app::App;
use crate::http::Problem;
use crate::identity::account;
use crate::identity::session::{self, SignIn};
use crate::identity::user::User;
use crate::policy::system::{self, Permission};

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

    /// Whether this person may register and change applications.
    pub async fn may_manage_clients(&self, app: &App) -> Result<bool, Problem> {
        let subject = format!("user:{}", self.user.id);
        let now = app.clock.now();
        system::allows(&app.policy, &subject, Permission::ManageClients, now)
            .await
            .map_err(failed)
    }
}
