//! How a client came to be known, and what follows from it.

use super::{GrantType, words};

words! {
    /// Who vouches for a client.
    Origin {
        /// An administrator registered it.
        Operator = "operator",
        /// It was registered with an initial access token that an administrator made (RFC 7591 section 3).
        Token = "token",
        /// Nobody: it registered itself.
        Open = "open",
        /// Nobody: its id is the address of its metadata (OAuth Client ID Metadata Document).
        Document = "document",
    }
}

impl Origin {
    /// Whether somebody vouches for it. Of other clients people are always asked, and what they agreed to is not remembered (SECURITY
    /// R57, R58).
    pub const fn is_verified(self) -> bool {
        match self {
            Self::Operator | Self::Token => true,
            Self::Open | Self::Document => false,
        }
    }

    /// Whether such a client may have a grant type. Without a person at a page of ours, there is nobody to ask about a client that nobody
    /// vouches for; a device's page is where people are talked into allowing what they did not begin.
    pub const fn may_have(self, grant_type: GrantType) -> bool {
        match grant_type {
            GrantType::AuthorizationCode | GrantType::RefreshToken => true,
            GrantType::ClientCredentials
            | GrantType::DeviceCode
            | GrantType::Ciba
            | GrantType::TokenExchange
            | GrantType::JwtBearer => self.is_verified(),
        }
    }
}
