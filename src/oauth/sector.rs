//! Verifies the sector that a client claims (OpenID Connect Core 1.0 section 8.1): the document at its `sector_identifier_uri`
//! lists its redirect URIs, so that nobody joins a sector whose owner does not know them.
//!
//! Fetched through the guarded client, before a transaction begins. What is registered already is not fetched again: a server
//! that applies its setup file at every start does not need every client's server for it.

use http::header::ACCEPT;

use super::client::ClientError;
use super::protocol::client::subject::{lists_all, named};
use super::protocol::client::{Client, ClientId};
use super::protocol::registration::{MetadataFault, NewClient};
use crate::app::App;
use crate::store::clients;

const FIELD: &str = "sector_identifier_uri";

/// Notes in `new` that its sector may be claimed, or says why not. Call it before `register` and `update`, which refuse a
/// sector that was not verified.
pub async fn verify(
    app: &App,
    client_id: Option<&str>,
    new: &mut NewClient,
) -> Result<(), ClientError> {
    let Some(uri) = new
        .sector_identifier_uri
        .clone()
        .filter(|uri| !uri.is_empty())
    else {
        return Ok(());
    };
    // Other faults are told with this one by the check of the whole; an address that is none is not fetched.
    let checked = new.check().map_err(ClientError::Invalid)?;
    let Some(sector) = &checked.settings.metadata.subject.sector_identifier_uri else {
        return Ok(());
    };
    let known = match client_id.map(ClientId::parse) {
        Some(Ok(id)) => clients::find(&mut app.db.read().await?, &id).await?,
        Some(Err(_)) | None => None,
    };
    if !known.is_some_and(|known| is_registered(&known, new, sector.as_str())) {
        fetch(app, &uri, &named(new)).await.map_err(|message| {
            ClientError::Invalid(vec![MetadataFault {
                field: FIELD,
                message,
            }])
        })?;
    }
    new.sector_is_verified = true;
    Ok(())
}

/// Whether all of it was verified when the client was registered.
fn is_registered(known: &Client, new: &NewClient, sector: &str) -> bool {
    let settings = &known.settings;
    let same = settings.metadata.subject.sector_identifier_uri.as_ref();
    let jwks_uri = settings.metadata.keys.jwks_uri.as_ref();
    same.is_some_and(|uri| uri.as_str() == sector)
        && named(new).iter().all(|uri| {
            settings
                .redirect_uris
                .iter()
                .any(|known| known.as_str() == *uri)
                || (settings.redirect_uris.is_empty()
                    && jwks_uri.is_some_and(|known| known.as_str() == *uri))
        })
}

async fn fetch(app: &App, uri: &str, listed: &[&str]) -> Result<(), String> {
    let request = http::Request::get(uri)
        .header(ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|error| format!("cannot be called: {error}"))?;
    let answer = app
        .outbound
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    if answer.status != http::StatusCode::OK {
        return Err(format!(
            "the answer was {}; serve a JSON array of redirect URIs there",
            answer.status
        ));
    }
    if lists_all(&answer.body, listed) {
        return Ok(());
    }
    Err("the document must be a JSON array that lists every redirect URI of the client, letter by letter".to_owned())
}
