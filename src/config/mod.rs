//! The configuration: defaults < file (TOML) < environment < flags.
//!
//! [`Config`] is what the rest of the house reads. [`keys`] is the one table of keys: [mod@load] reads them from everywhere,
//! `check` holds them against each other, [mod@reference] prints them. Every [`mistake`] is reported, not just the first.

mod check;
mod draft;
mod given;
pub mod keys;
pub mod load;
pub mod mistake;
mod place;
pub mod reference;
mod registration;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::base::time::Seconds;
use crate::oauth::protocol::acr::Acr;
use crate::oauth::protocol::step_up::Demand;
use crate::store::DbOptions;

pub use load::{Loaded, Sources, load};
pub use mistake::{Mistake, Mistakes};
pub use registration::{Registration, RegistrationPolicy};

/// Everything that an operator can decide.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer identifier (RFC 8414 section 2): an origin, perhaps with a path, no trailing slash.
    pub issuer: String,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The directory of the SQLite file and the master key file; made with mode 0700.
    pub data_dir: PathBuf,
    /// Where the data lies.
    pub database: DbOptions,
    /// The master key file. Made at first run beside a SQLite file; must exist for PostgreSQL.
    pub master_key_file: PathBuf,
    /// Certificate and key, when the server itself speaks TLS.
    pub tls: Option<Tls>,
    /// Most connections that are open at once.
    pub max_connections: u32,
    /// Certificates of clients.
    pub client_certificates: ClientCertificates,
    /// A setup file applied at start.
    pub apply: Option<PathBuf>,
    /// Networks whose `X-Forwarded-*` headers are believed. Nobody by default.
    pub trusted_proxies: Vec<IpNet>,
    /// Loopback or private networks that outbound calls may reach. None by default.
    pub outbound_allowed: Vec<IpNet>,
    /// How the log looks.
    pub log: Log,
    /// Token lifetimes and refresh windows.
    pub tokens: Tokens,
    /// Rules for authorization requests.
    pub requests: Requests,
    /// Clients that nobody registered by hand.
    pub registration: Registration,
    /// Whether metadata documents carry a signed copy of themselves.
    pub signed_metadata: bool,
    /// Signing key rotation.
    pub keys: KeyRotation,
    /// Proofs of possession.
    pub dpop: Dpop,
    /// Browser sessions.
    pub sessions: Sessions,
    /// Sign-in throttling.
    pub sign_in: SignIn,
    /// Rules for passwords.
    pub passwords: Passwords,
    /// What the admin API demands.
    pub admin: Admin,
    /// How stale the in-memory permission graph may be before it refuses to answer.
    pub policy_max_staleness_seconds: Seconds,
    /// How long a permission request may take to decide, in milliseconds.
    pub policy_decision_timeout_ms: u32,
    /// Id or name of the store that the AuthZEN endpoints at the root ask.
    pub policy_default_store: Option<String>,
    /// Whether models and tuples may be written whose conditions stand in the tuples.
    pub policy_inline_expressions: bool,
}

/// PEM files for rustls.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Where certificates of clients come from, and whose count (RFC 8705).
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates {
    /// Whether the server itself asks for one in the TLS handshake.
    pub asked: bool,
    /// The header in which a trusted proxy hands one on.
    pub header: Option<http::HeaderName>,
    /// The authorities whose certificates prove a name.
    pub authorities: Option<PathBuf>,
}

impl ClientCertificates {
    /// Whether any request can have one.
    pub const fn possible(&self) -> bool {
        self.asked || self.header.is_some()
    }
}

/// The log's level and form.
#[derive(Clone, Debug)]
pub struct Log {
    /// A `tracing` filter, such as `info` or `tessera=debug`.
    pub filter: String,
    /// Lines for people or JSON objects for machines.
    pub format: LogFormat,
}

/// The log's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// Token lifetimes.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// Authorization code (R40: at most 60 s).
    pub code_ttl_seconds: Seconds,
    /// Access token.
    pub access_token_ttl_seconds: Seconds,
    /// ID token.
    pub id_token_ttl_seconds: Seconds,
    /// A refresh family's absolute lifetime.
    pub refresh_token_ttl_seconds: Seconds,
    /// How long an authorization request may take on its way through login and consent.
    pub flow_ttl_seconds: Seconds,
    /// The windows of ARCHITECTURE's refresh table.
    pub refresh: RefreshWindows,
}

/// Rules for authorization requests.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// How long a pushed request may wait to be used (FAPI 2.0 Security Profile section 5.3.2.2: less than 600 s).
    pub pushed_ttl_seconds: Seconds,
    /// Whether every client must push its requests.
    pub require_pushed: bool,
}

/// The windows W1, W2 and the count N of the refresh table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshWindows {
    /// W1: within it, the head and the previous token answer with the same head.
    pub grace_seconds: Seconds,
    /// W2 for confidential and native clients: how long a lost answer can be recovered.
    pub recovery_seconds: Seconds,
    /// W2 for browser clients.
    pub recovery_browser_seconds: Seconds,
    /// N: recoveries in a row that one family may have; a head that arrives begins the count again.
    pub max_recoveries: u32,
}

