//! Claims asked for by name, and how strongly and how recently a person proved who they are.

use serde_json::json;
use tessera::base::time::Seconds;

use super::party::{Party, answered, claims, setup, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::alice;

const ACR: &str = "urn:tessera:acr:1fa";

#[tokio::test(flavor = "multi_thread")]
async fn claims_come_where_they_were_asked_for() {
    for engine in engines() {
        let (_t, mut browser, party) = setup(engine).await;
        let request = json!({
            "userinfo": {"name": {"essential": true}, "iss": null},
            "id_token": {"email": null, "auth_time": {"essential": true}, "preferred_username": {"value": "bob"}},
        });
        let changes = [("scope", "openid"), ("claims", &request.to_string())];
        let tokens = party.tokens(&mut browser, &changes).await;
        assert_eq!(tokens.scope, "openid", "no scope comes of it");
        let info = party.userinfo(&tokens.access).await.json;
        assert_eq!(info["name"], "Alice Liddell");
        assert_eq!(info.as_object().unwrap().len(), 2, "{info}");
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(id["email"], "alice@example.com");
        assert!(id["auth_time"].is_i64());
        assert_eq!(id.get("name"), None);
        assert_eq!(id.get("preferred_username"), None, "its value is another");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_beyond_the_clients_scopes_is_not_given() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |new| {
        new.skip_consent = true;
        new.scope = Some("openid email".to_owned());
    })
    .await;
    let mut browser = signed_in(&t).await;
    let request = json!({"userinfo": {"name": null, "email": null}});
    let changes = [("scope", "openid"), ("claims", &request.to_string())];
    let tokens = party.tokens(&mut browser, &changes).await;
    let info = party.userinfo(&tokens.access).await.json;
    assert_eq!(info["email"], "alice@example.com");
    assert_eq!(info.get("name"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_asked_for_what_the_claims_need() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let mut browser = signed_in(&t).await;
    let agree = async |browser: &mut crate::harness::browser::Browser, path: &str| {
        let page = browser.get(path).await;
        assert!(
            page.location().starts_with("/consent"),
            "{}",
            page.location()
        );
        let page = browser.get(page.location()).await;
        let text = page.text.clone();
        let page = browser.submit(&page, &[("decision", "allow")]).await;
        let page = browser.get(page.location()).await;
        assert!(answered(&page).contains_key("code"));
        text
    };
    let text = agree(&mut browser, &party.authorize_path(&[("scope", "openid")])).await;
    assert!(!text.contains("e-mail address"));
    let request = json!({"userinfo": {"email": null}}).to_string();
    let path = party.authorize_path(&[("scope", "openid"), ("claims", &request)]);
    let text = agree(&mut browser, &path).await;
    assert!(text.contains("e-mail address"), "{text}");
    let page = browser.get(&path).await;
    assert!(answered(&page).contains_key("code"), "remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_with_a_value_is_who_must_sign_in() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let sub = claims(&tokens.access)["sub"].clone();
    let mut ask = async |value: serde_json::Value, prompt: &str| {
        let request = json!({"id_token": {"sub": {"value": value}}}).to_string();
        let changes = [("claims", request.as_str()), ("prompt", prompt)];
        browser.get(&party.authorize_path(&changes)).await
    };
    assert!(answered(&ask(sub, "none").await).contains_key("code"));
    let other = ask(json!("usr_other"), "none").await;
    assert_eq!(answered(&other)["error"], "login_required");
    t.clock.advance(Seconds::new(1));
    let other = ask(json!("usr_other"), "").await;
    assert!(
        other.location().starts_with("/login"),
        "{}",
        other.location()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn acr_says_what_was_proven_whatever_was_wished_for() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for wish in ["", ACR, "phr phrh", "urn:example:loa:4"] {
        let tokens = party.tokens(&mut browser, &[("acr_values", wish)]).await;
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(
            (&id["acr"], &id["amr"]),
            (&json!(ACR), &json!(["pwd"])),
            "{wish}"
        );
    }
    for (essential, values, expect) in [
        (true, json!([ACR]), None),
        (true, json!(["phr", ACR]), None),
        (false, json!(["phr"]), None),
        (
            true,
            json!(["phr"]),
            Some("unmet_authentication_requirements"),
        ),
    ] {
        let request = json!({"id_token": {"acr": {"essential": essential, "values": values}}});
        let path = party.authorize_path(&[("claims", &request.to_string())]);
        let answer = answered(&browser.get(&path).await);
        assert_eq!(answer.get("error").map(String::as_str), expect, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_may_say_how_recent_a_sign_in_must_be() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |new| {
        new.skip_consent = true;
        new.default_max_age = Some(60);
    })
    .await;
    let mut browser = signed_in(&t).await;
    t.clock.advance(Seconds::new(61));
    for (max_age, expect) in [
        ("", "/reauthenticate"),
        ("0", "/reauthenticate"),
        ("120", "https://app.example/cb"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("max_age", max_age)]))
            .await;
        assert!(
            page.location().starts_with(expect),
            "{max_age}: {}",
            page.location()
        );
    }
}
