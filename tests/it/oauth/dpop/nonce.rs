//! Nonces of the server's in proofs (RFC 9449 sections 8 and 9).

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::secret::sha256;
use tessera::base::time::Seconds;

use super::super::party::{Answer, Party, setup, setup_with};
use super::{Key, own_token, token};
use crate::harness::database::Engine;
use crate::harness::server::{TestApp, client as http_client};

const OWN: &[(&str, &str)] = &[("grant_type", "client_credentials")];

async fn with_nonce(t: &TestApp, party: &Party, key: &Key, nonce: &str) -> Answer {
    let proof = key.proof_with(t, "POST /token", &[("nonce", json!(nonce))]);
    token(party, OWN, &[&proof]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_nonce_is_asked_for_taken_and_renewed() {
    let required = |config: &mut tessera::config::Config| config.dpop.require_nonce = true;
    let (t, _browser, party) = setup_with(Engine::Sqlite, required, |_| {}).await;
    let key = Key::new();
    let asked = token(&party, OWN, &[&key.proof(&t)]).await;
    assert_eq!(asked.error(), "use_dpop_nonce");
    assert_eq!(asked.status, StatusCode::BAD_REQUEST);
    let nonce = asked.header("dpop-nonce").to_owned();
    assert!(!nonce.is_empty());
    let given = with_nonce(&t, &party, &key, &nonce).await;
    assert_eq!(given.error(), "ok");
    assert_eq!(
        given.header("dpop-nonce"),
        nonce,
        "every answer names the newest"
    );
    t.clock.advance(Seconds::new(300));
    let later = with_nonce(&t, &party, &key, &nonce).await;
    assert_eq!(later.error(), "ok", "the one before is good");
    let newer = later.header("dpop-nonce").to_owned();
    assert_ne!(newer, nonce);
    t.clock.advance(Seconds::new(300));
    let stale = with_nonce(&t, &party, &key, &nonce).await;
    assert_eq!(stale.error(), "use_dpop_nonce");
    assert_eq!(with_nonce(&t, &party, &key, &newer).await.error(), "ok");
    for wrong in ["", "x", &base64url(&[0; 32])] {
        let answer = with_nonce(&t, &party, &key, wrong).await;
        assert_eq!(answer.error(), "use_dpop_nonce", "{wrong}");
    }
    // Another node has the same ones.
    let node = t.second_node().await;
    let there = with_nonce(&t, &party.at(&node.url), &key, &newer).await;
    assert_eq!(there.error(), "ok");
    // Who proves nothing is asked for nothing.
    let plain = token(&party, OWN, &[]).await;
    assert_eq!((plain.error(), plain.header("dpop-nonce")), ("ok", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_asks_for_a_nonce_in_its_challenge() {
    let required = |config: &mut tessera::config::Config| config.dpop.require_nonce = true;
    let (t, _browser, party) = setup_with(Engine::Sqlite, required, |_| {}).await;
    let key = Key::new();
    let asked = token(&party, OWN, &[&key.proof(&t)]).await;
    let nonce = asked.header("dpop-nonce").to_owned();
    let access = with_nonce(&t, &party, &key, &nonce).await.tokens().access;
    let ath = json!(base64url(sha256(access.as_bytes()).as_ref()));
    for path in ["/userinfo", "/stores", "/admin/api/clients"] {
        let get = |more: &[(&str, Value)]| {
            let claims = [&[("ath", ath.clone())], more].concat();
            let proof = key.proof_with(&t, &format!("GET {path}"), &claims);
            http_client()
                .get(format!("{}{path}", t.url))
                .header("authorization", format!("DPoP {access}"))
                .header("dpop", proof)
        };
        let answer = Answer::of(get(&[])).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert!(
            challenge.contains("error=\"use_dpop_nonce\""),
            "{challenge}"
        );
        let nonce = json!(answer.header("dpop-nonce"));
        let answer = Answer::of(get(&[("nonce", nonce)])).await;
        // A client has no claims and no role: but it was let in.
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {answer:?}");
        assert!(!answer.header("dpop-nonce").is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_nonce_is_required_none_is_offered_and_a_wrong_one_is_refused() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let plain = token(&party, OWN, &[&key.proof(&t)]).await;
    assert_eq!((plain.error(), plain.header("dpop-nonce")), ("ok", ""));
    let wrong = with_nonce(&t, &party, &key, "x").await;
    assert_eq!(wrong.error(), "use_dpop_nonce");
    let nonce = wrong.header("dpop-nonce").to_owned();
    assert_eq!(with_nonce(&t, &party, &key, &nonce).await.error(), "ok");
    own_token(&t, &party, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_send_proofs_and_read_nonces() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let origin = "https://app.example";
    let preflight = http_client()
        .request(Method::OPTIONS, format!("{}/token", t.url))
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "dpop")
        .header("origin", origin);
    let lists = |headers: &HeaderMap, name: &str, word: &str| {
        let list = headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap());
        list.split(',').any(|one| one.trim() == word)
    };
    let answer = Answer::of(preflight).await;
    assert!(lists(
        &answer.headers,
        "access-control-allow-headers",
        "dpop"
    ));
    let key = Key::new();
    let proof = key.proof_with(&t, "POST /token", &[("nonce", json!("x"))]);
    let post = http_client()
        .post(format!("{}/token", t.url))
        .basic_auth("web", party.secret.as_deref())
        .header("origin", origin)
        .header("dpop", proof)
        .form(OWN);
    let answer = Answer::of(post).await;
    assert_eq!(answer.error(), "use_dpop_nonce");
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert!(lists(
        &answer.headers,
        "access-control-expose-headers",
        "dpop-nonce"
    ));
}
