//! Rich authorization requests (RFC 9396) over HTTP: asked for in every way, agreed to, narrowed, told.

use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;
use tessera::oauth::detail_type::{self, NewDetailType};

use super::backchannel::{at_a_till, poll as poll_ciba};
use super::device::{decide, on_a_device, poll as poll_device};
use super::par::{open, push, request_uri};
use super::party::{Party, answered, claims, setup_with, signed_in};
use super::request_objects::{object_claims, open as open_authorize, setup_key, with};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::jws::ClientKey;
use crate::harness::server::{TestApp, client as http_client};
use crate::web::alice;

pub const PAYMENT: &str =
    r#"[{"actions":["initiate","status"],"amount":"12.50","identifier":"acc-1","type":"payment"}]"#;

pub fn may_pay(new: &mut NewClient) {
    new.authorization_details_types = ["payment", "files", "undeclared"]
        .map(str::to_owned)
        .to_vec();
}

/// Declares the types `payment` and `files`.
pub async fn declare(t: &TestApp) {
    let payment = json!({
        "properties": {
            "actions": {"items": {"enum": ["initiate", "status"]}},
            "amount": {"type": "string", "pattern": "^[0-9]+[.][0-9]{2}$"},
        },
        "required": ["amount"],
    });
    let mut tx = t.app.db.write().await.unwrap();
    for (type_name, name, schema) in [
        ("payment", "A payment", payment),
        ("files", "Your files", json!({})),
    ] {
        let new = NewDetailType {
            type_name: type_name.to_owned(),
            name: Some(name.to_owned()),
            schema: schema.as_object().unwrap().clone(),
        };
        detail_type::register(&mut tx, &new, t.clock.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

async fn setup(engine: Engine) -> (TestApp, Browser, Party) {
    let (t, browser, party) = setup_with(engine, |_| {}, may_pay).await;
    declare(&t).await;
    (t, browser, party)
}

/// Asks for details and goes to the consent page.
async fn asked(browser: &mut Browser, party: &Party, details: &str) -> Page {
    let path = party.authorize_path(&[("authorization_details", details)]);
    let page = browser.get(&path).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    assert!(page.location().contains("/consent"), "{}", page.location());
    browser.get(page.location()).await
}

/// Presses Allow; the code.
async fn allow(browser: &mut Browser, page: &Page) -> String {
    let page = browser.submit(page, &[("decision", "allow")]).await;
    let page = browser.get(page.location()).await;
    answered(&page).remove("code").unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_shown_agreed_to_and_told() {
    for engine in engines() {
        let (_t, mut browser, party) = setup(engine).await;
        let page = asked(&mut browser, &party, PAYMENT).await;
        for text in ["A payment", "initiate", "acc-1", "amount", "12.50"] {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
        let code = allow(&mut browser, &page).await;
        let answer = party.redeem(&code).await;
        assert_eq!(answer.json["authorization_details"], parsed(PAYMENT));
        let tokens = answer.tokens();
        let said = claims(&tokens.access);
        assert_eq!(said["authorization_details"], parsed(PAYMENT), "{engine:?}");
        let told = party.introspect(&tokens.access).await;
        assert_eq!(told["authorization_details"], parsed(PAYMENT));
        assert!(
            claims(tokens.id.as_deref().unwrap())
                .get("authorization_details")
                .is_none()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_agreed_to_is_not_asked_again() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let silent = |details: &str| {
            party.authorize_path(&[("authorization_details", details), ("prompt", "none")])
        };
        let page = browser.get(&silent(PAYMENT)).await;
        assert_eq!(answered(&page)["error"], "consent_required", "{engine:?}");
        let page = asked(&mut browser, &party, PAYMENT).await;
        allow(&mut browser, &page).await;
        let page = browser.get(&silent(PAYMENT)).await;
        assert!(answered(&page).contains_key("code"), "{}", page.location());
        let dearer = PAYMENT.replace("12.50", "99.50");
        let page = browser.get(&silent(&dearer)).await;
        assert_eq!(answered(&page)["error"], "consent_required");
        // Whoever denies agreed to nothing.
        let page = asked(&mut browser, &party, &dearer).await;
        browser.submit(&page, &[("decision", "deny")]).await;
        let page = browser.get(&silent(&dearer)).await;
        assert_eq!(answered(&page)["error"], "consent_required");
        // A trusted client is trusted with its scopes.
        let trusted = Party::register(&t, "trusted", |new| {
            may_pay(new);
            new.skip_consent = true;
        })
        .await;
        asked(&mut browser, &trusted, PAYMENT).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_type_does_not_want_is_refused() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let till = Party::register(&t, "till", |new| {
        at_a_till(new);
        may_pay(new);
    })
    .await;
    let tv = Party::register(&t, "tv", |new| {
        on_a_device(new);
        may_pay(new);
    })
    .await;
    for (details, says) in [
        (r#"[{"type":"payment"}]"#, "amount"),
        (r#"[{"type":"payment","amount":"1"}]"#, "/amount"),
        (
            r#"[{"type":"payment","amount":"1.00","actions":["refund"]}]"#,
            "/actions/0",
        ),
        (r#"[{"type":"undeclared"}]"#, "not declared"),
        (r#"[{"type":"unregistered"}]"#, "not registered"),
        (r#"[{"type":"files","type":"payment"}]"#, "stands twice"),
        ("{}", "array"),
        ("nonsense", "JSON"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("authorization_details", details)]))
            .await;
        let answer = answered(&page);
        assert_eq!(
            answer["error"], "invalid_authorization_details",
            "{details}"
        );
        assert!(answer["error_description"].contains(says), "{answer:?}");
        let pushed = push(&party, &[("authorization_details", details)]).await;
        let device = [("scope", "openid"), ("authorization_details", details)];
        let asked = [device[0], device[1], ("login_hint", "alice")];
        for answer in [
            pushed,
            tv.post("/device_authorization", &device).await,
            till.post("/bc-authorize", &asked).await,
        ] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(answer.error(), "invalid_authorization_details", "{details}");
        }
    }
    let own = [
        ("grant_type", "client_credentials"),
        ("authorization_details", PAYMENT),
    ];
    assert_eq!(
        party.token(&own).await.error(),
        "invalid_authorization_details"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_request_narrows_and_the_grant_keeps_all() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let all =
            r#"[{"type":"files","actions":["read","write"]},{"type":"payment","amount":"1.00"}]"#;
        let less = r#"[{"actions":["read"],"type":"files"}]"#;
        let more = r#"[{"type":"files","actions":["delete"]}]"#;
        let page = asked(&mut browser, &party, all).await;
        let code = allow(&mut browser, &page).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", super::party::REDIRECT_URI),
            ("code_verifier", super::party::VERIFIER),
            ("authorization_details", less),
        ];
        let answer = party.token(&form).await;
        assert_eq!(
            answer.json["authorization_details"],
            parsed(less),
            "{answer:?}"
        );
        let mut refresh = answer.tokens().refresh().to_owned();
        for (wanted, expect) in [
            ("", Some(all)),
            (less, Some(less)),
            (more, None),
            ("", Some(all)),
        ] {
            t.clock.advance(Seconds::new(60));
            let mut form = vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ];
            if !wanted.is_empty() {
                form.push(("authorization_details", wanted));
            }
            let answer = party.token(&form).await;
            let Some(expect) = expect else {
                assert_eq!(answer.error(), "invalid_authorization_details");
                continue;
            };
            let tokens = answer.tokens();
            assert_eq!(
                claims(&tokens.access)["authorization_details"],
                parsed(expect)
            );
            tokens.refresh().clone_into(&mut refresh);
        }
        // More than was granted burns the code, as any wrong try does.
        let page = asked(&mut browser, &party, PAYMENT).await;
        let code = allow(&mut browser, &page).await;
        let form = [
            form[0],
            ("code", &code),
            form[2],
            form[3],
            ("authorization_details", more),
        ];
        assert_eq!(
            party.token(&form).await.error(),
            "invalid_authorization_details"
        );
        assert_eq!(party.redeem(&code).await.error(), "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_come_pushed_and_in_request_objects() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, party) = setup_key(&key, may_pay).await;
    declare(&t).await;
    let pushed = push(&party, &[("authorization_details", PAYMENT)]).await;
    let page = open(&mut browser, "web", &request_uri(&pushed)).await;
    let page = browser.get(page.location()).await;
    assert!(page.text.contains("12.50"), "{}", page.text);
    let object = with(
        object_claims(&t),
        &json!({"authorization_details": parsed(PAYMENT)}),
    );
    let object = key.jwt("oauth-authz-req+jwt", &object);
    let params = [
        ("client_id", "web"),
        ("request", object.as_str()),
        // Beside the object it counts for nothing.
        ("authorization_details", r#"[{"type":"files"}]"#),
    ];
    let page = open_authorize(&mut browser, &params).await;
    let page = browser.get(page.location()).await;
    assert!(page.text.contains("12.50") && !page.text.contains("Your files"));
    let code = allow(&mut browser, &page).await;
    let answer = party.redeem(&code).await;
    assert_eq!(answer.json["authorization_details"], parsed(PAYMENT));
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_backchannel_requests_ask_for_details() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        declare(&t).await;
        let mut browser = signed_in(&t).await;
        let tv = Party::register(&t, "tv", |new| {
            on_a_device(new);
            may_pay(new);
        })
        .await;
        let till = Party::register(&t, "till", |new| {
            at_a_till(new);
            may_pay(new);
        })
        .await;
        let form = [("scope", "openid"), ("authorization_details", PAYMENT)];
        let codes = tv.post("/device_authorization", &form).await.json;
        let user_code = codes["user_code"].as_str().unwrap();
        let page = super::device::enter(&mut browser, user_code).await;
        assert!(page.text.contains("A payment") && page.text.contains("12.50"));
        assert!(page.text.contains("Access lasts"), "{}", page.text);
        decide(&mut browser, user_code, "allow").await;
        let answer = poll_device(&tv, codes["device_code"].as_str().unwrap()).await;
        assert_eq!(
            answer.json["authorization_details"],
            parsed(PAYMENT),
            "{answer:?}"
        );

        let form = [form[0], form[1], ("login_hint", "alice")];
        let asked = till.post("/bc-authorize", &form).await.json;
        let page = browser.get("/approvals").await;
        assert!(page.text.contains("A payment") && page.text.contains("12.50"));
        browser.submit(&page, &[("decision", "allow")]).await;
        let answer = poll_ciba(&till, asked["auth_req_id"].as_str().unwrap()).await;
        assert_eq!(
            answer.json["authorization_details"],
            parsed(PAYMENT),
            "{answer:?}"
        );
        let said = claims(&answer.tokens().access);
        assert_eq!(said["authorization_details"], parsed(PAYMENT));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_names_the_declared_types() {
    let t = TestApp::start(Engine::Sqlite).await;
    let metadata = async || -> Value {
        let url = format!("{}/.well-known/openid-configuration", t.url);
        let response = http_client().get(url).send().await.unwrap();
        response.json().await.unwrap()
    };
    let member = "authorization_details_types_supported";
    assert!(metadata().await.get(member).is_none(), "there are none");
    declare(&t).await;
    assert_eq!(metadata().await[member], json!(["files", "payment"]));
}
