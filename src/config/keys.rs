//! The one table of keys: name, meaning, kind, flag. Defaults stand in [`super::Config`]'s `Default`.
//!
//! To add a key, add its field and one row here: the file, the environment, `tessera config` and the reference follow.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::draft::Draft;
use super::{LogFormat, RegistrationPolicy};
use crate::base::secret::Secret;
use crate::base::time::Seconds;
use crate::oauth::protocol::resource::Resource;
use crate::oauth::protocol::scope::ScopeSet;
use crate::oauth::protocol::software_statement::StatementIssuer;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file, with dots between tables.
    pub name: &'static str,
    /// What it decides, in one sentence or two.
    pub meaning: &'static str,
    /// The flag that gives it.
    pub flag: Option<&'static str>,
    /// Its kind, with the place of its value.
    pub(super) kind: Kind,
}

impl Key {
    /// The environment variable that gives it.
    pub fn variable(&self) -> String {
        format!(
            "TESSERA_{}",
            self.name.to_ascii_uppercase().replace('.', "_")
        )
    }

    /// Whether the file may hold it.
    pub const fn in_file(&self) -> bool {
        !matches!(self.kind, Kind::SecretText(_))
    }

    /// The key of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

type Field<T> = fn(&mut Draft) -> &mut T;

/// The kinds of value; each leads to its place in the draft.
#[derive(Debug)]
pub(super) enum Kind {
    /// A length of time, from the least to the most.
    Seconds(Field<Seconds>, i64, i64),
    /// A number, from the least to the most.
    Count(Field<u32>, u32, u32),
    /// One of a few numbers.
    OneOf(Field<u32>, &'static [u32]),
    /// `true` or `false`.
    Switch(Field<bool>),
    /// An address and a port.
    Address(Field<SocketAddr>),
    /// A list of networks.
    Networks(Field<Vec<IpNet>>),
    /// A file or directory that always has a value.
    Path(Field<PathBuf>),
    /// A file that may be absent.
    OptionalPath(Field<Option<PathBuf>>),
    /// A text that may be absent.
    OptionalText(Field<Option<String>>),
    /// An issuer identifier.
    Issuer(Field<Option<String>>),
    /// A database URL, which may hold a password.
    DatabaseUrl(Field<Option<Secret<String>>>),
    /// A secret that only the environment may hold.
    SecretText(Field<Option<Secret<String>>>),
    /// A `tracing` filter.
    LogFilter(Field<String>),
    /// `text` or `json`.
    LogFormat(Field<LogFormat>),
    /// `off`, `token` or `open`.
    Policy(Field<RegistrationPolicy>),
    /// Scopes separated by spaces.
    Scopes(Field<ScopeSet>),
    /// A list of resource identifiers.
    Resources(Field<Vec<Resource>>),
    /// A list of issuers, each with the address of its keys.
    Issuers(Field<Vec<StatementIssuer>>),
}

const fn key(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        name,
        meaning,
        flag: None,
        kind,
    }
}

const fn flagged(key: Key, flag: &'static str) -> Key {
    Key {
        flag: Some(flag),
        ..key
    }
}

/// Every key, in the order of the reference: those outside tables first, as TOML wants it.
pub static KEYS: &[Key] = &[
    flagged(
        key(
            "data",
            Kind::Path(|d| &mut d.config.data_dir),
            "Directory of the SQLite file and the master key; made at first run, readable by its owner only.",
        ),
        "data",
    ),
    flagged(
        key(
            "listen",
            Kind::Address(|d| &mut d.config.listen),
            "Where the server listens: ADDRESS:PORT. Beyond loopback it wants TLS (tls.cert, tls.key) or a declared proxy in front (trusted_proxies).",
        ),
        "listen",
    ),
    flagged(
        key(
            "issuer",
            Kind::Issuer(|d| &mut d.issuer),
            "The server's own URL as browsers and services see it: https (http on loopback), without query and trailing slash. With a path (https://example.com/auth) everything lives below it; a proxy in front must pass the path on as it is. Follows listen when not given.",
        ),
        "issuer",
    ),
    key(
        "master_key",
        Kind::SecretText(|d| &mut d.master_key),
        "The key that seals all other secrets: 32 bytes in base64url. In the environment only, never in a file with other settings, never on the command line.",
    ),
    key(
        "master_key_file",
        Kind::OptionalPath(|d| &mut d.master_key_file),
        "File that holds the master key. With SQLite it is made at first run in the data directory; with PostgreSQL this or master_key must be given, the same on every node.",
    ),
    flagged(
        key(
            "apply",
            Kind::OptionalPath(|d| &mut d.config.apply),
            "Setup file with clients, users, roles and stores, applied at start.",
        ),
        "apply",
    ),
    key(
        "trusted_proxies",
        Kind::Networks(|d| &mut d.config.trusted_proxies),
        "Networks whose Forwarded and X-Forwarded-For headers are believed, such as [\"10.0.0.0/8\"]. Nobody by default.",
    ),
    key(
        "outbound_allowed",
        Kind::Networks(|d| &mut d.config.outbound_allowed),
        "Loopback or private networks that outbound calls may reach. None by default.",
    ),
    flagged(
        key(
            "database.url",
            Kind::DatabaseUrl(|d| &mut d.database_url),
            "Where the data lies: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/NAME for more than one node. A SQLite file in the data directory when not given.",
        ),
        "database",
    ),
    key(
        "database.max_connections",
        Kind::Count(|d| &mut d.max_connections.0, 2, 1_000),
        "Most connections that this node opens to PostgreSQL.",
    ),
    flagged(
        key(
            "tls.cert",
            Kind::OptionalPath(|d| &mut d.tls_cert),
            "PEM file with the certificate chain, when the server itself speaks TLS. Read again on SIGHUP and when it changes (within half a minute), with its key; what cannot be used changes nothing.",
        ),
        "tls-cert",
    ),
    flagged(
        key(
            "tls.key",
            Kind::OptionalPath(|d| &mut d.tls_key),
            "PEM file with the certificate's private key.",
        ),
        "tls-key",
    ),
    key(
        "tls.client_certificates",
        Kind::Switch(|d| &mut d.config.client_certificates.asked),
        "Asks TLS clients for a certificate, which stays optional: for applications that prove themselves with one, or whose tokens are bound to one. Browsers that have certificates will ask which to send.",
    ),
    key(
        "tls.client_ca",
        Kind::OptionalPath(|d| &mut d.config.client_certificates.authorities),
        "PEM file with the authorities whose client certificates prove a name (tls_client_auth). Without it that method is off; registered keys (self_signed_tls_client_auth) need none.",
    ),
    key(
        "tls.client_certificate_header",
        Kind::OptionalText(|d| &mut d.client_certificate_header),
        "Header in which a proxy of trusted_proxies hands on the client's certificate: Client-Cert as RFC 9440 writes it, or another that holds URL-encoded PEM. Ignored from everybody else; the proxy must remove it from what clients send.",
    ),
    key(
        "connections.max",
        Kind::Count(|d| &mut d.config.max_connections, 1, 1_000_000),
        "Most connections of clients that this node holds at once; one more is closed at once. The process raises its own limit of open files for them as far as the system permits, and warns when that is too little.",
    ),
    key(
        "log.filter",
        Kind::LogFilter(|d| &mut d.config.log.filter),
        "What is logged: error, warn, info, debug, trace, or a filter by module such as tessera=debug.",
    ),
    key(
        "log.format",
        Kind::LogFormat(|d| &mut d.config.log.format),
        "text for people, json for machines.",
    ),
    key(
        "tokens.code_ttl_seconds",
        Kind::Seconds(|d| &mut d.config.tokens.code_ttl_seconds, 5, 60),
        "Lifetime of an authorization code.",
    ),
    key(
        "tokens.access_token_ttl_seconds",
        Kind::Seconds(|d| &mut d.config.tokens.access_token_ttl_seconds, 30, DAY),
        "Lifetime of an access token. A service that verifies tokens by itself learns of a revocation this late.",
    ),
    key(
        "tokens.id_token_ttl_seconds",
        Kind::Seconds(|d| &mut d.config.tokens.id_token_ttl_seconds, 30, DAY),
        "Lifetime of an ID token.",
    ),
    key(
        "tokens.refresh_token_ttl_seconds",
        Kind::Seconds(
            |d| &mut d.config.tokens.refresh_token_ttl_seconds,
            MINUTE,
            400 * DAY,
        ),
        "Lifetime of a refresh family, counted from sign-in; rotation does not prolong it.",
    ),
    key(
        "tokens.flow_ttl_seconds",
        Kind::Seconds(|d| &mut d.config.tokens.flow_ttl_seconds, MINUTE, DAY),
        "How long a person may take from the authorization request to the end of consent.",
    ),
    key(
        "tokens.refresh.strict",
        Kind::Switch(|d| &mut d.strict),
        "Every refresh rotates and any older token revokes the family at once: the grace and recovery windows become 0. Lost answers then end sessions.",
    ),
    key(
        "tokens.refresh.grace_seconds",
        Kind::Seconds(
            |d| &mut d.config.tokens.refresh.grace_seconds,
            0,
            5 * MINUTE,
        ),
        "Within it the newest refresh token and the one before it answer with the same token, so that tabs and retries do not fork (W1).",
    ),
    key(
        "tokens.refresh.recovery_seconds",
        Kind::Seconds(
            |d| &mut d.config.tokens.refresh.recovery_seconds,
            0,
            7 * DAY,
        ),
        "How long after its first use the previous refresh token still recovers a lost answer, for native and confidential clients (W2).",
    ),
    key(
        "tokens.refresh.recovery_browser_seconds",
        Kind::Seconds(
            |d| &mut d.config.tokens.refresh.recovery_browser_seconds,
            0,
            DAY,
        ),
        "The same for browser clients (W2).",
    ),
    key(
        "tokens.refresh.max_recoveries",
        Kind::Count(|d| &mut d.config.tokens.refresh.max_recoveries, 0, 1_000),
        "Lost answers in a row that one refresh family may recover (N).",
    ),
    key(
        "requests.pushed_ttl_seconds",
        Kind::Seconds(|d| &mut d.config.requests.pushed_ttl_seconds, 5, 599),
        "How long a pushed authorization request may wait to be used (RFC 9126).",
    ),
    key(
        "requests.require_pushed",
        Kind::Switch(|d| &mut d.config.requests.require_pushed),
        "Every client must push its authorization requests; without it, those clients that are registered so.",
    ),
    key(
        "registration.policy",
        Kind::Policy(|d| &mut d.config.registration.policy),
        "Who may register applications at /register (RFC 7591): off (administrators alone), token (whoever holds a token made by `tessera client registration-token`), open (anybody, within limits, and people are always asked).",
    ),
    key(
        "registration.scopes",
        Kind::Scopes(|d| &mut d.config.registration.scopes),
        "The scopes, separated by spaces, that applications may have which nobody registered by hand. Never tessera:admin.",
    ),
    key(
        "registration.resources",
        Kind::Resources(|d| &mut d.config.registration.resources),
        "Services, beside this server, that such applications may ask tokens for by the parameter resource (RFC 8707), such as [\"https://mcp.example.com/mcp\"].",
    ),
    key(
        "registration.require_pkce",
        Kind::Switch(|d| &mut d.config.registration.require_pkce),
        "Whether registered applications that authenticate must use PKCE, too. Those that do not authenticate always must.",
    ),
    key(
        "registration.network_limit",
        Kind::Count(|d| &mut d.config.registration.network_limit, 1, 100_000),
        "Open registrations, and fetches of metadata documents, that one network (/24 of IPv4, /56 of IPv6) may cause within an hour.",
    ),
    key(
        "registration.unused_seconds",
        Kind::Seconds(
            |d| &mut d.config.registration.unused_seconds,
            DAY,
            3_650 * DAY,
        ),
        "After how long without use an application is forgotten that came by open registration or by a metadata document.",
    ),
    key(
        "registration.software_statement_issuers",
        Kind::Issuers(|d| &mut d.config.registration.software_statement_issuers),
        "Whose software statements are believed (RFC 7591 section 2.3): the issuer, a space, and the address of its keys, such as [\"https://trust.example https://trust.example/jwks\"]. What a statement says wins over what the request says. Without any, statements are ignored.",
    ),
    key(
        "registration.client_id_metadata_documents",
        Kind::Switch(|d| &mut d.config.registration.client_id_metadata_documents),
        "Whether an application may use the https address of its metadata as its client id, as MCP clients do. The server then fetches addresses that strangers name, through the guarded client.",
    ),
    key(
        "discovery.signed_metadata",
        Kind::Switch(|d| &mut d.config.signed_metadata),
        "Whether the metadata documents carry a copy of themselves that the server signed (signed_metadata), for whoever gets them by other ways than from here.",
    ),
    key(
        "keys.rotate_after_seconds",
        Kind::Seconds(
            |d| &mut d.config.keys.rotate_after_seconds,
            HOUR,
            3_650 * DAY,
        ),
        "Age at which the signing key gives way to the next.",
    ),
    key(
        "keys.publish_ahead_seconds",
        Kind::Seconds(|d| &mut d.config.keys.publish_ahead_seconds, 0, 30 * DAY),
        "How long a new key is published before it signs, so that every verifier has fetched it.",
    ),
    key(
        "keys.rsa_bits",
        Kind::OneOf(|d| &mut d.config.keys.rsa_bits, &[2_048, 3_072, 4_096]),
        "Size of new RSA keys; larger ones sign slower.",
    ),
    key(
        "dpop.require_nonce",
        Kind::Switch(|d| &mut d.config.dpop.require_nonce),
        "Whether a DPoP proof must have a nonce of this server's, so that none can be made ahead of time. It costs clients a second request now and then; without it every proof still works once, for a minute.",
    ),
    key(
        "sessions.idle_seconds",
        Kind::Seconds(|d| &mut d.config.sessions.idle_seconds, MINUTE, 400 * DAY),
        "Ends a browser session that was not used for so long.",
    ),
    key(
        "sessions.absolute_seconds",
        Kind::Seconds(
            |d| &mut d.config.sessions.absolute_seconds,
            MINUTE,
            400 * DAY,
        ),
        "Ends a browser session so long after sign-in.",
    ),
    key(
        "sessions.check_session_iframe",
        Kind::Switch(|d| &mut d.config.sessions.check_session_iframe),
        "Lets applications watch from a hidden frame whether somebody signed out (OpenID Connect Session Management 1.0). It costs a cookie that scripts and other sites' frames may read; browsers that keep third-party cookies apart make it useless. Back-channel logout does the same without either.",
    ),
    key(
        "sign_in.account_failures",
        Kind::Count(|d| &mut d.config.sign_in.account_failures, 1, 100),
        "Failed sign-ins of one account within the window before it must wait.",
    ),
    key(
        "sign_in.network_failures",
        Kind::Count(|d| &mut d.config.sign_in.network_failures, 1, 100_000),
        "Failed sign-ins from one network (/24 of IPv4, /56 of IPv6) within the window before it must wait.",
    ),
    key(
        "sign_in.server_failures",
        Kind::Count(|d| &mut d.config.sign_in.server_failures, 1, 100_000_000),
        "Failed sign-ins of everybody within the window before strangers must wait half a minute each time; where somebody has signed in before, they need not.",
    ),
    key(
        "sign_in.window_seconds",
        Kind::Seconds(|d| &mut d.config.sign_in.window_seconds, 30, DAY),
        "The window in which failures are counted, and the wait.",
    ),
    key(
        "sign_in.hashing_threads",
        Kind::Count(|d| &mut d.config.sign_in.hashing_threads, 1, 256),
        "Password hashes computed at the same time; each takes a core for about 20 ms.",
    ),
    key(
        "sign_in.hashing_queue",
        Kind::Count(|d| &mut d.config.sign_in.hashing_queue, 0, 10_000),
        "Password hashes that may wait; beyond it sign-in answers 429 with Retry-After.",
    ),
    key(
        "passwords.min_chars",
        Kind::Count(|d| &mut d.config.passwords.min_chars, 8, 128),
        "Fewest characters of a new password. 15 is the least that NIST SP 800-63B-4 allows where the password is the only factor.",
    ),
    key(
        "admin.max_age_seconds",
        Kind::Seconds(|d| &mut d.config.admin.max_age_seconds, 0, 400 * DAY),
        "How long ago a person may have signed in whose access token calls the admin API; past it the answer is a challenge (RFC 9470) and the application has them sign in again. 0 takes any time. Clients that act as themselves and API keys are not asked.",
    ),
    key(
        "admin.acr",
        Kind::OptionalText(|d| &mut d.admin_acr),
        "How strongly they must have signed in there: one of acr_values_supported in discovery.",
    ),
    key(
        "policy.max_staleness_seconds",
        Kind::Seconds(|d| &mut d.config.policy_max_staleness_seconds, 1, HOUR),
        "How long this node may hear nothing of the permission data's changes before it refuses to answer from memory.",
    ),
    key(
        "policy.decision_timeout_ms",
        Kind::Count(|d| &mut d.config.policy_decision_timeout_ms, 1, 60_000),
        "How long a permission request may take to decide, in milliseconds; past it the answer is the error deadline_exceeded, never a part of a list. Loading a store is not counted.",
    ),
    key(
        "policy.default_store",
        Kind::OptionalText(|d| &mut d.config.policy_default_store),
        "Id or name of the store that the AuthZEN endpoints at the root, such as /access/v1/evaluation, ask. Without it they answer 404; those under /stores/{store} work always.",
    ),
    key(
        "policy.inline_expressions",
        Kind::Switch(|d| &mut d.config.policy_inline_expressions),
        "Experimental, as in OpenFGA: models may write `with $expression`, and tuples then bring a condition's text along.",
    ),
];
