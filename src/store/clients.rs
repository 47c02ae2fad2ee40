//! Tables `clients` and `client_origins`. Lists are JSON arrays of strings.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conn, FromRow, Row, StoreError, Tx, q};
use crate::base::time::{Seconds, Timestamp};
use crate::oauth::protocol::client::{
    AuthMethod, Client, ClientId, ClientSettings, ClientState, FormerSecret, Origin,
};
use crate::oauth::protocol::scope::ScopeSet;

/// How old the noted last use of a client may get before it is written again.
const LAST_USE_SECONDS: Seconds = Seconds::new(3_600);

impl FromRow for Client {
    fn from_row(row: Row<'_>) -> Result<Self, StoreError> {
        let text = |column: &'static str| row.get::<String, _>(column);
        let method = text("token_endpoint_auth_method")?;
        Ok(Self {
            client_id: ClientId::parse(&text("client_id")?)
                .map_err(|error| StoreError::corrupt("clients.client_id", &error))?,
            settings: ClientSettings {
                client_name: text("client_name")?,
                token_endpoint_auth_method: AuthMethod::parse(&method).ok_or_else(|| {
                    StoreError::corrupt("clients.token_endpoint_auth_method", &method)
                })?,
                // Parsed again at every use: a URI that may not be registered is not used either (SECURITY row 3).
                redirect_uris: list("clients.redirect_uris", &text("redirect_uris")?)?,
                post_logout_redirect_uris: list(
                    "clients.post_logout_redirect_uris",
                    &text("post_logout_redirect_uris")?,
                )?,
                grant_types: list("clients.grant_types", &text("grant_types")?)?,
                scope: ScopeSet::parse(&text("scope")?)
                    .map_err(|error| StoreError::corrupt("clients.scope", &error))?,
                skip_consent: row.get("skip_consent")?,
                require_pkce: row.get("require_pkce")?,
                metadata: object("clients.metadata", &text("metadata")?)?,
            },
            secret_mac: row.get("secret_mac")?,
            sealed_secret: row.get("sealed_secret")?,
            former_secret: former_secret(row)?,
            state: ClientState::parse(&text("state")?)
                .ok_or_else(|| StoreError::corrupt("clients.state", "an unknown state"))?,
            origin: Origin::parse(&text("origin")?)
                .ok_or_else(|| StoreError::corrupt("clients.origin", "an unknown origin"))?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

fn former_secret(row: Row<'_>) -> Result<Option<FormerSecret>, StoreError> {
    let mac: Option<String> = row.get("former_secret_mac")?;
    let expires_at = row.time_opt("former_secret_expires_at")?;
    let sealed = row.get("former_sealed_secret")?;
    Ok(mac.zip(expires_at).map(|(mac, expires_at)| FormerSecret {
        mac,
        sealed,
        expires_at,
    }))
}

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Its MAC.
    pub mac: String,
    /// The secret itself, sealed: only where the client signs with it.
    pub sealed: Option<String>,
}

fn list<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<Vec<T>, StoreError> {
    object(what, text)
}

fn object<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(what, &error))
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt("clients", &error))
}

/// The client with this id, whatever its state.
pub async fn find(conn: &mut Conn, client_id: &ClientId) -> Result<Option<Client>, StoreError> {
    conn.opt(q("SELECT * FROM clients WHERE client_id = $1").bind(client_id.as_str()))
        .await
}

/// Clients in the order of their ids, beginning after `after`.
pub async fn list_after(
    conn: &mut Conn,
    after: Option<&ClientId>,
    limit: u32,
) -> Result<Vec<Client>, StoreError> {
    conn.all(
        q("SELECT * FROM clients WHERE client_id > $1 ORDER BY client_id LIMIT $2")
            .bind(after.map_or("", ClientId::as_str))
            .bind(limit),
    )
    .await
}

