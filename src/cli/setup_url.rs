//! `tessera setup-url`: a new one-time link that makes the first administrator.

use super::{Exit, Failure, Settings, print};
use crate::base::time::Clock;
use crate::identity::setup::{self, SetupError};
use crate::serve;

/// Prints the link; works while the server runs, and also when it does not.
pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let loaded = settings.load()?;
    let app = serve::open(&loaded, Clock::System).await?;
    let link = setup::issue_link(&app.db, &app.config.issuer, app.clock.now()).await;
    app.db.close().await;
    print::out(&format!("{}\n", link?.expose()))
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Store(error) => error.into(),
            error @ (SetupError::AdministratorExists
            | SetupError::LinkSpent
            | SetupError::Account(_)
            | SetupError::Role(_)) => Self::new(Exit::Other, error),
        }
    }
}
