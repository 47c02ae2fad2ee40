//! A proof works once: whoever asks at once, wherever, and after a restart.

use std::sync::Arc;

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::oauth::sweep;

use super::super::party::{Answer, setup};
use super::{Key, own_token, token};
use crate::harness::database::engines;
use crate::harness::server::client as http_client;

const OWN: &[(&str, &str)] = &[("grant_type", "client_credentials")];
const PARALLEL: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_uses_of_a_proof_is_taken() {
    for engine in engines() {
        let (t, _browser, party) = setup(engine).await;
        let (party, key) = (Arc::new(party), Key::new());
        for round in 0..3 {
            let proof = key.proof(&t);
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..PARALLEL {
                let (party, proof) = (Arc::clone(&party), proof.clone());
                tasks.spawn(async move { token(&party, OWN, &[&proof]).await });
            }
            let answers = tasks.join_all().await;
            let taken = answers.iter().filter(|answer| answer.error() == "ok");
            assert_eq!(taken.count(), 1, "{engine:?} round {round}");
            let refused = |answer: &&Answer| answer.error() == "invalid_dpop_proof";
            assert_eq!(answers.iter().filter(refused).count(), PARALLEL - 1);
        }
        let access = own_token(&t, &party, &key).await;
        let proof = key.proof_of(&t, "GET /stores", &access);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..PARALLEL {
            let request = http_client()
                .get(format!("{}/stores", t.url))
                .header("authorization", format!("DPoP {access}"))
                .header("dpop", proof.clone());
            tasks.spawn(Answer::of(request));
        }
        let answers = tasks.join_all().await;
        // The client has no role; it was let in as far as that.
        let taken = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::FORBIDDEN);
        assert_eq!(taken.count(), 1, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_forgotten_only_when_it_would_not_be_taken_any_more() {
    for engine in engines() {
        let (t, _browser, party) = setup(engine).await;
        let key = Key::new();
        let proof = key.proof(&t);
        assert_eq!(token(&party, OWN, &[&proof]).await.error(), "ok");
        let tokens = t.app.config.tokens;
        for (seconds, forgotten) in [(60, 0), (59, 0), (1, 1)] {
            t.clock.advance(Seconds::new(seconds));
            let rows = sweep::sweep(&t.app.db, &tokens, t.clock.now()).await;
            assert_eq!(rows.unwrap(), forgotten, "{engine:?}");
            let again = token(&party, OWN, &[&proof]).await;
            assert_eq!(again.error(), "invalid_dpop_proof");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_refused_is_not_remembered() {
    let (t, _browser, party) = setup(crate::harness::database::Engine::Sqlite).await;
    let (key, other) = (Key::new(), Key::new());
    let access = own_token(&t, &party, &key).await;
    // Neither wrong proofs nor proofs of other keys than the token's fill the table.
    token(&party, OWN, &[&key.proof_with(&t, "GET /token", &[])]).await;
    for proof in [
        other.proof_of(&t, "GET /stores", &access),
        key.proof_of(&t, "GET /stores", "another"),
    ] {
        let request = http_client()
            .get(format!("{}/stores", t.url))
            .header("authorization", format!("DPoP {access}"))
            .header("dpop", proof);
        assert_eq!(Answer::of(request).await.status, StatusCode::UNAUTHORIZED);
    }
    let mut conn = t.app.db.read().await.unwrap();
    let rows: i64 = conn
        .one(tessera::store::q("SELECT COUNT(*) FROM dpop_proofs"))
        .await
        .unwrap();
    assert_eq!(rows, 1, "the one that the token was given for");
}
