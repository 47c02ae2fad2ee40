//! At Tessera's own APIs: a token that was stolen is worth nothing without its key.

use http::{Method, StatusCode};
use serde_json::json;

use super::super::party::{Answer, setup};
use super::{Key, own_token, redeem};
use crate::harness::database::Engine;
use crate::harness::server::client as http_client;

/// One endpoint of each API that takes an access token.
const DOORS: &[&str] = &[
    "GET /userinfo",
    "POST /userinfo",
    "GET /admin/api/clients",
    "GET /stores",
    "POST /access/v1/evaluation",
];

fn request(url: &str, door: &str) -> reqwest::RequestBuilder {
    let (method, path) = door.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    http_client().request(method, format!("{url}{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_worth_nothing_without_its_key() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let (key, thief) = (Key::new(), Key::new());
    let access = own_token(&t, &party, &key).await;
    let unbound = party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens()
        .access;
    let (bound, plain) = (format!("DPoP {access}"), format!("Bearer {unbound}"));
    let as_bearer = format!("Bearer {access}");
    for door in DOORS {
        let good = || key.proof_of(&t, door, &access);
        for (what, authorization, proofs, error) in [
            ("as a bearer token", &as_bearer, vec![], "invalid_token"),
            (
                "as a bearer token with a proof",
                &as_bearer,
                vec![good()],
                "invalid_token",
            ),
            ("without a proof", &bound, vec![], "invalid_dpop_proof"),
            (
                "with two proofs",
                &bound,
                vec![good(), good()],
                "invalid_dpop_proof",
            ),
            (
                "with a proof of the thief's",
                &bound,
                vec![thief.proof_of(&t, door, &access)],
                "invalid_token",
            ),
            (
                "with a proof for another token",
                &bound,
                vec![key.proof_of(&t, door, &unbound)],
                "invalid_dpop_proof",
            ),
            (
                "with a proof for no token",
                &bound,
                vec![key.proof_with(&t, door, &[])],
                "invalid_dpop_proof",
            ),
            (
                "with a proof for another place",
                &bound,
                vec![key.proof_of(&t, "GET /elsewhere", &access)],
                "invalid_dpop_proof",
            ),
            (
                "an unbound one with a proof",
                &plain,
                vec![key.proof_of(&t, door, &unbound)],
                "invalid_token",
            ),
            (
                "an unbound one as a bound one",
                &format!("DPoP {unbound}"),
                vec![key.proof_of(&t, door, &unbound)],
                "invalid_token",
            ),
        ] {
            let mut request = request(&t.url, door).header("authorization", authorization);
            for proof in proofs {
                request = request.header("dpop", proof);
            }
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{door} {what}");
            let challenge = answer.header("www-authenticate");
            let expect = format!("error=\"{error}\"");
            assert!(challenge.contains(&expect), "{door} {what}: {challenge}");
        }
        // Its owner is let in, as far as a client without a role or a person gets.
        for scheme in ["DPoP", "dpop"] {
            let request = request(&t.url, door)
                .header("authorization", format!("{scheme} {access}"))
                .header("dpop", good());
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{door} {answer:?}");
        }
        let answer = Answer::of(request(&t.url, door).header("authorization", &plain)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{door}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_token_is_told_both_ways() {
    let (t, _browser, _party) = setup(Engine::Sqlite).await;
    for door in DOORS {
        let answer = Answer::of(request(&t.url, door)).await;
        let challenges: Vec<&str> = answer
            .headers
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert_eq!(challenges.len(), 2, "{door} {challenges:?}");
        assert!(challenges[0].starts_with("Bearer "), "{door}");
        let algs = "algs=\"ES256 PS256 EdDSA Ed25519\"";
        assert!(
            challenges[1].starts_with("DPoP ") && challenges[1].contains(algs),
            "{door}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_answers_who_holds_the_key() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let code = party.code(&mut browser, &[]).await;
    let access = redeem(&party, &code, &[&key.proof(&t)])
        .await
        .tokens()
        .access;
    for door in ["GET /userinfo", "POST /userinfo"] {
        let answer = Answer::of(
            request(&t.url, door)
                .header("authorization", format!("DPoP {access}"))
                .header("dpop", key.proof_of(&t, door, &access)),
        )
        .await;
        assert_eq!(answer.json["preferred_username"], "alice", "{answer:?}");
    }
    // In a form a token is a bearer token (RFC 6750 section 2.2).
    for with_proof in [false, true] {
        let mut post = request(&t.url, "POST /userinfo").form(&[("access_token", &access)]);
        if with_proof {
            post = post.header("dpop", key.proof_of(&t, "POST /userinfo", &access));
        }
        let answer = Answer::of(post).await;
        assert_eq!(answer.error(), "invalid_token", "{answer:?}");
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_no_bound_token() {
    let (t, _browser, _party) = setup(Engine::Sqlite).await;
    let key = Key::new();
    let api_key = format!("tsr_ak_{}", "A".repeat(43));
    let answer = Answer::of(
        request(&t.url, "GET /stores")
            .header("authorization", format!("DPoP {api_key}"))
            .header("dpop", key.proof_of(&t, "GET /stores", &api_key)),
    )
    .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_names_the_algorithms_of_proofs() {
    let (t, _browser, _party) = setup(Engine::Sqlite).await;
    let request = request(&t.url, "GET /.well-known/openid-configuration");
    let document = Answer::of(request).await.json;
    assert_eq!(
        document["dpop_signing_alg_values_supported"],
        json!(["ES256", "PS256", "EdDSA", "Ed25519"])
    );
}
