//! Request objects (JAR, RFC 9101): by value, pushed, and by reference.

use std::net::SocketAddr;

use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::secret::sha256;
use tessera::oauth::client::NewClient;

use super::par::push;
use super::party::{Party, REDIRECT_URI, VERIFIER, answered, setup_with};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::Engine;
use crate::harness::jws::ClientKey;
use crate::harness::server::TestApp;

const TYP: &str = "oauth-authz-req+jwt";

/// The claims of an ordinary request object of `web`.
pub fn object_claims(t: &TestApp) -> Value {
    let now = t.clock.now().seconds();
    json!({
        "iss": "web", "aud": t.url, "nbf": now, "exp": now + 300, "client_id": "web",
        "response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "openid", "state": "inner",
        "nonce": "no", "code_challenge": base64url(sha256(VERIFIER.as_bytes()).as_ref()),
        "code_challenge_method": "S256",
    })
}

/// The same with other claims; null removes one.
pub fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// A server, alice signed in, and `web` with this key.
pub async fn setup_key(
    key: &ClientKey,
    change: impl FnOnce(&mut NewClient),
) -> (TestApp, Browser, Party) {
    setup_with(
        Engine::Sqlite,
        |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
        |new| {
            new.jwks = Some(key.jwks());
            change(new);
        },
    )
    .await
}

