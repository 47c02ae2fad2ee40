//! Token exchange (RFC 8693): what a request asks for, and what may come of it.
//!
//! Decides on values alone: which texts make a request, whose token may be handed in, who must be allowed to act, and the bounds of
//! the new token. Whether a token is good now, and whether a relation holds, is asked by `oauth::token`.

use super::actor::MayAct;
use super::audience::Audience;
use super::client::{Client, words};
use super::error::{ErrorCode, Fault, quoted};
use super::params::Params;
use super::resource::{self, Allowed, RESOURCES};
use super::scope::{OFFLINE_ACCESS, ScopeSet, TESSERA_ADMIN};
use crate::base::time::{Seconds, Timestamp};

words! {
    /// What a token is (section 3).
    TokenUri {
        /// An access token of ours.
        AccessToken = "urn:ietf:params:oauth:token-type:access_token",
        /// An ID token of ours.
        IdToken = "urn:ietf:params:oauth:token-type:id_token",
        /// A JWT: an access or ID token of ours, or what an issuer that we trust made.
        Jwt = "urn:ietf:params:oauth:token-type:jwt",
        /// A refresh token: known, and never taken.
        RefreshToken = "urn:ietf:params:oauth:token-type:refresh_token",
    }
}

/// A token as it was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<'a> {
    /// Its text.
    pub token: &'a str,
    /// What the client says that it is; never [`TokenUri::RefreshToken`].
    pub kind: TokenUri,
    /// The parameter it came in, for messages.
    pub parameter: &'static str,
}

/// A request, as far as it can be read without looking at its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// In whose name.
    pub subject: Given<'a>,
    /// Who acts. Without one the new token is as the person's own: impersonation (section 1.1).
    pub actor: Option<Given<'a>>,
    /// What the client wants to get.
    pub wanted: TokenUri,
}

impl<'a> Ask<'a> {
    /// Reads the parameters of section 2.1.
    pub fn read(params: &'a Params) -> Result<Self, Fault> {
        let subject = Given {
            token: params.require("subject_token")?,
            kind: given_kind("subject_token_type", params.require("subject_token_type")?)?,
            parameter: "subject_token",
        };
        let actor = match (params.get("actor_token"), params.get("actor_token_type")) {
            (None, None) => None,
            (Some(token), Some(kind)) => Some(Given {
                token,
                kind: given_kind("actor_token_type", kind)?,
                parameter: "actor_token",
            }),
            (Some(_), None) => {
                return Err(Fault::invalid_request(
                    "`actor_token_type` is missing; say what the `actor_token` is",
                ));
            }
            (None, Some(_)) => {
                return Err(Fault::invalid_request(
                    "`actor_token_type` stands without `actor_token`; send both or neither",
                ));
            }
        };
        let wanted = match params.get("requested_token_type") {
            None => TokenUri::AccessToken,
            Some(text) => wanted_kind(text)?,
        };
        Ok(Self {
            subject,
            actor,
            wanted,
        })
    }
}

fn given_kind(parameter: &str, text: &str) -> Result<TokenUri, Fault> {
    match TokenUri::parse(text) {
        Some(kind @ (TokenUri::AccessToken | TokenUri::IdToken | TokenUri::Jwt)) => Ok(kind),
        // A refresh token would be used without being rotated, by another than its client.
        Some(TokenUri::RefreshToken) => Err(Fault::invalid_request(format!(
            "`{parameter}` is a refresh token, which is not exchanged; get an access token with the grant type refresh_token first"
        ))),
        None => Err(Fault::invalid_request(format!(
            "`{parameter}` is {}; use {}, {} or {}",
            quoted(text),
            TokenUri::AccessToken.as_str(),
            TokenUri::IdToken.as_str(),
            TokenUri::Jwt.as_str()
        ))),
    }
}

fn wanted_kind(text: &str) -> Result<TokenUri, Fault> {
    match TokenUri::parse(text) {
        // Our access tokens are JWTs: the same token by two names.
        Some(kind @ (TokenUri::AccessToken | TokenUri::Jwt)) => Ok(kind),
        Some(TokenUri::IdToken | TokenUri::RefreshToken) | None => {
            Err(Fault::invalid_request(format!(
                "`requested_token_type` is {}; only {} and {} are issued",
                quoted(text),
                TokenUri::AccessToken.as_str(),
                TokenUri::Jwt.as_str()
            )))
        }
    }
}

