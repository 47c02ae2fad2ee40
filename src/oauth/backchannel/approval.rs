//! What the page `/approvals` does: it lists what clients ask of a person, and notes what the person decides.

use super::ping;
use crate::app::App;
use crate::base::id::{BackchannelId, UserId};
use crate::base::time::Timestamp;
use crate::identity::session::SignIn;
use crate::identity::throttle;
use crate::oauth::device::approval::{decider, record};
use crate::oauth::protocol::client::GrantType;
use crate::oauth::protocol::polling::Decision;
use crate::store::{StoreError, backchannel_requests};

pub use crate::store::backchannel_requests::Waiting;

/// Requests that one page shows.
const SHOWN: u32 = 20;

/// What waits for a person, the oldest first.
pub async fn waiting(
    app: &App,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Vec<Waiting>, StoreError> {
    backchannel_requests::list_waiting(&mut app.db.read().await?, user_id, now, SHOWN).await
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
    let request = (decided.client_id.as_str(), &decided.scope);
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
