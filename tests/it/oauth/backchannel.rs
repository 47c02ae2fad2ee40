//! CIBA (OpenID Connect CIBA Core 1.0): a client asks a person by name, the person decides at `/approvals`, the client polls.
//! Those that are pinged stand in [`pings`](super::pings).

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;
use tessera::store::{consents, q};

use super::client_auth::Signer;
use super::device::bob;
use super::party::{Answer, Party, claims, signed_in};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::{PASSWORD, alice};

pub const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// A confidential client that asks people by name.
pub fn at_a_till(new: &mut NewClient) {
    new.client_name = Some("Corner shop".to_owned());
    new.redirect_uris = vec![];
    new.grant_types = Some([CIBA, "refresh_token"].map(str::to_owned).to_vec());
}

pub async fn setup(engine: Engine) -> (TestApp, Browser, Party) {
    let t = TestApp::start(engine).await;
    alice(&t).await;
    let browser = signed_in(&t).await;
    let till = Party::register(&t, "till", at_a_till).await;
    (t, browser, till)
}

pub async fn ask(party: &Party, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![("scope", "openid profile offline_access")];
    all.extend_from_slice(form);
    party.post("/bc-authorize", &all).await
}

/// Asks for a person who signs in as `name`.
pub async fn ask_for(party: &Party, name: &str) -> String {
    let answer = ask(party, &[("login_hint", name)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json["auth_req_id"].as_str().unwrap().to_owned()
}

pub async fn poll(party: &Party, auth_req_id: &str) -> Answer {
    party
        .token(&[("grant_type", CIBA), ("auth_req_id", auth_req_id)])
        .await
}

/// Presses a button on the page with its one request.
pub async fn decide(browser: &mut Browser, decision: &str) -> Page {
    let page = browser.get("/approvals").await;
    browser.submit(&page, &[("decision", decision)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_tokens_once_the_person_it_asked_for_allowed_it() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let till = Party::register(&t, "till", at_a_till).await;
        let form = [
            ("login_hint", "ALICE@example.com"),
            ("binding_message", "W4SCT <b>"),
            ("requested_expiry", "120"),
        ];
        let answer = ask(&till, &form).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(
            (&answer.json["interval"], &answer.json["expires_in"]),
            (&5.into(), &120.into())
        );
        let auth_req_id = answer.json["auth_req_id"].as_str().unwrap();
        assert_eq!(
            poll(&till, auth_req_id).await.error(),
            "authorization_pending"
        );
        assert_eq!(poll(&till, auth_req_id).await.error(), "slow_down");
        let page = browser.get("/approvals").await;
        for text in [
            "Allow Corner shop?",
            "W4SCT &lt;b&gt;",
            "See your name, username and profile",
            "less than a minute ago",
        ] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let done = browser.submit(&page, &[("decision", "allow")]).await;
        assert_eq!(done.location(), "/approvals?done=allowed");
        let empty = browser.get(done.location()).await;
        assert!(
            empty.text.contains("No application asks for anything now"),
            "{}",
            empty.text
        );
        let tokens = poll(&till, auth_req_id).await.tokens();
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(
            (id["sub"].as_str().unwrap(), id["aud"].as_str().unwrap()),
            (user.as_str(), "till")
        );
        t.clock.advance(Seconds::new(20));
        till.refresh(tokens.refresh()).await.tokens();
        assert_eq!(
            poll(&till, auth_req_id).await.error(),
            "invalid_grant",
            "once"
        );
        let mut conn = t.app.db.read().await.unwrap();
        let agreed = consents::scopes(&mut conn, &user, "till").await.unwrap();
        assert!(agreed.contains("profile"), "the approval is the consent");
        drop(conn);
        // The ID token names the person for the next time.
        let hint = tokens.id.unwrap();
        let answer = ask(&till, &[("id_token_hint", &hint)]).await;
        decide(&mut browser, "allow").await;
        poll(&till, answer.json["auth_req_id"].as_str().unwrap())
            .await
            .tokens();
        let other = Party::register(&t, "other", at_a_till).await;
        for (party, hint) in [
            (&other, hint.as_str()),
            (&till, tokens.access.as_str()),
            (&till, "x"),
        ] {
            assert_eq!(
                ask(party, &[("id_token_hint", hint)]).await.error(),
                "invalid_request"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_that_it_was_refused_or_that_nobody_answered() {
    for engine in engines() {
        let (t, mut browser, till) = setup(engine).await;
        let refused = ask_for(&till, "alice").await;
        let done = decide(&mut browser, "deny").await;
        assert_eq!(done.location(), "/approvals?done=denied");
        assert_eq!(poll(&till, &refused).await.error(), "access_denied");
        let late = ask_for(&till, "alice").await;
        let page = browser.get("/approvals").await;
        t.clock.advance(Seconds::new(300));
        assert_eq!(poll(&till, &late).await.error(), "expired_token");
        let done = browser.submit(&page, &[("decision", "allow")]).await;
        assert_eq!(done.location(), "/approvals?done=ended");
        assert_eq!(poll(&till, &late).await.error(), "expired_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_registered_client_may_ask_and_only_well_formed_questions() {
    let (t, _, till) = setup(Engine::Sqlite).await;
    let web = Party::register(&t, "web", |_| {}).await;
    let hint = ("login_hint", "alice");
    assert_eq!(ask(&web, &[hint]).await.error(), "unauthorized_client");
    let mut impostor = till.at(&t.url);
    impostor.secret = Some("wrong".to_owned());
    let answer = ask(&impostor, &[hint]).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client")
    );
    for (form, error) in [
        (vec![], "invalid_request"),
        (vec![hint, ("id_token_hint", "x")], "invalid_request"),
        (vec![("login_hint_token", "x")], "invalid_request"),
        (vec![hint, ("requested_expiry", "-5")], "invalid_request"),
        (
            vec![hint, ("binding_message", "a\nb")],
            "invalid_binding_message",
        ),
        (vec![hint, ("request", "x")], "invalid_request"),
        (vec![hint, hint], "invalid_request"),
        (vec![hint, ("user_code", "ignored")], "ok"),
    ] {
        assert_eq!(ask(&till, &form).await.error(), error, "{form:?}");
    }
    let unscoped = till
        .post("/bc-authorize", &[("scope", "profile"), hint])
        .await;
    assert_eq!(unscoped.error(), "invalid_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_decided_by_the_person_asked_and_redeemed_by_the_client_that_asked() {
    for engine in engines() {
        let (t, mut browser, till) = setup(engine).await;
        let mut bob = bob(&t).await;
        let other = Party::register(&t, "other", at_a_till).await;
        let auth_req_id = ask_for(&till, "alice").await;
        let page = browser.get("/approvals").await;
        let fields = page.hidden_fields();
        let request = fields.iter().find(|(name, _)| name == "request").unwrap();
        // Bob's own form token, from a page with a request of his own.
        ask_for(&till, "bob").await;
        let bobs = bob.get("/approvals").await;
        assert_eq!(
            bobs.text.matches("name=\"request\"").count(),
            1,
            "only his own"
        );
        let csrf = bobs
            .hidden_fields()
            .into_iter()
            .find(|(name, _)| name == "csrf")
            .unwrap();
        let stolen = [
            ("csrf", csrf.1.as_str()),
            ("request", request.1.as_str()),
            ("decision", "allow"),
        ];
        let page = bob.post("/approvals", &stolen).await;
        assert_eq!(page.location(), "/approvals?done=ended");
        let bare = browser
            .post(
                "/approvals",
                &[("request", request.1.as_str()), ("decision", "allow")],
            )
            .await;
        assert_eq!(bare.status, StatusCode::FORBIDDEN);
        assert_eq!(
            poll(&till, &auth_req_id).await.error(),
            "authorization_pending"
        );
        decide(&mut browser, "allow").await;
        assert_eq!(poll(&other, &auth_req_id).await.error(), "invalid_grant");
        assert_eq!(
            poll(&till, &auth_req_id[..auth_req_id.len() - 1])
                .await
                .error(),
            "invalid_grant"
        );
        assert_eq!(till.refresh(&auth_req_id).await.error(), "invalid_grant");
        poll(&till, &auth_req_id).await.tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_the_way_leads_back_to_the_requests() {
    let (t, _, till) = setup(Engine::Sqlite).await;
    ask_for(&till, "alice").await;
    let mut browser = Browser::new(&t);
    let page = browser.get("/approvals").await;
    assert_eq!(page.location(), "/login?then=approvals");
    let login = browser.get(page.location()).await;
    let back = browser
        .submit(&login, &[("identifier", "alice"), ("password", PASSWORD)])
        .await;
    assert_eq!(back.location(), "/approvals");
    assert!(browser.get("/approvals").await.text.contains("Corner shop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_polls_gets_the_tokens_and_one_of_two_decisions_counts() {
    for engine in engines() {
        let (t, mut browser, till) = setup(engine).await;
        let till = Arc::new(till);
        let auth_req_id = ask_for(&till, "alice").await;
        let page = browser.get("/approvals").await;
        let mut twin = Browser::new(&t);
        twin.cookies.clone_from(&browser.cookies);
        let (one, two) = tokio::join!(
            browser.submit(&page, &[("decision", "allow")]),
            twin.submit(&page, &[("decision", "allow")])
        );
        let mut places = [one.location().to_owned(), two.location().to_owned()];
        places.sort_unstable();
        assert_eq!(places, ["/approvals?done=allowed", "/approvals?done=ended"]);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (till, id) = (Arc::clone(&till), auth_req_id.clone());
            tasks.spawn(async move { poll(&till, &id).await });
        }
        let answers = tasks.join_all().await;
        let won = answers.iter().filter(|a| a.error() == "ok").count();
        assert_eq!(won, 1, "{engine:?}");
        assert!(
            answers
                .iter()
                .all(|a| matches!(a.error(), "ok" | "invalid_grant"))
        );
        let mut conn = t.app.db.read().await.unwrap();
        let grants: i64 = conn.one(q("SELECT COUNT(*) FROM grants")).await.unwrap();
        assert_eq!(grants, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_client_that_signs_only_what_it_signed_counts() {
    let (t, mut browser, plain) = setup(Engine::Sqlite).await;
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let bank = Party::register(&t, "bank", |new| {
        at_a_till(new);
        new.jwks = Some(serde_json::json!({ "keys": [signer.jwk("k")] }));
        new.backchannel_authentication_request_signing_alg = Some("ES256".to_owned());
    })
    .await;
    let now = t.clock.now().seconds();
    let good = serde_json::json!({
        "iss": "bank", "aud": t.url, "iat": now, "nbf": now, "exp": now + 300, "jti": "1",
        "scope": "openid", "login_hint": "alice", "requested_expiry": 60,
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let mut refused: Vec<String> = [
        "iss",
        "aud",
        "iat",
        "nbf",
        "exp",
        "jti",
        "scope",
        "login_hint",
    ]
    .iter()
    .map(|name| signer.jwt(&without(name)))
    .collect();
    refused.extend([
        signer.jwt(&with("iss", "till".into())),
        signer.jwt(&with("aud", "https://other.example".into())),
        signer.jwt(&with("exp", (now - 1).into())),
        signer.jwt(&with("exp", (now + 3_601).into())),
        signer.jwt(&with("nbf", (now + 60).into())),
        signer.jwt(&with("id_token_hint", "x".into())),
        stranger.jwt(&good),
        "x".to_owned(),
    ]);
    for object in &refused {
        let answer = bank.post("/bc-authorize", &[("request", object)]).await;
        assert_eq!(answer.error(), "invalid_request", "{answer:?}");
    }
    assert_eq!(
        ask(&bank, &[("login_hint", "alice")]).await.error(),
        "invalid_request"
    );
    let object = signer.jwt(&good);
    assert_eq!(
        plain
            .post("/bc-authorize", &[("request", &object)])
            .await
            .error(),
        "invalid_request"
    );
    // What stands beside the signed request is ignored.
    let answer = ask(&bank, &[("request", &object), ("login_hint", "bob")]).await;
    assert_eq!(answer.json["expires_in"], 60, "{answer:?}");
    decide(&mut browser, "allow").await;
    let tokens = poll(&bank, answer.json["auth_req_id"].as_str().unwrap())
        .await
        .tokens();
    assert_eq!(tokens.scope, "openid");
}
