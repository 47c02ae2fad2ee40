//! Part 1a of the catalogue: assertions of clients.

use tessera::base::time::Seconds;

use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::client_auth::{Signer, claims, own_token, signing};

/// Row 11: the `jti` of a client assertion was not held to be unique. Refused across nodes and restarts until it has expired.
#[tokio::test(flavor = "multi_thread")]
async fn replayed_client_assertion() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let signer = Signer::p256();
        signing(&t, "web", &signer).await;
        let assertion = signer.jwt(&claims(&t, "web", "jti"));
        assert_eq!(own_token(&t.url, &assertion).await.error(), "ok");
        // Another signature over the same identifier is the same assertion.
        let again = signer.jwt(&claims(&t, "web", "jti"));
        assert_eq!(own_token(&t.url, &again).await.error(), "invalid_client");
        for seconds in [0, 30, 60, 120] {
            t.clock.advance(Seconds::new(seconds));
            for url in [&t.url, &t.second_node().await.url] {
                let answer = own_token(url, &assertion).await;
                assert_eq!(answer.error(), "invalid_client", "{engine:?} {seconds}");
            }
        }
    }
}
