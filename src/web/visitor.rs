//! Who looks at a page.

use tower_sessions::Session;

use super::failed;
use crate::app::App;
use crate::http::Problem;
use crate::identity::account;
use crate::identity::session::{self, SignIn};
use crate::identity::user::User;

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
}
