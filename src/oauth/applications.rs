//! The applications that a person let use their account, and taking that back (SECURITY R46, OAuth 2.1 section 7.5).
//!
//! What is shown is what was agreed to and what still stands of what was granted. Taking it back forgets the consent, revokes
//! every grant with its refresh tokens, undoes what was approved and not fetched yet, and tells the client, all in one
//! transaction. A service that verifies access tokens by itself learns of it when they expire.

use std::collections::{BTreeMap, BTreeSet};

use super::protocol::client::{About, Client, ClientId};
use super::protocol::scope::OFFLINE_ACCESS;
use crate::base::id::{SessionId, UserId};
use crate::base::time::Timestamp;
use crate::events::outbox::{self, Letter};
use crate::events::{self, Event};
use crate::store::grants::{OwnGrant, Standing};
use crate::store::{
    Db, StoreError, Tx, authorization_flows, backchannel_requests, clients, consents,
    device_authorizations, grants,
};

/// Grants that are looked at, the newest ones.
const GRANTS: u32 = 1_000;
/// Why the grants were revoked, in their rows and events.
const REASON: &str = "consent_withdrawn";

/// An application with access to a person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its client's id.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Where people learn more of it.
    pub about: About,
    /// What it may do.
    pub scopes: Vec<String>,
    /// For which services, beside this server.
    pub resources: Vec<String>,
    /// Whether it stays connected when the person is away.
    pub offline: bool,
    /// Since when, as far as that is known.
    pub since: Timestamp,
    /// When it was given access, or had it renewed, last; none when there is only the consent.
    pub renewed_at: Option<Timestamp>,
}

/// What is known of one client's access.
struct Found {
    scopes: BTreeSet<String>,
    resources: BTreeSet<String>,
    offline: bool,
    since: Timestamp,
    renewed_at: Option<Timestamp>,
}

impl Found {
    const fn since(at: Timestamp) -> Self {
        Self {
            scopes: BTreeSet::new(),
            resources: BTreeSet::new(),
            offline: false,
            since: at,
            renewed_at: None,
        }
    }
}

/// The applications that may use a person's account now, by name.
pub async fn of_person(
    db: &Db,
    user_id: &UserId,
    now: Timestamp,
) -> Result<Vec<Application>, StoreError> {
    let mut conn = db.snapshot().await?;
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for consent in consents::list_of_user(&mut conn, user_id).await? {
        let at = consent.granted_at;
        let entry = found.entry(consent.client_id).or_insert(Found::since(at));
        entry.since = entry.since.min(at);
        entry.scopes.insert(consent.scope);
    }
    for own in grants::list_of_user(&mut conn, user_id, GRANTS, now).await? {
        if is_live(&own, now) {
            note(&mut found, own);
        }
    }
    let mut applications = Vec::with_capacity(found.len());
    for (client_id, found) in found {
        let id = ClientId::parse(&client_id)
            .map_err(|error| StoreError::corrupt("grants.client_id", &error))?;
        let client = clients::find(&mut conn, &id).await?;
        if let Some(client) = client.filter(Client::is_active) {
            applications.push(application(client, found));
        }
    }
    applications
        .sort_by(|a, b| (&a.name, a.client_id.as_str()).cmp(&(&b.name, b.client_id.as_str())));
    Ok(applications)
}

/// Whether anything can still come of a grant.
fn is_live(own: &OwnGrant, now: Timestamp) -> bool {
    own.standed.standing == Standing::Live && own.family.is_none_or(|(_, ends_at)| ends_at > now)
}

fn note(found: &mut BTreeMap<String, Found>, own: OwnGrant) {
    let grant = own.standed.grant;
    let at = grant.created_at;
    let entry = found.entry(grant.client_id).or_insert(Found::since(at));
    entry.since = entry.since.min(at);
    let renewed_at = own.family.map_or(at, |(issued_at, _)| issued_at);
    entry.renewed_at = entry.renewed_at.max(Some(renewed_at));
    entry.offline |= own.family.is_some() && grant.scope.contains(OFFLINE_ACCESS);
    entry.scopes.extend(grant.scope.iter().map(str::to_owned));
    entry.resources.extend(grant.details.resources);
}

fn application(client: Client, found: Found) -> Application {
    Application {
        client_id: client.client_id,
        name: client.settings.client_name,
        about: client.settings.metadata.about,
        scopes: found.scopes.into_iter().collect(),
        resources: found.resources.into_iter().collect(),
        offline: found.offline,
        since: found.since,
        renewed_at: found.renewed_at,
    }
}

/// Takes back everything that a person gave to a client; `false` when there was nothing.
pub async fn withdraw(
    tx: &mut Tx,
    user_id: &UserId,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let id = client_id.as_str();
    let mut ended = consents::withdraw(tx, user_id, id).await?;
    ended += authorization_flows::forget_consent(tx, user_id, id).await?;
    ended += device_authorizations::withdraw(tx, user_id, id).await?;
    ended += backchannel_requests::withdraw(tx, user_id, id).await?;
    let revoked = grants::revoke_of_client(tx, (user_id, id), REASON, now).await?;
    if ended == 0 && revoked.is_empty() {
        return Ok(false);
    }
    let event = Event::ConsentWithdrawn {
        user_id: user_id.clone(),
        client_id: id.to_owned(),
    };
    events::record(tx, &event, now).await?;
    let mut sessions = BTreeSet::new();
    for (grant_id, session_id) in revoked {
        let reason = REASON;
        events::record(tx, &Event::GrantRevoked { grant_id, reason }, now).await?;
        sessions.insert(session_id);
    }
    tell(tx, (user_id, client_id), &sessions, now).await?;
    Ok(true)
}

/// Tells the client that the person is signed out there, session by session (OpenID Connect Back-Channel Logout 1.0).
async fn tell(
    tx: &mut Tx,
    (user_id, client_id): (&UserId, &ClientId),
    sessions: &BTreeSet<SessionId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let client = clients::find(tx, client_id).await?;
    let uri = client
        .filter(Client::is_active)
        .and_then(|client| client.settings.metadata.logout.backchannel_logout_uri);
    let Some(uri) = uri else {
        return Ok(());
    };
    for session_id in sessions {
        let letter = Letter::BackchannelLogout {
            client_id: client_id.as_str().to_owned(),
            user_id: user_id.clone(),
            session_id: session_id.clone(),
        };
        outbox::post(tx, &letter, uri.as_str(), now).await?;
    }
    Ok(())
}
