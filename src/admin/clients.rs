//! `/admin/api/clients`: register, read, replace, disable, rotate the secret. Fields carry RFC 7591's names.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guard::{Admin, Guarded, Inside};
use super::json::{Body, OptionalBody, Page, PageQuery, Params};
use crate::app::App;
use crate::base::encoding::from_base64url;
use crate::base::time::Seconds;
use crate::http::Problem;
use crate::oauth::client::{self, ClientError, NewClient, Registered};
use crate::oauth::protocol::client::{Client, ClientId, ClientSettings, ClientState};
use crate::oauth::protocol::scope::TESSERA_ADMIN;
use crate::oauth::sector;
use crate::policy::system::Permission;

const CLIENTS: &str = "/admin/api/clients";
const CLIENT: &str = "/admin/api/clients/{client_id}";

pub(super) fn routes(guarded: Guarded) -> Guarded {
    guarded
        .get(CLIENTS, Permission::ReadClients, list)
        .post(CLIENTS, Permission::ManageClients, register)
        .get(CLIENT, Permission::ReadClients, read)
        .put(CLIENT, Permission::ManageClients, replace)
        .post(
            "/admin/api/clients/{client_id}/secret",
            Permission::ManageClients,
            rotate_secret,
        )
        .delete(
            "/admin/api/clients/{client_id}/former-secret",
            Permission::ManageClients,
            end_former_secret,
        )
        .post(
            "/admin/api/clients/{client_id}/disable",
            Permission::ManageClients,
            disable,
        )
        .post(
            "/admin/api/clients/{client_id}/enable",
            Permission::ManageClients,
            enable,
        )
}

/// A client, as the API shows it. What of it can be changed is what `PUT` takes.
#[derive(Debug, Serialize)]
struct ClientJson {
    client_id: String,
    #[serde(flatten)]
    settings: ClientSettings,
    state: &'static str,
    /// Who vouches for it.
    origin: &'static str,
    created_at: String,
    updated_at: String,
    /// Until when the secret before the present one is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    former_secret_expires_at: Option<String>,
    /// Shown once, when the server made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl From<Client> for ClientJson {
    fn from(client: Client) -> Self {
        Self {
            client_id: client.client_id.as_str().to_owned(),
            settings: client.settings,
            state: client.state.as_str(),
            origin: client.origin.as_str(),
            created_at: client.created_at.rfc3339(),
            updated_at: client.updated_at.rfc3339(),
            former_secret_expires_at: client
                .former_secret
                .map(|former| former.expires_at.rfc3339()),
            client_secret: None,
        }
    }
}

impl From<Registered> for ClientJson {
    fn from(registered: Registered) -> Self {
        let secret = registered
            .generated_secret
            .map(|secret| secret.expose().clone());
        Self {
            client_secret: secret,
            ..registered.client.into()
        }
    }
}

/// What `PUT` takes: the metadata, and what `GET` shows beside it, so that what was read can be changed and sent back.
#[derive(Debug)]
struct Replacement(NewClient);

/// Members of [`ClientJson`] that no request changes.
const READ_ONLY: [&str; 5] = [
    "state",
    "origin",
    "created_at",
    "updated_at",
    "former_secret_expires_at",
];

impl<'de> Deserialize<'de> for Replacement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = serde_json::Map::deserialize(deserializer)?;
        members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        NewClient::deserialize(Value::Object(members))
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

async fn list(
    State(app): State<Arc<App>>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Page<ClientJson>>, Problem> {
    let after = page.after.as_deref().map(parse_id).transpose()?;
    let mut conn = app.db.read().await?;
    let found = client::list(&mut conn, after.as_ref(), page.limit() + 1).await?;
    let found = found.into_iter().map(ClientJson::from).collect();
    Ok(Json(Page::cut(found, page.limit(), |client| {
        client.client_id.clone()
    })))
}

async fn register(
    State(app): State<Arc<App>>,
    admin: Inside,
    Body(mut new): Body<NewClient>,
) -> Result<Response, Problem> {
    require_power_to_make(&app, &admin, &new).await?;
    sector::verify(&app, new.client_id.clone().as_deref(), &mut new).await?;
    let mut tx = app.db.write().await?;
    let registered = client::register(&mut tx, &app.sealer, &new, admin.now).await?;
    tx.commit().await?;
    let location = [(
        LOCATION,
        format!(
            "{}{CLIENTS}/{}",
            app.config.path(),
            registered.client.client_id.as_str()
        ),
    )];
    Ok((
        StatusCode::CREATED,
        location,
        Json(ClientJson::from(registered)),
    )
        .into_response())
}

async fn read(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<ClientJson>, Problem> {
    let id = parse_id(&id)?;
    let mut conn = app.db.read().await?;
    Ok(Json(client::get(&mut conn, &id).await?.into()))
}

/// The body is the whole of the client's metadata: an absent field has its default. The secret stays unless the body gives one.
async fn replace(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    Body(Replacement(mut new)): Body<Replacement>,
) -> Result<Json<ClientJson>, Problem> {
    let id = parse_id(&id)?;
    if new
        .client_id
        .as_deref()
        .is_some_and(|named| named != id.as_str())
    {
        let advice = "`client_id`: must be the one in the path, or absent; an id never changes";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, advice));
    }
    require_power_over(&app, &admin, &id).await?;
    require_power_to_make(&app, &admin, &new).await?;
    sector::verify(&app, Some(id.as_str()), &mut new).await?;
    let mut tx = app.db.write().await?;
    let updated = client::update(&mut tx, &app.sealer, (&id, &new), admin.now).await?;
    let client = client::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(Registered { client, ..updated }.into()))
}

