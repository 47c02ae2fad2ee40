//! A person's token for another in the same name (RFC 8693): as the person (impersonation), or as somebody who acts for them (delegation).
//!
//! Who may do that for whom is a relation of the system store, asked fully consistently at every exchange. The new grant hangs on
//! those that it was made from: it ends with the sign-in, the account, the clients, and each of the tokens that were exchanged. There is
//! never a refresh token, and the new token outlives none of the old ones.

use super::authorization_code::live_grant;
use super::handed_in::{self, HandedIn};
use super::{TokenRequest, allowed_resources};
use crate::app::App;
use crate::base::id::{GrantId, SessionId, UserId};
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::oauth::access_token;
use crate::oauth::assertion_grant;
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Exchanged, TokenResponse};
use crate::oauth::protocol::actor::{ACTORS, Actor};
use crate::oauth::protocol::error::{ErrorCode, Fault};
use crate::oauth::protocol::grant::{GrantDetails, Origins};
use crate::oauth::protocol::jwt_bearer::Party;
use crate::oauth::protocol::scope::{OFFLINE_ACCESS, ScopeSet};
use crate::oauth::protocol::token_exchange::{
    Ask, Permit, expiry, is_meant_for, narrowed_scope, permit, targets,
};
use crate::oauth::subject::{pairwise, pairwise_sid};
use crate::policy::system::{self, ActingPermission};
use crate::store::Tx;
use crate::store::grants::{self, Grant};

/// Most grants that one may have been made from.
const ORIGINS: usize = 16;

/// Exchanges the token. A request that is refused although its tokens are good is recorded: it is where misuse of a token shows.
pub(super) async fn exchange(
    app: &App,
    request: &TokenRequest<'_>,
) -> Result<TokenResponse, OAuthError> {
    let ask = Ask::read(request.params)?;
    let subject = handed_in::read(app, request, &ask.subject).await?;
    let user_id = person(&subject)?;
    let actor = match &ask.actor {
        None => None,
        Some(given) => Some(handed_in::read(app, request, given).await?),
    };
    let about = (&subject, &user_id);
    let done = exchanged(app, request, about, (&ask, actor.as_ref())).await;
    if let Err(OAuthError::Fault(fault)) = &done {
        let event = denied(request, about, actor.as_ref(), fault);
        let mut tx = app.db.write().await?;
        events::record(&mut tx, &event, request.now).await?;
        tx.commit().await?;
    }
    done
}

