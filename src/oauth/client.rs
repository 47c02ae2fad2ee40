//! Registering and changing clients. The setup file, the admin API and the first-application page all come through here.
//!
//! Metadata is checked as a whole first ([`NewClient::check`]); here it becomes a row and an event in the caller's transaction.

use super::client_auth::{secret_mac, secret_matches};
use super::keys::demand;
use super::protocol::client::{AuthMethod, Client, ClientId, ClientState};
use super::protocol::registration::MetadataFault;
use crate::base::id::new_ulid;
use crate::base::secret::{Secret, TokenKind};
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::store::seal::Sealer;
use crate::store::{Conn, StoreError, Tx, clients};

pub use super::protocol::registration::{CheckedClient, NewClient};

/// Why a client could not be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Everything that is wrong with the metadata.
    #[error("{}", join(.0))]
    Invalid(Vec<MetadataFault>),
    /// The id is taken.
    #[error("a client `{0}` exists already; choose another client_id or update it")]
    Taken(ClientId),
    /// There is no such client.
    #[error("there is no client `{0}`")]
    NotFound(ClientId),
    /// The client has no secret to replace.
    #[error("the client `{0}` is public and has no secret")]
    Public(ClientId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A client as it was registered or changed.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// The secret, when the server made one: shown once, then only its MAC is known.
    pub generated_secret: Option<Secret<String>>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Registers a client.
pub async fn register(
    tx: &mut Tx,
    sealer: &Sealer,
    new: &NewClient,
    now: Timestamp,
) -> Result<Registered, ClientError> {
    let checked = new.check().map_err(ClientError::Invalid)?;
    let client_id = match checked.client_id {
        Some(client_id) => client_id,
        None => ClientId::parse(&format!("cl_{}", new_ulid(now).to_ascii_lowercase()))
            .map_err(|error| StoreError::corrupt("client_id", &error))?,
    };
    let confidential = checked.settings.token_endpoint_auth_method != AuthMethod::None;
    let generated = (confidential && checked.client_secret.is_none())
        .then(|| TokenKind::ClientSecret.generate());
    let secret = checked.client_secret.as_ref().or(generated.as_ref());
    let client = Client {
        secret_mac: secret.map(|secret| secret_mac(sealer, &client_id, secret)),
        client_id: client_id.clone(),
        settings: checked.settings,
        state: ClientState::Active,
        created_at: now,
        updated_at: now,
    };
    if !clients::insert(tx, &client).await? {
        return Err(ClientError::Taken(client_id));
    }
    let wanted = client.settings.metadata.tokens.signing_algorithms();
    demand::note(tx, &wanted, now).await?;
    record(tx, &client_id, "created", now).await?;
    Ok(Registered {
        client,
        generated_secret: generated,
        changed: true,
    })
}

/// Replaces a client's settings. The secret stays unless another is given, or the client changes between public and
/// confidential: then it is removed or made.
pub async fn update(
    tx: &mut Tx,
    sealer: &Sealer,
    (client_id, new): (&ClientId, &NewClient),
    now: Timestamp,
) -> Result<Registered, ClientError> {
    let checked = new.check().map_err(ClientError::Invalid)?;
    let mut client = get(tx, client_id).await?;
    let (generated_secret, secret_changed) =
        update_secret(tx, sealer, (&mut client, &checked), now).await?;
    let changed = client.settings != checked.settings;
    if changed {
        clients::update(tx, client_id, &checked.settings, now).await?;
        client.settings = checked.settings;
        let wanted = client.settings.metadata.tokens.signing_algorithms();
        demand::note(tx, &wanted, now).await?;
        record(tx, client_id, "updated", now).await?;
    }
    Ok(Registered {
        client,
        generated_secret,
        changed: changed || secret_changed,
    })
}

async fn update_secret(
    tx: &mut Tx,
    sealer: &Sealer,
    (client, checked): (&mut Client, &CheckedClient),
    now: Timestamp,
) -> Result<(Option<Secret<String>>, bool), ClientError> {
    let public = checked.settings.token_endpoint_auth_method == AuthMethod::None;
    let mut generated = None;
    let wanted = match (&checked.client_secret, &client.secret_mac) {
        (_, None) if public => return Ok((None, false)),
        (_, Some(_)) if public => None,
        (Some(secret), Some(mac)) if secret_matches(sealer, &client.client_id, secret, mac) => {
            return Ok((None, false));
        }
        (None, Some(_)) => return Ok((None, false)),
        (Some(secret), _) => Some(secret_mac(sealer, &client.client_id, secret)),
        (None, None) => {
            let secret = generated.insert(TokenKind::ClientSecret.generate());
            Some(secret_mac(sealer, &client.client_id, secret))
        }
    };
    clients::set_secret(tx, &client.client_id, wanted.as_deref(), now).await?;
    client.secret_mac = wanted;
    record(tx, &client.client_id, "secret", now).await?;
    Ok((generated, true))
}

/// Gives a confidential client a new secret; the old one stops working at once.
pub async fn rotate_secret(
    tx: &mut Tx,
    sealer: &Sealer,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Secret<String>, ClientError> {
    let client = get(tx, client_id).await?;
    if client.settings.token_endpoint_auth_method == AuthMethod::None {
        return Err(ClientError::Public(client_id.clone()));
    }
    let secret = TokenKind::ClientSecret.generate();
    let mac = secret_mac(sealer, client_id, &secret);
    clients::set_secret(tx, client_id, Some(&mac), now).await?;
    record(tx, client_id, "secret", now).await?;
    Ok(secret)
}

/// Enables or disables a client; whether that changed anything. A disabled client gets no tokens, and those it has stop
/// working at Tessera's own endpoints and at introspection.
pub async fn set_state(
    tx: &mut Tx,
    client_id: &ClientId,
    state: ClientState,
    now: Timestamp,
) -> Result<bool, ClientError> {
    let changed = clients::set_state(tx, client_id, state, now).await?;
    if changed {
        let change = match state {
            ClientState::Active => "enabled",
            ClientState::Disabled => "disabled",
        };
        record(tx, client_id, change, now).await?;
    } else {
        get(tx, client_id).await?;
    }
    Ok(changed)
}

/// The client, which must exist.
pub async fn get(conn: &mut Conn, client_id: &ClientId) -> Result<Client, ClientError> {
    clients::find(conn, client_id)
        .await?
        .ok_or_else(|| ClientError::NotFound(client_id.clone()))
}

/// Clients in the order of their ids, beginning after `after`.
pub async fn list(
    conn: &mut Conn,
    after: Option<&ClientId>,
    limit: u32,
) -> Result<Vec<Client>, ClientError> {
    Ok(clients::list_after(conn, after, limit).await?)
}

async fn record(
    tx: &mut Tx,
    client_id: &ClientId,
    change: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::ClientChanged {
        client_id: client_id.as_str().to_owned(),
        change,
    };
    events::record(tx, &event, now).await
}

fn join(faults: &[MetadataFault]) -> String {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
