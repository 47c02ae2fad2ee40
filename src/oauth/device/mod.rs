//! `POST /device_authorization` (RFC 8628 section 3.1): a device that has no browser asks for two codes, one to poll with and
//! one for a person to carry to `/device`. [`approval`] is what that page does.

pub mod approval;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;

use super::authorization_details;
use super::error::OAuthError;
use super::form::Form;
use super::protocol::authorization_details::AuthorizationDetails;
use super::protocol::authorize;
use super::protocol::client::{Client, GrantType};
use super::protocol::error::{ErrorCode, Fault};
use super::protocol::grant::GrantDetails;
use super::protocol::params::Params;
use super::protocol::polling::INTERVAL;
use super::protocol::resource::{self, Allowed};
use super::protocol::user_code::UserCode;
use super::respond::no_store;
use super::{client_auth, paths};
use crate::app::App;
use crate::base::id::DeviceId;
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::{Seconds, Timestamp};
use crate::http::ClientAddress;
use crate::identity::throttle::network_of;
use crate::store::device_authorizations::{self, NewDevice};

/// How long both codes live.
const CODES_TTL: Seconds = Seconds::new(600);
/// Requests of one network that may wait at once.
const WAITING_PER_NETWORK: u32 = 500;
/// How often another user code is drawn when one is taken: with eight letters the second draw is free.
const DRAWS: usize = 3;

/// What the device gets (RFC 8628 section 3.2).
#[derive(Debug, Serialize)]
struct DeviceResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: i64,
    interval: i64,
}

/// Answers a device.
pub async fn post(
    State(app): State<Arc<App>>,
    address: ClientAddress,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, OAuthError> {
    params.check_unrepeated()?;
    let client = client_auth::authenticate(&app, &headers, &params).await?;
    if !client.may_use(GrantType::DeviceCode) {
        return Err(Fault::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for the device grant",
        )
        .into());
    }
    let codes = begin(&app, &client, &params, address.0, app.clock.now()).await?;
    Ok(no_store(&codes))
}

async fn begin(
    app: &App,
    client: &Client,
    params: &Params,
    address: IpAddr,
    now: Timestamp,
) -> Result<DeviceResponse, OAuthError> {
    let scope = authorize::scope(params, client)?;
    let resources = resource::wanted(params, Allowed::of(client, &app.config.issuer))?;
    let types = &client.settings.metadata.details.authorization_details_types;
    let authorization_details = AuthorizationDetails::of_request(params, types)?;
    authorization_details::check(&app.db, &authorization_details).await??;
    let device_code = TokenKind::DeviceCode.generate();
    let mut new = NewDevice {
        id: DeviceId::new(now),
        device_code_hash: TokenHash::of(device_code.expose()),
        user_code_mac: String::new(),
        client_id: client.client_id.as_str().to_owned(),
        scope,
        details: GrantDetails {
            resources,
            authorization_details,
            ..GrantDetails::default()
        },
        address: address.to_string(),
        network: network_of(address),
        created_at: now,
        expires_at: now.plus(CODES_TTL),
    };
    let mut tx = app.db.write().await?;
    for _ in 0..DRAWS {
        let user_code = UserCode::generate();
        new.user_code_mac = approval::user_code_mac(&app.sealer, &user_code);
        if device_authorizations::insert(&mut tx, &new, WAITING_PER_NETWORK).await? {
            tx.commit().await?;
            let page = format!("{}{}", app.config.issuer, paths::DEVICE);
            return Ok(DeviceResponse {
                device_code: device_code.expose().clone(),
                verification_uri_complete: format!("{page}?user_code={user_code}"),
                verification_uri: page,
                user_code: user_code.to_string(),
                expires_in: CODES_TTL.get(),
                interval: INTERVAL.get(),
            });
        }
    }
    Err(Fault::new(
        ErrorCode::TemporarilyUnavailable,
        "too many requests from this network wait for a person; try again in some minutes",
    )
    .into())
}
