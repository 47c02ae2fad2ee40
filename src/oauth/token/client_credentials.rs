//! The client acts as itself (RFC 6749 section 4.4). Its `sub` is its client id, which can never be a user's (RFC 9700 section 4.15).

use super::{TokenRequest, allowed_resources};
use crate::app::App;
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, TokenResponse};
use crate::oauth::protocol::authorization_details::{PARAMETER, invalid};
use crate::oauth::protocol::error::quoted;
use crate::oauth::protocol::resource;
use crate::oauth::protocol::scope::ScopeSet;

/// A token for the client: with the scopes it asks for, or all that mean something without a person.
pub(super) async fn exchange(
    app: &App,
    request: &TokenRequest<'_>,
) -> Result<TokenResponse, OAuthError> {
    let TokenRequest {
        client,
        params,
        now,
        ..
    } = *request;
    let allowed = client.settings.scope.clone().impersonal();
    let scope = match params.get("scope") {
        None => allowed,
        Some(text) => {
            let wanted = ScopeSet::parse(text).map_err(OAuthError::invalid_scope)?;
            if !wanted.is_subset(&allowed) {
                return Err(OAuthError::invalid_scope(format!(
                    "not all of {} is registered for this client without a person",
                    quoted(text)
                )));
            }
            wanted
        }
    };
    if params.get(PARAMETER).is_some() {
        return Err(invalid(
            "a client that acts as itself has nobody to agree to details; ask a person, or for scopes",
        )
        .into());
    }
    let audience = resource::of_client(params, allowed_resources(app, client))?;
    let bound = (scope, audience, request.confirmation.clone());
    issue::for_client(app, client, bound, now).await
}
