//! `GET|PUT|DELETE /register/{client_id}`: a client looks after its own registration (RFC 7592).
//!
//! `PUT` replaces everything: a member that is left out has its default, and what `GET` shows can be sent back as it is. The token stays the same: an
//! answer that is lost must not lock a client out of its registration. What it must not do to itself (its origin, its state, being asked about)
//! is not in its hands.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::answer::{self, Issued, RegisterError};
use super::{Members, bearer, request, statement, terms};
use crate::app::App;
use crate::base::secret::{Secret, TokenKind};
use crate::oauth::client;
use crate::oauth::client_secret;
use crate::oauth::protocol::client::{Client, ClientId};
use crate::oauth::protocol::error::{ErrorCode, Fault};
use crate::oauth::sector;
use crate::store::{clients, registration_access_tokens};

/// Shows the registration.
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RegisterError> {
    let (client, token) = owner(&app, &id, &headers).await?;
    let issued = Issued {
        token,
        secret: None,
    };
    answer::client(&app, StatusCode::OK, &client, &issued)
}

/// Replaces the registration.
pub async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    members: Result<Members, RegisterError>,
) -> Result<Response, RegisterError> {
    let (before, token) = owner(&app, &id, &headers).await?;
    let Members(members) = members?;
    check_identity(&app, &before, &members)?;
    let now = app.clock.now();
    let kept = before
        .settings
        .metadata
        .software
        .software_statement
        .as_deref();
    let (members, statement) = statement::apply(&app, members, kept, now).await?;
    let mut new = request::read(members, &terms(&app, before.origin))?;
    new.software_statement = statement;
    sector::verify(&app, Some(before.client_id.as_str()), &mut new).await?;
    let mut tx = app.db.write().await?;
    let updated = client::update(&mut tx, &app.sealer, (&before.client_id, &new), now).await?;
    tx.commit().await?;
    let issued = Issued {
        token,
        secret: updated.generated_secret.as_ref(),
    };
    answer::client(&app, StatusCode::OK, &updated.client, &issued)
}

/// Forgets the client and everything that it was given.
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RegisterError> {
    let (client, _) = owner(&app, &id, &headers).await?;
    let mut tx = app.db.write().await?;
    client::delete_registered(&mut tx, &client.client_id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The client whose registration access token this request brings, and the token.
async fn owner<'h>(
    app: &App,
    id: &str,
    headers: &'h HeaderMap,
) -> Result<(Client, &'h str), RegisterError> {
    let token = bearer(headers).ok_or(RegisterError::Token)?;
    let hash = TokenKind::RegistrationAccessToken
        .hash(token)
        .ok_or(RegisterError::Token)?;
    let id = ClientId::parse(id).map_err(|_| RegisterError::Token)?;
    let mut conn = app.db.read().await?;
    if !registration_access_tokens::is_of(&mut conn, &id, &hash).await? {
        return Err(RegisterError::Token);
    }
    let client = clients::find(&mut conn, &id).await?;
    Ok((client.ok_or(RegisterError::Token)?, token))
}

/// What a request must say of the client as it is (RFC 7592 section 2.2): its id, and no other secret than its own.
fn check_identity(
    app: &App,
    client: &Client,
    members: &Map<String, Value>,
) -> Result<(), RegisterError> {
    let refused = |description: &str| -> RegisterError {
        Fault::new(ErrorCode::InvalidClientMetadata, description).into()
    };
    if members.get("client_id").and_then(Value::as_str) != Some(client.client_id.as_str()) {
        return Err(refused(
            "client_id: must be the one of this registration; an id never changes",
        ));
    }
    let secret = members
        .get("client_secret")
        .filter(|value| !value.is_null());
    let is_own = |secret: &Value| {
        let secret = secret.as_str().map(|text| Secret::new(text.to_owned()));
        secret.is_some_and(|secret| client_secret::is_current(&app.sealer, client, &secret))
    };
    if secret.is_some_and(|secret| !is_own(secret)) {
        return Err(refused(
            "client_secret: must be the present one, or absent; the server makes secrets",
        ));
    }
    Ok(())
}
