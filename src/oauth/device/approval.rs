//! What the page `/device` does: a code is opened for one sign-in, and decided in it.
//!
//! A code has only 34 bits, so guesses are counted before they are looked up, by person and by network; an unknown code, an
//! expired one, one that was decided and one that another sign-in opened are one answer (SECURITY row 35).

use std::net::IpAddr;

use aws_lc_rs::hmac;

use crate::app::App;
use crate::base::encoding::base64url;
use crate::base::id::DeviceId;
use crate::base::time::{Seconds, Timestamp};
use crate::events::{self, Event};
use crate::identity::session::SignIn;
use crate::identity::throttle::{self, Reservation};
use crate::oauth::authorization_details::{self, ShownDetail};
use crate::oauth::client::{self, ClientError};
use crate::oauth::duration::Duration;
use crate::oauth::protocol::authorization_details::AuthorizationDetails;
use crate::oauth::protocol::client::{About, ClientId, GrantType};
use crate::oauth::protocol::polling::Decision;
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::user_code::UserCode;
use crate::oauth::resource_server::{self, ShownResource};
use crate::store::polled::Decider;
use crate::store::seal::Sealer;
use crate::store::{StoreError, Tx, consents, device_authorizations};

/// The purpose of the MAC key for user codes.
const USER_CODE_KEY_PURPOSE: &str = "device user code";

/// A device's request, for the page.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// Its id, for the page's form: worth nothing without the sign-in that opened it.
    pub id: DeviceId,
    /// The client's name.
    pub client_name: String,
    /// Where people learn more of the client.
    pub about: About,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The services that the tokens are for; the issuer's own when there are none.
    pub resources: Vec<ShownResource>,
    /// And what beyond scopes.
    pub details: Vec<ShownDetail>,
    /// How long access lasts.
    pub duration: Duration,
    /// Where the device asked from.
    pub address: String,
    /// When.
    pub created_at: Timestamp,
}

/// What came of a code.
#[derive(Debug)]
pub enum Opened {
    /// The request that it stands for.
    Found(Box<DeviceRequest>),
    /// Nothing waits under it, for this sign-in.
    Unknown,
    /// Not even looked up: too many wrong codes.
    Wait(Seconds),
}

/// Opens the request of a code for a sign-in, from an address.
pub async fn open(
    app: &App,
    code: &UserCode,
    (sign_in, address): (&SignIn, IpAddr),
    now: Timestamp,
) -> Result<Opened, ClientError> {
    let buckets = throttle::code_buckets(&sign_in.user_id, address);
    if let Reservation::Wait(seconds) = throttle::reserve_code(&app.db, &buckets, now).await? {
        return Ok(Opened::Wait(seconds));
    }
    let mac = user_code_mac(&app.sealer, code);
    let mut tx = app.db.write().await?;
    let found = device_authorizations::claim(&mut tx, &mac, &sign_in.session_id, now).await?;
    let Some(row) = found else {
        return Ok(Opened::Unknown);
    };
    let client_id = ClientId::parse(&row.client_id)
        .map_err(|error| StoreError::corrupt("device_authorizations.client_id", &error))?;
    let client = client::get(&mut tx, &client_id).await?;
    let details = authorization_details::shown(&mut tx, &row.details.authorization_details).await?;
    let resources = resource_server::shown(&mut tx, &row.details.resources).await?;
    tx.commit().await?;
    throttle::abandoned(&app.db, &buckets).await?;
    Ok(Opened::Found(Box::new(DeviceRequest {
        id: row.id,
        duration: Duration::of(&client, &row.scope, &app.config.tokens),
        details,
        client_name: client.settings.client_name,
        about: client.settings.metadata.about,
        scopes: row.scope.iter().map(str::to_owned).collect(),
        resources,
        address: row.address,
        created_at: row.created_at,
    })))
}

/// Notes what the person decided; `false` when the request is not open to this sign-in any more. The approval is the consent:
/// it is remembered as one of the consent page is.
pub async fn decide(
    app: &App,
    id: &DeviceId,
    decision: Decision,
    sign_in: &SignIn,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = app.db.write().await?;
    let decided =
        device_authorizations::decide(&mut tx, id, decision, &decider(sign_in), now).await?;
    let Some(decided) = decided else {
        return Ok(false);
    };
    let request = Decided {
        client_id: &decided.client_id,
        scope: &decided.scope,
        details: &decided.details.authorization_details,
    };
    record(
        &mut tx,
        (GrantType::DeviceCode, decision),
        request,
        sign_in,
        now,
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Who decides, as it is stored.
pub(in crate::oauth) fn decider(sign_in: &SignIn) -> Decider {
    Decider {
        user_id: sign_in.user_id.clone(),
        session_id: sign_in.session_id.clone(),
        auth_time: sign_in.auth_time,
        amr: sign_in.amr(),
    }
}

/// A request that a client polls for, as it was decided.
#[derive(Clone, Copy, Debug)]
pub(in crate::oauth) struct Decided<'a> {
    /// The client.
    pub(in crate::oauth) client_id: &'a str,
    /// What it asked for.
    pub(in crate::oauth) scope: &'a ScopeSet,
    /// And what beyond scopes.
    pub(in crate::oauth) details: &'a AuthorizationDetails,
}

/// Records a decision on a request that a client polls for; a yes is a consent.
pub(in crate::oauth) async fn record(
    tx: &mut Tx,
    (grant_type, decision): (GrantType, Decision),
    request: Decided<'_>,
    sign_in: &SignIn,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Decided {
        client_id,
        scope,
        details,
    } = request;
    let event = Event::RequestDecided {
        user_id: sign_in.user_id.clone(),
        client_id: client_id.to_owned(),
        grant_type: grant_type.as_str(),
        decision: decision.state().as_str(),
    };
    events::record(tx, &event, now).await?;
    if decision == Decision::Deny {
        return Ok(());
    }
    consents::add(tx, &sign_in.user_id, client_id, scope, now).await?;
    authorization_details::agree(tx, (&sign_in.user_id, client_id), details, now).await?;
    let event = Event::ConsentGranted {
        user_id: sign_in.user_id.clone(),
        client_id: client_id.to_owned(),
        scope: scope.to_string(),
    };
    events::record(tx, &event, now).await
}

/// The stored form of a user code: a MAC under a key that is not in the database's reach.
pub(super) fn user_code_mac(sealer: &Sealer, code: &UserCode) -> String {
    let key = sealer.derive_mac_key(USER_CODE_KEY_PURPOSE);
    base64url(hmac::sign(&key, code.letters().as_bytes()).as_ref())
}
