//! What a device and a till are given beyond scopes: whose key it is, and for which services.

use serde_json::json;
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;

use super::backchannel::{self, CIBA, at_a_till};
use super::device::{self, DEVICE_CODE, on_a_device};
use super::dpop::{Key, refresh, token};
use super::party::{Answer, Party, claims, signed_in};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::alice;

const A: &str = "https://a.example/";
const B: &str = "https://b.example/";

async fn setup(engine: Engine) -> (TestApp, Browser) {
    let t = TestApp::start(engine).await;
    alice(&t).await;
    let browser = signed_in(&t).await;
    (t, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refresh_tokens_of_a_device_belong_to_the_key_that_it_polled_with() {
    for engine in engines() {
        let (t, mut browser) = setup(engine).await;
        let tv = Party::register(&t, "tv", on_a_device).await;
        let (key, other) = (Key::new(), Key::new());
        let codes = device::begin(&tv).await;
        device::decide(&mut browser, &codes.user, "allow").await;
        let form = [
            ("grant_type", DEVICE_CODE),
            ("device_code", codes.device.as_str()),
        ];
        let answer = token(&tv, &form, &[&key.proof(&t)]).await;
        assert_eq!(answer.json["token_type"], "DPoP");
        let tokens = answer.tokens();
        assert_eq!(claims(&tokens.access)["cnf"], json!({ "jkt": key.jkt() }));
        let without = refresh(&tv, tokens.refresh(), &[]).await;
        assert_eq!(without.error(), "invalid_grant");
        let with_another = refresh(&tv, tokens.refresh(), &[&other.proof(&t)]).await;
        assert_eq!(with_another.error(), "invalid_grant");
        let with_its_own = refresh(&tv, tokens.refresh(), &[&key.proof(&t)]).await;
        with_its_own.tokens();
    }
}

fn with_resources(new: &mut NewClient) {
    new.resources = [A, B].map(str::to_owned).to_vec();
}

#[track_caller]
fn audience(answer: &Answer) -> serde_json::Value {
    claims(&answer.tokens().access)["aud"].clone()
}

/// Polls, refreshes and narrows; what was not granted is not had.
async fn check(t: &TestApp, party: &Party, poll: [(&str, &str); 2]) {
    let narrower = |resource| [poll[0], poll[1], ("resource", resource)];
    let beyond = party.token(&narrower(t.url.as_str())).await;
    assert_eq!(beyond.error(), "invalid_target", "not granted");
    t.clock.advance(Seconds::new(10));
    let answer = party.token(&narrower(A)).await;
    assert_eq!(audience(&answer), json!(A));
    let tokens = answer.tokens();
    let all = party.refresh(tokens.refresh()).await;
    assert_eq!(audience(&all), json!([A, B]));
    let userinfo = party.userinfo(&tokens.access).await;
    assert_eq!(userinfo.error(), "invalid_token", "meant for others");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_device_and_of_a_till_are_for_the_services_that_they_named() {
    for engine in engines() {
        let (t, mut browser) = setup(engine).await;
        let tv = Party::register(&t, "tv", |new| {
            on_a_device(new);
            with_resources(new);
        })
        .await;
        let scope = ("scope", "openid offline_access");
        let named = [scope, ("resource", A), ("resource", B)];
        let begun = tv.post("/device_authorization", &named).await;
        let text = |answer: &Answer, name: &str| answer.json[name].as_str().unwrap().to_owned();
        let page = device::enter(&mut browser, &text(&begun, "user_code")).await;
        assert!(
            page.text.contains(A) && page.text.contains(B),
            "{}",
            page.text
        );
        browser.submit(&page, &[("decision", "allow")]).await;
        let code = text(&begun, "device_code");
        check(
            &t,
            &tv,
            [("grant_type", DEVICE_CODE), ("device_code", &code)],
        )
        .await;

        let till = Party::register(&t, "till", |new| {
            at_a_till(new);
            with_resources(new);
        })
        .await;
        let mut asked = named.to_vec();
        asked.push(("login_hint", "alice"));
        let asked = till.post("/bc-authorize", &asked).await;
        let page = browser.get("/approvals").await;
        assert!(
            page.text.contains(A) && page.text.contains(B),
            "{}",
            page.text
        );
        browser.submit(&page, &[("decision", "allow")]).await;
        let id = text(&asked, "auth_req_id");
        check(&t, &till, [("grant_type", CIBA), ("auth_req_id", &id)]).await;

        for (party, path, form) in [
            (&tv, "/device_authorization", vec![scope]),
            (&till, "/bc-authorize", vec![scope, ("login_hint", "alice")]),
        ] {
            let mut form = form;
            form.push(("resource", "https://evil.example/"));
            let refused = party.post(path, &form).await;
            assert_eq!(refused.error(), "invalid_target", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_may_wish_for_any_acr_and_learns_what_was_proven() {
    let (t, mut browser) = setup(Engine::Sqlite).await;
    let till = Party::register(&t, "till", at_a_till).await;
    for wish in ["phr", "urn:tessera:acr:1fa phr"] {
        let form = [("login_hint", "alice"), ("acr_values", wish)];
        let asked = backchannel::ask(&till, &form).await;
        let page = browser.get("/approvals").await;
        browser.submit(&page, &[("decision", "allow")]).await;
        let id = asked.json["auth_req_id"].as_str().unwrap();
        let tokens = backchannel::poll(&till, id).await.tokens();
        let said = claims(tokens.id.as_deref().unwrap());
        assert_eq!(said["acr"], "urn:tessera:acr:1fa", "{wish}");
    }
}
