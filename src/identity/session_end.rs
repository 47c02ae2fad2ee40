//! What the end of a session brings with it, in the transaction that ends it: the event, the clients that must be told
//! (OpenID Connect Back-Channel Logout 1.0), and offline access where its client wants it to end too.
//!
//! What was granted without offline access needs nothing here: it stands on the session itself (`store::grants::Standing`).

use crate::base::time::Timestamp;
use crate::events::outbox::{self, Letter};
use crate::events::{self, Event};
use crate::store::sessions::EndedSession;
use crate::store::{StoreError, Tx, grants};

/// Why offline access was revoked, in its row and its event.
const REASON: &str = "session_ended";

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Somebody wanted it to: the person, an administrator, a lock, another password.
    Wanted,
    /// It was not used for too long, or had lasted long enough. Offline access is made to outlive that.
    Expired,
}

/// Does what follows from the end of a session whose row was just deleted.
pub async fn follow(
    tx: &mut Tx,
    ended: &EndedSession,
    ending: Ending,
    now: Timestamp,
) -> Result<(), StoreError> {
    if ending == Ending::Wanted {
        let event = Event::SignedOut {
            user_id: ended.user_id.clone(),
            session_id: ended.session_id.clone(),
        };
        events::record(tx, &event, now).await?;
    }
    for client in grants::clients_of_session(tx, &ended.session_id).await? {
        let logout = &client.metadata.logout;
        if ending == Ending::Wanted && logout.revoke_offline_access_at_logout {
            let within = (&ended.session_id, client.client_id.as_str());
            for grant_id in grants::revoke_of_session(tx, within, REASON, now).await? {
                let reason = REASON;
                events::record(tx, &Event::GrantRevoked { grant_id, reason }, now).await?;
            }
        }
        if let Some(uri) = &logout.backchannel_logout_uri {
            let letter = Letter::BackchannelLogout {
                client_id: client.client_id,
                user_id: ended.user_id.clone(),
                session_id: ended.session_id.clone(),
            };
            outbox::post(tx, &letter, uri.as_str(), now).await?;
        }
    }
    Ok(())
}
