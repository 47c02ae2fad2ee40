//! The ping (OpenID Connect CIBA Core 1.0 section 10.2): the client is told that there is a decision, not which one. A ping that
//! is lost costs the client time, nothing else: it may poll as well.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::id::BackchannelId;
use crate::base::secret::Secret;
use crate::oauth::protocol::client::ClientId;
use crate::outbound::{Outbound, OutboundError};
use crate::store::seal::{Place, SealError, Sealer};
use crate::store::{StoreError, clients};

/// How long after a ping that failed the second and last one follows.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What a ping carries.
#[derive(Serialize, Deserialize)]
struct Sealed {
    auth_req_id: String,
    token: String,
}

/// Why a client was not told.
#[derive(Debug, thiserror::Error)]
enum PingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("what the ping carries is not what was sealed: {0}")]
    Content(#[from] serde_json::Error),
    #[error("the ping is no request: {0}")]
    Request(#[from] http::Error),
    #[error("the client answered {0}")]
    Refused(http::StatusCode),
}

impl PingError {
    /// Whether another try may fare better. Who refused the token, or sends us elsewhere, will do so again (section 10.2).
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(status) => status.is_server_error(),
            Self::Outbound(error) => !matches!(error, OutboundError::Refused { .. }),
            Self::Store(_) => true,
            Self::Seal(_) | Self::Content(_) | Self::Request(_) => false,
        }
    }
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

/// Tells the client in the background, after the decision was committed.
pub(super) fn tell(app: &Arc<App>, id: BackchannelId, client_id: String, sealed: String) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let Err(first) = send(&app, &id, &client_id, &sealed).await else {
            return;
        };
        if !first.may_pass() {
            tracing::warn!(error = %first, client_id, "a ping was refused; the client has to poll");
            return;
        }
        tracing::info!(error = %first, client_id, "a ping failed; it is sent once more");
        tokio::time::sleep(RETRY_AFTER).await;
        if let Err(error) = send(&app, &id, &client_id, &sealed).await {
            tracing::warn!(%error, client_id, "a ping failed; the client has to poll");
        }
    });
}

/// One ping, to where the client is registered now.
async fn send(
    app: &App,
    id: &BackchannelId,
    client_id: &str,
    sealed: &str,
) -> Result<(), PingError> {
    let client_id = ClientId::parse(client_id)
        .map_err(|error| StoreError::corrupt("backchannel_requests.client_id", &error))?;
    let client = clients::find(&mut app.db.read().await?, &client_id).await?;
    let client = client.filter(crate::oauth::protocol::client::Client::is_active);
    let Some(client) = client else {
        return Ok(());
    };
    let Some(endpoint) = client.settings.metadata.ciba.pinged_at() else {
        return Ok(());
    };
    let content: Sealed = serde_json::from_slice(&app.sealer.open_sealed(place(id), sealed)?)?;
    let body = serde_json::json!({ "auth_req_id": content.auth_req_id });
    let request = http::Request::post(endpoint.as_str())
        .header(AUTHORIZATION, format!("Bearer {}", content.token))
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())?;
    let answer = Outbound::new(&app.config.outbound_allowed)?
        .send(request)
        .await?;
    if answer.status.is_success() {
        Ok(())
    } else {
        Err(PingError::Refused(answer.status))
    }
}

fn place(id: &BackchannelId) -> Place<'_> {
    Place {
        table: "backchannel_requests",
        column: "sealed_ping",
        row: id.as_str(),
    }
}
