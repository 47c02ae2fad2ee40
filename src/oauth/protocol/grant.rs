//! What one authorization gave beyond its scopes.

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::authorization_details::AuthorizationDetails;
use super::claims_request::ClaimsRequest;
use super::confirmation::Confirmation;
use crate::base::id::{GrantId, SessionId};

/// Kept with the grant as one JSON object: every token that comes from it follows this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantDetails {
    /// The key that its refresh tokens are bound to: those of a public client (RFC 9449 section 5, RFC 8705 section 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_bound_to: Option<Confirmation>,
    /// The audiences of its access tokens; the issuer alone when there are none (RFC 8707).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The claims that were asked for by name.
    #[serde(skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// What it was made from, when it came of an exchange (RFC 8693): it ends with each of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived_from: Option<Origins>,
    /// The trusted issuer on whose word it was given, without a sign-in here (RFC 7523 section 2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asserted_by: Option<String>,
    /// What it allows beyond scopes (RFC 9396).
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
    /// What the client calls the person, when not by the account's id: as it was when the grant began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the client calls the sign-in, when not by the session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
}

/// What a grant was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origins {
    /// The grants of the tokens that were exchanged, and those that these were made from in turn.
    pub grants: Vec<GrantId>,
    /// The `jti` of those tokens: one that is revoked alone takes with it what was made from it.
    pub tokens: Vec<String>,
    /// Who acts in the person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
}

impl Origins {
    /// These and `more`, each once.
    pub fn extend(&mut self, more: &Self) {
        for grant in &more.grants {
            if !self.grants.contains(grant) {
                self.grants.push(grant.clone());
            }
        }
        for token in &more.tokens {
            if !self.tokens.contains(token) {
                self.tokens.push(token.clone());
            }
        }
    }
}
