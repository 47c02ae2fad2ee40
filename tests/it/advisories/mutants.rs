//! Row 16: a panic that a client can reach. Every way in takes mutations of what is usually sent, through the whole router: each is refused
//! or answered as the specifications have it, and nothing fails inside.
//!
//! `TESSERA_MUTATIONS=10000` sends more. The parsers themselves take ten thousand each on every run (`fuzz/src/oauth.rs`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION};
use http::{HeaderValue, Request};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::config::RegistrationPolicy;
use tessera::oauth::protocol::client_assertion;
use tessera::serve;
use tower::ServiceExt as _;

use super::hostile::base64;
use crate::fuzz::bodies::mutate::Mutations;
use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::backchannel::CIBA;
use crate::oauth::device::DEVICE_CODE;
use crate::oauth::party::{REDIRECT_URI, VERIFIER, agree, signed_in};
use crate::web::alice;

/// Mutations of each way in, unless `TESSERA_MUTATIONS` says how many.
const MUTATIONS: usize = 2_000;
const FORM: &str = "application/x-www-form-urlencoded";
/// Between the header and the claims of a JWT that is to be signed.
const PARTS: &[u8] = b"\n---\n";

/// A server, and what a client and a browser of it hold.
struct World {
    t: TestApp,
    router: Router,
    web: Party,
    browser: Browser,
    key: EcdsaKeyPair,
    basic: String,
    access: String,
    refresh: String,
}

/// One way in: what is usually sent, and how.
struct Way {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    send: fn(&World, &[u8]) -> Option<Request<Body>>,
}

impl World {
    async fn new() -> Self {
        let t = TestApp::start_with(Engine::Sqlite, |config| {
            config.registration.policy = RegistrationPolicy::Open;
            config.registration.network_limit = u32::MAX;
        })
        .await;
        let user = alice(&t).await;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let jwks = json!({ "keys": [jwk(&key)] });
        let web = Party::register(&t, "web", |new| {
            let grants = new.grant_types.as_mut().unwrap();
            grants.extend([DEVICE_CODE, CIBA].map(str::to_owned));
            new.jwks = Some(jwks.clone());
        })
        .await;
        Party::register(&t, "signer", |new| {
            new.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
            new.jwks = Some(jwks);
        })
        .await;
        agree(&t, &user, &web).await;
        let mut browser = signed_in(&t).await;
        let tokens = web.tokens(&mut browser, &[]).await;
        let basic = base64(&format!("web:{}", web.secret.as_ref().unwrap()));
        Self {
            router: serve::router(t.app.clone()),
            basic: format!("Basic {basic}"),
            refresh: tokens.refresh().to_owned(),
            access: tokens.access,
            t,
            web,
            browser,
            key,
        }
    }

