//! Tokens for a request that a person approved elsewhere: a device code (RFC 8628 section 3.4), or an `auth_req_id` (OpenID Connect
//! CIBA Core 1.0 section 10.1; in the mode ping too, where the client is told when to come). Once, by the client that asked.
//!
//! Each poll is noted in the statement that looks at the row, and an approval is taken by one conditional statement: of any
//! number of parallel polls one gets tokens, and the others learn that they were late.

use super::authorization_code::{begin_family, live_grant};
use super::{TokenRequest, narrowed};
use crate::app::App;
use crate::base::id::GrantId;
use crate::base::secret::{TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Entitlement, TokenResponse};
use crate::oauth::protocol::client::{AuthMethod, GrantType};
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::polling::{Answer, Approval, decide};
use crate::oauth::subject::{pairwise, pairwise_sid};
use crate::store::grants::{self, Grant};
use crate::store::polled::Polled;
use crate::store::{StoreError, Tx, backchannel_requests, device_authorizations};

/// What a client polls with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polls {
    /// A device code.
    Device,
    /// An `auth_req_id`.
    Backchannel,
}

impl Polls {
    const fn grant_type(self) -> GrantType {
        match self {
            Self::Device => GrantType::DeviceCode,
            Self::Backchannel => GrantType::Ciba,
        }
    }

    /// The parameter, and the kind of secret in it.
    const fn parameter(self) -> (&'static str, TokenKind) {
        match self {
            Self::Device => ("device_code", TokenKind::DeviceCode),
            Self::Backchannel => ("auth_req_id", TokenKind::AuthReqId),
        }
    }

    async fn poll(
        self,
        tx: &mut Tx,
        hash: &TokenHash,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Option<Polled>, StoreError> {
        match self {
            Self::Device => device_authorizations::poll(tx, hash, client_id, now).await,
            Self::Backchannel => backchannel_requests::poll(tx, hash, client_id, now).await,
        }
    }

    async fn redeem(
        self,
        tx: &mut Tx,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Approval>, StoreError> {
        match self {
            Self::Device => device_authorizations::redeem(tx, id, now).await,
            Self::Backchannel => backchannel_requests::redeem(tx, id, now).await,
        }
    }
}

/// Answers one poll.
pub(super) async fn exchange(
    app: &App,
    request: &TokenRequest<'_>,
    polls: Polls,
) -> Result<TokenResponse, OAuthError> {
    let (parameter, kind) = polls.parameter();
    let unknown = || {
        OAuthError::invalid_grant(format!(
            "`{parameter}` is unknown or another client's; begin again"
        ))
    };
    let hash = kind
        .hash(request.params.require(parameter)?)
        .ok_or_else(unknown)?;
    let (client_id, now) = (request.client.client_id.as_str(), request.now);
    let mut tx = app.db.write().await?;
    let polled = polls
        .poll(&mut tx, &hash, client_id, now)
        .await?
        .ok_or_else(unknown)?;
    if let Some(fault) = decide(polled.poll, now).fault(parameter) {
        tx.commit().await?;
        return Err(fault.into());
    }
    match polls.redeem(&mut tx, &polled.id, now).await? {
        Some(approval) => issue(app, tx, request, (polls.grant_type(), approval)).await,
        // The row is locked since the poll was noted; were it not, another poll was faster.
        None => Err(Answer::Spent
            .fault(parameter)
            .map_or_else(unknown, Into::into)),
    }
}

/// Makes the grant of an approval that this transaction took, and its tokens.
///
/// The approval stays taken when the person was locked, or the sign-in ended, since it was given.
async fn issue(
    app: &App,
    mut tx: Tx,
    request: &TokenRequest<'_>,
    (grant_type, approval): (GrantType, Approval),
) -> Result<TokenResponse, OAuthError> {
    // A fault leaves the approval: nothing is committed yet.
    let mut grant = grant_of(app, request, approval);
    let (audience, details) = narrowed(app, &mut tx, request, (&grant, &grant.scope)).await?;
    let now = request.now;
    let live = grants::insert(&mut tx, &grant).await?
        && live_grant(&mut tx, &grant.id, now).await?.is_some();
    if !live {
        tx.commit().await?;
        return Err(OAuthError::invalid_grant(
            "the approval does not stand any more; begin again",
        ));
    }
    let refresh_token = if request.client.may_use(GrantType::RefreshToken) {
        Some(begin_family(app, &mut tx, &grant, now).await?)
    } else {
        None
    };
    let event = Event::RequestRedeemed {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        grant_type: grant_type.as_str(),
    };
    events::record(&mut tx, &event, now).await?;
    tx.commit().await?;
    // For this access token; the grant keeps what was approved.
    grant.details.authorization_details = details;
    let entitlement = Entitlement {
        audience,
        scope: grant.scope.clone(),
        grant: &grant,
        nonce: None,
        refresh_token,
        confirmation: request.confirmation.clone(),
    };
    issue::for_person(app, request.client, entitlement, now).await
}

fn grant_of(app: &App, request: &TokenRequest<'_>, approval: Approval) -> Grant {
    let settings = &request.client.settings;
    let public = settings.token_endpoint_auth_method == AuthMethod::None;
    let subject = pairwise(&app.sealer, request.client, &approval.user_id);
    let name = (request.client.client_id.as_str(), &settings.metadata);
    let sid = pairwise_sid(&app.sealer, name, &approval.session_id);
    let types = &settings.metadata.details.authorization_details_types;
    let authorization_details = approval.details.authorization_details.of_types(types);
    Grant {
        id: GrantId::new(request.now),
        client_id: request.client.client_id.as_str().to_owned(),
        user_id: approval.user_id,
        session_id: approval.session_id,
        // The registration as it is now, not as it was when the request began (SECURITY row 9).
        scope: approval.scope.intersection(&settings.scope),
        auth_time: approval.auth_time,
        amr: approval.amr,
        details: GrantDetails {
            refresh_bound_to: request.confirmation.clone().filter(|_| public),
            subject,
            sid,
            authorization_details,
            ..approval.details
        },
        created_at: request.now,
    }
}
