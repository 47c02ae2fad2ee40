//! Clients: what the server knows of an application, in the words of RFC 7591.

mod about;
mod ciba;
mod details;
mod exchange;
mod keys;
mod logout;
mod origin;
mod profile;
mod requests;
mod sender;
mod software;
pub mod subject;
mod tokens;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

pub use self::about::About;
pub use self::ciba::{Ciba, DeliveryMode};
pub use self::details::DetailTypes;
pub use self::exchange::Exchange;
pub use self::keys::{AssertionAlg, ClientKeys};
pub use self::logout::Logout;
pub use self::origin::Origin;
pub use self::profile::Profiled;
pub use self::requests::Requests;
pub use self::sender::Sender;
pub use self::software::{ApplicationType, Software};
pub use self::subject::{Subject, SubjectType};
pub use self::tokens::{Protection, TokenFormats, UserInfoFormat};
use super::client_document::is_address;
use super::redirect_uri::RedirectUri;
use super::scope::ScopeSet;
use crate::base::id::UserId;
use crate::base::time::Timestamp;

/// Longest client id, in characters.
const CLIENT_ID_CHARS: usize = 128;

/// What a pairwise subject begins with; 43 characters of base64url follow.
pub const PAIRWISE_PREFIX: &str = "sub_";

/// A client's identifier: also the object id of `client:<id>` in the permission stores, hence its alphabet. Of a client that nobody
/// registered, the address of its metadata, which is no object id: such a client never acts as itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

/// Why a text is no client id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientId {
    /// Empty, too long, or a foreign character.
    #[error("must be 1 to {CLIENT_ID_CHARS} characters of `A-Z a-z 0-9 - . _ ~`")]
    Malformed,
    /// It reads like a user's id: the `sub` of a client's own token could be taken for a person's (RFC 9700 section 4.15).
    #[error(
        "must not look like a user id (`usr_` and 26 characters, or `sub_` and 43); choose another"
    )]
    LooksLikeUser,
}

impl ClientId {
    /// Parses a client id.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        if is_address(text) {
            return Ok(Self(text.to_owned()));
        }
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if text.is_empty() || text.len() > CLIENT_ID_CHARS || !text.bytes().all(known) {
            return Err(InvalidClientId::Malformed);
        }
        let lower = text.to_ascii_lowercase();
        let is_pairwise = lower
            .strip_prefix(PAIRWISE_PREFIX)
            .is_some_and(|tag| tag.len() == 43);
        if UserId::parse(&lower).is_ok() || is_pairwise {
            return Err(InvalidClientId::LooksLikeUser);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the id is the address of the client's metadata.
    pub fn is_document(&self) -> bool {
        self.0.contains(':')
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A closed set of words: the enum, its texts, and the list that discovery prints.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every one of them, as discovery announces them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The word's meaning.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an unknown word"))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a token request may be based on. A new grant is a variant here and a file in `oauth/token/`.
    GrantType {
        /// A code from the authorization endpoint (RFC 6749 section 4.1).
        AuthorizationCode = "authorization_code",
        /// A refresh token (section 6).
        RefreshToken = "refresh_token",
        /// The client itself (section 4.4).
        ClientCredentials = "client_credentials",
        /// A code that a person approved for a device (RFC 8628).
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// A request that a person approved without a redirect (OpenID Connect CIBA Core 1.0).
        Ciba = "urn:openid:params:grant-type:ciba",
        /// Somebody's token, for another in the same name (RFC 8693).
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
        /// An assertion of an issuer that we trust (RFC 7523 section 2.1).
        JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer",
    }
}

words! {
    /// How a client proves who it is. Exactly the registered method is accepted.
    AuthMethod {
        /// HTTP Basic (RFC 6749 section 2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// `client_id` and `client_secret` in the body.
        ClientSecretPost = "client_secret_post",
        /// A JWT that the client signs with its secret (OpenID Connect Core 1.0 section 9, RFC 7523).
        ClientSecretJwt = "client_secret_jwt",
        /// A JWT that the client signs with its private key.
        PrivateKeyJwt = "private_key_jwt",
        /// A TLS certificate with a registered name, from an authority that the server trusts (RFC 8705 section 2.1).
        TlsClientAuth = "tls_client_auth",
        /// A TLS certificate of a registered key (RFC 8705 section 2.2).
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
        /// A public client: it has no secret.
        None = "none",
    }
}

impl AuthMethod {
    /// Whether client and server share a secret.
    pub const fn has_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt => true,
            Self::PrivateKeyJwt
            | Self::TlsClientAuth
            | Self::SelfSignedTlsClientAuth
            | Self::None => false,
        }
    }

    /// Whether the client proves itself with a TLS certificate.
    pub const fn is_mutual_tls(self) -> bool {
        match self {
            Self::TlsClientAuth | Self::SelfSignedTlsClientAuth => true,
            Self::ClientSecretBasic
            | Self::ClientSecretPost
            | Self::ClientSecretJwt
            | Self::PrivateKeyJwt
            | Self::None => false,
        }
    }
}

words! {
    /// Whether the client may be used.
    ClientState {
        /// It may.
        Active = "active",
        /// Nothing is issued to it, and it cannot authenticate.
        Disabled = "disabled",
    }
}

/// What can be changed about a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientSettings {
    /// Shown to people on the consent page.
    pub client_name: String,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
    /// Where codes may be sent.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where the browser may go after signing out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// What its token requests may be based on.
    pub grant_types: Vec<GrantType>,
    /// Most that it may ask for.
    pub scope: ScopeSet,
    /// Whether people are not asked: for first-party applications.
    pub skip_consent: bool,
    /// Whether an authorization request without a code challenge is refused. Only a confidential client may set this to false.
    pub require_pkce: bool,
    /// The rest, by group.
    #[serde(flatten)]
    pub metadata: ClientMetadata,
}

