//! TLS on every endpoint: HTTP/2 and HTTP/1.1 by ALPN, nothing older than TLS 1.2, no plain HTTP on the same port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::process::{Place, Served};

/// A place with a certificate for 127.0.0.1, and a client's view of it.
fn place() -> (Place, RootCertStore) {
    let place = Place::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(place.path().join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(place.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    (place, roots)
}

fn connect(
    server: &Served,
    roots: RootCertStore,
    protocols: &[&[u8]],
) -> StreamOwned<ClientConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.address()).unwrap();
    StreamOwned::new(connection, socket)
}

const FLAGS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls_and_its_issuer_is_https() {
    let (place, roots) = place();
    let server = place.serve(&FLAGS);
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.url
    );

    let mut stream = connect(&server, roots.clone(), &[b"http/1.1"]);
    let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    // rustls reports a peer that closes without close_notify; the answer counts.
    drop(stream.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("strict-transport-security: max-age="),
        "{answer}"
    );

    let mut stream = connect(&server, roots, &[b"h2", b"http/1.1"]);
    // The connection preface and an empty SETTINGS frame (RFC 9113 section 3.4).
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    stream.write_all(preface).unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(frame[3], 4, "the server's SETTINGS frame");
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_no_answer() {
    let (place, _) = place();
    let server = place.serve(&FLAGS);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[tokio::test]
async fn files_that_are_no_certificate_or_no_pair_are_refused() {
    let (place, _) = place();
    let with = |cert: &str, key: &str| {
        place.refused(
            &[
                "--tls-cert",
                cert,
                "--tls-key",
                key,
                "--listen",
                "127.0.0.1:0",
            ],
            2,
        )
    };
    assert!(with("missing.pem", "key.pem").contains("tls.cert: cannot read `missing.pem`"));
    assert!(with("cert.pem", "cert.pem").contains("tls.key: cannot read `cert.pem`"));
    let other = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(
        place.path().join("other.pem"),
        other.signing_key.serialize_pem(),
    )
    .unwrap();
    assert!(with("cert.pem", "other.pem").contains("do not go together"));
}
