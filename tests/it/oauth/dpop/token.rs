//! At the token endpoint: what a proof binds, and what is refused without it.

use http::StatusCode;
use serde_json::json;
use tessera::base::time::Seconds;

use super::super::party::{Party, answered, claims, setup, setup_with};
use super::{Key, own_token, redeem, refresh, token};
use crate::harness::database::{Engine, engines};

const OWN: &[(&str, &str)] = &[("grant_type", "client_credentials")];

fn demanding(new: &mut tessera::oauth::client::NewClient) {
    new.dpop_bound_access_tokens = true;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_binds_the_token_to_its_key() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let code = party.code(&mut browser, &[]).await;
    let by_code = redeem(&party, &code, &[&key.proof(&t)]).await;
    let own = token(&party, OWN, &[&key.proof(&t)]).await;
    let again = refresh(&party, by_code.tokens().refresh(), &[&key.proof(&t)]).await;
    for answer in [by_code, own, again] {
        assert_eq!(answer.json["token_type"], "DPoP");
        let access = answer.tokens().access;
        let cnf = json!({"jkt": key.jkt()});
        assert_eq!(claims(&access)["cnf"], cnf);
        let seen = party.introspect(&access).await;
        assert_eq!((&seen["cnf"], &seen["token_type"]), (&cnf, &json!("DPoP")));
    }
    let plain = token(&party, OWN, &[]).await;
    assert_eq!(plain.json["token_type"], "Bearer");
    let access = plain.tokens().access;
    assert!(claims(&access).get("cnf").is_none());
    assert_eq!(party.introspect(&access).await["token_type"], "Bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_not_good_gets_no_token_and_spends_no_code() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let code = party.code(&mut browser, &[]).await;
    let now = t.clock.now().seconds();
    let elsewhere = |uri: String| key.proof_with(&t, "POST /token", &[("htu", json!(uri))]);
    for (what, proofs) in [
        ("no JWT", vec!["x".to_owned()]),
        ("an empty header", vec![String::new()]),
        ("two proofs", vec![key.proof(&t), key.proof(&t)]),
        (
            "two in one",
            vec![format!("{}, {}", key.proof(&t), key.proof(&t))],
        ),
        (
            "another method",
            vec![key.proof_with(&t, "GET /token", &[])],
        ),
        (
            "another path",
            vec![key.proof_with(&t, "POST /userinfo", &[])],
        ),
        (
            "another server",
            vec![elsewhere("https://evil.example/token".to_owned())],
        ),
        (
            "an old one",
            vec![key.proof_with(&t, "POST /token", &[("iat", json!(now - 61))])],
        ),
        (
            "a future one",
            vec![key.proof_with(&t, "POST /token", &[("iat", json!(now + 61))])],
        ),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = redeem(&party, &code, &proofs).await;
        assert_eq!(answer.error(), "invalid_dpop_proof", "{what}");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
    }
    assert_eq!(redeem(&party, &code, &[&key.proof(&t)]).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_names_the_issuer_whatever_the_host_header_says() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let post = |proof: String| {
        crate::harness::server::client()
            .post(format!("{}/token", t.url))
            .basic_auth("web", party.secret.as_deref())
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("dpop", proof)
            .form(OWN)
    };
    let theirs = json!("http://evil.example/token");
    let of_host = key.proof_with(&t, "POST /token", &[("htu", theirs)]);
    let answer = super::Answer::of(post(of_host)).await;
    assert_eq!(answer.error(), "invalid_dpop_proof");
    let answer = super::Answer::of(post(key.proof(&t))).await;
    assert_eq!(answer.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_demands_bound_tokens_gets_no_others() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, demanding).await;
    let key = Key::new();
    // What is missing is no proof that is wrong: the code of RFC 6749 section 5.2, as the certification asks.
    assert_eq!(token(&party, OWN, &[]).await.error(), "invalid_request");
    let code = party.code(&mut browser, &[]).await;
    assert_eq!(redeem(&party, &code, &[]).await.error(), "invalid_request");
    let tokens = redeem(&party, &code, &[&key.proof(&t)]).await.tokens();
    let without = refresh(&party, tokens.refresh(), &[]).await;
    assert_eq!(without.error(), "invalid_request");
    own_token(&t, &party, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_bound_to_a_key_is_worth_nothing_with_another() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let (key, other) = (Key::new(), Key::new());
        let jkt = key.jkt();
        for (proof, expect) in [
            (Some(key.proof(&t)), "ok"),
            (Some(other.proof(&t)), "invalid_grant"),
            (None, "invalid_grant"),
        ] {
            let code = party.code(&mut browser, &[("dpop_jkt", &jkt)]).await;
            let proofs: Vec<&str> = proof.iter().map(String::as_str).collect();
            let answer = redeem(&party, &code, &proofs).await;
            assert_eq!(answer.error(), expect, "{engine:?}");
            if expect == "invalid_grant" {
                // An injected code is spent, as with a wrong verifier.
                let late = redeem(&party, &code, &[&key.proof(&t)]).await;
                assert_eq!(late.error(), "invalid_grant");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_that_is_no_thumbprint_goes_back_to_the_client() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for wrong in ["x", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I="] {
        let page = browser
            .get(&party.authorize_path(&[("dpop_jkt", wrong)]))
            .await;
        assert_eq!(answered(&page)["error"], "invalid_request", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_clients_refresh_token_belongs_to_its_key_and_stays() {
    for engine in engines() {
        let (t, mut browser, party) = setup_with(engine, |_| {}, Party::public).await;
        let (key, other) = (Key::new(), Key::new());
        let code = party.code(&mut browser, &[]).await;
        let first = redeem(&party, &code, &[&key.proof(&t)]).await.tokens();
        t.clock.advance(Seconds::new(300));
        // A thief has the token, and no key or one of their own.
        for proofs in [vec![], vec![other.proof(&t)]] {
            let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
            let stolen = refresh(&party, first.refresh(), &proofs).await;
            assert_eq!(stolen.error(), "invalid_grant", "{engine:?}");
        }
        for _ in 0..3 {
            t.clock.advance(Seconds::new(300));
            let next = refresh(&party, first.refresh(), &[&key.proof(&t)]).await;
            let next = next.tokens();
            assert_eq!(next.refresh(), first.refresh(), "it does not rotate");
            assert_eq!(claims(&next.access)["cnf"]["jkt"], key.jkt());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_without_a_proof_rotates_as_ever() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, Party::public).await;
    let first = party.tokens(&mut browser, &[]).await;
    t.clock.advance(Seconds::new(300));
    let second = party.refresh(first.refresh()).await.tokens();
    assert_ne!(second.refresh(), first.refresh());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_client_may_change_its_key() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let (key, other) = (Key::new(), Key::new());
    let code = party.code(&mut browser, &[]).await;
    let first = redeem(&party, &code, &[&key.proof(&t)]).await.tokens();
    t.clock.advance(Seconds::new(300));
    let second = refresh(&party, first.refresh(), &[&other.proof(&t)])
        .await
        .tokens();
    assert_eq!(claims(&second.access)["cnf"]["jkt"], other.jkt());
    assert_ne!(
        second.refresh(),
        first.refresh(),
        "it is no sender-constrained client"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_constrained_clients_refresh_token_stays() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, demanding).await;
    let (key, other) = (Key::new(), Key::new());
    let code = party.code(&mut browser, &[]).await;
    let first = redeem(&party, &code, &[&key.proof(&t)]).await.tokens();
    for key in [&key, &other] {
        t.clock.advance(Seconds::new(300));
        let next = refresh(&party, first.refresh(), &[&key.proof(&t)])
            .await
            .tokens();
        assert_eq!(next.refresh(), first.refresh());
        assert_eq!(claims(&next.access)["cnf"]["jkt"], key.jkt());
    }
}
