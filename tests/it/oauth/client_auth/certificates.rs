//! Mutual TLS (RFC 8705) behind a proxy: its header names the certificate, and nobody else's does. Real handshakes: `cli::mutual_tls`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PublicKeyData as _, SanType,
};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::secret::sha256;
use tessera::oauth::client::NewClient;

use super::super::party::{Answer, Party, REDIRECT_URI, VERIFIER, agree, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::oauth::resource_servers::{opaque, server};
use crate::web::alice;

/// A certificate with its key, in the forms that are needed.
pub struct Made {
    pub der: Vec<u8>,
    pub pem: String,
    pub key: KeyPair,
}

impl Made {
    fn of(certificate: &rcgen::Certificate, key: KeyPair) -> Self {
        Self {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            key,
        }
    }

    /// Signed by itself.
    pub fn alone(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name).self_signed(&key).unwrap();
        Self::of(&certificate, key)
    }

    /// The key as a client registers it.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.key.der_bytes()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y), "x5c": [STANDARD.encode(&self.der)] })
    }

    fn x5t(&self) -> String {
        base64url(sha256(&self.der).as_ref())
    }

    /// As RFC 9440 writes it.
    fn header(&self) -> String {
        format!(":{}:", STANDARD.encode(&self.der))
    }

    /// As nginx writes it.
    fn escaped(&self) -> String {
        url::form_urlencoded::byte_serialize(self.pem.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::CommonName, name);
    let host = Ia5String::try_from(format!("{name}.example")).unwrap();
    params.subject_alt_names = vec![SanType::DnsName(host)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// An authority.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub fn issue(&self, name: &str) -> Made {
        self.issue_with(name, |_| {})
    }

    fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Made {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Made::of(&certificate, key)
    }
}

/// A server behind a proxy at this address, which trusts this authority.
async fn behind(engine: Engine, proxy: &str, authority: &Authority) -> TestApp {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    TestApp::start_with(engine, |config| {
        config.trusted_proxies = vec![proxy.parse().unwrap()];
        config.client_certificates.header = Some(http::HeaderName::from_static("client-cert"));
        config.client_certificates.authorities = Some(file.path().to_owned());
    })
    .await
}

const PROXY: &str = "127.0.0.1/32";

fn by_name(new: &mut NewClient) {
    new.token_endpoint_auth_method = Some("tls_client_auth".to_owned());
    new.tls_client_auth_subject_dn = Some("CN=app,C=DE".to_owned());
}

/// Asks for a token with these headers.
async fn ask(t: &TestApp, form: &[(&str, &str)], certificate: Option<&str>) -> Answer {
    let mut request = http_client().post(format!("{}/token", t.url)).form(form);
    if let Some(certificate) = certificate {
        request = request.header("client-cert", certificate);
    }
    Answer::of(request).await
}

