//! What one authorization gave beyond its scopes.

use serde::{Deserialize, Serialize};

use super::authorization_details::AuthorizationDetails;
use super::claims_request::ClaimsRequest;
use super::confirmation::Confirmation;

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
    /// What it allows beyond scopes (RFC 9396).
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
}
