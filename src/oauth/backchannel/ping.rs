//! The ping (OpenID Connect CIBA Core 1.0 section 10.2): the client is told that there is a decision, not which one. It goes through the
//! outbox, so that one which fails is sent again; a client may poll as well.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::id::BackchannelId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::events::outbox::{self, Letter};
use crate::oauth::protocol::client::{Client, ClientId};
use crate::store::seal::{Place, SealError, Sealer};
use crate::store::{Conn, StoreError, Tx, backchannel_requests, clients};

/// What a ping carries.
#[derive(Serialize, Deserialize)]
struct Sealed {
    auth_req_id: String,
    token: String,
}

/// Why a ping could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the ping carries does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What the ping carries is not what was sealed.
    #[error("what the ping carries is not what was sealed: {0}")]
    Content(#[from] serde_json::Error),
    /// A stored address cannot be called.
    #[error("the ping is no request: {0}")]
    Request(#[from] http::Error),
}

/// Seals what the ping of a request will carry.
pub(super) fn seal(
    sealer: &Sealer,
    id: &BackchannelId,
    (auth_req_id, token): (&Secret<String>, &Secret<String>),
) -> Result<String, SealError> {
    let content =
        serde_json::json!({ "auth_req_id": auth_req_id.expose(), "token": token.expose() });
    sealer.seal(place(id), content.to_string().as_bytes())
}

/// Has the client told of the decision once the transaction has committed, if it is still registered for that.
pub(super) async fn post(
    tx: &mut Tx,
    id: &BackchannelId,
    client_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(client) = active(tx, client_id).await? else {
        return Ok(());
    };
    let Some(endpoint) = client.settings.metadata.ciba.pinged_at() else {
        return Ok(());
    };
    let letter = Letter::BackchannelPing {
        client_id: client_id.to_owned(),
        request_id: id.clone(),
    };
    outbox::post(tx, &letter, endpoint.as_str(), now).await?;
    Ok(())
}

/// The ping, to where the client is registered now; `None` when there is nobody to tell, or nothing to come for any more.
pub async fn request(
    app: &App,
    client_id: &str,
    id: &BackchannelId,
) -> Result<Option<Request<Vec<u8>>>, PingError> {
    let mut conn = app.db.read().await?;
    let Some(client) = active(&mut conn, client_id).await? else {
        return Ok(None);
    };
    let Some(endpoint) = client.settings.metadata.ciba.pinged_at() else {
        return Ok(None);
    };
    let now = app.clock.now();
    let Some(sealed) = backchannel_requests::find_ping(&mut conn, id, now).await? else {
        return Ok(None);
    };
    let content: Sealed = serde_json::from_slice(&app.sealer.open_sealed(place(id), &sealed)?)?;
    let body = serde_json::json!({ "auth_req_id": content.auth_req_id });
    let request = Request::post(endpoint.as_str())
        .header(AUTHORIZATION, format!("Bearer {}", content.token))
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())?;
    Ok(Some(request))
}

async fn active(conn: &mut Conn, client_id: &str) -> Result<Option<Client>, StoreError> {
    let client_id = ClientId::parse(client_id)
        .map_err(|error| StoreError::corrupt("backchannel_requests.client_id", &error))?;
    let client = clients::find(conn, &client_id).await?;
    Ok(client.filter(Client::is_active))
}

fn place(id: &BackchannelId) -> Place<'_> {
    Place {
        table: "backchannel_requests",
        column: "sealed_ping",
        row: id.as_str(),
    }
}