async fn own_token(t: &TestApp, id: &str, certificate: Option<&str>) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "api"),
        ("client_id", id),
    ];
    ask(t, &form, certificate).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_counts_when_the_authority_vouches_for_it() {
    for engine in engines() {
        let authority = Authority::new("ours");
        let t = behind(engine, PROXY, &authority).await;
        Party::register(&t, "app", by_name).await;
        Party::register(&t, "host", |new| {
            new.token_endpoint_auth_method = Some("tls_client_auth".to_owned());
            new.tls_client_auth_san_dns = Some("host.example".to_owned());
        })
        .await;
        let (app, host) = (authority.issue("app"), authority.issue("host"));
        for (id, made) in [("app", &app), ("host", &host)] {
            for form in [made.header(), made.escaped()] {
                own_token(&t, id, Some(&form)).await.tokens();
            }
        }
        let expired = authority.issue_with("app", |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2024, 12, 31);
        });
        let of_server = authority.issue_with("app", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        for (what, certificate) in [
            ("none", None),
            ("another name", Some(host.header())),
            (
                "another authority",
                Some(Authority::new("ours").issue("app").header()),
            ),
            ("no authority", Some(Made::alone("app").header())),
            ("expired", Some(expired.header())),
            ("of a server", Some(of_server.header())),
            ("not readable", Some(":AAAA:".to_owned())),
            ("another form", Some("CN=app,C=DE".to_owned())),
        ] {
            let answer = own_token(&t, "app", certificate.as_deref()).await;
            assert_eq!(answer.error(), "invalid_client", "{engine:?} {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_key_needs_no_authority() {
    for engine in engines() {
        let authority = Authority::new("ours");
        let t = behind(engine, PROXY, &authority).await;
        let own = Made::alone("app");
        let jwks = json!({ "keys": [own.jwk()] });
        Party::register(&t, "app", |new| {
            new.token_endpoint_auth_method = Some("self_signed_tls_client_auth".to_owned());
            new.jwks = Some(jwks);
        })
        .await;
        own_token(&t, "app", Some(&own.header())).await.tokens();
        // Neither the same name nor an authority of ours replaces the key.
        for other in [Made::alone("app"), authority.issue("app")] {
            let answer = own_token(&t, "app", Some(&other.header())).await;
            assert_eq!(answer.error(), "invalid_client", "{engine:?}");
        }
        assert_eq!(own_token(&t, "app", None).await.error(), "invalid_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_header_from_anybody_but_the_proxy_is_ignored() {
    let authority = Authority::new("ours");
    let t = behind(Engine::Sqlite, "10.0.0.0/8", &authority).await;
    Party::register(&t, "app", by_name).await;
    let app = authority.issue("app");
    for form in [app.header(), app.escaped()] {
        let answer = own_token(&t, "app", Some(&form)).await;
        assert_eq!(answer.error(), "invalid_client");
    }
    // A chain of headers does not help either.
    let request = http_client()
        .post(format!("{}/token", t.url))
        .header("client-cert", app.header())
        .header("x-forwarded-for", "10.0.0.1")
        .form(&[("grant_type", "client_credentials"), ("client_id", "app")]);
    assert_eq!(Answer::of(request).await.error(), "invalid_client");
}

/// Userinfo with or without a certificate.
async fn userinfo(t: &TestApp, token: &str, certificate: Option<&Made>) -> Answer {
    let mut request = http_client()
        .get(format!("{}/userinfo", t.url))
        .bearer_auth(token);
    if let Some(made) = certificate {
        request = request.header("client-cert", made.header());
    }
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_worth_nothing_without_its_certificate() {
    for engine in engines() {
        let t = behind(engine, PROXY, &Authority::new("ours")).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let party = Party::register(&t, "web", |new| {
            new.tls_client_certificate_bound_access_tokens = true;
        })
        .await;
        agree(&t, &user, &party).await;
        let (own, other) = (Made::alone("web"), Made::alone("web"));
        let code = party.code(&mut browser, &[]).await;
        let answer = party.redeem(&code).await;
        assert_eq!(
            answer.error(),
            "invalid_request",
            "no certificate, no token"
        );

        let code = party.code(&mut browser, &[]).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let request = http_client()
            .post(format!("{}/token", t.url))
            .basic_auth("web", party.secret.as_deref())
            .header("client-cert", own.header())
            .form(&form);
        let answer = Answer::of(request).await;
        assert_eq!(answer.json["token_type"], "Bearer", "{answer:?}");
        let token = answer.tokens().access;
        let info = userinfo(&t, &token, Some(&own)).await;
        assert_eq!(info.json["name"], "Alice Liddell", "{info:?}");
        for thief in [None, Some(&other)] {
            let answer = userinfo(&t, &token, thief).await;
            assert_eq!(answer.error(), "invalid_token", "{engine:?}");
            assert!(answer.header("www-authenticate").contains("invalid_token"));
            let mut request = http_client()
                .get(format!("{}/admin/api/clients", t.url))
                .bearer_auth(&token);
            if let Some(made) = thief {
                request = request.header("client-cert", made.header());
            }
            assert_eq!(Answer::of(request).await.status, 401, "{engine:?}");
        }
        // A resource server learns what the token is bound to; it checks by itself.
        let told = party.introspect(&token).await;
        assert_eq!(told["active"], true);
        assert_eq!(told["cnf"], json!({ "x5t#S256": own.x5t() }));
        let claims = super::super::party::claims(&token);
        assert_eq!(claims["cnf"]["x5t#S256"], own.x5t());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_is_bound_like_any_other() {
    let t = behind(Engine::Sqlite, PROXY, &Authority::new("ours")).await;
    let user = alice(&t).await;
    let mut browser = signed_in(&t).await;
    let party = Party::register(&t, "web", |new| {
        new.tls_client_certificate_bound_access_tokens = true;
    })
    .await;
    agree(&t, &user, &party).await;
    server(&t, &t.url, opaque).await;
    let (own, other) = (Made::alone("web"), Made::alone("web"));
    let code = party.code(&mut browser, &[]).await;
    let request = http_client()
        .post(format!("{}/token", t.url))
        .basic_auth("web", party.secret.as_deref())
        .header("client-cert", own.header())
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ]);
    let token = Answer::of(request).await.tokens().access;
    assert!(token.starts_with("tsr_at_"), "{token}");
    assert_eq!(userinfo(&t, &token, Some(&own)).await.error(), "ok");
    for thief in [None, Some(&other)] {
        let answer = userinfo(&t, &token, thief).await;
        assert_eq!(answer.error(), "invalid_token");
    }
    let told = party.introspect(&token).await;
    assert_eq!(told["cnf"], json!({ "x5t#S256": own.x5t() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refresh_tokens_of_a_public_client_belong_to_its_certificate() {
    for engine in engines() {
        let t = behind(engine, PROXY, &Authority::new("ours")).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let party = Party::register(&t, "phone", |new| {
            Party::public(new);
            new.tls_client_certificate_bound_access_tokens = true;
        })
        .await;
        agree(&t, &user, &party).await;
        let (own, other) = (Made::alone("phone"), Made::alone("phone"));
        let code = party.code(&mut browser, &[]).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
            ("client_id", "phone"),
        ];
        let tokens = ask(&t, &form, Some(&own.header())).await.tokens();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("client_id", "phone"),
        ];
        let answer = ask(&t, &form, Some(&other.header())).await;
        assert_eq!(answer.error(), "invalid_grant", "{engine:?}");
        let answer = ask(&t, &form, None).await;
        assert_eq!(answer.error(), "invalid_request", "{engine:?}");
        let renewed = ask(&t, &form, Some(&own.header())).await.tokens();
        assert!(userinfo(&t, &renewed.access, Some(&own)).await.status == 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_tells_of_certificates_only_where_they_can_come_from_somewhere() {
    let document = async |t: &TestApp| -> Value {
        let url = format!("{}/.well-known/openid-configuration", t.url);
        Answer::of(http_client().get(url)).await.json
    };
    let methods = |document: &Value| document["token_endpoint_auth_methods_supported"].to_string();
    let bound = "tls_client_certificate_bound_access_tokens";

    let plain = document(&TestApp::start(Engine::Sqlite).await).await;
    assert!(!methods(&plain).contains("tls_client_auth"), "{plain}");
    assert!(methods(&plain).contains("private_key_jwt"));
    assert!(plain.get(bound).is_none());
    let algorithms = json!(["RS256", "PS256", "ES256", "EdDSA", "HS256"]);
    for endpoint in ["token", "revocation", "introspection"] {
        let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        assert_eq!(plain[name], algorithms);
    }

    let t = behind(Engine::Sqlite, PROXY, &Authority::new("ours")).await;
    let proxied = document(&t).await;
    assert!(methods(&proxied).contains("\"tls_client_auth\""));
    assert!(methods(&proxied).contains("\"self_signed_tls_client_auth\""));
    assert_eq!(proxied[bound], true);

    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.client_certificates.asked = true;
    })
    .await;
    let without_authority = document(&t).await;
    assert!(!methods(&without_authority).contains("\"tls_client_auth\""));
    assert!(methods(&without_authority).contains("\"self_signed_tls_client_auth\""));
}
