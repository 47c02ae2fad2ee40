//! The OAuth error codes and the fault that carries one: the only place that spells them.
//!
//! RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1, RFC 7591 section 3.2.2,
//! OpenID Connect Core 1.0 section 3.1.2.6, RFC 9449 section 12.2. Does not decide how a fault travels: `oauth::respond` does.

use std::fmt;

/// Longest piece of the request that a description repeats, in characters.
const QUOTED_CHARS: usize = 80;

/// An error code of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is malformed.
    InvalidRequest,
    /// Client authentication failed.
    InvalidClient,
    /// The code or refresh token is invalid, expired, revoked, or another client's.
    InvalidGrant,
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// The server does not know the grant type.
    UnsupportedGrantType,
    /// The scope is unknown, malformed, or exceeds what was granted.
    InvalidScope,
    /// The server does not know the response type.
    UnsupportedResponseType,
    /// The person refused.
    AccessDenied,
    /// A fault of ours.
    ServerError,
    /// Trying again later may help.
    TemporarilyUnavailable,
    /// `prompt=none`, and nobody is signed in as wanted.
    LoginRequired,
    /// `prompt=none`, and the person has not agreed yet.
    ConsentRequired,
    /// The `request` parameter is not supported.
    RequestNotSupported,
    /// The `request_uri` parameter is not supported.
    RequestUriNotSupported,
    /// The `registration` parameter is not supported.
    RegistrationNotSupported,
    /// The request object cannot be used (RFC 9101 section 7).
    InvalidRequestObject,
    /// What the `request_uri` names cannot be used.
    InvalidRequestUri,
    /// The resource is unknown or not allowed (RFC 8707 section 2).
    InvalidTarget,
    /// The authorization details are malformed, of an unknown type, or not what their type allows (RFC 9396 section 5).
    InvalidAuthorizationDetails,
    /// The person cannot be authenticated as the request insists (OpenID Connect Core Unmet Authentication Requirements 1.0).
    UnmetAuthenticationRequirements,
    /// The access token is missing, malformed, expired or revoked.
    InvalidToken,
    /// The person signed in too long ago, or not strongly enough (RFC 9470 section 3).
    InsufficientUserAuthentication,
    /// The access token lacks a scope.
    InsufficientScope,
    /// The person has not decided yet (RFC 8628 section 3.5).
    AuthorizationPending,
    /// The person has not decided yet, and the client asks too often.
    SlowDown,
    /// The person did not decide in time.
    ExpiredToken,
    /// The binding message cannot be shown (OpenID Connect CIBA Core 1.0 section 13).
    InvalidBindingMessage,
    /// The proof of possession is missing or not good (RFC 9449 section 5).
    InvalidDpopProof,
    /// The proof of possession needs a nonce of ours (RFC 9449 section 8).
    UseDpopNonce,
    /// A redirect URI may not be registered (RFC 7591 section 3.2.2).
    InvalidRedirectUri,
    /// Something else in the metadata may not be registered.
    InvalidClientMetadata,
    /// The software statement cannot be verified.
    InvalidSoftwareStatement,
    /// The software statement is of somebody who is not trusted.
    UnapprovedSoftwareStatement,
}

impl ErrorCode {
    /// The code as the RFC writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidBindingMessage => "invalid_binding_message",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }
}

/// An error code with a description that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", .code.as_str())]
pub struct Fault {
    /// The code.
    pub code: ErrorCode,
    /// For the developer of the client, in the characters that RFC 6749 section 5.2 allows.
    pub description: String,
}

impl Fault {
    /// A fault; characters outside `%x20-21 / %x23-5B / %x5D-7E` become `?`.
    pub fn new(code: ErrorCode, description: impl fmt::Display) -> Self {
        let description = description
            .to_string()
            .chars()
            .map(|c| if is_description_char(c) { c } else { '?' })
            .collect();
        Self { code, description }
    }

    /// An `invalid_request`.
    pub fn invalid_request(description: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// An `invalid_grant`.
    pub fn invalid_grant(description: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }
}

/// A piece of the request in backticks, cut to a length that suits a description.
pub fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(QUOTED_CHARS).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    format!("`{cut}`")
}

const fn is_description_char(c: char) -> bool {
    matches!(c, '\x20'..='\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_the_characters_of_the_rfc() {
        let fault = Fault::invalid_request("say \"hi\" \\ é\r\n");
        assert_eq!(fault.description, "say ?hi? ? ???");
    }

    #[test]
    fn quoted_input_is_cut() {
        assert_eq!(quoted("short"), "`short`");
        assert_eq!(quoted(&"x".repeat(100)).len(), QUOTED_CHARS + 5);
    }
}