/// Keeps a new client; `false` when its id is taken.
pub async fn insert(tx: &mut Tx, client: &Client) -> Result<bool, StoreError> {
    let settings = &client.settings;
    let rows = tx
        .exec(
            q("INSERT INTO clients (client_id, client_name, secret_mac, token_endpoint_auth_method, redirect_uris, \
               post_logout_redirect_uris, grant_types, scope, skip_consent, require_pkce, state, created_at, updated_at, metadata, sealed_secret, origin) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (client_id) DO NOTHING")
                .bind(client.client_id.as_str())
                .bind(&settings.client_name)
                .bind(client.secret_mac.clone())
                .bind(settings.token_endpoint_auth_method.as_str())
                .bind(json(&settings.redirect_uris)?)
                .bind(json(&settings.post_logout_redirect_uris)?)
                .bind(json(&settings.grant_types)?)
                .bind(settings.scope.to_string())
                .bind(settings.skip_consent)
                .bind(settings.require_pkce)
                .bind(client.state.as_str())
                .bind(client.created_at)
                .bind(client.updated_at)
                .bind(json(&settings.metadata)?)
                .bind(client.sealed_secret.clone())
                .bind(client.origin.as_str()),
        )
        .await?;
    if rows == 1 {
        insert_origins(tx, &client.client_id, settings).await?;
    }
    Ok(rows == 1)
}

/// Changes a client's settings; `false` when there is no such client.
pub async fn update(
    tx: &mut Tx,
    client_id: &ClientId,
    settings: &ClientSettings,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE clients SET client_name = $2, token_endpoint_auth_method = $3, redirect_uris = $4, \
               post_logout_redirect_uris = $5, grant_types = $6, scope = $7, skip_consent = $8, require_pkce = $9, \
               updated_at = $10, metadata = $11 WHERE client_id = $1")
                .bind(client_id.as_str())
                .bind(&settings.client_name)
                .bind(settings.token_endpoint_auth_method.as_str())
                .bind(json(&settings.redirect_uris)?)
                .bind(json(&settings.post_logout_redirect_uris)?)
                .bind(json(&settings.grant_types)?)
                .bind(settings.scope.to_string())
                .bind(settings.skip_consent)
                .bind(settings.require_pkce)
                .bind(now)
                .bind(json(&settings.metadata)?),
        )
        .await?;
    if rows == 1 {
        tx.exec(q("DELETE FROM client_origins WHERE client_id = $1").bind(client_id.as_str()))
            .await?;
        insert_origins(tx, client_id, settings).await?;
    }
    Ok(rows == 1)
}

