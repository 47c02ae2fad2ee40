//! Every algorithm from registration to the client that verifies with what `/jwks` publishes, and reads what was encrypted to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tessera::base::encoding::{base64url, from_base64url};
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::signing::SigningAlgorithm;
use tessera::store::q;

use super::par;
use super::party::{Answer, Party, agree, answered, claims, header, setup_with, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::web::alice;

const INTROSPECTION: &str = "application/token-introspection+jwt";

/// A client that wants everything signed with one algorithm.
fn signs_all(algorithm: SigningAlgorithm) -> impl FnOnce(&mut NewClient) {
    move |new| {
        let alg = Some(algorithm.as_str().to_owned());
        new.id_token_signed_response_alg.clone_from(&alg);
        new.userinfo_signed_response_alg.clone_from(&alg);
        new.introspection_signed_response_alg = alg;
    }
}

/// The claims of a JWT, verified as a relying party does: by the published key that its `kid` names, with that key's `alg`.
async fn verified(t: &TestApp, jwt: &str, algorithm: SigningAlgorithm) -> Value {
    let text = http_client().get(format!("{}/jwks", t.url)).send().await;
    let text = text.unwrap().text().await.unwrap();
    let set: JwkSet = serde_json::from_str(&text).unwrap();
    let key = set.find(header(jwt)["kid"].as_str().unwrap()).unwrap();
    let alg: Algorithm = algorithm.as_str().parse().unwrap();
    assert_eq!(
        key.common.key_algorithm.unwrap().to_string(),
        algorithm.as_str()
    );
    let mut validation = Validation::new(alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(jwt, &DecodingKey::from_jwk(key).unwrap(), &validation)
        .unwrap()
        .claims
}

async fn userinfo_jwt(t: &TestApp, access_token: &str) -> String {
    let request = http_client().get(format!("{}/userinfo", t.url));
    let answer = Answer::of(request.bearer_auth(access_token)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/jwt");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json.as_str().unwrap().to_owned()
}

async fn introspection(t: &TestApp, party: &Party, token: &str, accept: &str) -> Answer {
    let request = http_client().post(format!("{}/introspect", t.url));
    let request = request
        .basic_auth(&party.client_id, party.secret.as_ref())
        .header("accept", accept)
        .form(&[("token", token)]);
    Answer::of(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_algorithm_signs_what_a_client_registered_it_for() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        for algorithm in SigningAlgorithm::ALL {
            let name = format!("client-{}", algorithm.as_str());
            let party = Party::register(&t, &name, signs_all(*algorithm)).await;
            agree(&t, &user, &party).await;
            let tokens = party.tokens(&mut browser, &[]).await;
            let id = tokens.id.unwrap();
            let said = verified(&t, &id, *algorithm).await;
            assert_eq!(said["aud"], name.as_str());
            assert_eq!(
                said["at_hash"],
                algorithm.left_half_hash(&tokens.access).as_str()
            );
            assert_eq!(
                header(&tokens.access)["alg"],
                "RS256",
                "access tokens are for resource servers, who registered nothing"
            );
            let info = userinfo_jwt(&t, &tokens.access).await;
            let info = verified(&t, &info, *algorithm).await;
            assert_eq!(info["iss"], t.url.as_str());
            assert_eq!(info["aud"], name.as_str());
            assert_eq!(info["sub"], said["sub"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introspection_answer_is_signed_where_a_jwt_is_asked_for() {
    for algorithm in SigningAlgorithm::ALL {
        let (t, mut browser, party) =
            setup_with(Engine::Sqlite, |_| {}, signs_all(*algorithm)).await;
        let token = party.tokens(&mut browser, &[]).await.access;
        let answer = introspection(&t, &party, &token, INTROSPECTION).await;
        assert_eq!(answer.header("content-type"), INTROSPECTION);
        assert_eq!(answer.header("cache-control"), "no-store");
        let jwt = answer.json.as_str().unwrap();
        assert_eq!(header(jwt)["typ"], "token-introspection+jwt");
        let said = verified(&t, jwt, *algorithm).await;
        assert_eq!(said["aud"], "web");
        assert_eq!(said["token_introspection"]["active"], true);
        let mut members: Vec<&String> = said.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["aud", "iat", "iss", "token_introspection"]);
        let plain = introspection(&t, &party, &token, "application/json, */*").await;
        assert_eq!(plain.json["active"], true);
        assert_eq!(said["token_introspection"], plain.json);
        let wrong = introspection(&t, &party, "x", INTROSPECTION).await;
        let said = claims(wrong.json.as_str().unwrap());
        assert_eq!(said["token_introspection"], json!({"active": false}));
        // The answer is no token, although it is signed with our key.
        assert!(!party.is_active(jwt).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userinfo_answer_is_never_taken_for_an_id_token() {
    let (t, mut browser, party) =
        setup_with(Engine::Sqlite, |_| {}, signs_all(SigningAlgorithm::EdDsa)).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let info = userinfo_jwt(&t, &tokens.access).await;
    for (hint, expect) in [(tokens.id.unwrap(), "code="), (info, "error=")] {
        let path = party.authorize_path(&[("prompt", "none"), ("id_token_hint", &hint)]);
        let page = browser.get(&path).await;
        let shown = format!("{} {}", page.location(), page.text);
        assert_eq!(shown.contains("code="), expect == "code=", "{shown}");
    }
}

/// A private key and a client that wants everything encrypted to it.
fn encrypts_all(signs: bool) -> (PrivateKey, impl FnOnce(&mut NewClient)) {
    let private = PrivateKey::generate(&ECDH_P256).unwrap();
    let public = private.compute_public_key().unwrap();
    let (x, y) = public.as_ref()[1..].split_at(32);
    let key = json!({
        "kty": "EC", "crv": "P-256", "use": "enc", "kid": "e1", "x": base64url(x), "y": base64url(y),
    });
    let text = |text: &str| Some(text.to_owned());
    let change = move |new: &mut NewClient| {
        new.jwks = Some(json!({ "keys": [key] }));
        new.id_token_signed_response_alg = text("ES256");
        new.id_token_encrypted_response_alg = text("ECDH-ES");
        new.id_token_encrypted_response_enc = text("A256GCM");
        new.userinfo_signed_response_alg = if signs { text("PS256") } else { None };
        new.userinfo_encrypted_response_alg = text("ECDH-ES");
        new.userinfo_encrypted_response_enc = text("A256GCM");
        new.introspection_encrypted_response_alg = text("ECDH-ES");
        new.introspection_encrypted_response_enc = text("A256GCM");
    };
    (private, change)
}

/// The text of a JWE of ECDH-ES and A256GCM, by the steps of RFC 7516 section 5.2 and RFC 7518 section 4.6.2.
fn decrypted(jwe: &str, private: &PrivateKey) -> String {
    let head = header(jwe);
    assert_eq!(
        (&head["alg"], &head["enc"]),
        (&json!("ECDH-ES"), &json!("A256GCM"))
    );
    assert_eq!(head["kid"], "e1");
    let parts: Vec<&str> = jwe.split('.').collect();
    assert_eq!((parts.len(), parts[1]), (5, ""));
    let bytes = |text: &Value| from_base64url(text.as_str().unwrap()).unwrap();
    let point = [vec![4], bytes(&head["epk"]["x"]), bytes(&head["epk"]["y"])].concat();
    let mut info = vec![0, 0, 0, 7];
    info.extend(b"A256GCM");
    info.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).unwrap();
    let mut key = [0; 32];
    let public = UnparsedPublicKey::new(&ECDH_P256, &point);
    agreement::agree(private, public, (), |secret| {
        sskdf_digest(digest, secret, &info, &mut key).map_err(|_| ())
    })
    .unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let part = |index: usize| from_base64url(parts[index]).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(&part(2)).unwrap();
    let mut text = [part(3), part(4)].concat();
    let opened = key.open_in_place(nonce, Aad::from(parts[0]), &mut text);
    String::from_utf8(opened.unwrap().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_is_signed_inside_and_read_by_the_client_alone() {
    for engine in engines() {
        let (private, change) = encrypts_all(true);
        let (t, mut browser, party) = setup_with(engine, |_| {}, change).await;
        let tokens = party.tokens(&mut browser, &[]).await;
        let jwe = tokens.id.unwrap();
        assert_eq!(header(&jwe)["cty"], "JWT");
        let id = verified(&t, &decrypted(&jwe, &private), SigningAlgorithm::Es256).await;
        assert_eq!(id["aud"], "web");
        let info = userinfo_jwt(&t, &tokens.access).await;
        let info = verified(&t, &decrypted(&info, &private), SigningAlgorithm::Ps256).await;
        assert_eq!(info["sub"], id["sub"]);
        let answer = introspection(&t, &party, &tokens.access, INTROSPECTION).await;
        assert_eq!(answer.header("content-type"), INTROSPECTION);
        let jwt = decrypted(answer.json.as_str().unwrap(), &private);
        let said = verified(&t, &jwt, SigningAlgorithm::Rs256).await;
        assert_eq!(said["token_introspection"]["active"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_may_be_encrypted_without_a_signature() {
    let (private, change) = encrypts_all(false);
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, change).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let jwe = userinfo_jwt(&t, &tokens.access).await;
    assert!(header(&jwe).get("cty").is_none());
    let said: Value = serde_json::from_str(&decrypted(&jwe, &private)).unwrap();
    assert_eq!(said["iss"], t.url.as_str());
    assert_eq!(said["aud"], "web");
    assert!(said["sub"].as_str().unwrap().starts_with("usr_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_algorithm_is_published_before_it_is_used() {
    let t = TestApp::start(Engine::Sqlite).await;
    Party::register(&t, "web", signs_all(SigningAlgorithm::Es256)).await;
    t.app.keys.maintain(t.clock.now()).await.unwrap();
    let answer = Answer::of(http_client().get(format!("{}/jwks", t.url))).await;
    let keys = answer.json["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[1]["alg"], "ES256");
    assert_eq!(keys[1]["use"], "sig");
    let mut members: Vec<&String> = keys[1].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}

/// A site of the client that publishes this key set.
async fn site(jwks: Value) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let text = jwks.to_string();
    let handler = async move || text.clone();
    let router = axum::Router::new().route("/jwks", axum::routing::get(handler));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_client_publishes_is_encrypted_to() {
    let (private, change) = encrypts_all(true);
    let mut new = NewClient::default();
    change(&mut new);
    let (url, server) = site(new.jwks.take().unwrap()).await;
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
        |client| {
            client.jwks_uri = Some(url);
            client.id_token_signed_response_alg = new.id_token_signed_response_alg;
            client.id_token_encrypted_response_alg = new.id_token_encrypted_response_alg;
            client.id_token_encrypted_response_enc = new.id_token_encrypted_response_enc;
        },
    )
    .await;
    let jwe = party.tokens(&mut browser, &[]).await.id.unwrap();
    let id = verified(&t, &decrypted(&jwe, &private), SigningAlgorithm::Es256).await;
    assert_eq!(id["aud"], "web");
    server.abort();
}

/// The same, which answers once it is said to be up.
async fn late_site(jwks: Value) -> (String, Arc<AtomicBool>, tokio::task::JoinHandle<()>) {
    let (text, is_up) = (jwks.to_string(), Arc::new(AtomicBool::new(false)));
    let up = Arc::clone(&is_up);
    let handler = async move || {
        if up.load(Ordering::SeqCst) {
            Ok(text.clone())
        } else {
            Err(StatusCode::BAD_GATEWAY)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/jwks", axum::routing::get(handler));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, is_up, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_had_costs_no_code_and_no_approval() {
    let (private, change) = encrypts_all(true);
    let mut new = NewClient::default();
    change(&mut new);
    let (url, is_up, server) = late_site(new.jwks.take().unwrap()).await;
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
        |client| {
            client.jwks_uri = Some(url);
            client.id_token_encrypted_response_alg = new.id_token_encrypted_response_alg;
            client.id_token_encrypted_response_enc = new.id_token_encrypted_response_enc;
        },
    )
    .await;
    let code = party.code(&mut browser, &[]).await;
    let answer = party.redeem(&code).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
    );
    // Its own tokens are not encrypted.
    party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens();
    is_up.store(true, Ordering::SeqCst);
    t.clock.advance(Seconds::new(11));
    let tokens = party.redeem(&code).await.tokens();
    assert_eq!(
        header(&decrypted(&tokens.id.unwrap(), &private))["alg"],
        "RS256"
    );
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_authorization_endpoint_is_signed_and_encrypted_as_registered() {
    let (private, change) = encrypts_all(true);
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| {
            change(new);
            new.response_types = vec!["code".to_owned(), "code id_token".to_owned()];
            new.authorization_signed_response_alg = Some("EdDSA".to_owned());
            new.authorization_encrypted_response_alg = Some("ECDH-ES".to_owned());
            new.authorization_encrypted_response_enc = Some("A256GCM".to_owned());
        },
    )
    .await;
    let parameters = |location: &str| -> std::collections::BTreeMap<String, String> {
        let text = location.split_once(['?', '#']).unwrap().1;
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.into_owned().collect()
    };
    let path = party.authorize_path(&[("response_mode", "jwt")]);
    let page = browser.get(&path).await;
    let jwe = parameters(page.location())["response"].clone();
    let said = verified(&t, &decrypted(&jwe, &private), SigningAlgorithm::EdDsa).await;
    assert_eq!(said["aud"], "web");
    let code = said["code"].as_str().unwrap();
    assert_eq!(party.redeem(code).await.error(), "ok");

    // The hybrid answer's ID token, and its hash of the code, are the registered algorithm's, too.
    let changes = [("response_type", "code id_token"), ("nonce", "n")];
    let page = browser.get(&party.authorize_path(&changes)).await;
    let answered = parameters(page.location());
    let jwt = decrypted(&answered["id_token"], &private);
    let id = verified(&t, &jwt, SigningAlgorithm::Es256).await;
    let hash = SigningAlgorithm::Es256.left_half_hash(&answered["code"]);
    assert_eq!(id["c_hash"], hash.as_str());
}

/// How many grants there are.
async fn grants(t: &TestApp) -> i64 {
    let mut conn = t.app.db.read().await.unwrap();
    conn.one(q("SELECT COUNT(*) FROM grants")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_encrypted_makes_no_code_and_uses_up_no_pushed_request() {
    for (engine, jarm) in engines()
        .into_iter()
        .flat_map(|engine| [(engine, false), (engine, true)])
    {
        let (private, change) = encrypts_all(true);
        let mut new = NewClient::default();
        change(&mut new);
        let (url, is_up, server) = late_site(new.jwks.take().unwrap()).await;
        let (t, mut browser, party) = setup_with(
            engine,
            |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
            |client| {
                client.jwks_uri = Some(url);
                client.response_types = vec!["code".to_owned(), "code id_token".to_owned()];
                if jarm {
                    client.authorization_encrypted_response_alg = Some("ECDH-ES".to_owned());
                    client.authorization_encrypted_response_enc = Some("A256GCM".to_owned());
                } else {
                    client.id_token_encrypted_response_alg = Some("ECDH-ES".to_owned());
                    client.id_token_encrypted_response_enc = Some("A256GCM".to_owned());
                }
            },
        )
        .await;
        let changes = if jarm {
            [("response_mode", "jwt"), ("nonce", "n")]
        } else {
            [("response_type", "code id_token"), ("nonce", "n")]
        };
        let uri = par::request_uri(&par::push(&party, &changes).await);
        let page = par::open(&mut browser, "web", &uri).await;
        if jarm {
            // No answer of this client can be made, so it is told to the person.
            assert_eq!(
                (page.status, page.location()),
                (StatusCode::SERVICE_UNAVAILABLE, "")
            );
        } else {
            assert_eq!(answered(&page)["error"], "temporarily_unavailable");
        }
        assert_eq!(grants(&t).await, 0);
        is_up.store(true, Ordering::SeqCst);
        t.clock.advance(Seconds::new(11));
        let page = par::open(&mut browser, "web", &uri).await;
        let answer = answered(&page);
        let name = if jarm { "response" } else { "id_token" };
        decrypted(&answer[name], &private);
        assert_eq!(grants(&t).await, 1);
        server.abort();
    }
}
