//! Tokens for a request that a person approved elsewhere: what the device grant and CIBA have in common.

use super::authorization_code::{begin_family, live_grant};
use super::{TokenRequest, narrowed};
use crate::app::App;
use crate::base::id::GrantId;
use crate::events::{self, Event};
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Entitlement, TokenResponse};
use crate::oauth::protocol::client::{AuthMethod, GrantType};
use crate::oauth::protocol::grant::GrantDetails;
use crate::oauth::protocol::polling::Approval;
use crate::oauth::subject::{pairwise, pairwise_sid};
use crate::store::Tx;
use crate::store::grants::{self, Grant};

/// Makes the grant of an approval that this transaction took, and its tokens.
///
/// The approval stays taken when the person was locked, or the sign-in ended, since it was given.
pub(super) async fn issue(
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