    fn request(&self, method: &str, target: &str) -> http::request::Builder {
        let host = self.t.url.strip_prefix("http://").unwrap();
        Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, host)
    }

    /// A form of the client `web`.
    fn form(&self, path: &str, body: &[u8]) -> Option<Request<Body>> {
        let request = self.request("POST", path).header(CONTENT_TYPE, FORM);
        let request = request.header(AUTHORIZATION, &self.basic);
        request.body(Body::from(body.to_vec())).ok()
    }

    /// A form that a browser sends in which alice is signed in.
    fn page_form(&self, path: &str, body: &[u8]) -> Option<Request<Body>> {
        let request = self.request("POST", path).header(CONTENT_TYPE, FORM);
        let request = request.header(COOKIE, self.cookies());
        request.body(Body::from(body.to_vec())).ok()
    }

    fn cookies(&self) -> String {
        let pairs = self.browser.cookies.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// A request for a token with this header.
    fn own_token(&self, name: &str, value: &[u8]) -> Option<Request<Body>> {
        let mut request = self.form("/token", b"grant_type=client_credentials&scope=api")?;
        let value = HeaderValue::from_bytes(value).ok()?;
        request
            .headers_mut()
            .insert(http::HeaderName::try_from(name).unwrap(), value);
        Some(request)
    }

    /// A JWT with the header and the claims in `data`, whatever they are, signed by the client.
    fn signed(&self, data: &[u8]) -> String {
        let at = data.windows(PARTS.len()).position(|part| part == PARTS);
        let (header, claims) = at.map_or((data, &[][..]), |at| {
            (&data[..at], &data[at + PARTS.len()..])
        });
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", base64url(signature.as_ref()))
    }

    /// The seed of such a JWT.
    fn unsigned(header: &Value, claims: &Value) -> Vec<u8> {
        [
            header.to_string().as_bytes(),
            PARTS,
            claims.to_string().as_bytes(),
        ]
        .concat()
    }

    /// What is wrong with the answer.
    async fn fault(&self, mut request: Request<Body>, count: usize) -> (u16, Option<String>) {
        // Of one network only so many guesses are judged.
        let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(count).unwrap() * 256 + 1);
        let peer = SocketAddr::from((IpAddr::V4(address), 40_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let location = answer.headers().get(LOCATION).cloned();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20)
            .await
            .unwrap();
        let fault = match status.as_u16() {
            200..300 => None,
            303 => self.leads_astray(location.as_ref()),
            400..500 => silent(&body),
            _ => Some(format!("{status}: {}", String::from_utf8_lossy(&body))),
        };
        (status.as_u16(), fault)
    }

    /// Only to the client, and to pages of ours.
    fn leads_astray(&self, location: Option<&HeaderValue>) -> Option<String> {
        let Some(text) = location.and_then(|location| location.to_str().ok()) else {
            return Some("a redirect to nowhere".to_owned());
        };
        let page = format!("{}/", self.t.url);
        let own = text.starts_with(&page) || (text.starts_with('/') && !text.starts_with("//"));
        let clients = [
            "https://app.example/cb?",
            "https://app.example/cb#",
            "https://app.example/bye",
        ];
        let known = own || clients.iter().any(|start| text.starts_with(start));
        (!known).then(|| format!("sent to {text}"))
    }
}

/// A refusal says why: RFC 6749 section 5.2's members and characters, a problem, or a page.
fn silent(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let fits = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    let told = match (json["error"].as_str(), json["error_description"].as_str()) {
        (Some(error), Some(why)) => !error.is_empty() && error.chars().chain(why.chars()).all(fits),
        _ => json["detail"].is_string() || text.contains("<h1") || text.is_empty(),
    };
    (!told).then(|| format!("a refusal that says {text}"))
}

fn jwk(key: &EcdsaKeyPair) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": base64url(x), "y": base64url(y) })
}