async fn insert_origins(
    tx: &mut Tx,
    client_id: &ClientId,
    settings: &ClientSettings,
) -> Result<(), StoreError> {
    for origin in settings.origins() {
        tx.exec(
            q("INSERT INTO client_origins (origin, client_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(origin)
                .bind(client_id.as_str()),
        )
        .await?;
    }
    Ok(())
}

/// Sets the client's secret, or removes it, and ends the one before; `false` when there is no such client.
pub async fn set_secret(
    tx: &mut Tx,
    client_id: &ClientId,
    secret: Option<&KeptSecret>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE clients SET secret_mac = $2, sealed_secret = $3, former_secret_mac = NULL, former_sealed_secret = NULL, \
               former_secret_expires_at = NULL, updated_at = $4 WHERE client_id = $1")
                .bind(client_id.as_str())
                .bind(secret.map(|secret| secret.mac.clone()))
                .bind(secret.and_then(|secret| secret.sealed.clone()))
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Gives the client another secret; the one it has stays good until `former_expires_at`. `false` when there is no such client.
pub async fn rotate_secret(
    tx: &mut Tx,
    client_id: &ClientId,
    secret: &KeptSecret,
    (former_expires_at, now): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    // The right-hand sides are the values from before: one statement moves the secret and replaces it.
    let rows = tx
        .exec(
            q("UPDATE clients SET former_secret_mac = secret_mac, former_sealed_secret = sealed_secret, \
               former_secret_expires_at = $4, secret_mac = $2, sealed_secret = $3, updated_at = $5 WHERE client_id = $1")
                .bind(client_id.as_str())
                .bind(&secret.mac)
                .bind(secret.sealed.clone())
                .bind(former_expires_at)
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Ends the secret before the present one; `false` when there is none that is good.
pub async fn end_former_secret(
    tx: &mut Tx,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE clients SET former_secret_mac = NULL, former_sealed_secret = NULL, former_secret_expires_at = NULL, \
               updated_at = $2 WHERE client_id = $1 AND former_secret_expires_at > $2")
                .bind(client_id.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Forgets at most `limit` secrets that were replaced and have expired; how many.
pub async fn forget_former_secrets(
    tx: &mut Tx,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    tx.exec(
        q("UPDATE clients SET former_secret_mac = NULL, former_sealed_secret = NULL, former_secret_expires_at = NULL \
           WHERE client_id IN (SELECT client_id FROM clients WHERE former_secret_expires_at <= $1 LIMIT $2)")
            .bind(now)
            .bind(limit),
    )
    .await
}

/// Moves a client to another state; `false` when it is in it already or does not exist.
pub async fn set_state(
    tx: &mut Tx,
    client_id: &ClientId,
    state: ClientState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE clients SET state = $2, updated_at = $3 WHERE client_id = $1 AND state <> $2")
                .bind(client_id.as_str())
                .bind(state.as_str())
                .bind(now),
        )
        .await?;
    Ok(rows == 1)
}

/// Notes that a client which nobody registered by hand was given something, unless that was noted within the last hour; whether it was.
pub async fn note_use(
    tx: &mut Tx,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("UPDATE clients SET last_used_at = $2 WHERE client_id = $1 AND origin <> 'operator' \
               AND (last_used_at IS NULL OR last_used_at <= $3)")
                .bind(client_id.as_str())
                .bind(now)
                .bind(now.minus(LAST_USE_SECONDS)),
        )
        .await?;
    Ok(rows == 1)
}

/// Forgets a client that was not registered by hand, with everything it was given; `false` when there is no such client.
pub async fn delete_registered(tx: &mut Tx, client_id: &ClientId) -> Result<bool, StoreError> {
    let rows = tx
        .exec(
            q("DELETE FROM clients WHERE client_id = $1 AND origin <> 'operator'")
                .bind(client_id.as_str()),
        )
        .await?;
    Ok(rows == 1)
}

/// Forgets at most `limit` clients that nobody vouches for, were given nothing since `before`, and hold nothing any more; which.
pub async fn delete_unused(
    tx: &mut Tx,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    tx.all(
        q("DELETE FROM clients WHERE client_id IN (SELECT c.client_id FROM clients c \
           WHERE c.origin IN ('open', 'document') AND c.state = 'active' AND c.created_at <= $1 \
           AND COALESCE(c.last_used_at, 0) <= $1 \
           AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.client_id) \
           AND NOT EXISTS (SELECT 1 FROM authorization_flows f WHERE f.client_id = c.client_id) LIMIT $2) \
           RETURNING client_id")
            .bind(before)
            .bind(limit),
    )
    .await
}

/// Whether an active client has a redirect URI at this origin; a given client, or any.
pub async fn has_origin(
    conn: &mut Conn,
    origin: &str,
    client_id: Option<&ClientId>,
) -> Result<bool, StoreError> {
    conn.one(
        q("SELECT EXISTS (SELECT 1 FROM client_origins o JOIN clients c ON c.client_id = o.client_id \
           WHERE o.origin = $1 AND c.state = 'active' AND ($2 = '' OR o.client_id = $2))")
            .bind(origin)
            .bind(client_id.map_or("", ClientId::as_str)),
    )
    .await
}

/// The origins of active clients' redirect URIs, at most `limit` of them.
pub async fn origins(conn: &mut Conn, limit: u32) -> Result<Vec<String>, StoreError> {
    conn.all(
        q("SELECT DISTINCT o.origin FROM client_origins o JOIN clients c ON c.client_id = o.client_id \
           WHERE c.state = 'active' ORDER BY o.origin LIMIT $1")
            .bind(limit),
    )
    .await
}
