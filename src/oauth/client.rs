//! Registering and changing clients. The setup file, the admin API and the first-application page all come through here.
//!
//! Metadata is checked as a whole first ([`NewClient::check`]); here it becomes a row and an event in the caller's transaction.

use super::client_secret::{self, is_current};
use super::keys::demand;
use super::protocol::client::{Client, ClientId, ClientKind, ClientState, Origin};
use super::protocol::registration::MetadataFault;
use crate::base::id::new_ulid;
use crate::base::secret::{Secret, TokenKind};
use crate::base::time::{Seconds, Timestamp};
use crate::events::{self, Event};
use crate::store::client_documents::{self, Freshness};
use crate::store::seal::{SealError, Sealer};
use crate::store::{Conn, Db, StoreError, Tx, clients};

pub use super::protocol::registration::{CheckedClient, NewClient};

/// Unused clients that one transaction forgets at most.
const SWEPT: u32 = 100;

/// Why a client could not be registered or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Everything that is wrong with the metadata.
    #[error("{}", MetadataFault::join(.0))]
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
    /// The client proves itself with keys or certificates.
    #[error("the client `{0}` has no secret; change its keys instead")]
    NoSecret(ClientId),
    /// The old secret would stay good for too long, or for less than no time.
    #[error("`overlap_seconds`: must be from 0 to {}", client_secret::OVERLAP_SECONDS_MAX.get())]
    Overlap,
    /// A secret could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
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

/// Registers a client in an administrator's name.
pub async fn register(
    tx: &mut Tx,
    sealer: &Sealer,
    new: &NewClient,
    now: Timestamp,
) -> Result<Registered, ClientError> {
    register_from(tx, sealer, (new, Origin::Operator), now).await
}