/// Metadata that the database keeps as one JSON object: one file a group, here beside this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// What it says about itself to people.
    #[serde(flatten)]
    pub about: About,
    /// How it learns that a session has ended.
    #[serde(flatten)]
    pub logout: Logout,
    /// How it asks people without a redirect.
    #[serde(flatten)]
    pub ciba: Ciba,
    /// What its authorization requests may and must be.
    #[serde(flatten)]
    pub requests: Requests,
    /// What it may ask for beyond scopes.
    #[serde(flatten)]
    pub details: DetailTypes,
    /// What it proves with who it is.
    #[serde(flatten)]
    pub keys: ClientKeys,
    /// Whether its tokens must be bound to a key.
    #[serde(flatten)]
    pub sender: Sender,
    /// How what it is told is signed and encrypted.
    #[serde(flatten)]
    pub tokens: TokenFormats,
    /// Whose tokens it may exchange.
    #[serde(flatten)]
    pub exchange: Exchange,
    /// What it calls people.
    #[serde(flatten)]
    pub subject: Subject,
    /// What kind of software it is.
    #[serde(flatten)]
    pub software: Software,
    /// What it is held to.
    #[serde(flatten)]
    pub profile: Profiled,
}

/// A registered application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub client_id: ClientId,
    /// Its settings.
    pub settings: ClientSettings,
    /// MAC of its secret; none for a client without one.
    pub secret_mac: Option<String>,
    /// The secret itself, sealed: only where the client signs with it.
    pub sealed_secret: Option<String>,
    /// The secret before this one, until it expires.
    pub former_secret: Option<FormerSecret>,
    /// Whether it may be used.
    pub state: ClientState,
    /// Who vouches for it.
    pub origin: Origin,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A secret that was replaced and stays good for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerSecret {
    /// Its MAC.
    pub mac: String,
    /// The secret itself, sealed: only where the client signs with it.
    pub sealed: Option<String>,
    /// From when on it is good no more.
    pub expires_at: Timestamp,
}

/// Where a client's code runs, as far as its registration shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// On a server: it keeps a secret.
    Confidential,
    /// On a person's device: every redirect URI is loopback or a private-use scheme.
    Native,
    /// In a browser.
    Browser,
}

impl Client {
    /// The secret before this one, if it is still good.
    pub fn former_secret(&self, now: Timestamp) -> Option<&FormerSecret> {
        self.former_secret
            .as_ref()
            .filter(|secret| secret.expires_at > now)
    }

    /// Whether the client may be used.
    pub fn is_active(&self) -> bool {
        self.state == ClientState::Active
    }

    /// Whether its token requests may be based on `grant_type`.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.settings.grant_types.contains(&grant_type)
    }

    /// Whether all its tokens are bound to keys of its own: then its refresh tokens need not rotate.
    pub const fn is_sender_constrained(&self) -> bool {
        let metadata = &self.settings.metadata;
        metadata.sender.dpop_bound_access_tokens
            || metadata.keys.tls_client_certificate_bound_access_tokens
    }

    /// Where the client's code runs.
    pub fn kind(&self) -> ClientKind {
        match self.settings.token_endpoint_auth_method {
            AuthMethod::ClientSecretBasic
            | AuthMethod::ClientSecretPost
            | AuthMethod::ClientSecretJwt
            | AuthMethod::PrivateKeyJwt
            | AuthMethod::TlsClientAuth
            | AuthMethod::SelfSignedTlsClientAuth => ClientKind::Confidential,
            AuthMethod::None
                if self
                    .settings
                    .redirect_uris
                    .iter()
                    .all(RedirectUri::is_native) =>
            {
                ClientKind::Native
            }
            AuthMethod::None => ClientKind::Browser,
        }
    }
}

impl ClientSettings {
    /// The web origins of the redirect URIs: from there a browser may call the token endpoint (CORS).
    pub fn origins(&self) -> Vec<String> {
        let mut origins: Vec<String> = self
            .redirect_uris
            .iter()
            .filter_map(RedirectUri::origin)
            .collect();
        origins.sort();
        origins.dedup();
        origins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_never_a_user_id() {
        let user = UserId::new(Timestamp::from_ms(0));
        assert_eq!(
            ClientId::parse(user.as_str()),
            Err(InvalidClientId::LooksLikeUser)
        );
        assert_eq!(
            ClientId::parse(&user.as_str().to_ascii_uppercase()),
            Err(InvalidClientId::LooksLikeUser)
        );
        let pairwise = format!("sub_{}", "Ab-_9".repeat(9).split_at(43).0);
        for text in [pairwise.clone(), pairwise.to_ascii_uppercase()] {
            assert_eq!(ClientId::parse(&text), Err(InvalidClientId::LooksLikeUser));
        }
        assert!(ClientId::parse("usr_short").is_ok());
        assert!(ClientId::parse("sub_short").is_ok());
    }

    #[test]
    fn client_ids_have_a_plain_alphabet() {
        for (text, allowed) in [
            ("web", true),
            ("my-app.v2_~", true),
            ("", false),
            ("a b", false),
            ("a:b", false),
            ("a#b", false),
            ("*", false),
            ("é", false),
        ] {
            assert_eq!(ClientId::parse(text).is_ok(), allowed, "{text}");
        }
        assert!(ClientId::parse(&"x".repeat(129)).is_err());
    }
}
