//! What the page `/approvals` does: it lists what clients ask of a person, and notes what the person decides.

use super::ping;
use crate::app::App;
use crate::base::id::{BackchannelId, UserId};
use crate::base::time::Timestamp;
use crate::identity::session::SignIn;
use crate::identity::throttle;
use crate::oauth::authorization_details::{ShownDetail, shown};
use crate::oauth::device::approval::{Decided, decider, record};
use crate::oauth::duration::Duration;
use crate::oauth::protocol::client::{ClientId, GrantType};
use crate::oauth::protocol::polling::Decision;
use crate::oauth::resource_server::{self, ShownResource};
use crate::store::{StoreError, backchannel_requests, clients};

/// Requests that one page shows.
const SHOWN: u32 = 20;

/// A request that waits for a person, for the page.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The request.
    pub request: backchannel_requests::Waiting,
    /// What it asks for beyond scopes.
    pub details: Vec<ShownDetail>,
    /// For which services; none when for this server alone.
    pub resources: Vec<ShownResource>,
    /// How long access lasts.
    pub duration: Duration,
}

/// What waits for a person, the oldest first.
pub async fn waiting(
    app: &App,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Vec<Waiting>, StoreError> {
    let mut conn = app.db.read().await?;
    let mut waiting = Vec::new();
    for request in backchannel_requests::list_waiting(&mut conn, user_id, now, SHOWN).await? {
        let client_id = ClientId::parse(&request.client_id)
            .map_err(|error| StoreError::corrupt("backchannel_requests.client_id", &error))?;
        let Some(client) = clients::find(&mut conn, &client_id).await? else {
            continue;
        };
        waiting.push(Waiting {
            details: shown(&mut conn, &request.details.authorization_details).await?,
            resources: resource_server::shown(&mut conn, &request.details.resources).await?,
            duration: Duration::of(&client, &request.scope, &app.config.tokens),
            request,
        });
    }
    Ok(waiting)
}

/// Notes what the person decided, and has the client told that wants to be; `false` when the request has ended or is not
/// theirs. The approval is the consent: it is remembered as one of the consent page is.
pub async fn decide(
    app: &App,
    id: &BackchannelId,
    decision: Decision,
    sign_in: &SignIn,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = app.db.write().await?;
    let decided =
        backchannel_requests::decide(&mut tx, id, decision, &decider(sign_in), now).await?;
    let Some(decided) = decided else {
        return Ok(false);
    };
    let request = Decided {
        client_id: &decided.client_id,
        scope: &decided.scope,
        details: &decided.details.authorization_details,
    };
    record(&mut tx, (GrantType::Ciba, decision), request, sign_in, now).await?;
    if decision == Decision::Approve {
        throttle::give_request_back(&mut tx, &sign_in.user_id).await?;
    }
    if decided.is_pinged {
        ping::post(&mut tx, id, &decided.client_id, now).await?;
    }
    tx.commit().await?;
    Ok(true)
}