/// Registers a client that came this way.
pub async fn register_from(
    tx: &mut Tx,
    sealer: &Sealer,
    (new, origin): (&NewClient, Origin),
    now: Timestamp,
) -> Result<Registered, ClientError> {
    let checked = check(new)?;
    let client_id = match checked.client_id {
        Some(client_id) => client_id,
        None => ClientId::parse(&format!("cl_{}", new_ulid(now).to_ascii_lowercase()))
            .map_err(|error| StoreError::corrupt("client_id", &error))?,
    };
    let method = checked.settings.token_endpoint_auth_method;
    let generated = (method.has_secret() && checked.client_secret.is_none())
        .then(|| TokenKind::ClientSecret.generate());
    let secret = checked.client_secret.as_ref().or(generated.as_ref());
    let kept = secret
        .map(|secret| client_secret::keep(sealer, &client_id, method, secret))
        .transpose()?;
    let (secret_mac, sealed_secret) = kept.map(|kept| (kept.mac, kept.sealed)).unzip();
    let client = Client {
        secret_mac,
        sealed_secret: sealed_secret.flatten(),
        former_secret: None,
        client_id: client_id.clone(),
        settings: checked.settings,
        state: ClientState::Active,
        origin,
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

/// Checks the metadata; a sector must have been verified before (`oauth::sector`), which takes a call to the network.
fn check(new: &NewClient) -> Result<CheckedClient, ClientError> {
    let checked = new.check().map_err(ClientError::Invalid)?;
    let claimed = &checked.settings.metadata.subject.sector_identifier_uri;
    if claimed.is_some() && !new.sector_is_verified {
        return Err(ClientError::Invalid(vec![MetadataFault {
            field: "sector_identifier_uri",
            message: "was not verified; register the client where its document can be fetched"
                .to_owned(),
        }]));
    }
    Ok(checked)
}

/// Replaces a client's settings. The secret stays unless another is given, or the client changes between public and
/// confidential: then it is removed or made.
pub async fn update(
    tx: &mut Tx,
    sealer: &Sealer,
    (client_id, new): (&ClientId, &NewClient),
    now: Timestamp,
) -> Result<Registered, ClientError> {
    let checked = check(new)?;
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
    let method = checked.settings.token_endpoint_auth_method;
    // Whoever signs with the secret needs one that can be read again; whoever sends it needs none.
    let fits = client.sealed_secret.is_some() == client_secret::is_sealed(method);
    let mut generated = None;
    let wanted = match (&checked.client_secret, &client.secret_mac) {
        (_, None) if !method.has_secret() => return Ok((None, false)),
        (_, Some(_)) if !method.has_secret() => None,
        (Some(secret), Some(_)) if fits && is_current(sealer, client, secret) => {
            return Ok((None, false));
        }
        (None, Some(_)) if fits => return Ok((None, false)),
        (None, Some(mac)) if !client_secret::is_sealed(method) => Some(clients::KeptSecret {
            mac: mac.clone(),
            sealed: None,
        }),
        (Some(secret), _) => Some(client_secret::keep(
            sealer,
            &client.client_id,
            method,
            secret,
        )?),
        (None, _) => {
            let secret = generated.insert(TokenKind::ClientSecret.generate());
            Some(client_secret::keep(
                sealer,
                &client.client_id,
                method,
                secret,
            )?)
        }
    };
    clients::set_secret(tx, &client.client_id, wanted.as_ref(), now).await?;
    client.former_secret = None;
    (client.secret_mac, client.sealed_secret) = match wanted {
        Some(kept) => (Some(kept.mac), kept.sealed),
        None => (None, None),
    };
    record(tx, &client.client_id, "secret", now).await?;
    Ok((generated, true))
}

/// Gives a client with a secret a new one. The old one stays good for `overlap` (none: it ends at once); what was old before ends
/// in any case, so that at most two secrets are good.
pub async fn rotate_secret(
    tx: &mut Tx,
    sealer: &Sealer,
    (client_id, overlap): (&ClientId, Seconds),
    now: Timestamp,
) -> Result<Secret<String>, ClientError> {
    if !(Seconds::new(0)..=client_secret::OVERLAP_SECONDS_MAX).contains(&overlap) {
        return Err(ClientError::Overlap);
    }
    let client = get(tx, client_id).await?;
    let method = client.settings.token_endpoint_auth_method;
    if client.kind() != ClientKind::Confidential {
        return Err(ClientError::Public(client_id.clone()));
    }
    if !method.has_secret() {
        return Err(ClientError::NoSecret(client_id.clone()));
    }
    let secret = TokenKind::ClientSecret.generate();
    let kept = client_secret::keep(sealer, client_id, method, &secret)?;
    if overlap.get() == 0 {
        clients::set_secret(tx, client_id, Some(&kept), now).await?;
    } else {
        let times = (now.plus(overlap), now);
        clients::rotate_secret(tx, client_id, &kept, times).await?;
    }
    record(tx, client_id, "secret", now).await?;
    Ok(secret)
}

/// Ends the secret before the present one; whether one was good.
pub async fn end_former_secret(
    tx: &mut Tx,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<bool, ClientError> {
    let ended = clients::end_former_secret(tx, client_id, now).await?;
    if ended {
        record(tx, client_id, "secret", now).await?;
    } else {
        get(tx, client_id).await?;
    }
    Ok(ended)
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

/// Keeps what the document of a client says, whether the client is known already or not. Its state stays: a client that was disabled does
/// not enable itself.
pub async fn keep_document(
    tx: &mut Tx,
    (client_id, new): (&ClientId, &NewClient),
    freshness: Freshness,
    now: Timestamp,
) -> Result<Client, ClientError> {
    let checked = new.check().map_err(ClientError::Invalid)?;
    let client = Client {
        client_id: client_id.clone(),
        settings: checked.settings,
        secret_mac: None,
        sealed_secret: None,
        former_secret: None,
        state: ClientState::Active,
        origin: Origin::Document,
        created_at: now,
        updated_at: now,
    };
    let change = if clients::insert(tx, &client).await? {
        Some("created")
    } else {
        let changed = get(tx, client_id).await?.settings != client.settings;
        changed.then_some("updated")
    };
    if change == Some("updated") {
        clients::update(tx, client_id, &client.settings, now).await?;
    }
    if let Some(change) = change {
        let wanted = client.settings.metadata.tokens.signing_algorithms();
        demand::note(tx, &wanted, now).await?;
        record(tx, client_id, change, now).await?;
    }
    client_documents::note(tx, client_id, freshness).await?;
    get(tx, client_id).await
}

/// Forgets a client that was not registered by hand, and everything that it was given.
pub async fn delete_registered(
    tx: &mut Tx,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<(), ClientError> {
    if !clients::delete_registered(tx, client_id).await? {
        return Err(ClientError::NotFound(client_id.clone()));
    }
    Ok(record(tx, client_id, "deleted", now).await?)
}

/// Forgets some of the clients that nobody vouches for and nobody uses; how many.
pub async fn sweep_unused(db: &Db, unused: Seconds, now: Timestamp) -> Result<usize, StoreError> {
    let mut tx = db.write().await?;
    let gone = clients::delete_unused(&mut tx, now.minus(unused), SWEPT).await?;
    for client_id in &gone {
        let event = Event::ClientChanged {
            client_id: client_id.clone(),
            change: "deleted",
        };
        events::record(&mut tx, &event, now).await?;
    }
    tx.commit().await?;
    Ok(gone.len())
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
