//! A refresh token for tokens (RFC 6749 section 6). What the presentation means is decided by
//! [`decide`](crate::oauth::protocol::refresh::decide); the arms of [`apply`] carry it out.
//!
//! Every change names the head that the decision was made on. When another request was faster, nothing changes and the decision is
//! made again on what is there now: at the second look the token is the previous one of a young head, which needs no change.

use aws_lc_rs::hmac;

use super::{TokenRequest, narrowed};
use crate::app::App;
use crate::base::id::GrantId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::events::{self, Event};
use crate::oauth::error::OAuthError;
use crate::oauth::issue::{self, Entitlement, TokenResponse};
use crate::oauth::protocol::client::{Client, ClientKind};
use crate::oauth::protocol::error::quoted;
use crate::oauth::protocol::params::Params;
use crate::oauth::protocol::refresh::{Decision, Presented, Windows, decide};
use crate::oauth::protocol::refresh_token::{RefreshToken, TAG_KEY_PURPOSE};
use crate::oauth::protocol::scope::ScopeSet;
use crate::store::grants::{self, Grant, Standing};
use crate::store::refresh_families::{self, FamilyRow, NewHead};
use crate::store::seal::{open_with, seal_with};
use crate::store::{StoreError, Tx};

/// Looks at a family before giving up: two suffice, see above.
const LOOKS: u32 = 4;

/// What one presentation came to.
enum Outcome {
    /// Answer with this refresh token; commit.
    Answer(Secret<String>),
    /// The family was revoked; commit, then refuse.
    Revoked,
    /// Another request changed the family meanwhile: look again.
    Overtaken,
}

/// Exchanges the refresh token.
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
    let tag_key = app.sealer.derive_mac_key(TAG_KEY_PURPOSE);
    let token =
        RefreshToken::parse(params.require("refresh_token")?, &tag_key).ok_or_else(invalid)?;
    let mut tx = app.db.write().await?;
    let mut grant = usable_grant(&mut tx, &token, request).await?;
    let scope = narrowed_scope(&grant.scope.intersection(&client.settings.scope), params)?;
    let (audience, details) = narrowed(app, &mut tx, request, (&grant, &scope)).await?;
    // For this access token; the grant keeps what it has.
    grant.details.authorization_details = details;
    let presentation = Presentation {
        token: &token,
        tag_key: &tag_key,
        windows: windows(app, client, &grant),
    };
    for _ in 0..LOOKS {
        let row = refresh_families::find(&mut tx, token.family())
            .await?
            .filter(|row| row.expires_at > now)
            .ok_or_else(invalid)?;
        match apply(&mut tx, &presentation, &row, now).await? {
            Outcome::Overtaken => {}
            Outcome::Revoked => {
                // INVARIANT: the revocation stands although the answer is an error (SECURITY row 20).
                tx.commit().await?;
                return Err(invalid());
            }
            Outcome::Answer(refresh_token) => {
                tx.commit().await?;
                let entitlement = Entitlement {
                    grant: &grant,
                    scope,
                    audience,
                    nonce: None,
                    refresh_token: Some(refresh_token),
                    confirmation: request.confirmation.clone(),
                };
                return issue::for_person(app, client, entitlement, now).await;
            }
        }
    }
    Err(StoreError::CommitFailed("the refresh family changed too often".to_owned()).into())
}

struct Presentation<'a> {
    token: &'a RefreshToken,
    tag_key: &'a hmac::Key,
    windows: Windows,
}

/// Carries out one row of the table.
async fn apply(
    tx: &mut Tx,
    presentation: &Presentation<'_>,
    row: &FamilyRow,
    now: Timestamp,
) -> Result<Outcome, OAuthError> {
    let token = presentation.token;
    let presented = Presented {
        generation: token.generation(),
        hash: token.hash(),
    };
    let family = &row.family;
    match decide(family, &presented, presentation.windows, now) {
        Decision::Rotate => {
            let next = Next::of(presentation, family.head_generation)?;
            if !refresh_families::rotate(tx, token.family(), family, next.head(), now).await? {
                return Ok(Outcome::Overtaken);
            }
            record(tx, next.rotated(token.family()), now).await?;
            Ok(Outcome::Answer(next.text))
        }
        Decision::KeepHead => {
            let arrived = family.head_presented
                || refresh_families::note_presented(tx, token.family(), family).await?;
            if !arrived {
                return Ok(Outcome::Overtaken);
            }
            let text = token.text(presentation.tag_key);
            Ok(Outcome::Answer(text.ok_or(UNFIT)?))
        }
        Decision::RepeatHead => Ok(Outcome::Answer(open_head(token, row)?)),
        Decision::Recover => {
            let next = Next::of(presentation, family.head_generation)?;
            if !refresh_families::recover(tx, token.family(), family, next.head(), now).await? {
                return Ok(Outcome::Overtaken);
            }
            record(tx, next.recovered(token.family()), now).await?;
            Ok(Outcome::Answer(next.text))
        }
        Decision::Replay => {
            grants::revoke(tx, token.family(), "refresh_replayed", now).await?;
            let event = Event::RefreshReplayed {
                grant_id: token.family().clone(),
                generation: token.generation(),
            };
            record(tx, event, now).await?;
            Ok(Outcome::Revoked)
        }
    }
}

