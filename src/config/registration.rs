//! How clients may come to be known without an administrator who writes them down.

use crate::base::time::Seconds;
use crate::oauth::protocol::resource::Resource;
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::software_statement::StatementIssuer;

/// Who may register clients (RFC 7591).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Administrators alone.
    Off,
    /// Whoever holds an initial access token.
    Token,
    /// Anybody, within limits.
    Open,
}

impl RegistrationPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Off, Self::Token, Self::Open];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Token => "token",
            Self::Open => "open",
        }
    }
}

/// Clients that nobody registered by hand.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Who may register.
    pub policy: RegistrationPolicy,
    /// The scopes that such clients may have.
    pub scopes: ScopeSet,
    /// The services, beside this server, that their tokens may be for.
    pub resources: Vec<Resource>,
    /// Whether those with a secret must use PKCE; those without one always must.
    pub require_pkce: bool,
    /// Registrations, and fetches of metadata documents, that one network may cause within an hour.
    pub network_limit: u32,
    /// After how long without use an unverified client is forgotten.
    pub unused_seconds: Seconds,
    /// Whose software statements are believed.
    pub software_statement_issuers: Vec<StatementIssuer>,
    /// Whether a client id may be the address of the client's metadata.
    pub client_id_metadata_documents: bool,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            policy: RegistrationPolicy::Off,
            scopes: ScopeSet::standard(),
            resources: Vec::new(),
            require_pkce: true,
            network_limit: 60,
            unused_seconds: Seconds::new(30 * 86_400),
            software_statement_issuers: Vec::new(),
            client_id_metadata_documents: false,
        }
    }
}
