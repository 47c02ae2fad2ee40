//! Part 1a of the catalogue: assertions of clients.

use serde_json::json;
use tessera::base::time::Seconds;

use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::oauth::client_auth::{Signer, claims, own_token, post, signing};
use crate::oauth::request_objects::object_claims;

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

/// A JWS whose header changes what is signed or read (RFC 7515 section 4.1.11, RFC 7797; advisories of several libraries): a signature that is
/// genuine over other bytes than the reader thinks. Refused for assertions and request objects, whatever the signature.
#[tokio::test(flavor = "multi_thread")]
async fn genuine_signature_under_a_header_that_changes_its_meaning() {
    let t = TestApp::start(Engine::Sqlite).await;
    let signer = Signer::p256();
    signing(&t, "web", &signer).await;
    let mut jtis = (0..).map(|number: u32| number.to_string());
    for (more, good) in [
        (json!({}), true),
        (json!({ "x": 1 }), true),
        (json!({ "crit": ["x"], "x": 1 }), false),
        (json!({ "crit": [] }), false),
        (json!({ "crit": null }), false),
        (json!({ "crit": ["b64"], "b64": true }), false),
        (json!({ "b64": false }), false),
        (json!({ "b64": true }), false),
        (json!({ "enc": "A128GCM" }), false),
        (json!({ "zip": "DEF" }), false),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "k" });
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let jti = jtis.next().unwrap();
        let assertion = signer.jwt_with(&header, &claims(&t, "web", &jti));
        let answer = own_token(&t.url, &assertion).await;
        let expect = if good { "ok" } else { "invalid_client" };
        assert_eq!(answer.error(), expect, "{more}");

        let object = signer.jwt_with(&header, &object_claims(&t));
        let assertion = signer.jwt(&claims(&t, "web", &jtis.next().unwrap()));
        let pushed = post(&t.url, "/par", &assertion, &[("request", object.as_str())]).await;
        let expect = if good { "ok" } else { "invalid_request_object" };
        assert_eq!(pushed.error(), expect, "{more}");
    }
}