/// How signing keys are rotated.
#[derive(Clone, Copy, Debug)]
pub struct KeyRotation {
    /// Age at which the active key retires.
    pub rotate_after_seconds: Seconds,
    /// How long a new key is published before it signs.
    pub publish_ahead_seconds: Seconds,
    /// Bits of a new RSA key.
    pub rsa_bits: u32,
}

/// What is asked of DPoP proofs (RFC 9449).
#[derive(Clone, Copy, Debug)]
pub struct Dpop {
    /// Whether a proof must have a nonce of this server's.
    pub require_nonce: bool,
}

/// Lifetimes of browser sessions.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// Ends a session that was not used for so long.
    pub idle_seconds: Seconds,
    /// Ends a session so long after sign-in.
    pub absolute_seconds: Seconds,
    /// Whether applications may watch the session in a frame (OpenID Connect Session Management 1.0).
    pub check_session_iframe: bool,
}

/// Sign-in throttling: failures counted, successes not.
#[derive(Clone, Copy, Debug)]
pub struct SignIn {
    /// Failures of one account within the window before it must wait.
    pub account_failures: u32,
    /// Failures of one network (/24 of IPv4, /56 of IPv6) within the window before it must wait.
    pub network_failures: u32,
    /// Failures of everybody within the window before who is not known must wait.
    pub server_failures: u32,
    /// The window, and the wait.
    pub window_seconds: Seconds,
    /// Password hashes computed at the same time.
    pub hashing_threads: u32,
    /// Password hashes that may wait; above it 429 with `Retry-After`.
    pub hashing_queue: u32,
}

/// What the admin API demands of how and when a person signed in (RFC 9470).
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    /// How long ago the person may have signed in; 0 for any time.
    pub max_age_seconds: Seconds,
    /// How strongly, at least.
    pub acr: Option<Acr>,
}

impl Admin {
    /// The demand.
    pub fn demand(&self) -> Demand {
        Demand {
            max_age: Some(self.max_age_seconds).filter(|seconds| seconds.get() > 0),
            acr: self.acr,
        }
    }
}

/// Rules for passwords (SECURITY R1-R5).
#[derive(Clone, Copy, Debug)]
pub struct Passwords {
    /// Fewest characters, counted as Unicode code points after NFKC.
    pub min_chars: u32,
}

impl Config {
    /// Whether the data lies on a database server, not in files of this machine.
    pub const fn database_is_remote(&self) -> bool {
        matches!(self.database, DbOptions::Postgres { .. })
    }
}

impl Default for Config {
    fn default() -> Self {
        let data_dir = PathBuf::from("tessera-data");
        Self {
            issuer: "http://127.0.0.1:8080".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            database: DbOptions::Sqlite {
                path: data_dir.join("tessera.db"),
            },
            master_key_file: data_dir.join("master.key"),
            data_dir,
            tls: None,
            max_connections: 10_000,
            client_certificates: ClientCertificates::default(),
            apply: None,
            trusted_proxies: Vec::new(),
            outbound_allowed: Vec::new(),
            log: Log {
                filter: "info".to_owned(),
                format: LogFormat::Text,
            },
            tokens: Tokens {
                code_ttl_seconds: Seconds::new(60),
                access_token_ttl_seconds: Seconds::new(300),
                id_token_ttl_seconds: Seconds::new(300),
                refresh_token_ttl_seconds: Seconds::new(30 * 86_400),
                flow_ttl_seconds: Seconds::new(1_800),
                refresh: RefreshWindows {
                    grace_seconds: Seconds::new(10),
                    recovery_seconds: Seconds::new(86_400),
                    recovery_browser_seconds: Seconds::new(600),
                    max_recoveries: 6,
                },
            },
            requests: Requests {
                pushed_ttl_seconds: Seconds::new(90),
                require_pushed: false,
            },
            registration: Registration::default(),
            signed_metadata: false,
            keys: KeyRotation {
                rotate_after_seconds: Seconds::new(90 * 86_400),
                publish_ahead_seconds: Seconds::new(86_400),
                rsa_bits: 2048,
            },
            dpop: Dpop {
                require_nonce: false,
            },
            sessions: Sessions {
                idle_seconds: Seconds::new(3_600),
                absolute_seconds: Seconds::new(86_400),
                check_session_iframe: false,
            },
            sign_in: SignIn {
                account_failures: 10,
                network_failures: 100,
                server_failures: 10_000,
                window_seconds: Seconds::new(300),
                hashing_threads: 2,
                hashing_queue: 32,
            },
            passwords: Passwords { min_chars: 15 },
            admin: Admin {
                max_age_seconds: Seconds::new(86_400),
                acr: None,
            },
            policy_max_staleness_seconds: Seconds::new(5),
            policy_decision_timeout_ms: 3_000,
            policy_default_store: None,
            policy_inline_expressions: false,
        }
    }
}
