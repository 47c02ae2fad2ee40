//! An access token as the subject: `{"type": "access_token", "id": "<token>"}`.
//!
//! One call verifies a token of Tessera's own, its revocation and the standing of its grant, and decides for whom it speaks:
//! `user:<user id>`, or `client:<client id>` when a client acts as itself. With the property `audience` the token must be for it;
//! one that is bound to a key needs the property `cnf`, such as `{"jkt": ".."}`, with the key that the asker saw proved.

use serde::Deserialize as _;
use serde_json::Value;

use super::entity::Entity;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::bearer::verify;
use crate::oauth::error::OAuthError;
use crate::oauth::protocol::claims::AccessClaims;
use crate::oauth::protocol::confirmation::Confirmation;

/// The type of such subjects.
const TYPE: &str = "access_token";
/// The property that names who the token must be for.
const AUDIENCE: &str = "audience";
/// The property that names the key which the asker saw proved (`cnf`, RFC 7800 section 3.1).
const CONFIRMATION: &str = "cnf";

/// Who is asked about.
pub(super) enum Who {
    /// The subject as it stands.
    Given,
    /// For whom the token speaks.
    Bearer(Entity),
    /// Nobody: the token is not good.
    Nobody,
}

/// Whether a token that is bound to a key was shown with it: only the asker can know, and says so by naming the key. Else a stolen token would
/// speak for its owner through an asker that knows nothing of keys.
fn is_held(claims: &AccessClaims, subject: &Entity) -> bool {
    let Some(bound_to) = &claims.cnf else {
        return true;
    };
    let proved = subject.properties.get(CONFIRMATION);
    let proved = proved.and_then(|proved| Confirmation::deserialize(proved).ok());
    bound_to.is_met_by(proved.as_ref())
}

/// Resolves a subject.
pub(super) async fn resolve(
    app: &App,
    subject: &Entity,
    now: Timestamp,
) -> Result<Who, OAuthError> {
    if subject.type_name != TYPE {
        return Ok(Who::Given);
    }
    let Some(verified) = verify(app, &subject.id, now).await? else {
        return Ok(Who::Nobody);
    };
    let is_for_it = match subject.properties.get(AUDIENCE) {
        None => true,
        Some(Value::String(audience)) => verified.claims.aud.contains(audience),
        Some(_) => false,
    };
    if !is_for_it || !is_held(&verified.claims, subject) {
        return Ok(Who::Nobody);
    }
    let (type_name, id) = match verified.grant {
        Some(grant) => ("user", grant.user_id.as_str().to_owned()),
        None => ("client", verified.claims.client_id),
    };
    Ok(Who::Bearer(Entity {
        type_name: type_name.to_owned(),
        id,
        properties: subject.properties.clone(),
    }))
}
