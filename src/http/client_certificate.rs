//! The certificate of the client that made a request: from our own TLS, or from the header in which a declared proxy hands it on.
//!
//! The header counts only when the connection itself comes from a trusted proxy (SECURITY R64); from there nothing else does: the certificate
//! of the connection is then the proxy's. Two forms are read: `:base64:` (RFC 9440), with the rest of the chain in `Client-Cert-Chain`, and
//! URL-encoded PEM, as nginx writes it. A header that is not readable is no certificate.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum_server::tls::TlsInfo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Extensions, HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::client_address;
use crate::app::App;

const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
/// Most certificates of a chain.
const CHAIN: usize = 8;
/// Largest header that is read, in bytes.
const HEADER_BYTES: usize = 24 * 1024;

tokio::task_local! {
    /// The certificate of the request that this task answers.
    static CURRENT: Option<ClientCertificate>;
}

/// A client's certificate in DER, with the chain that it came with. The client holds its key; nothing else is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    leaf: Arc<[u8]>,
    chain: Arc<[Vec<u8>]>,
}

impl ClientCertificate {
    /// Of a chain, the client's own first; none of an empty one.
    pub fn new(chain: Vec<Vec<u8>>) -> Option<Self> {
        let leaf = chain.first()?.as_slice().into();
        Some(Self {
            leaf,
            chain: chain.into(),
        })
    }

    /// The certificate of the request that the current task answers.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// The client's own certificate, in DER.
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// The client's own certificate and those that it handed in above it, in DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

/// Finds the request's certificate, and takes the header away from whoever is not to write it.
pub async fn know(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let header = app.config.client_certificates.header.as_ref();
    let peer = client_address::peer(request.extensions());
    let trusted = &app.config.trusted_proxies;
    let from_proxy = trusted.iter().any(|network| network.contains(&peer));
    let found = match header {
        Some(name) if from_proxy => of_header(request.headers(), name),
        Some(_) | None => of_connection(request.extensions()),
    };
    if let Some(name) = header {
        request.headers_mut().remove(name);
    }
    request.headers_mut().remove(CLIENT_CERT_CHAIN);
    CURRENT.scope(found, next.run(request)).await
}

fn of_connection(extensions: &Extensions) -> Option<ClientCertificate> {
    let info = extensions.get::<Arc<TlsInfo>>()?;
    ClientCertificate::new(info.peer_certificates.clone())
}

fn of_header(headers: &HeaderMap, name: &HeaderName) -> Option<ClientCertificate> {
    let mut values = headers.get_all(name).iter();
    let text = values.next()?.to_str().ok()?.trim();
    // Two are one too many: the proxy let the client's own through.
    if values.next().is_some() || text.len() > HEADER_BYTES {
        return None;
    }
    if text.starts_with(':') {
        let mut chain = vec![byte_sequence(text)?];
        chain.extend(rest_of_chain(headers)?);
        return ClientCertificate::new(chain);
    }
    let pem = percent_decode_str(text).collect::<Vec<u8>>();
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .take(CHAIN)
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    ClientCertificate::new(certificates.iter().map(|one| one.to_vec()).collect())
}

/// The certificates of `Client-Cert-Chain`; an empty list when there is no such header.
fn rest_of_chain(headers: &HeaderMap) -> Option<Vec<Vec<u8>>> {
    headers
        .get_all(CLIENT_CERT_CHAIN)
        .iter()
        .map(|value| {
            value
                .to_str()
                .ok()
                .filter(|text| text.len() <= HEADER_BYTES)
        })
        .collect::<Option<Vec<&str>>>()?
        .iter()
        .flat_map(|text| text.split(','))
        .take(CHAIN)
        .map(|item| byte_sequence(item.trim()))
        .collect()
}

/// An item of RFC 8941 section 3.3.5.
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix(':')?.strip_suffix(':')?;
    STANDARD
        .decode(inner)
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: HeaderName = HeaderName::from_static("client-cert");

    #[track_caller]
    fn check(headers: &[(HeaderName, &str)], expect: Option<&[&[u8]]>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        let expect = expect.and_then(|chain| {
            ClientCertificate::new(chain.iter().map(|der| der.to_vec()).collect())
        });
        assert_eq!(of_header(&map, &NAME), expect, "{headers:?}");
    }

    #[test]
    fn both_forms_of_the_header_are_read() {
        check(&[(NAME, ":AQID:")], Some(&[&[1, 2, 3]]));
        check(
            &[(NAME, ":AQID:"), (CLIENT_CERT_CHAIN, ":BA==:, :BQ==:")],
            Some(&[&[1, 2, 3], &[4], &[5]]),
        );
        let pem = "-----BEGIN%20CERTIFICATE-----%0AAQID%0A-----END%20CERTIFICATE-----%0A";
        check(&[(NAME, pem)], Some(&[&[1, 2, 3]]));
    }

    #[test]
    fn what_is_not_readable_is_no_certificate() {
        check(&[], None);
        check(&[(NAME, "")], None);
        check(&[(NAME, "(null)")], None);
        check(&[(NAME, "::")], None);
        check(&[(NAME, ":AQID")], None);
        check(&[(NAME, ":!:")], None);
        check(&[(NAME, "AQID")], None);
        check(&[(NAME, ":AQID:"), (NAME, ":AQID:")], None);
        check(&[(NAME, ":AQID:"), (CLIENT_CERT_CHAIN, "x")], None);
    }

    #[tokio::test]
    async fn the_certificate_is_known_within_the_answer_only() {
        assert_eq!(ClientCertificate::current(), None);
        let one = ClientCertificate::new(vec![vec![1]]);
        let seen = CURRENT
            .scope(one.clone(), async { ClientCertificate::current() })
            .await;
        assert_eq!(seen, one);
    }
}
