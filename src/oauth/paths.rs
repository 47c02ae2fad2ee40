//! Where the endpoints live: the router binds these, and discovery announces them.

/// The authorization endpoint.
pub const AUTHORIZE: &str = "/authorize";
/// Where our pages send the browser on.
pub const CONTINUE: &str = "/authorize/continue";
/// The pushed authorization request endpoint (RFC 9126).
pub const PAR: &str = "/par";
/// The token endpoint.
pub const TOKEN: &str = "/token";
/// The userinfo endpoint.
pub const USERINFO: &str = "/userinfo";
/// The key set.
pub const JWKS: &str = "/jwks";
/// The introspection endpoint.
pub const INTROSPECT: &str = "/introspect";
/// The revocation endpoint.
pub const REVOKE: &str = "/revoke";
/// The end-session endpoint.
pub const LOGOUT: &str = "/logout";
/// Where devices ask for codes (RFC 8628 section 3.1).
pub const DEVICE_AUTHORIZATION: &str = "/device_authorization";
/// The page where somebody who is signed in proves it once more.
pub const REAUTHENTICATE: &str = "/reauthenticate";
/// The page where people enter a device's code.
pub const DEVICE: &str = "/device";
/// Where clients ask for a person by name (OpenID Connect CIBA Core 1.0 section 7).
pub const BACKCHANNEL_AUTHENTICATION: &str = "/bc-authorize";
/// Where clients authenticate: an assertion may name any of them as its audience.
pub const OF_CLIENTS: &[&str] = &[
    PAR,
    TOKEN,
    INTROSPECT,
    REVOKE,
    DEVICE_AUTHORIZATION,
    BACKCHANNEL_AUTHENTICATION,
];
/// What applications hold in a frame to learn that somebody signed out (OpenID Connect Session Management 1.0 section 3).
pub const CHECK_SESSION: &str = "/check-session";
/// OpenID Connect Discovery 1.0 section 4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// RFC 8414 section 3.
pub const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
/// Where clients register (RFC 7591); a registration lies below it (RFC 7592).
pub const REGISTER: &str = "/register";
/// One registration.
pub const REGISTRATION: &str = "/register/{client_id}";
/// RFC 9728 section 3.
pub const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";
/// RFC 9728 section 3.1: of a resource with a path.
pub const RESOURCE_METADATA_OF_PATH: &str = "/.well-known/oauth-protected-resource/{*path}";