/// Decides, and exchanges tokens that are good.
async fn exchanged(
    app: &App,
    request: &TokenRequest<'_>,
    (subject, user_id): (&HandedIn, &UserId),
    (ask, actor): (&Ask<'_>, Option<&HandedIn>),
) -> Result<TokenResponse, OAuthError> {
    let TokenRequest {
        client,
        params,
        now,
        ..
    } = *request;
    is_for_this_client(request, subject)?;
    if let Some(actor) = actor {
        is_an_actor(request, actor)?;
    }
    may(app, request, (subject, user_id), actor).await?;
    let scope = narrowed_scope(&subject.scope, &client.settings.scope, params.get("scope"))?;
    let audience = targets(params, &subject.audience, allowed_resources(app, client))?;
    let made_from: Vec<Timestamp> = std::iter::once(subject)
        .chain(actor)
        .map(|token| token.expires_at)
        .collect();
    let origins = origins(subject, actor)?;
    let grant = grant_of(app, request, (subject, user_id.clone()), &scope, origins);
    let mut tx = app.db.write().await?;
    access_token::check(app, &mut tx, client, (&audience, &scope)).await?;
    keep(&mut tx, request, &grant, subject).await?;
    let event = event_of(&grant, subject, actor);
    events::record(&mut tx, &event, now).await?;
    tx.commit().await?;
    let exchanged = Exchanged {
        grant: &grant,
        scope,
        audience,
        confirmation: request.confirmation.clone(),
        expires_at: expiry(now, app.config.tokens.access_token_ttl_seconds, &made_from),
        issued_token_type: Some(ask.wanted.as_str()),
    };
    issue::exchanged(app, client, exchanged, now).await
}

/// The person whose token it is.
fn person(subject: &HandedIn) -> Result<UserId, Fault> {
    match &subject.party {
        Party::User(user_id) => Ok(user_id.clone()),
        Party::Client(_) => Err(Fault::invalid_request(
            "`subject_token` is a client's own; only a person's token is exchanged",
        )),
    }
}

/// Refuses unless this client may hand the person's token in.
fn is_for_this_client(request: &TokenRequest<'_>, subject: &HandedIn) -> Result<(), Fault> {
    let meant = subject
        .issued_to
        .as_ref()
        // An issuer's word was held against the issuer's clients already.
        .is_none_or(|issued_to| is_meant_for(request.client, issued_to, &subject.audience));
    if meant {
        return Ok(());
    }
    Err(Fault::invalid_request(
        "`subject_token` was neither issued to this client nor is it for a service of its `subject_token_audiences`",
    ))
}

/// An actor's token must be this client's own: it says for whom the client sends the request.
fn is_an_actor(request: &TokenRequest<'_>, actor: &HandedIn) -> Result<(), Fault> {
    if actor.issued_to.as_deref() != Some(request.client.client_id.as_str()) {
        return Err(Fault::invalid_request(
            "`actor_token` was issued to another client; send a token of this client's own",
        ));
    }
    if actor.act.is_some() {
        return Err(Fault::invalid_request(
            "`actor_token` is itself of somebody who acts for another; send a token that the actor got directly",
        ));
    }
    Ok(())
}

fn subject_of(party: &Party) -> String {
    match party {
        Party::User(id) => format!("user:{id}"),
        Party::Client(id) => format!("client:{id}"),
    }
}

/// Refuses unless the actor may act for the person, or, without one, the client may take the person's place.
async fn may(
    app: &App,
    request: &TokenRequest<'_>,
    (subject, user_id): (&HandedIn, &UserId),
    actor: Option<&HandedIn>,
) -> Result<(), OAuthError> {
    let (party, permission, code) = match actor {
        Some(actor) => (
            actor.party.clone(),
            ActingPermission::ActFor,
            ErrorCode::AccessDenied,
        ),
        None => (
            Party::Client(request.client.client_id.clone()),
            ActingPermission::Impersonate,
            ErrorCode::UnauthorizedClient,
        ),
    };
    let name = match &party {
        Party::User(id) => id.as_str(),
        Party::Client(id) => id.as_str(),
    };
    let may_act = subject.may_act.as_ref();
    match permit(may_act, (name, actor.is_some()), &app.config.issuer)? {
        // Only our own tokens give: an issuer vouches for who somebody is, not for what others may do here.
        Permit::Given if subject.vouched.is_none() => return Ok(()),
        Permit::Given | Permit::Ask => {}
    }
    let who = subject_of(&party);
    if system::allows_acting(&app.policy, &who, (user_id, permission), request.now).await? {
        return Ok(());
    }
    Err(Fault::new(
        code,
        format!(
            "`{who}` lacks `{permission}` on `user:{user_id}`; an administrator can give `{}`",
            permission.right()
        ),
    )
    .into())
}

/// What the new grant hangs on, and who acts.
fn origins(subject: &HandedIn, actor: Option<&HandedIn>) -> Result<Origins, Fault> {
    let mut origins = Origins::default();
    for token in std::iter::once(subject).chain(actor) {
        let grant = token.grant.as_ref();
        origins.extend(&Origins {
            grants: grant.map(|grant| grant.id.clone()).into_iter().collect(),
            tokens: token.jti.clone().into_iter().collect(),
            act: None,
        });
        if let Some(former) = grant.and_then(|grant| grant.details.derived_from.as_ref()) {
            origins.extend(former);
        }
    }
    if origins.grants.len() > ORIGINS {
        return Err(Fault::invalid_request(
            "the tokens were exchanged too often; begin again with a token from a sign-in",
        ));
    }
    // Who acted before is never dropped: a token of somebody who acts does not become the person's own.
    origins.act = match actor {
        None => subject.act.clone(),
        Some(actor) => Some(next_actor(actor, subject.act.as_ref())?),
    };
    Ok(origins)
}

fn next_actor(actor: &HandedIn, former: Option<&Actor>) -> Result<Actor, Fault> {
    let (sub, client_id) = match &actor.party {
        Party::User(id) => (id.as_str().to_owned(), actor.issued_to.clone()),
        Party::Client(id) => (id.as_str().to_owned(), None),
    };
    let actor = Actor {
        sub,
        client_id,
        act: None,
    };
    actor.after(former).ok_or_else(|| {
        Fault::invalid_request(format!(
            "more than {ACTORS} would act for one another; begin again with a token from a sign-in"
        ))
    })
}

fn grant_of(
    app: &App,
    request: &TokenRequest<'_>,
    (subject, user_id): (&HandedIn, UserId),
    scope: &ScopeSet,
    origins: Origins,
) -> Grant {
    let TokenRequest { client, now, .. } = *request;
    let of = subject.grant.as_ref();
    let asserted_by = match &subject.vouched {
        Some(vouched) => Some(vouched.issuer.issuer.clone()),
        None => of.and_then(|of| of.details.asserted_by.clone()),
    };
    let made_at = subject
        .vouched
        .as_ref()
        .map_or(now, |vouched| vouched.accepted.issued_at);
    // It needs the sign-in to last as far as its origin does; its tokens never have the scope themselves.
    let session_id = of.map_or_else(|| SessionId::new(now), |of| of.session_id.clone());
    let name = (client.client_id.as_str(), &client.settings.metadata);
    let lasting = of.map_or_else(ScopeSet::default, |of| of.scope.only(OFFLINE_ACCESS));
    Grant {
        id: GrantId::new(now),
        client_id: client.client_id.as_str().to_owned(),
        scope: scope.union(&lasting),
        auth_time: of.map_or(made_at, |of| of.auth_time),
        amr: of.map_or_else(Vec::new, |of| of.amr.clone()),
        details: GrantDetails {
            derived_from: Some(origins),
            asserted_by,
            subject: pairwise(&app.sealer, client, &user_id),
            sid: pairwise_sid(&app.sealer, name, &session_id),
            ..GrantDetails::default()
        },
        user_id,
        session_id,
        created_at: now,
    }
}

/// Keeps the grant, if everything that it hangs on still stands, and uses up an issuer's word.
async fn keep(
    tx: &mut Tx,
    request: &TokenRequest<'_>,
    grant: &Grant,
    subject: &HandedIn,
) -> Result<(), OAuthError> {
    let TokenRequest { client, now, .. } = *request;
    if let Some(vouched) = &subject.vouched {
        assertion_grant::use_up(tx, vouched, client, now)
            .await
            .map_err(|refusal| {
                refusal.into_error(|reason| Fault::invalid_request(reason).into())
            })?;
    }
    let live = grants::insert(tx, grant).await? && live_grant(tx, &grant.id, now).await?.is_some();
    if live {
        return Ok(());
    }
    Err(Fault::invalid_request("the account or the sign-in does not stand any more").into())
}

fn event_of(grant: &Grant, subject: &HandedIn, actor: Option<&HandedIn>) -> Event {
    Event::TokenExchanged {
        grant_id: grant.id.clone(),
        client_id: grant.client_id.clone(),
        user_id: grant.user_id.clone(),
        actor: actor.map(|actor| subject_of(&actor.party)),
        subject_client_id: subject.issued_to.clone(),
    }
}

fn denied(
    request: &TokenRequest<'_>,
    (subject, user_id): (&HandedIn, &UserId),
    actor: Option<&HandedIn>,
    fault: &Fault,
) -> Event {
    // Descriptions of these two repeat what the client sent; an event keeps no text of unknown worth.
    let repeats = matches!(
        fault.code,
        ErrorCode::InvalidScope | ErrorCode::InvalidTarget
    );
    Event::TokenExchangeDenied {
        client_id: request.client.client_id.as_str().to_owned(),
        user_id: user_id.clone(),
        actor: actor.map(|actor| subject_of(&actor.party)),
        subject_client_id: subject.issued_to.clone(),
        error: fault.code.as_str(),
        reason: (!repeats).then(|| fault.description.clone()),
    }
}