/// Bytes as a part of a URI: what it cannot hold is percent-encoded.
fn in_uri(data: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    let text = data.iter().map(|byte| {
        if plain(*byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    text.collect()
}

fn encoded(pairs: &[(&str, &str)]) -> Vec<u8> {
    let text = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    text.into_bytes()
}

fn query_of(path: &str) -> Vec<u8> {
    path.split_once('?').unwrap().1.as_bytes().to_vec()
}

/// Sends the seeds of each way, at least one of which is taken, and the mutations of them.
async fn run(ways: fn(&World) -> Vec<Way>) {
    let w = World::new().await;
    let wanted = std::env::var("TESSERA_MUTATIONS").ok();
    let wanted = wanted.and_then(|text| text.parse().ok());
    let wanted = wanted.unwrap_or(MUTATIONS);
    let mut count = 0;
    for way in ways(&w) {
        let began = std::time::Instant::now();
        let mut taken = 0;
        let mutations = Mutations::new(&way.seeds, 0x7e55_e4a0).take(wanted);
        for (at, data) in way.seeds.iter().cloned().chain(mutations).enumerate() {
            let Some(request) = (way.send)(&w, &data) else {
                continue;
            };
            count += 1;
            let (status, fault) = w.fault(request, count).await;
            let shown = String::from_utf8_lossy(&data);
            assert_eq!(fault, None, "{} {at}: {shown}", way.name);
            if at < way.seeds.len() && status < 400 {
                taken += 1;
            }
        }
        assert!(taken > 0, "{}: no seed gets past the parsers", way.name);
        println!("{}: {taken} seeds taken, {:?}", way.name, began.elapsed());
    }
    let metrics = w.t.app.metrics.text().unwrap();
    assert!(!metrics.contains("status=\"5"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_what_the_browser_brings() {
    run(|w| {
        let claims = r#"{"userinfo":{"email":{"essential":true}},"id_token":{"auth_time":null}}"#;
        let requests = [
            &[][..],
            &[("prompt", "login consent"), ("max_age", "60"), ("acr_values", "a b")],
            &[("claims", claims), ("response_mode", "form_post"), ("ui_locales", "de en")],
            &[("resource", "https://api.example/"), ("dpop_jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")],
            &[("response_type", "code id_token"), ("response_mode", "fragment")],
            &[("authorization_details", r#"[{"type":"a","actions":["read"]}]"#)],
        ];
        let requests: Vec<Vec<u8>> = requests.iter().map(|changes| query_of(&w.web.authorize_path(changes))).collect();
        let logout = encoded(&[
            ("client_id", "web"), ("post_logout_redirect_uri", "https://app.example/bye"), ("state", "s"), ("id_token_hint", "e30.e30.e30"),
        ]);
        vec![
            Way {
                name: "query of /authorize",
                seeds: requests.clone(),
                send: |w, data| {
                    let target = format!("/authorize?{}", in_uri(data));
                    w.request("GET", &target).header(COOKIE, w.cookies()).body(Body::empty()).ok()
                },
            },
            Way {
                name: "body of /authorize",
                seeds: requests,
                send: |w, data| w.page_form("/authorize", data),
            },
            Way {
                name: "query of /logout",
                seeds: vec![logout],
                send: |w, data| w.request("GET", &format!("/logout?{}", in_uri(data))).body(Body::empty()).ok(),
            },
            Way {
                name: "cookies",
                seeds: vec![
                    w.cookies().into_bytes(),
                    b"tessera=AAAAAAAAAAAAAAAAAAAAAA; tessera_flow=tsr_fb_x; tessera-form=x; other=%22".to_vec(),
                ],
                send: |w, data| {
                    let cookies = HeaderValue::from_bytes(data).ok()?;
                    w.request("GET", "/account").header(COOKIE, cookies).body(Body::empty()).ok()
                },
            },
            Way {
                name: "form of /login",
                seeds: vec![encoded(&[("csrf", "x"), ("identifier", "alice"), ("password", "p")]), Vec::new()],
                send: |w, data| match data {
                    // The page itself: every form is refused for its token, which comes after what is read of it.
                    [] => w.request("GET", "/login").body(Body::empty()).ok(),
                    data => w.page_form("/login", data),
                },
            },
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_what_a_client_sends() {
    run(|w| {
        let code = encoded(&[
            ("grant_type", "authorization_code"), ("code", "tsr_ac_x"), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER),
        ]);
        let token = vec![
            encoded(&[("grant_type", "client_credentials"), ("scope", "api")]),
            encoded(&[("grant_type", "refresh_token"), ("refresh_token", &w.refresh), ("scope", "openid")]),
            encoded(&[("grant_type", DEVICE_CODE), ("device_code", "tsr_dc_x")]),
            encoded(&[("grant_type", CIBA), ("auth_req_id", "tsr_ar_x")]),
            encoded(&[
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", &w.access),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"), ("resource", "https://api.example/"),
            ]),
            encoded(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &w.access)]),
            code,
        ];
        let told = vec![
            encoded(&[("token", &w.access), ("token_type_hint", "access_token")]),
            encoded(&[("token", "tsr_rt_1|2|3|4"), ("token_type_hint", "refresh_token")]),
        ];
        let document = json!({
            "client_name": "App", "client_name#de": "Anwendung", "redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "none", "scope": "openid", "logo_uri": "https://app.example/l.png", "default_max_age": 60,
            "contacts": ["a@app.example"], "id_token_signed_response_alg": "RS256", "jwks": { "keys": [jwk(&w.key)] },
        });
        vec![
            Way { name: "body of /token", seeds: token, send: |w, data| w.form("/token", data) },
            Way {
                name: "body of /par",
                seeds: vec![query_of(&w.web.authorize_path(&[]))],
                send: |w, data| w.form("/par", data),
            },
            Way {
                name: "body of /device_authorization",
                seeds: vec![encoded(&[("client_id", "web"), ("scope", "openid profile")])],
                send: |w, data| w.form("/device_authorization", data),
            },
            Way {
                name: "body of /bc-authorize",
                seeds: vec![encoded(&[
                    ("scope", "openid"), ("login_hint", "alice"), ("binding_message", "W4-17"), ("requested_expiry", "60"),
                ])],
                send: |w, data| w.form("/bc-authorize", data),
            },
            Way { name: "body of /introspect", seeds: told.clone(), send: |w, data| w.form("/introspect", data) },
            Way { name: "body of /revoke", seeds: told, send: |w, data| w.form("/revoke", data) },
            Way {
                name: "body of /register",
                seeds: vec![document.to_string().into_bytes()],
                send: |w, data| {
                    let request = w.request("POST", "/register").header(CONTENT_TYPE, "application/json");
                    request.body(Body::from(data.to_vec())).ok()
                },
            },
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_what_proves_something() {
    run(|w| {
        let now = w.t.clock.now().seconds();
        let issuer = w.t.url.as_str();
        let mut public = jwk(&w.key);
        public.as_object_mut().unwrap().remove("kid");
        let proof = |jti: &str| World::unsigned(
            &json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": public }),
            &json!({ "jti": jti, "htm": "POST", "htu": format!("{issuer}/token"), "iat": now, "nonce": null, "ath": null }),
        );
        let assertion = World::unsigned(
            &json!({ "typ": "JWT", "alg": "ES256", "kid": "k" }),
            &json!({ "iss": "signer", "sub": "signer", "aud": [issuer], "iat": now, "nbf": now, "exp": now + 60, "jti": "1" }),
        );
        let object = |resources: Value| {
            World::unsigned(
                &json!({ "typ": "oauth-authz-req+jwt", "alg": "ES256", "kid": "k" }),
                &json!({
                    "iss": "web", "aud": issuer, "client_id": "web", "exp": now + 60, "nbf": now, "response_type": "code",
                    "scope": "openid", "redirect_uri": REDIRECT_URI, "code_challenge": VERIFIER, "code_challenge_method": "S256",
                    "max_age": 60, "state": "s", "claims": { "id_token": { "acr": { "values": ["a"] } } }, "resource": resources,
                }),
            )
        };
        vec![
            Way {
                name: "Basic header",
                seeds: vec![w.basic.clone().into_bytes(), b"basic d2ViOiUyNQ==".to_vec(), b"Bearer x, Basic d2ViOng=".to_vec()],
                send: |w, data| w.own_token("authorization", data),
            },
            Way {
                name: "DPoP header",
                seeds: vec![w.signed(&proof("a")).into_bytes()],
                send: |w, data| w.own_token("dpop", data),
            },
            Way {
                name: "signed DPoP proof",
                seeds: vec![proof("b")],
                send: |w, data| w.own_token("dpop", w.signed(data).as_bytes()),
            },
            Way {
                name: "client assertion",
                seeds: vec![assertion],
                send: |w, data| {
                    let signed = w.signed(data);
                    let body = encoded(&[
                        ("grant_type", "client_credentials"),
                        ("client_assertion_type", client_assertion::TYPE),
                        ("client_assertion", &signed),
                    ]);
                    w.request("POST", "/token").header(CONTENT_TYPE, FORM).body(Body::from(body)).ok()
                },
            },
            Way {
                name: "request object",
                seeds: vec![object(json!([])), object(json!(["https://api.example/"]))],
                send: |w, data| {
                    let signed = w.signed(data);
                    w.form("/par", &encoded(&[("client_id", "web"), ("request", &signed)]))
                },
            },
            Way {
                name: "access token",
                seeds: vec![format!("Bearer {}", w.access).into_bytes(), format!("DPoP {}", w.access).into_bytes()],
                send: |w, data| {
                    let value = HeaderValue::from_bytes(data).ok()?;
                    w.request("GET", "/userinfo").header(AUTHORIZATION, value).body(Body::empty()).ok()
                },
            },
        ]
    })
    .await;
}
