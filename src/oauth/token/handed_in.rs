//! Tokens that are handed in to be exchanged (RFC 8693 section 2.1): everything that is asked of a token at its use, and of a person at
//! sign-in, is asked here: signature, `typ`, issuer, expiry, revocation, the standing of its grant (account, client, sign-in, and of
//! what that was made from), whom it was issued to or meant for, and possession of the key it is bound to.

use super::TokenRequest;
use crate::app::App;
use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::oauth::assertion_grant::{self, Vouched};
use crate::oauth::bearer::{self, Verified};
use crate::oauth::error::OAuthError;
use crate::oauth::issue;
use crate::oauth::mtls;
use crate::oauth::protocol::actor::{Actor, MayAct};
use crate::oauth::protocol::audience::Audience;
use crate::oauth::protocol::claims::{IdClaims, TokenType};
use crate::oauth::protocol::confirmation::Confirmation;
use crate::oauth::protocol::error::Fault;
use crate::oauth::protocol::jwt_bearer::Party;
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::token_exchange::{Given, TokenUri};
use crate::store::grants::{self, Grant, Standing};

/// A token that is good now.
#[derive(Debug)]
pub(super) struct HandedIn {
    /// Whose it is.
    pub party: Party,
    /// The client that it was issued to; none when an issuer vouched for the person.
    pub issued_to: Option<String>,
    /// Whom it is for.
    pub audience: Audience,
    /// Its scopes.
    pub scope: ScopeSet,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Who acts already.
    pub act: Option<Actor>,
    /// Who may come to act.
    pub may_act: Option<MayAct>,
    /// Its identifier.
    pub jti: Option<String>,
    /// The grant that it came from.
    pub grant: Option<Grant>,
    /// The issuer's word; used up with the exchange.
    pub vouched: Option<Vouched>,
}

/// The token, if it is good and who sends it holds its key.
pub(super) async fn read(
    app: &App,
    request: &TokenRequest<'_>,
    given: &Given<'_>,
) -> Result<HandedIn, OAuthError> {
    let found = match given.kind {
        TokenUri::AccessToken => access_token(app, request, given).await?,
        TokenUri::IdToken => id_token(app, request, given.token).await?,
        TokenUri::Jwt => match access_token(app, request, given).await? {
            Some(found) => Some(found),
            None => match id_token(app, request, given.token).await? {
                Some(found) => Some(found),
                None => Some(vouched(app, request, given.token).await?),
            },
        },
        TokenUri::RefreshToken => None,
    };
    found.ok_or_else(|| {
        Fault::invalid_request(format!(
            "`{}` is malformed, expired, revoked, of another type or of another issuer; get a new one",
            given.parameter
        ))
        .into()
    })
}

async fn access_token(
    app: &App,
    request: &TokenRequest<'_>,
    given: &Given<'_>,
) -> Result<Option<HandedIn>, OAuthError> {
    let Some(Verified { claims, grant }) = bearer::verify(app, given.token, request.now).await?
    else {
        return Ok(None);
    };
    check_possession(request, claims.cnf.as_ref(), given.parameter)?;
    let party = match &grant {
        Some(grant) => Party::User(grant.user_id.clone()),
        None => Party::Client(request.client.client_id.clone()),
    };
    if grant.is_none() && claims.client_id != request.client.client_id.as_str() {
        return Err(Fault::invalid_request(format!(
            "`{}` is another client's own; only a person's token is exchanged by others",
            given.parameter
        ))
        .into());
    }
    Ok(Some(HandedIn {
        party,
        expires_at: claims.expires_at(),
        issued_to: Some(claims.client_id),
        audience: claims.aud,
        scope: claims.scope,
        act: claims.act,
        may_act: claims.may_act,
        jti: Some(claims.jti),
        grant,
        vouched: None,
    }))
}

/// A bound token is worth nothing to who does not hold its key, here neither.
fn check_possession(
    request: &TokenRequest<'_>,
    bound_to: Option<&Confirmation>,
    parameter: &str,
) -> Result<(), Fault> {
    let of_proofs = Confirmation {
        jkt: bound_to.and_then(|bound_to| bound_to.jkt.clone()),
        x5t_s256: None,
    };
    if of_proofs.is_met_by(request.confirmation.as_ref()) && mtls::holds(bound_to) {
        return Ok(());
    }
    Err(Fault::invalid_request(format!(
        "`{parameter}` is bound to a key that the request does not prove; send a DPoP proof, or a certificate, of that key"
    )))
}

/// An ID token of this client's. It does not name its grant: it stands for the newest that its sign-in gave to this client.
async fn id_token(
    app: &App,
    request: &TokenRequest<'_>,
    token: &str,
) -> Result<Option<HandedIn>, OAuthError> {
    let TokenRequest { client, now, .. } = *request;
    let own = client.client_id.as_str();
    let claims: Option<IdClaims> = app.keys.verify(TokenType::IdToken, token, now).await?;
    let Some(claims) = claims.filter(|claims| {
        claims.iss == app.config.issuer
            && claims.aud == own
            && Timestamp::from_seconds(claims.exp) > now
    }) else {
        return Ok(None);
    };
    let Ok(user_id) = UserId::parse(&claims.sub) else {
        let advice = "the ID token names its person by a pairwise subject, and its sign-in likewise; \
                      hand in the access token that came with it";
        return Err(Fault::invalid_request(advice).into());
    };
    let mut conn = app.db.read().await?;
    let whose = (own, &user_id);
    let Some(id) = grants::newest_of_session(&mut conn, &claims.sid, whose).await? else {
        return Ok(None);
    };
    let found = grants::find(&mut conn, &id, now).await?;
    let live = found.filter(|found| found.standing == Standing::Live);
    Ok(live.map(|found| HandedIn {
        party: Party::User(user_id),
        issued_to: Some(claims.aud),
        audience: issue::audience_of(app, &found.grant.details.resources),
        scope: found.grant.scope.clone(),
        expires_at: Timestamp::from_seconds(claims.exp),
        act: None,
        may_act: None,
        jti: None,
        grant: Some(found.grant),
        vouched: None,
    }))
}

/// What a trusted issuer says, for us and for this client.
async fn vouched(
    app: &App,
    request: &TokenRequest<'_>,
    token: &str,
) -> Result<HandedIn, OAuthError> {
    let client = request.client;
    let vouched = assertion_grant::verify(app, client, token, request.now)
        .await
        .map_err(|refusal| refusal.into_error(|reason| Fault::invalid_request(reason).into()))?;
    Ok(HandedIn {
        party: vouched.party.clone(),
        issued_to: None,
        audience: app.config.issuer.clone().into(),
        scope: vouched.issuer.scope.clone(),
        expires_at: vouched.accepted.expires_at,
        act: None,
        may_act: vouched.accepted.may_act.clone(),
        jti: None,
        grant: None,
        vouched: Some(vouched),
    })
}
