//! The client that a request names: registered, or described by the document at its id.
//!
//! Endpoints where a request begins ask here. A document that is fresh, by the database, is used as it is; else it is fetched, checked, and kept as a
//! row like any other client's, so that grants and flows refer to it on every node. While the address does not answer, what was known is used
//! for at most a day.

use super::client;
use super::error::OAuthError;
use super::protocol::client::{Client, ClientId, Origin};
use super::protocol::client_document;
use super::protocol::error::Fault;
use super::protocol::resource::Resource;
use super::sector;
use crate::app::App;
use crate::base::time::{Seconds, Timestamp};
use crate::http::ClientAddress;
use crate::identity::throttle::{self, Reservation};
use crate::store::client_documents::{self, Freshness};
use crate::store::clients;

/// How long a document is used while its address does not answer, counted from its last fetch.
const STALE_SECONDS: Seconds = Seconds::new(86_400);

/// The client with this id, whatever its state; a fault when its document cannot be used.
pub async fn find(
    app: &App,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<Client>, OAuthError> {
    let found = if client_id.is_document() {
        described(app, client_id, now).await?
    } else {
        clients::find(&mut app.db.read().await?, client_id).await?
    };
    Ok(found.map(|client| with_common_resources(app, client)))
}

/// Clients that nobody registered by hand may name the services that the operator lets all of them name.
fn with_common_resources(app: &App, mut client: Client) -> Client {
    if client.origin == Origin::Operator {
        return client;
    }
    let resources = &mut client.settings.metadata.requests.resources;
    for resource in &app.config.registration.resources {
        resources.push(resource.clone());
        // URL libraries write an origin with a slash at its end.
        resources.extend(Resource::parse(&format!("{}/", resource.as_str())));
    }
    client
}

async fn described(
    app: &App,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Option<Client>, OAuthError> {
    if !app.config.registration.client_id_metadata_documents {
        return Ok(None);
    }
    if let Some((client, _)) = kept(app, client_id)
        .await?
        .filter(|(_, known)| known.fresh_until > now)
    {
        return Ok(Some(client));
    }
    let mut turn = app.client_documents.turn(client_id).await;
    let known = kept(app, client_id).await?;
    if let Some((client, _)) = known.as_ref().filter(|(_, known)| known.fresh_until > now) {
        return Ok(Some(client.clone()));
    }
    let failed = match turn.recent_failure(now) {
        Some(reason) => reason.to_owned(),
        None => match fetch(app, client_id, now).await? {
            Ok(client) => {
                turn.note(Ok(()), now);
                return Ok(Some(client));
            }
            Err(reason) => {
                turn.note(Err(reason.clone()), now);
                reason
            }
        },
    };
    match known.filter(|(_, known)| known.fetched_at.plus(STALE_SECONDS) > now) {
        Some((client, _)) => Ok(Some(client)),
        None => Err(Fault::invalid_request(format!(
            "the client metadata document at `client_id` cannot be used: {failed}"
        ))
        .into()),
    }
}

async fn kept(app: &App, client_id: &ClientId) -> Result<Option<(Client, Freshness)>, OAuthError> {
    let mut conn = app.db.read().await?;
    let Some(freshness) = client_documents::find(&mut conn, client_id).await? else {
        return Ok(None);
    };
    let client = clients::find(&mut conn, client_id).await?;
    Ok(client.map(|client| (client, freshness)))
}

/// Fetches and keeps the document; or why it cannot be used.
async fn fetch(
    app: &App,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Result<Client, String>, OAuthError> {
    if let Some(ClientAddress(address)) = ClientAddress::current() {
        let limit = app.config.registration.network_limit;
        let reserved = throttle::reserve_unknown(&app.db, address, limit, now).await?;
        if let Reservation::Wait(seconds) = reserved {
            return Ok(Err(format!(
                "too many documents were fetched for this network; try again in {seconds}"
            )));
        }
    }
    let served = match app.client_documents.fetch(client_id, now).await {
        Ok(served) => served,
        Err(reason) => return Ok(Err(reason)),
    };
    let scopes = &app.config.registration.scopes;
    let mut new = match client_document::read(client_id, &served.body, scopes) {
        Ok(new) => new,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    match sector::verify(app, Some(client_id.as_str()), &mut new).await {
        Ok(()) => {}
        Err(client::ClientError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(error.to_string())),
    }
    let freshness = Freshness {
        fetched_at: now,
        fresh_until: now.plus(served.fresh_for),
    };
    let mut tx = app.db.write().await?;
    let kept = client::keep_document(&mut tx, (client_id, &new), freshness, now).await;
    match kept {
        Ok(client) => {
            tx.commit().await?;
            Ok(Ok(client))
        }
        Err(client::ClientError::Store(error)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}