/// What a rotation takes; the body may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotation {
    /// How long the old secret stays good, in seconds; 0 when absent: it ends at once.
    overlap_seconds: i64,
}

async fn rotate_secret(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Result<Json<ClientJson>, Problem> {
    let id = parse_id(&id)?;
    require_power_over(&app, &admin, &id).await?;
    let wanted = (&id, Seconds::new(rotation.overlap_seconds));
    let mut tx = app.db.write().await?;
    let secret = client::rotate_secret(&mut tx, &app.sealer, wanted, admin.now).await?;
    let rotated = client::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(ClientJson {
        client_secret: Some(secret.expose().clone()),
        ..rotated.into()
    }))
}

async fn end_former_secret(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<ClientJson>, Problem> {
    let id = parse_id(&id)?;
    require_power_over(&app, &admin, &id).await?;
    let mut tx = app.db.write().await?;
    client::end_former_secret(&mut tx, &id, admin.now).await?;
    let ended = client::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(ended.into()))
}

async fn disable(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<ClientJson>, Problem> {
    set_state(&app, &admin, &id, ClientState::Disabled).await
}

async fn enable(
    State(app): State<Arc<App>>,
    admin: Inside,
    Path(id): Path<String>,
) -> Result<Json<ClientJson>, Problem> {
    set_state(&app, &admin, &id, ClientState::Active).await
}

async fn set_state(
    app: &App,
    admin: &Admin,
    id: &str,
    state: ClientState,
) -> Result<Json<ClientJson>, Problem> {
    let id = parse_id(id)?;
    require_power_over(app, admin, &id).await?;
    let mut tx = app.db.write().await?;
    client::set_state(&mut tx, &id, state, admin.now).await?;
    let changed = client::get(&mut tx, &id).await?;
    tx.commit().await?;
    Ok(Json(changed.into()))
}

/// Whoever decides where the codes of such a client go, or holds its secret, has what administrators let it do: a client with
/// a role, or one that may act for administrators, takes the power to give roles (SECURITY row 42).
async fn require_power_over(app: &App, admin: &Admin, id: &ClientId) -> Result<(), Problem> {
    let subject = format!("client:{}", id.as_str());
    admin.require_power_over(app, &subject).await?;
    let found = client::get(&mut app.db.read().await?, id).await?;
    if found.settings.scope.contains(TESSERA_ADMIN) && !admin.is_wholly(&subject) {
        return admin.require(app, Permission::ManageRoles).await;
    }
    Ok(())
}

/// The same for what a client is to become.
async fn require_power_to_make(app: &App, admin: &Admin, new: &NewClient) -> Result<(), Problem> {
    let scope = new.scope.as_deref().unwrap_or_default();
    if scope.split_whitespace().any(|one| one == TESSERA_ADMIN) {
        return admin.require(app, Permission::ManageRoles).await;
    }
    Ok(())
}

/// An id in a path. One that is an address stands there as `~` and its base64url form, since a path holds no slash.
fn parse_id(text: &str) -> Result<ClientId, Problem> {
    let address = text
        .strip_prefix('~')
        .and_then(from_base64url)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|address| ClientId::parse(&address).ok())
        .filter(ClientId::is_document);
    if let Some(address) = address {
        return Ok(address);
    }
    ClientId::parse(text).map_err(|error| Problem::new(StatusCode::NOT_FOUND, error.to_string()))
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        let status = match error {
            ClientError::Invalid(_) | ClientError::Overlap => StatusCode::UNPROCESSABLE_ENTITY,
            ClientError::Taken(_) | ClientError::Public(_) | ClientError::NoSecret(_) => {
                StatusCode::CONFLICT
            }
            ClientError::NotFound(_) => StatusCode::NOT_FOUND,
            ClientError::Seal(_) => return Self::internal(&error),
            ClientError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}
