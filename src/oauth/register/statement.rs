//! The software statement of a registration request: verified with the keys of its issuer, then merged (RFC 7591 section 3.1.1).

use jsonwebtoken::Validation;
use serde_json::{Map, Value};

use crate::app::App;
use crate::base::time::Timestamp;
use crate::oauth::protocol::client::ClientKeys;
use crate::oauth::protocol::error::Fault;
use crate::oauth::protocol::software_statement::{self as rules, MEMBER};

/// The members that count, and the statement among them, if there was one. Where the operator trusts no issuer, statements are left out like every
/// member that is not known. The one that is `kept` was verified when it came, and may have expired since: what is shown can be sent back.
pub(super) async fn apply(
    app: &App,
    members: Map<String, Value>,
    kept: Option<&str>,
    now: Timestamp,
) -> Result<(Map<String, Value>, Option<String>), Fault> {
    let trusted = &app.config.registration.software_statement_issuers;
    let statement = members.get(MEMBER).filter(|value| !value.is_null());
    let Some(statement) = statement.filter(|_| !trusted.is_empty()) else {
        return Ok((members, None));
    };
    let statement = statement
        .as_str()
        .ok_or_else(|| rules::invalid("the software statement must be a text"))?
        .to_owned();
    let (algorithm, kid) = rules::header(&statement)?;
    let issuer = rules::issuer(&statement, trusted)?;
    if kept == Some(statement.as_str()) {
        let claims = rules::claims(&statement)?;
        return Ok((rules::take_over(members, claims), Some(statement)));
    }
    let keys = ClientKeys {
        jwks_uri: Some(issuer.jwks_uri.clone()),
        ..ClientKeys::default()
    };
    let set = app.remote_keys.of(&keys, kid.as_deref(), now).await;
    let keys = set.map_or_else(Vec::new, |set| set.verifying(kid.as_deref(), algorithm));
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims: Map<String, Value> = keys
        .iter()
        .find_map(|key| jsonwebtoken::decode(&statement, key, &validation).ok())
        .ok_or_else(|| rules::invalid("no key of its issuer verifies the software statement"))?
        .claims;
    let merged = rules::merge(members, claims, &app.config.issuer, now)?;
    Ok((merged, Some(statement)))
}
