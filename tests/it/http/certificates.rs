//! Certificates that are replaced while the server runs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tessera::serve::Patience;

use super::serving::{LONG, patience, serve};

/// A new certificate for the server; its two files' texts, and itself.
fn made() -> (String, String, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem(), cert.der().clone())
}

type Tls = StreamOwned<ClientConnection, std::net::TcpStream>;

/// A connection to a server with this certificate; `None` when it has another.
fn connect(address: &str, certificate: &CertificateDer<'static>) -> Option<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).ok()?;
    }
    Some(StreamOwned::new(connection, socket))
}

/// Asks on a connection that stays open.
fn answers(stream: &mut Tls) -> bool {
    use std::io::{Read as _, Write as _};
    let request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut buffer = [0; 4_096];
    let mut said = String::new();
    if stream.write_all(request).is_err() {
        return false;
    }
    while !said.ends_with("ok\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => said.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
            _ => return false,
        }
    }
    said.starts_with("HTTP/1.1 200")
}

fn write(dir: &Path, name: &str, text: &str) {
    // Replaced as deployments do it: whole, under its name.
    let draft = dir.join("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, dir.join(name)).unwrap();
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_used_when_its_files_are_there_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let [cert, key] =
        ["cert.pem", "key.pem"].map(|name| dir.path().join(name).display().to_string());
    let (old, new) = (made(), made());
    write(dir.path(), "cert.pem", &old.0);
    write(dir.path(), "key.pem", &old.1);
    let keys = [("tls.cert", cert.as_str()), ("tls.key", key.as_str())];
    let quick = Patience {
        look: Duration::from_millis(50),
        ..patience()
    };
    let data = dir.path().join("data");
    let (server, address) = serve(&data, &keys, quick).await;
    let count = |outcome: &str| {
        let text = server.app.metrics.text().unwrap();
        let line =
            format!("tessera_file_reloads_total{{what=\"certificate\",outcome=\"{outcome}\"}} ");
        let found = text
            .lines()
            .find_map(|text| text.strip_prefix(line.as_str()));
        found.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let mut first = connect(&address, &old.2).unwrap();
    assert!(answers(&mut first));
    assert_eq!(
        (count("loaded"), count("refused")),
        (0, 0),
        "nothing changed"
    );

    // The certificate is there before its key: refused, until both are.
    write(dir.path(), "cert.pem", &new.0);
    until("a mismatch is refused", || count("refused") == 1).await;
    assert!(connect(&address, &old.2).is_some());
    write(dir.path(), "key.pem", &new.1);
    until("a pair is taken", || count("loaded") == 1).await;
    assert!(connect(&address, &old.2).is_none());
    let mut second = connect(&address, &new.2).unwrap();
    assert!(answers(&mut first), "connections live on");
    assert!(answers(&mut second));

    // Rubbish, a missing file: refused once each, however often they are looked at.
    for (done, spoil) in [(2, Some("rubbish")), (3, None)] {
        match spoil {
            Some(text) => write(dir.path(), "key.pem", text),
            None => std::fs::remove_file(dir.path().join("key.pem")).unwrap(),
        }
        until("it is refused", || count("refused") == done).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((count("loaded"), count("refused")), (1, done));
        assert!(connect(&address, &new.2).is_some());
    }
    write(dir.path(), "key.pem", &new.1);
    until("the pair is whole again", || count("loaded") == 2).await;
    drop((first, second));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_of_clients_are_read_again_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem").display().to_string();
    let (old, new) = (made(), made());
    write(dir.path(), "ca.pem", &old.0);
    let keys = [
        ("tls.client_ca", file.as_str()),
        ("tls.client_certificate_header", "client-cert"),
        ("trusted_proxies", "127.0.0.1/32"),
    ];
    let quick = Patience {
        look: Duration::from_millis(50),
        ..patience()
    };
    let (server, _) = serve(&dir.path().join("data"), &keys, quick).await;
    let authorities = server.app.client_ca.clone().unwrap();
    let before = authorities.loaded();
    write(dir.path(), "ca.pem", "rubbish");
    let counted = |outcome: &str| {
        let text = server.app.metrics.text().unwrap();
        text.contains(&format!("what=\"client_ca\",outcome=\"{outcome}\"}} 1"))
    };
    until("rubbish is refused", || counted("refused")).await;
    assert_eq!(authorities.loaded(), before);
    write(dir.path(), "ca.pem", &new.0);
    until("others are taken", || counted("loaded")).await;
    assert_ne!(authorities.loaded(), before);
    server.stop().await;
}
