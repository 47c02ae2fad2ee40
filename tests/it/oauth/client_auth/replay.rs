//! One use of one assertion, whoever asks, wherever, and however many at once.

use std::sync::Arc;

use tessera::base::time::Seconds;
use tessera::oauth::sweep;

use super::{Signer, claims, own_token, post, signing};
use crate::harness::database::engines;
use crate::harness::server::TestApp;

const PARALLEL: usize = 64;
const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_uses_of_an_assertion_on_two_nodes_is_accepted() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let node = t.second_node().await;
        let signer = Arc::new(Signer::p256());
        signing(&t, "web", &signer).await;
        for round in 0..ROUNDS {
            let assertion = Arc::new(signer.jwt(&claims(&t, "web", &round.to_string())));
            let mut tasks = tokio::task::JoinSet::new();
            for index in 0..PARALLEL {
                let url = [&t.url, &node.url][index % 2].clone();
                let assertion = Arc::clone(&assertion);
                tasks.spawn(async move { own_token(&url, &assertion).await });
            }
            let answers = tasks.join_all().await;
            let accepted = answers.iter().filter(|answer| answer.error() == "ok");
            assert_eq!(accepted.count(), 1, "{engine:?} round {round}");
            assert!(
                answers
                    .iter()
                    .all(|answer| matches!(answer.error(), "ok" | "invalid_client"))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_assertion_is_refused_until_it_expires_and_then_too() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let signer = Signer::p256();
        signing(&t, "web", &signer).await;
        let assertion = signer.jwt(&claims(&t, "web", "once"));
        own_token(&t.url, &assertion).await.tokens();
        // A restart, and another endpoint.
        let node = t.second_node().await;
        for path in ["/token", "/introspect", "/revoke"] {
            let answer = post(&node.url, path, &assertion, &[("token", "x")]).await;
            assert_eq!(answer.error(), "invalid_client", "{engine:?} {path}");
        }
        let tokens = t.app.config.tokens;
        for seconds in [59, 1, 59, 2] {
            t.clock.advance(Seconds::new(seconds));
            sweep::sweep(&t.app.db, &tokens, t.clock.now())
                .await
                .unwrap();
            let answer = own_token(&t.url, &assertion).await;
            assert_eq!(answer.error(), "invalid_client", "{engine:?} {seconds}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_do_not_use_up_each_others_identifiers() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let signer = Signer::p256();
        for id in ["one", "two"] {
            signing(&t, id, &signer).await;
            let assertion = signer.jwt(&claims(&t, id, "same"));
            own_token(&t.url, &assertion).await.tokens();
        }
    }
}
