//! The authorities whose client certificates prove a name (RFC 8705 section 2.1). The chain is judged by webpki.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use zeroize::Zeroizing;

use crate::base::secret::sha256;
use crate::base::time::Timestamp;

/// Longest PEM file, in bytes.
const PEM_BYTES: u64 = 1_048_576;

/// Why the file of authorities cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("tls.client_ca: cannot use `{}`: {reason}; give a PEM file with at least one authority's certificate", path.display())]
pub struct ClientCaError {
    path: PathBuf,
    reason: String,
}

/// Authorities, which may be replaced while they are in use: what is asked next is answered by the new ones.
#[derive(Clone, Debug)]
pub struct ClientCa {
    path: Arc<Path>,
    loaded: Arc<ArcSwap<Authorities>>,
}

#[derive(Debug)]
struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
    digest: Vec<u8>,
}

impl ClientCa {
    /// Reads the authorities from a PEM file.
    pub fn load(path: &Path) -> Result<Self, ClientCaError> {
        let pem = read_bounded(path).map_err(|error| unusable(path, &error))?;
        let authorities = Authorities::parse(&pem).map_err(|reason| unusable(path, &reason))?;
        Ok(Self {
            path: path.into(),
            loaded: Arc::new(ArcSwap::from_pointee(authorities)),
        })
    }

    /// Reads the file again, without using it.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, ClientCaError> {
        read_bounded(&self.path).map_err(|error| unusable(&self.path, &error))
    }

    /// Uses the authorities of this PEM text from now on; those in use stay if it has none.
    pub fn replace(&self, pem: &[u8]) -> Result<(), ClientCaError> {
        let authorities =
            Authorities::parse(pem).map_err(|reason| unusable(&self.path, &reason))?;
        self.loaded.store(Arc::new(authorities));
        Ok(())
    }

    /// The SHA-256 of the text in use.
    pub fn loaded(&self) -> Vec<u8> {
        self.loaded.load().digest.clone()
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
        self.loaded
            .load()
            .verifier
            .verify_client_cert(&leaf, &intermediates, now)
            .is_ok()
    }
}

impl Authorities {
    fn parse(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            verifier,
            digest: sha256(pem).as_ref().to_vec(),
        })
    }
}

/// A file of certificates or keys, which is never long.
pub fn read_bounded(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)?
        .take(PEM_BYTES + 1)
        .read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= PEM_BYTES) {
        Ok(text)
    } else {
        Err(io::Error::other(format!(
            "it is longer than {PEM_BYTES} bytes"
        )))
    }
}

fn unusable(path: &Path, reason: &dyn Display) -> ClientCaError {
    ClientCaError {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