/// A head in the making.
struct Next {
    generation: i64,
    hash: crate::base::secret::TokenHash,
    text: Secret<String>,
    sealed: String,
}

impl Next {
    /// The head after `generation`, sealed for who presented.
    fn of(presentation: &Presentation<'_>, generation: i64) -> Result<Self, OAuthError> {
        let presented = presentation.token;
        let generation = generation.saturating_add(1);
        let token = RefreshToken::generate(presented.family(), generation).ok_or(UNFIT)?;
        let text = token.text(presentation.tag_key).ok_or(UNFIT)?;
        let key = presented.successor_key().ok_or(UNFIT)?;
        let context = presented.family().as_str().as_bytes();
        let sealed = seal_with(key.expose(), context, text.expose().as_bytes()).ok_or(UNFIT)?;
        Ok(Self {
            generation,
            hash: token.hash(),
            text,
            sealed,
        })
    }

    fn head(&self) -> NewHead<'_> {
        NewHead {
            generation: self.generation,
            hash: &self.hash,
            sealed: &self.sealed,
        }
    }

    fn rotated(&self, family: &GrantId) -> Event {
        Event::RefreshRotated {
            grant_id: family.clone(),
            generation: self.generation,
        }
    }

    fn recovered(&self, family: &GrantId) -> Event {
        Event::RefreshRecovered {
            grant_id: family.clone(),
            generation: self.generation,
        }
    }
}

const UNFIT: OAuthError = OAuthError::Inconsistent("a token could not be made");

/// The head that was made for the presented token before.
fn open_head(presented: &RefreshToken, row: &FamilyRow) -> Result<Secret<String>, OAuthError> {
    let unreadable = || OAuthError::Inconsistent("the sealed head does not open");
    let key = presented.successor_key().ok_or_else(unreadable)?;
    let sealed = row.sealed_head.as_deref().ok_or_else(unreadable)?;
    let context = presented.family().as_str().as_bytes();
    let opened = open_with(key.expose(), context, sealed).ok_or_else(unreadable)?;
    let text = String::from_utf8(opened.to_vec()).map_err(|_| unreadable())?;
    Ok(Secret::new(text))
}

/// The token's grant, if this client may use it now, with the key it is bound to. A token that was revoked by logout and shown later is not theft, so
/// this comes before the decision and changes nothing.
async fn usable_grant(
    tx: &mut Tx,
    token: &RefreshToken,
    request: &TokenRequest<'_>,
) -> Result<Grant, OAuthError> {
    let TokenRequest { client, now, .. } = *request;
    let found = grants::find(tx, token.family(), now)
        .await?
        .filter(|found| found.grant.client_id == client.client_id.as_str())
        .ok_or_else(invalid)?;
    let bound_to = found.grant.details.refresh_bound_to.as_ref();
    if bound_to.is_some_and(|key| !key.is_met_by(request.confirmation.as_ref())) {
        return Err(OAuthError::invalid_grant(
            "the refresh token is bound to a key that the request does not prove; send a proof made with it",
        ));
    }
    match found.standing {
        Standing::Live => Ok(found.grant),
        Standing::Revoked
        | Standing::ClientDisabled
        | Standing::UserVoided
        | Standing::SessionEnded
        | Standing::OriginEnded => Err(invalid()),
    }
}

/// The scopes of the new access token: those asked for, within those granted (RFC 6749 section 6).
fn narrowed_scope(granted: &ScopeSet, params: &Params) -> Result<ScopeSet, OAuthError> {
    let Some(text) = params.get("scope") else {
        return Ok(granted.clone());
    };
    let wanted = ScopeSet::parse(text).map_err(OAuthError::invalid_scope)?;
    if wanted.is_subset(granted) {
        Ok(wanted)
    } else {
        Err(OAuthError::invalid_scope(format!(
            "not all of {} was granted; ask for less or authorize again",
            quoted(text)
        )))
    }
}

fn windows(app: &App, client: &Client, grant: &Grant) -> Windows {
    let configured = app.config.tokens.refresh;
    Windows {
        grace: configured.grace_seconds,
        recovery: match client.kind() {
            ClientKind::Confidential | ClientKind::Native => configured.recovery_seconds,
            ClientKind::Browser => configured.recovery_browser_seconds,
        },
        max_recoveries: i64::from(configured.max_recoveries),
        rotates: !client.is_sender_constrained() && grant.details.refresh_bound_to.is_none(),
    }
}

async fn record(tx: &mut Tx, event: Event, now: Timestamp) -> Result<(), StoreError> {
    events::record(tx, &event, now).await
}

fn invalid() -> OAuthError {
    OAuthError::invalid_grant(
        "the refresh token is unknown, expired, used, revoked or another client's; authorize again",
    )
}