/// Whether a client may hand in an access token as its subject's: one that was issued to it, or is meant for it. Otherwise whoever
/// came by a token of somebody's could turn it into another.
pub fn is_meant_for(client: &Client, issued_to: &str, audience: &Audience) -> bool {
    let own = client.client_id.as_str();
    let services = &client.settings.metadata.exchange.subject_token_audiences;
    issued_to == own
        || audience.contains(own)
        || services
            .iter()
            .any(|service| audience.contains(service.as_str()))
}

/// What has to be found out before somebody may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Nothing: the subject's token names the actor (section 4.4).
    Given,
    /// Whether the permission store says so.
    Ask,
}

/// What `may_act` of the subject's token means for `party`, who acts as the actor or, without one, takes the person's place. It may
/// allow acting, never taking the place; and where it stands nobody else may do either.
pub fn permit(
    may_act: Option<&MayAct>,
    (party, is_actor): (&str, bool),
    issuer: &str,
) -> Result<Permit, Fault> {
    match may_act {
        Some(may_act) if !may_act.names(party, issuer) => Err(Fault::new(
            ErrorCode::AccessDenied,
            format!(
                "`may_act` of the subject token does not name {}",
                quoted(party)
            ),
        )),
        Some(_) if is_actor => Ok(Permit::Given),
        None | Some(_) => Ok(Permit::Ask),
    }
}

/// The scopes of the new token: those asked for, within those of the subject's token and of the client's registration. The scope of
/// administrators and that of offline access never pass: an exchanged token administers nothing and outlives nothing.
pub fn narrowed_scope(
    subject: &ScopeSet,
    registered: &ScopeSet,
    wanted: Option<&str>,
) -> Result<ScopeSet, Fault> {
    let invalid = |description: String| Fault::new(ErrorCode::InvalidScope, description);
    let most = subject
        .intersection(registered)
        .without(TESSERA_ADMIN)
        .without(OFFLINE_ACCESS);
    let Some(text) = wanted else {
        return Ok(most);
    };
    let wanted = ScopeSet::parse(text).map_err(|error| invalid(error.to_string()))?;
    if wanted.is_subset(&most) {
        return Ok(wanted);
    }
    Err(invalid(format!(
        "not all of {} is both in the subject token and registered for this client (`{TESSERA_ADMIN}` and `{OFFLINE_ACCESS}` never pass); ask for less",
        quoted(text)
    )))
}

/// Whom the new token is for: what `resource` and `audience` name of the services that are registered for the client, or else what the
/// subject's token is for, as far as the client may name that. The issuer, which stands for our own APIs, only where the subject's token
/// has it, too: a service that was given a token for itself does not get one for us.
pub fn targets(
    params: &Params,
    subject: &Audience,
    allowed: Allowed<'_>,
) -> Result<Audience, Fault> {
    let invalid = |description: String| Fault::new(ErrorCode::InvalidTarget, description);
    let mut targets = resource::wanted(params, allowed)?;
    for text in params.all("audience") {
        let audience = allowed.audience(text).ok_or_else(|| {
            invalid(format!(
                "the audience {} is not registered for this client; add it to its `resources`",
                quoted(text)
            ))
        })?;
        if !targets.contains(&audience) {
            targets.push(audience);
        }
    }
    if targets.len() > RESOURCES {
        return Err(invalid(format!(
            "more than {RESOURCES} targets; name fewer"
        )));
    }
    if targets.iter().any(|target| target == allowed.issuer) && !subject.contains(allowed.issuer) {
        return Err(invalid(format!(
            "the subject token is not for {}, so the new one cannot be",
            quoted(allowed.issuer)
        )));
    }
    if targets.is_empty() {
        targets.extend(
            subject
                .as_slice()
                .iter()
                .filter_map(|audience| allowed.audience(audience)),
        );
    }
    if targets.is_empty() {
        return Err(invalid(
            "the subject token is for nothing that this client may name; say whom the new token is for with `resource`"
                .to_owned(),
        ));
    }
    Ok(Audience::of(targets))
}

/// When the new token expires: never after a token that it was made from.
pub fn expiry(now: Timestamp, longest: Seconds, made_from: &[Timestamp]) -> Timestamp {
    made_from
        .iter()
        .copied()
        .fold(now.plus(longest), Timestamp::min)
}

#[cfg(test)]
mod tests;
