//! A device code for tokens (RFC 8628 section 3.4): once, by the client that it was issued to, after a person approved.
//!
//! Each poll is noted in the statement that looks at the row, and an approval is taken by one conditional statement: of any
//! number of parallel polls one gets tokens, and the others learn that they were late.

use super::{TokenRequest, polled};
use crate::app::App;
use crate::base::secret::TokenKind;
use crate::oauth::error::OAuthError;
use crate::oauth::issue::TokenResponse;
use crate::oauth::protocol::client::GrantType;
use crate::oauth::protocol::polling::{Answer, decide};
use crate::store::device_authorizations;

/// The parameter that the client polls with.
const PARAMETER: &str = "device_code";

/// Answers one poll.
pub(super) async fn exchange(
    app: &App,
    request: &TokenRequest<'_>,
) -> Result<TokenResponse, OAuthError> {
    let unknown = || {
        OAuthError::invalid_grant(format!(
            "`{PARAMETER}` is unknown or another client's; begin again"
        ))
    };
    let hash = TokenKind::DeviceCode
        .hash(request.params.require(PARAMETER)?)
        .ok_or_else(unknown)?;
    let (client_id, now) = (request.client.client_id.as_str(), request.now);
    let mut tx = app.db.write().await?;
    let polled = device_authorizations::poll(&mut tx, &hash, client_id, now)
        .await?
        .ok_or_else(unknown)?;
    if let Some(fault) = decide(polled.poll, now).fault(PARAMETER) {
        tx.commit().await?;
        return Err(fault.into());
    }
    match device_authorizations::redeem(&mut tx, &polled.id, now).await? {
        Some(approval) => polled::issue(app, tx, request, (GrantType::DeviceCode, approval)).await,
        // The row is locked since the poll was noted; were it not, another poll was faster.
        None => Err(Answer::Spent
            .fault(PARAMETER)
            .map_or_else(unknown, Into::into)),
    }
}
