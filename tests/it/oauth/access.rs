//! Access tokens that come back: what is accepted, what `oauth::bearer` tells Tessera's own APIs, what userinfo says.

use aws_lc_rs::rsa::{KeyPair, KeySize};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::identity::identifier::Canonical;
use tessera::identity::user::UserChange;
use tessera::oauth::bearer::{self, BearerError, Caller, Credential};
use tessera::oauth::client::NewClient;
use tessera::policy::system::Reach;
use tessera::store::users;

use super::party::{Answer, claims, header, setup, setup_with};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};

async fn authenticate(t: &TestApp, value: &str) -> Result<Caller, BearerError> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value.parse().unwrap());
    bearer::authenticate(&t.app, &headers, t.clock.now()).await
}

async fn with_token(t: &TestApp, token: &str) -> Result<Caller, BearerError> {
    authenticate(t, &format!("Bearer {token}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_acts_as_itself_and_in_a_persons_name_only_with_the_scope() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let own = party
        .token(&[("grant_type", "client_credentials"), ("scope", "api")])
        .await
        .tokens();
    let caller = with_token(&t, &own.access).await.unwrap();
    assert_eq!(
        (caller.subject.as_str(), &caller.reach),
        ("client:web", &Reach::Whole)
    );
    let plain = party.tokens(&mut browser, &[("scope", "openid api")]).await;
    let refused = with_token(&t, &plain.access).await.unwrap_err();
    assert!(matches!(
        refused,
        BearerError::InsufficientScope("tessera:admin")
    ));
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let admin = party
        .tokens(&mut browser, &[("scope", "openid tessera:admin")])
        .await;
    let caller = with_token(&t, &admin.access).await.unwrap();
    let sub = claims(&admin.access)["sub"].as_str().unwrap().to_owned();
    assert_eq!(caller.subject, format!("user:{sub}"));
    assert!(matches!(
        caller.credential,
        Credential::AccessToken { client_id, .. } if client_id == "web"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_live_access_token_is_let_in() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let tokens = party
        .tokens(
            &mut browser,
            &[("scope", "openid tessera:admin offline_access")],
        )
        .await;
    with_token(&t, &tokens.access).await.unwrap();
    for wrong in [
        tokens.id.as_deref().unwrap(),
        tokens.refresh(),
        "",
        "x.y.z",
        "a",
    ] {
        let error = with_token(&t, wrong).await.unwrap_err();
        assert!(matches!(error, BearerError::Invalid), "{wrong} {error}");
    }
    for header in ["", "Basic dTpw", "Bearer", "bearer"] {
        let error = authenticate(&t, header).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::UNAUTHORIZED, "{header}");
    }
    t.clock.advance(Seconds::new(300));
    let error = with_token(&t, &tokens.access).await.unwrap_err();
    assert!(matches!(error, BearerError::Invalid), "expired");
}

/// A token with the header and claims of a genuine one, changed and signed by another hand.
fn forged(genuine: &str, change: impl FnOnce(&mut serde_json::Value), sign: bool) -> String {
    let mut head = header(genuine);
    change(&mut head);
    let payload = genuine.split('.').nth(1).unwrap();
    let message = format!("{}.{payload}", base64url(head.to_string().as_bytes()));
    let signature = if sign {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &aws_lc_rs::signature::RSA_PKCS1_SHA256,
            &aws_lc_rs::rand::SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        base64url(&signature)
    } else {
        String::new()
    };
    format!("{message}.{signature}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_decides_the_algorithm_and_the_headers_of_a_token_decide_nothing() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let own = party.token(&[("grant_type", "client_credentials")]).await;
    let genuine = own.tokens().access;
    let set = |name: &'static str, value: &'static str| {
        move |head: &mut serde_json::Value| head[name] = serde_json::json!(value)
    };
    let attacks = [
        forged(&genuine, |_| {}, true),
        forged(&genuine, set("alg", "none"), false),
        forged(&genuine, set("alg", "HS256"), true),
        forged(&genuine, set("jku", "https://evil.example/jwks"), true),
        forged(&genuine, set("kid", "nobody"), true),
        forged(&genuine, set("typ", "JWT"), true),
        forged(
            &genuine,
            |head| {
                head.as_object_mut().unwrap().remove("kid");
            },
            true,
        ),
    ];
    for token in attacks {
        assert!(!party.is_active(&token).await, "{token}");
        assert!(with_token(&t, &token).await.is_err());
    }
    assert!(party.is_active(&genuine).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_takes_the_token_in_the_header_or_in_a_form_but_not_twice() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let token = party.tokens(&mut browser, &[]).await.access;
    let url = format!("{}/userinfo", t.url);
    let form = [("access_token", token.as_str())];
    let twice = [("access_token", token.as_str()), ("access_token", "x")];
    let http = http_client();
    for (request, expect) in [
        (http.get(&url).bearer_auth(&token), "ok"),
        (http.post(&url).bearer_auth(&token), "ok"),
        (http.post(&url).form(&form), "ok"),
        (
            http.post(&url).bearer_auth(&token).form(&form),
            "invalid_token",
        ),
        (http.post(&url).form(&twice), "invalid_request"),
        (
            http.get(format!("{url}?access_token={token}")),
            "invalid_token",
        ),
        (http.get(&url), "invalid_token"),
        (http.post(&url), "invalid_token"),
        (http.get(&url).bearer_auth("x"), "invalid_token"),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.error(), expect, "{answer:?}");
        if expect == "invalid_token" {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_says_what_the_scopes_allow() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for (scope, expect) in [
        ("openid", vec!["sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        (
            "openid profile",
            vec!["name", "preferred_username", "sub", "updated_at"],
        ),
    ] {
        let tokens = party.tokens(&mut browser, &[("scope", scope)]).await;
        let info = party.userinfo(&tokens.access).await;
        let mut names: Vec<&String> = info.json.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, expect, "{scope}");
    }
    let tokens = party.tokens(&mut browser, &[("scope", "api")]).await;
    let answer = party.userinfo(&tokens.access).await;
    assert_eq!(answer.error(), "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_standard_claim_can_be_held_and_is_told_by_its_scope() {
    for engine in engines() {
        let scope = "openid profile email address phone";
        let change = |new: &mut NewClient| new.scope = Some(scope.to_owned());
        let (t, mut browser, party) = setup_with(engine, |_| {}, change).await;
        let told = json!({
            "given_name": "Alice", "family_name": "Liddell", "middle_name": "Pleasance", "nickname": "Ali",
            "profile": "https://alice.example/me", "picture": "https://alice.example/me.png",
            "website": "https://alice.example/", "gender": "female", "birthdate": "1852-05-04",
            "zoneinfo": "Europe/London", "locale": "en-GB", "phone_number": "+442012345678",
            "phone_number_verified": true,
            "address": {"street_address": "Christ Church", "locality": "Oxford", "country": "UK"},
        });
        let canonical = Canonical::of_typed("alice");
        let mut tx = t.app.db.write().await.unwrap();
        let user = users::find_credentials(&mut tx, &canonical).await.unwrap();
        let change = UserChange {
            profile: Some(serde_json::from_value(told.clone()).unwrap()),
            ..UserChange::default()
        };
        account::update(&mut tx, &user.unwrap().user, &change, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let tokens = party.tokens(&mut browser, &[("scope", scope)]).await;
        let info = party.userinfo(&tokens.access).await;
        let announced = reqwest::get(format!("{}/.well-known/openid-configuration", t.url)).await;
        let announced: Value = announced.unwrap().json().await.unwrap();
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(&info.json[name], value, "{engine:?} {name}");
            let claims = announced["claims_supported"].as_array().unwrap();
            assert!(claims.contains(&json!(name)), "{name}");
        }
        let tokens = party
            .tokens(&mut browser, &[("scope", "openid phone")])
            .await;
        let info = party.userinfo(&tokens.access).await;
        let mut names: Vec<&String> = info.json.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["phone_number", "phone_number_verified", "sub"]);
    }
}
