//! A code for tokens (RFC 6749 section 4.1.3): once, within a minute, by the client it was issued to.
//!
//! One conditional statement redeems the code, so of any number of parallel requests one gets tokens. What does not consume a
//! code: an expired one, and anybody but its client, who may neither burn it nor learn that it exists. What does: a wrong
//! verifier or redirect URI from its client, because that is a guess (or an injected code), and there is no second guess. A code that its client
//! presents again revokes everything that came from it (RFC 9700 section 4.5): the revocation is committed before the error is answered.

use super::{TokenRequest, narrowed};
use crate::app::App;
use crate::base::id::GrantId;
use crate::base::secret::{Secret, TokenHash, TokenKind};
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Entitlement, TokenResponse};
use crate::oauth::protocol::client::{AuthMethod, GrantType};
use crate::oauth::protocol::dpop::Thumbprint;
use crate::oauth::protocol::error::Fault;
use crate::oauth::protocol::pkce;
use crate::oauth::protocol::refresh_token::{RefreshToken, TAG_KEY_PURPOSE};
use crate::store::authorization_codes::{self, Code};
use crate::store::grants::{self, Grant, Standing};
use crate::store::{Tx, refresh_families};

/// The first generation of a refresh family.
const FIRST_GENERATION: i64 = 1;

/// Exchanges the code.
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
    let invalid = || {
        OAuthError::invalid_grant(
            "the code is unknown, expired, used or another client's; start the authorization again",
        )
    };
    let presented = params.require("code")?;
    let hash = TokenKind::AuthorizationCode
        .hash(presented)
        .ok_or_else(invalid)?;
    let client_id = client.client_id.as_str();
    let mut tx = app.db.write().await?;
    let Some(code) = authorization_codes::redeem(&mut tx, &hash, client_id, now).await? else {
        revoke_if_replayed(tx, &hash, client_id, now).await?;
        return Err(invalid());
    };
    if let Err(fault) = check(&code, request) {
        tx.commit().await?;
        return Err(fault.into());
    }
    let Some(mut grant) = live_grant(&mut tx, &code.grant_id, now).await? else {
        tx.commit().await?;
        return Err(invalid());
    };
    let scope = grant.scope.intersection(&client.settings.scope);
    let (audience, details) = match narrowed(app, &mut tx, request, (&grant, &scope)).await {
        Ok(narrowed) => narrowed,
        Err(OAuthError::Fault(fault)) => {
            tx.commit().await?;
            return Err(fault.into());
        }
        Err(error) => return Err(error),
    };
    let refresh_token = if client.may_use(GrantType::RefreshToken) {
        bind_family(&mut tx, &mut grant, request).await?;
        Some(begin_family(app, &mut tx, &grant, now).await?)
    } else {
        None
    };
    let event = Event::CodeRedeemed {
        grant_id: grant.id.clone(),
        client_id: client_id.to_owned(),
    };
    events::record(&mut tx, &event, now).await?;
    tx.commit().await?;
    // Kept whole: another refresh may narrow otherwise.
    grant.details.authorization_details = details;
    let entitlement = Entitlement {
        scope,
        grant: &grant,
        audience,
        nonce: code.nonce,
        refresh_token,
        confirmation: request.confirmation.clone(),
    };
    issue::for_person(app, client, entitlement, now).await
}

/// The grant, if its tokens are good.
pub(super) async fn live_grant(
    tx: &mut Tx,
    id: &GrantId,
    now: Timestamp,
) -> Result<Option<Grant>, OAuthError> {
    Ok(grants::find(tx, id, now)
        .await?
        .filter(|found| found.standing == Standing::Live)
        .map(|found| found.grant))
}

/// RFC 6749 section 4.1.3, RFC 7636 section 4.6 and RFC 9449 section 10.
fn check(code: &Code, request: &TokenRequest<'_>) -> Result<(), Fault> {
    let params = request.params;
    let proved = request.confirmation.as_ref();
    let proved = proved.and_then(|proved| proved.jkt.as_deref());
    if code.dpop_jkt.is_some() && code.dpop_jkt.as_ref().map(Thumbprint::as_str) != proved {
        return Err(Fault::invalid_grant(
            "the code is bound to a key by `dpop_jkt`; send a DPoP proof made with it",
        ));
    }
    match params.get("redirect_uri") {
        None if code.redirect_uri_sent => {
            return Err(Fault::invalid_grant(
                "`redirect_uri` is missing; send the one of the authorization request",
            ));
        }
        Some(presented) if presented != code.redirect_uri => {
            return Err(Fault::invalid_grant(
                "`redirect_uri` is not the one of the authorization request",
            ));
        }
        Some(_) | None => {}
    }
    pkce::verify(code.code_challenge.as_ref(), params.get("code_verifier"))
        .map_err(Fault::invalid_grant)
}

/// A public client's refresh tokens belong to the key that it proved: nothing else keeps them from a thief (RFC 9449 section 5). A confidential
/// client authenticates, and may take another key.
async fn bind_family(
    tx: &mut Tx,
    grant: &mut Grant,
    request: &TokenRequest<'_>,
) -> Result<(), OAuthError> {
    let is_public = request.client.settings.token_endpoint_auth_method == AuthMethod::None;
    if is_public && request.confirmation.is_some() {
        grant
            .details
            .refresh_bound_to
            .clone_from(&request.confirmation);
        grants::set_details(tx, grant).await?;
    }
    Ok(())
}

/// The first refresh token of a grant.
pub(super) async fn begin_family(
    app: &App,
    tx: &mut Tx,
    grant: &Grant,
    now: Timestamp,
) -> Result<Secret<String>, OAuthError> {
    let unfit = || OAuthError::Inconsistent("the grant's id has no binary form");
    let token = RefreshToken::generate(&grant.id, FIRST_GENERATION).ok_or_else(unfit)?;
    let text = token
        .text(&app.sealer.derive_mac_key(TAG_KEY_PURPOSE))
        .ok_or_else(unfit)?;
    let expires_at = now.plus(app.config.tokens.refresh_token_ttl_seconds);
    let head = (FIRST_GENERATION, &token.hash());
    refresh_families::insert(tx, &grant.id, head, now, expires_at).await?;
    Ok(text)
}

/// A second use by the code's client revokes the grant, and commits that.
async fn revoke_if_replayed(
    mut tx: Tx,
    hash: &TokenHash,
    client_id: &str,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let Some(grant_id) = authorization_codes::find_redeemed(&mut tx, hash, client_id).await? else {
        return Ok(());
    };
    if grants::revoke(&mut tx, &grant_id, "code_replayed", now).await? {
        let event = Event::CodeReplayed {
            grant_id,
            client_id: client_id.to_owned(),
        };
        events::record(&mut tx, &event, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
