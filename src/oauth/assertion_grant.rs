//! Assertions of trusted issuers (RFC 7523 sections 2.1 and 3): the issuer, its signature, the claims, whom it is about, and then, once,
//! the `jti`.
//!
//! Which issuers are trusted stands in the database, and is read at every use: one that is removed vouches for nobody from then on.
//! A `jti` is used up in the transaction of what comes of it, by one statement: of any number of parallel uses one counts.

use jsonwebtoken::Validation;

use super::error::OAuthError;
use super::paths;
use super::protocol::client::Client;
use super::protocol::jwt_bearer::{
    Accepted, Fault, Party, TrustedIssuer, check, claimed_issuer, header,
};
use crate::app::App;
use crate::base::secret::TokenHash;
use crate::base::time::{Seconds, Timestamp};
use crate::events::{self, Event};
use crate::store::used_jtis::{self, Purpose};
use crate::store::{StoreError, Tx, trusted_issuers};

/// How much longer than the assertion its `jti` is remembered: clocks of nodes differ.
const REMEMBERED_SECONDS: Seconds = Seconds::new(60);

/// What a trusted issuer said.
#[derive(Debug)]
pub(super) struct Vouched {
    /// Who said it.
    pub issuer: TrustedIssuer,
    /// What.
    pub accepted: Accepted,
    /// Whom it is about.
    pub party: Party,
}

/// Why an assertion is not good.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unvouched {
    /// What is wrong with it.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A fault of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the assertion says, if somebody whom we trust for this client made it for us. It is used up by [`use_up`].
pub(super) async fn verify(
    app: &App,
    client: &Client,
    assertion: &str,
    now: Timestamp,
) -> Result<Vouched, Unvouched> {
    let claimed = claimed_issuer(assertion).ok_or(Fault::Malformed)?;
    let mut conn = app.db.read().await?;
    let found = trusted_issuers::find_by_issuer(&mut conn, &claimed).await?;
    drop(conn);
    let issuer = found
        .filter(|issuer| issuer.serves(&client.client_id))
        .ok_or(Fault::Issuer)?;
    let (algorithm, kid) = header(assertion, &issuer)?;
    let keys = app.remote_keys.of(&issuer.keys, kid.as_deref(), now).await;
    let keys = keys.map_or_else(Vec::new, |set| set.verifying(kid.as_deref(), algorithm));
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims: serde_json::Value = keys
        .iter()
        .find_map(|key| jsonwebtoken::decode(assertion, key, &validation).ok())
        .map(|data| data.claims)
        .ok_or(Fault::Signature)?;
    let claims = serde_json::from_value(claims).map_err(|_| Fault::Malformed)?;
    let own = &app.config.issuer;
    let audiences = [own.clone(), format!("{own}{}", paths::TOKEN)];
    let accepted = check(claims, &issuer, &audiences, now)?;
    let party = issuer.party(&accepted.sub).ok_or(Fault::Nobody)?;
    Ok(Vouched {
        issuer,
        accepted,
        party,
    })
}

/// Uses an assertion up in the transaction of what comes of it, and records that; [`Fault::Used`] when it was used before.
pub(super) async fn use_up(
    tx: &mut Tx,
    vouched: &Vouched,
    client: &Client,
    now: Timestamp,
) -> Result<(), Unvouched> {
    let owner = (Purpose::Grant, vouched.issuer.issuer.as_str());
    let jti = TokenHash::of(&vouched.accepted.jti);
    let until = vouched.accepted.expires_at.plus(REMEMBERED_SECONDS);
    if !used_jtis::insert(tx, owner, &jti, until).await? {
        return Err(Fault::Used.into());
    }
    let event = Event::AssertionAccepted {
        issuer: vouched.issuer.name.clone(),
        client_id: client.client_id.as_str().to_owned(),
        subject: match &vouched.party {
            Party::User(id) => format!("user:{id}"),
            Party::Client(id) => format!("client:{id}"),
        },
    };
    events::record(tx, &event, now).await?;
    Ok(())
}

impl Unvouched {
    /// As the error of a request; a fault with the code that `fault` gives it.
    pub fn into_error(self, fault: fn(String) -> OAuthError) -> OAuthError {
        match self {
            Self::Fault(reason) => fault(reason.to_string()),
            Self::Store(error) => error.into(),
        }
    }
}