/// Opens `/authorize` with these parameters alone.
pub async fn open(browser: &mut Browser, params: &[(&str, &str)]) -> Page {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    browser.get(&format!("/authorize?{query}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_supported_algorithm_signs_a_request_and_only_its_parameters_count() {
    for alg in ["ES256", "EdDSA", "PS256", "RS256"] {
        let key = ClientKey::generate(alg);
        let (t, mut browser, party) = setup_key(&key, |new| {
            new.request_object_signing_alg = Some(alg.to_owned());
        })
        .await;
        let object = key.jwt(TYP, &object_claims(&t));
        let params = [
            ("client_id", "web"),
            ("request", object.as_str()),
            ("scope", "openid email"),
            ("state", "outer"),
            ("redirect_uri", "https://evil.example/"),
            ("response_type", "token"),
        ];
        let answer = answered(&open(&mut browser, &params).await);
        assert_eq!(answer["state"], "inner", "{alg}");
        let tokens = party.redeem(&answer["code"]).await.tokens();
        assert_eq!(tokens.scope, "openid", "{alg}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_good_only_from_its_client_for_us_and_now() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, party) = setup_key(&key, |_| {}).await;
    let now = t.clock.now().seconds();
    for (change, good) in [
        (json!({}), true),
        (json!({"exp": now}), false),
        (json!({"exp": now + 3_700}), false),
        (json!({"nbf": now + 60}), false),
        (json!({"iss": "other"}), false),
        (json!({"iss": null}), false),
        (json!({"aud": "https://evil.example"}), false),
        (json!({"client_id": "other"}), false),
        (json!({"sub": "web"}), false),
        (json!({"request": "x"}), false),
        (json!({"request_uri": "https://app.example/r"}), false),
    ] {
        let object = key.jwt(TYP, &with(object_claims(&t), &change));
        let page = browser
            .get(&party.authorize_path(&[("request", &object)]))
            .await;
        let answer = answered(&page);
        let error = answer.get("error").map(String::as_str);
        let expect = (!good).then_some("invalid_request_object");
        assert_eq!(error, expect, "{change}");
        // The redirect URI beside the object is the client's own, so the client hears of it.
        assert_eq!(answer["state"], if good { "inner" } else { "st" });
    }
    // Without one, nothing that was not verified decides where the answer goes.
    let expired = key.jwt(TYP, &with(object_claims(&t), &json!({"exp": now})));
    let page = open(&mut browser, &[("client_id", "web"), ("request", &expired)]).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_parameters_inside_go_back_as_those_of_a_plain_request() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, _party) = setup_key(&key, |_| {}).await;
    for (change, expect) in [
        (json!({"scope": "nonsense"}), "invalid_scope"),
        (
            json!({"response_type": "token"}),
            "unsupported_response_type",
        ),
        (json!({"state": ["a", "b"]}), "invalid_request"),
        (json!({"max_age": -1}), "invalid_request"),
        (json!({"claims": {"userinfo": []}}), "invalid_request"),
        (json!({"code_challenge": null}), "invalid_request"),
    ] {
        let object = key.jwt(TYP, &with(object_claims(&t), &change));
        let page = open(&mut browser, &[("client_id", "web"), ("request", &object)]).await;
        assert_eq!(answered(&page)["error"], expect, "{change}");
    }
    for uri in [
        json!("https://evil.example/"),
        json!([REDIRECT_URI, REDIRECT_URI]),
    ] {
        let object = key.jwt(TYP, &with(object_claims(&t), &json!({"redirect_uri": uri})));
        let page = open(&mut browser, &[("client_id", "web"), ("request", &object)]).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, ""),
            "{uri}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_be_held_to_signed_and_dated_requests() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, party) =
        setup_key(&key, |new| new.require_signed_request_object = true).await;
    let page = browser.get(&party.authorize_path(&[])).await;
    assert_eq!(answered(&page)["error"], "invalid_request");
    assert_eq!(push(&party, &[]).await.error(), "invalid_request");
    for (change, expect) in [
        (json!({}), "ok"),
        (json!({"exp": null}), "invalid_request_object"),
        (json!({"nbf": null}), "invalid_request_object"),
    ] {
        let object = key.jwt(TYP, &with(object_claims(&t), &change));
        let answer = party.post("/par", &[("request", &object)]).await;
        assert_eq!(answer.error(), expect, "{change}");
        if expect == "ok" {
            let uri = answer.json["request_uri"].as_str().unwrap();
            let page = open(&mut browser, &[("client_id", "web"), ("request_uri", uri)]).await;
            assert_eq!(answered(&page)["state"], "inner");
        }
    }
}

/// Serves one text at `/r` on a loopback port.
async fn serve(text: String) -> SocketAddr {
    let router = axum::Router::new().route("/r", axum::routing::get(|| async move { text }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_fetched_only_from_where_the_client_registered() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, _party) = setup_key(&key, |_| {}).await;
    let object = key.jwt(TYP, &object_claims(&t));
    let hash = base64url(sha256(object.as_bytes()).as_ref());
    let address = serve(object).await;
    let registered = format!("http://{address}/r");
    let referring = Party::register(&t, "referring", |new| {
        new.jwks = Some(key.jwks());
        new.request_uris = vec![registered.clone(), format!("http://{address}/none")];
    })
    .await;
    let object = key.jwt(
        TYP,
        &with(
            object_claims(&t),
            &json!({"iss": "referring", "client_id": "referring"}),
        ),
    );
    let own = serve(object).await;
    let own_uri = format!("http://{own}/r");
    let by_reference = Party::register(&t, "by-reference", |new| {
        new.jwks = Some(key.jwks());
        new.skip_consent = true;
        new.request_uris = vec![own_uri.clone()];
    })
    .await;
    for (party, uri, expect) in [
        // Another client's object.
        (&referring, registered.clone(), "invalid_request_object"),
        (
            &referring,
            format!("{registered}#{hash}"),
            "invalid_request_object",
        ),
        (
            &referring,
            format!("{registered}#{}", "A".repeat(43)),
            "invalid_request_uri",
        ),
        (
            &referring,
            format!("http://{address}/none"),
            "invalid_request_uri",
        ),
        (
            &referring,
            format!("{registered}?x=1"),
            "invalid_request_uri",
        ),
        (&by_reference, registered.clone(), "invalid_request_uri"),
        (&by_reference, own_uri, "invalid_request_object"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("request_uri", &uri)]))
            .await;
        assert_eq!(answered(&page)["error"], expect, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_by_reference_is_a_request_like_any_other() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, _party) = setup_key(&key, |_| {}).await;
    let claims = with(
        object_claims(&t),
        &json!({"iss": "ref", "client_id": "ref"}),
    );
    let object = key.jwt(TYP, &claims);
    let hash = base64url(sha256(object.as_bytes()).as_ref());
    let uri = format!("http://{}/r", serve(object).await);
    let party = Party::register(&t, "ref", |new| {
        new.jwks = Some(key.jwks());
        new.skip_consent = true;
        new.request_uris = vec![uri.clone()];
    })
    .await;
    for uri in [uri.clone(), format!("{uri}#{hash}"), format!("{uri}#v2")] {
        let page = open(&mut browser, &[("client_id", "ref"), ("request_uri", &uri)]).await;
        let answer = answered(&page);
        assert_eq!(answer["state"], "inner", "{uri}");
        assert_eq!(party.redeem(&answer["code"]).await.error(), "ok");
    }
}
