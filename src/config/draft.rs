//! A configuration in the making: what was given, before the keys are held against each other.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Config;
use crate::base::secret::Secret;

/// Values as given or defaulted, key by key; what depends on other keys is still open (`None`).
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// Everything whose key stands for itself.
    pub config: Config,
    /// `issuer`; else it follows `listen`.
    pub issuer: Option<String>,
    /// `database.url`; else a file in the data directory.
    pub database_url: Option<Secret<String>>,
    /// `database.max_connections`.
    pub max_connections: MaxConnections,
    /// `master_key`.
    pub master_key: Option<Secret<String>>,
    /// `master_key_file`; else a file in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// `tls.cert`.
    pub tls_cert: Option<PathBuf>,
    /// `tls.key`.
    pub tls_key: Option<PathBuf>,
    /// `tls.client_certificate_header`.
    pub client_certificate_header: Option<String>,
    /// `admin.acr`.
    pub admin_acr: Option<String>,
    /// `tokens.refresh.strict`.
    pub strict: bool,
}

/// `database.max_connections`.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxConnections(pub u32);

impl Default for MaxConnections {
    fn default() -> Self {
        Self(16)
    }
}

/// The issuer of a server that was not told one: the address it listens on, by the scheme it speaks.
pub(super) fn issuer_for(listen: SocketAddr, tls: bool) -> String {
    let (scheme, port) = if tls { ("https", 443) } else { ("http", 80) };
    if listen.port() == port {
        match listen {
            SocketAddr::V4(address) => format!("{scheme}://{}", address.ip()),
            SocketAddr::V6(address) => format!("{scheme}://[{}]", address.ip()),
        }
    } else {
        format!("{scheme}://{listen}")
    }
}
