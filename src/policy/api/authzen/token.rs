//! An access token as the subject: `{"type": "access_token", "id": "<token>"}`.
//!
//! One call verifies a token of Tessera's own, its revocation and the standing of its grant, and decides for whom it speaks:
//! `user:<user id>`, or `client:<client id>` when a client acts as itself. With the property `audience` the token must be for it.

use serde_json::Value;

use super::entity::Entity;
use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::bearer::verify;
use crate::oauth::error::OAuthError;

/// The type of such subjects.
const TYPE: &str = "access_token";
/// The property that names who the token must be for.
const AUDIENCE: &str = "audience";

/// Who is asked about.
pub(super) enum Who {
    /// The subject as it stands.
    Given,
    /// For whom the token speaks.
    Bearer(Entity),
    /// Nobody: the token is not good.
    Nobody,
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
    if !is_for_it {
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
