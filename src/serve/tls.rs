//! TLS by rustls: version 1.2 and later with the suites of BCP 195 (SECURITY R64, FAPI 2.0 Security Profile section 5.2.2), HTTP/2 and
//! HTTP/1.1 by ALPN.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::{CipherSuite, ServerConfig};

use zeroize::Zeroizing;

use super::any_certificate::AnyCertificate;
use crate::base::secret::sha256;
use crate::config::Tls;
use crate::oauth::client_ca::read_bounded;

/// The suites of TLS 1.2 (RFC 9325 section 4.2).
const RECOMMENDED: [CipherSuite; 4] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("{key}: cannot read `{}`: {reason}; give a PEM file", path.display())]
    Unreadable {
        /// The configuration key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind that rustls does not use.
    #[error(
        "tls.cert and tls.key do not go together: {0}; give a certificate chain and its own key"
    )]
    Mismatch(rustls::Error),
}

/// A certificate chain and its key, as they stand in their files.
pub(super) struct Pem<'t> {
    tls: &'t Tls,
    cert: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl<'t> Pem<'t> {
    /// Reads both files.
    pub(super) fn read(tls: &'t Tls) -> Result<Self, TlsError> {
        let read = |key, path| {
            read_bounded(path).map_err(|error| unreadable(key, path, &pem::Error::Io(error)))
        };
        Ok(Self {
            tls,
            cert: read("tls.cert", &tls.cert)?,
            key: read("tls.key", &tls.key)?,
        })
    }

    /// The same for the same content, and for no other.
    pub(super) fn digest(&self) -> Vec<u8> {
        [sha256(&self.cert).as_ref(), sha256(&self.key).as_ref()].concat()
    }
}

/// What the listener needs to speak TLS; it asks for a client's certificate if `asks`.
pub(super) fn server_config(pem: &Pem<'_>, asks: bool) -> Result<ServerConfig, TlsError> {
    let tls = pem.tls;
    let chain = CertificateDer::pem_slice_iter(&pem.cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable("tls.cert", &tls.cert, &error))?;
    if chain.is_empty() {
        return Err(unreadable("tls.cert", &tls.cert, &pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_slice(&pem.key)
        .map_err(|error| unreadable("tls.key", &tls.key, &error))?;
    let provider = Arc::new(provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let builder = if asks {
                builder.with_client_cert_verifier(Arc::new(AnyCertificate::new(&provider)))
            } else {
                builder.with_no_client_auth()
            };
            builder.with_single_cert(chain, key)
        })
        .map_err(TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The library's own, with no suites but those of TLS 1.3 and the ones that RFC 9325 section 4.2 recommends for TLS 1.2.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some() || RECOMMENDED.contains(&suite.suite()));
    provider
}

fn unreadable(key: &'static str, path: &Path, error: &pem::Error) -> TlsError {
    TlsError::Unreadable {
        key,
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
