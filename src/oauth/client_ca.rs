//! The authorities whose client certificates prove a name (RFC 8705 section 2.1). The chain is judged by webpki.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::base::time::Timestamp;

/// Why the file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("tls.client_ca: cannot use `{}`: {reason}; give a PEM file with at least one authority's certificate", path.display())]
pub struct ClientCaError {
    path: PathBuf,
    reason: String,
}

/// Authorities.
#[derive(Clone, Debug)]
pub struct ClientCa(Arc<dyn ClientCertVerifier>);

impl ClientCa {
    /// Reads the authorities from a PEM file.
    pub fn load(path: &Path) -> Result<Self, ClientCaError> {
        let unusable = |reason: String| ClientCaError {
            path: path.to_owned(),
            reason,
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| unusable(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map(Self)
            .map_err(|error| unusable(error.to_string()))
    }

    /// Whether an authority vouches, at `now`, for the first certificate of a chain, for use by a client.
    pub fn vouches_for(&self, chain: &[Vec<u8>], now: Timestamp) -> bool {
        let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
        let Some(leaf) = chain.next() else {
            return false;
        };
        let Ok(ms) = u64::try_from(now.ms()) else {
            return false;
        };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(ms));
        let intermediates: Vec<CertificateDer<'_>> = chain.collect();
        self.0
            .verify_client_cert(&leaf, &intermediates, now)
            .is_ok()
    }
}
