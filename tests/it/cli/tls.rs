//! TLS on every endpoint: HTTP/2 and HTTP/1.1 by ALPN, nothing older than TLS 1.2, no plain HTTP on the same port.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

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

/// The suites that remain when a client speaks TLS 1.2 with this one only.
fn agrees_on(server: &Served, roots: &RootCertStore, suite: CipherSuite) -> bool {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|known| known.suite() == suite);
    assert_eq!(provider.cipher_suites.len(), 1);
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(server.address()).unwrap();
    while connection.is_handshaking() {
        if connection.complete_io(&mut socket).is_err() {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn tls_1_2_is_spoken_with_the_suites_of_bcp_195_and_no_others() {
    let (place, roots) = place();
    let server = place.serve(&FLAGS);
    for (suite, expect) in [
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true),
        (
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            false,
        ),
    ] {
        assert_eq!(agrees_on(&server, &roots, suite), expect, "{suite:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_is_served_under_the_name_localhost() {
    let place = Place::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(place.path().join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(place.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|free| free.local_addr())
        .unwrap()
        .port();
    let issuer = format!("https://localhost:{port}");
    let listen = format!("127.0.0.1:{port}");
    let mut flags = FLAGS.to_vec();
    flags.extend(["--listen", &listen, "--issuer", &issuer]);
    let server = place.serve(&flags);
    assert_eq!(server.url, issuer);

    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let root = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let get = |url: String| client.get(url).header("accept", "text/html,*/*").send();
    let url = format!("{issuer}/.well-known/openid-configuration");
    let answer = get(url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["issuer"], issuer);
    let mut endpoints = 0;
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = value.as_str().unwrap();
            assert!(url.starts_with(&issuer), "{name} {url}");
            let status = get(url.to_owned()).await.unwrap().status();
            assert_ne!(status, http::StatusCode::NOT_FOUND, "{name}");
            assert!(!status.is_server_error(), "{name} {status}");
            endpoints += 1;
        }
    }
    assert!(endpoints >= 10, "{document}");
    let login = get(format!("{issuer}/login")).await.unwrap();
    assert_eq!(login.status(), http::StatusCode::OK);
    for cookie in login.headers().get_all("set-cookie") {
        let text = cookie.to_str().unwrap();
        assert!(
            text.starts_with("__Host-") && text.contains("; Secure"),
            "{text}"
        );
    }
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

#[tokio::test]
async fn sighup_reads_the_certificate_again() {
    let (place, old) = place();
    let server = place.serve(&FLAGS);
    let hello = |roots: &RootCertStore| {
        let mut stream = connect(&server, roots.clone(), &[b"http/1.1"]);
        let (connection, socket) = (&mut stream.conn, &mut stream.sock);
        while connection.is_handshaking() {
            if connection.complete_io(socket).is_err() {
                return false;
            }
        }
        true
    };
    assert!(hello(&old));
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let mut new = RootCertStore::empty();
    new.add(cert.der().clone()).unwrap();
    std::fs::write(place.path().join("cert.pem"), cert.pem()).unwrap();
    server.signal("HUP");
    let refused = "not usable: the old one stays in use";
    let begun = std::time::Instant::now();
    while !place.log().contains(refused) {
        assert!(begun.elapsed().as_secs() < 20, "{}", place.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(hello(&old) && !hello(&new));
    std::fs::write(place.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    server.signal("HUP");
    while !hello(&new) {
        assert!(begun.elapsed().as_secs() < 20, "{}", place.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!hello(&old));
}
