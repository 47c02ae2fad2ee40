//! What one authorization gave beyond its scopes.

use serde::{Deserialize, Serialize};

use super::claims_request::ClaimsRequest;
use super::confirmation::Confirmation;
use crate::base::id::SessionId;

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
    /// What the client calls the person, when not by the account's id: as it was when the grant began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the client calls the sign-in, when not by the session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
}
