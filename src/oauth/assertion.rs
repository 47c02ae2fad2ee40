//! A client's assertion (RFC 7523 section 3): the signature, the claims, and then, once, its `jti`.
//!
//! The order matters: a `jti` is used up only by an assertion that would be accepted, so nobody but the client can burn one. It is used up by
//! one statement in the database, so of any number of parallel uses, on any node, before and after a restart, one is accepted.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::client_auth::{self, Refusal};
use super::client_secret;
use super::paths;
use super::protocol::client::{AuthMethod, Client};
use super::protocol::client_assertion::{self, AssertionClaims, AssertionFault};
use super::protocol::profile::{self, Requirement};
use crate::app::App;
use crate::base::secret::TokenHash;
use crate::base::time::{Seconds, Timestamp};
use crate::store::used_jtis::{self, Purpose};

/// How much longer than the assertion its `jti` is remembered: clocks of nodes differ.
const REMEMBERED_SECONDS: Seconds = Seconds::new(60);

impl From<AssertionFault> for Refusal {
    fn from(fault: AssertionFault) -> Self {
        Self::Wrong(fault.to_string())
    }
}

/// Whether the assertion is this client's, meant for us, and used for the first time.
pub(super) async fn verify(
    app: &App,
    client: &Client,
    assertion: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let method = client.settings.token_endpoint_auth_method;
    let registered = client
        .settings
        .metadata
        .keys
        .token_endpoint_auth_signing_alg;
    let (algorithm, kid) = client_assertion::header(assertion, method, registered)?;
    let keys = keys(app, client, (kid.as_deref(), algorithm), now).await?;
    let signed = || {
        keys.iter()
            .find_map(|key| claims(assertion, key, algorithm))
    };
    let claims = client_auth::judge(app, client, now, signed)
        .await?
        .ok_or(AssertionFault::Signature)??;
    let mut audiences = audiences(&app.config.issuer);
    if profile::requires(client, Requirement::IssuerAudience) {
        audiences.truncate(1);
        if !claims.has_one_audience() {
            return Err(AssertionFault::Audience.into());
        }
    }
    let accepted = client_assertion::check(claims, &client.client_id, &audiences, now)?;
    let owner = (Purpose::ClientAssertion, client.client_id.as_str());
    let remembered_until = accepted.expires_at.plus(REMEMBERED_SECONDS);
    let jti = TokenHash::of(&accepted.jti);
    let mut tx = app.db.write().await?;
    let first = used_jtis::insert(&mut tx, owner, &jti, remembered_until).await?;
    tx.commit().await?;
    if first {
        Ok(())
    } else {
        Err(AssertionFault::Used.into())
    }
}

/// The keys that may have signed.
async fn keys(
    app: &App,
    client: &Client,
    (kid, algorithm): (Option<&str>, Algorithm),
    now: Timestamp,
) -> Result<Vec<DecodingKey>, Refusal> {
    if client.settings.token_endpoint_auth_method == AuthMethod::ClientSecretJwt {
        let secrets = client_secret::signing(&app.sealer, client, now)?;
        return Ok(secrets
            .iter()
            .map(|secret| DecodingKey::from_secret(secret))
            .collect());
    }
    let registered = &client.settings.metadata.keys;
    let set = app.remote_keys.of(registered, kid, now).await;
    Ok(set.map_or_else(Vec::new, |set| set.verifying(kid, algorithm)))
}

/// The claims, if this key made the signature; a fault if they have not the shape.
fn claims(
    assertion: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Option<Result<AssertionClaims, AssertionFault>> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let found: serde_json::Value = jsonwebtoken::decode(assertion, key, &validation)
        .ok()?
        .claims;
    Some(serde_json::from_value(found).map_err(|_| AssertionFault::Malformed))
}

/// The names that this server answers to: the issuer first (RFC 7523 section 3), and the endpoints, as many clients still write.
fn audiences(issuer: &str) -> Vec<String> {
    std::iter::once(issuer.to_owned())
        .chain(
            paths::OF_CLIENTS
                .iter()
                .map(|path| format!("{issuer}{path}")),
        )
        .collect()
}
