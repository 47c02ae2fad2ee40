//! Mutual TLS over real handshakes with the real binary: the certificate is asked for, its key is proved, the methods of RFC 8705 hold.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::generate_simple_self_signed;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::process::{Place, Served};
use crate::oauth::client_auth::certificates::{Authority, Made};
use crate::oauth::party::Answer;

/// A server that asks for certificates, with three clients.
struct Setting {
    place: Place,
    server_pem: String,
    authority: Authority,
    own: Made,
}

const SETUP: &str = r#"
[[clients]]
client_id = "named"
token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_subject_dn = "CN=named,C=DE"
tls_client_certificate_bound_access_tokens = true
grant_types = ["client_credentials"]
scope = "api"
roles = ["admin"]

[[clients]]
client_id = "keyed"
token_endpoint_auth_method = "self_signed_tls_client_auth"
grant_types = ["client_credentials"]
scope = "api"
jwks = JWKS

[[clients]]
client_id = "signed"
token_endpoint_auth_method = "private_key_jwt"
grant_types = ["client_credentials"]
jwks_uri = "https://signed.example/jwks"
"#;

impl Setting {
    fn new() -> Self {
        let place = Place::new()
            .with("TESSERA_TLS_CLIENT_CERTIFICATES", "true")
            .with("TESSERA_TLS_CLIENT_CA", "ca.pem");
        let rcgen::CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let authority = Authority::new("ours");
        let own = Made::alone("keyed");
        let key = own.jwk();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let jwks = format!(
            "{{ keys = [{{ kty = \"EC\", crv = \"P-256\", x = \"{}\", y = \"{}\" }}] }}",
            text("x"),
            text("y")
        );
        for (name, content) in [
            ("cert.pem", cert.pem()),
            ("key.pem", signing_key.serialize_pem()),
            ("ca.pem", authority.pem.clone()),
            ("setup.toml", SETUP.replace("JWKS", &jwks)),
        ] {
            std::fs::write(place.path().join(name), content).unwrap();
        }
        Self {
            place,
            server_pem: cert.pem(),
            authority,
            own,
        }
    }

    fn serve(&self) -> Served {
        let flags = [
            "--tls-cert",
            "cert.pem",
            "--tls-key",
            "key.pem",
            "--apply",
            "setup.toml",
        ];
        self.place.serve(&flags)
    }

    /// A client that shows this certificate.
    fn client(&self, made: Option<&Made>) -> reqwest::Client {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let root = reqwest::Certificate::from_pem(self.server_pem.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        if let Some(made) = made {
            let pem = format!("{}{}", made.pem, made.key.serialize_pem());
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }
}

async fn own_token(client: &reqwest::Client, url: &str, id: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("client_id", id)];
    Answer::of(client.post(format!("{url}/token")).form(&form)).await
}

async fn clients_of(client: &reqwest::Client, url: &str, token: &str) -> Answer {
    let request = client.get(format!("{url}/admin/api/clients"));
    Answer::of(request.bearer_auth(token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_methods_and_bound_tokens_hold_over_real_handshakes() {
    let setting = Setting::new();
    let server = setting.serve();
    let url = &server.url;
    let named = setting.authority.issue("named");
    let (with_name, with_key, bare) = (
        setting.client(Some(&named)),
        setting.client(Some(&setting.own)),
        setting.client(None),
    );
    // The certificate is optional: everybody else is served as before.
    let document = Answer::of(bare.get(format!("{url}/.well-known/openid-configuration"))).await;
    assert_eq!(
        document.json["tls_client_certificate_bound_access_tokens"],
        true
    );
    let methods = document.json["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains("\"tls_client_auth\"") && methods.contains("self_signed"));

    let answer = own_token(&with_name, url, "named").await;
    let token = answer.tokens().access;
    assert_eq!(own_token(&with_key, url, "keyed").await.error(), "ok");
    let foreign = setting.client(Some(&Authority::new("ours").issue("named")));
    for (what, client, id) in [
        ("no certificate", &bare, "named"),
        ("no certificate", &bare, "keyed"),
        ("another's certificate", &with_key, "named"),
        ("another's certificate", &with_name, "keyed"),
        ("another authority", &foreign, "named"),
        ("a method of assertions", &with_name, "signed"),
    ] {
        let answer = own_token(client, url, id).await;
        assert_eq!(answer.error(), "invalid_client", "{what} {id}");
    }

    assert_eq!(clients_of(&with_name, url, &token).await.error(), "ok");
    for thief in [&bare, &with_key, &foreign] {
        let answer = clients_of(thief, url, &token).await;
        assert_eq!(answer.error(), "invalid_token");
    }
    // No header speaks over the handshake.
    let request = bare
        .post(format!("{url}/token"))
        .header("client-cert", "x")
        .form(&[("grant_type", "client_credentials"), ("client_id", "named")]);
    assert_eq!(Answer::of(request).await.error(), "invalid_client");
}

/// What comes back on a connection that shows this certificate and signs with this key, whether or not they belong together.
fn answer_to(setting: &Setting, server: &Served, made: &Made, key: &rcgen::KeyPair) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let signing = provider.key_provider.load_private_key(der).unwrap();
    let shown = CertifiedKey::new(vec![made.der.clone().into()], signing);
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::from_pem_slice(setting.server_pem.as_bytes());
    roots.add(pem.unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.address()).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let mut answer = String::new();
    // A refused handshake fails here or there; what was answered counts.
    drop(stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    drop(stream.read_to_string(&mut answer));
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let setting = Setting::new();
    let server = setting.serve();
    let named = setting.authority.issue("named");
    let answer = answer_to(&setting, &server, &named, &named.key);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let thief = rcgen::KeyPair::generate().unwrap();
    assert_eq!(answer_to(&setting, &server, &named, &thief), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_authorities_that_holds_none_is_refused() {
    let setting = Setting::new();
    for content in ["", "no PEM", &setting.own.key.serialize_pem()] {
        std::fs::write(setting.place.path().join("ca.pem"), content).unwrap();
        let arguments = [
            "--tls-cert",
            "cert.pem",
            "--tls-key",
            "key.pem",
            "--listen",
            "127.0.0.1:0",
        ];
        let said = setting.place.refused(&arguments, 2);
        assert!(
            said.contains("tls.client_ca: cannot use `ca.pem`"),
            "{said}"
        );
    }
}
