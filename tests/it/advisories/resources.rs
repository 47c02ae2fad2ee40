//! Rows of the catalogue about what tokens are for: opaque tokens, audiences, authorization details.

use http::StatusCode;
use serde_json::{Value, json};

use super::tokens::damages;
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::oauth::authorization_details::{declare, may_pay};
use crate::oauth::party::{Answer, Party, answered, claims, setup_with};
use crate::oauth::resource_servers::{VAULT, opaque, server, setup};

/// Row 17, for access tokens that say nothing themselves: a secret is good as a whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_opaque_token_is_no_token() {
    for engine in engines() {
        let (t, _browser, party) = setup(engine, |_| {}).await;
        server(&t, &t.url, opaque).await;
        let own = [
            ("grant_type", "client_credentials"),
            ("scope", "tessera:admin"),
        ];
        let token = party.token(&own).await.tokens().access;
        assert!(
            token.starts_with("tsr_at_"),
            "the issuer may want them, too"
        );
        for damaged in damages(&token) {
            assert!(!party.is_active(&damaged).await, "{damaged}");
            // A header's ends are trimmed.
            if damaged.trim() != token {
                let answer = admin(&t, damaged.trim()).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{damaged}");
            }
        }
        assert!(party.is_active(&token).await, "{engine:?}");
        // Known, and without a role.
        assert_eq!(admin(&t, &token).await.status, StatusCode::FORBIDDEN);
    }
}

async fn admin(t: &TestApp, token: &str) -> Answer {
    let request = http_client().get(format!("{}/admin/api/users", t.url));
    Answer::of(request.bearer_auth(token)).await
}

/// Row 8: an opaque access token is no other secret, and no other secret is one.
#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_is_redeemed_nowhere_else() {
    let (_t, mut browser, party) = setup(Engine::Sqlite, |_| {}).await;
    let code = party.code(&mut browser, &[("resource", VAULT)]).await;
    let tokens = party.redeem(&code).await.tokens();
    assert_eq!(party.redeem(&tokens.access).await.error(), "invalid_grant");
    assert_eq!(party.refresh(&tokens.access).await.error(), "invalid_grant");
    let secret = tokens.access.strip_prefix("tsr_at_").unwrap();
    for prefix in ["tsr_ac_", "tsr_rt_", "tsr_ak_", ""] {
        assert!(!party.is_active(&format!("{prefix}{secret}")).await);
    }
    let at = |text: &str, prefix: &str| text.replacen(prefix, "tsr_at_", 1);
    for other in [at(&code, "tsr_ac_"), at(tokens.refresh(), "tsr_rt_")] {
        assert!(!party.is_active(&other).await, "{other}");
        assert_eq!(party.userinfo(&other).await.error(), "invalid_token");
    }
}

/// Row 22: a token is for whom it names; nobody else takes it, and who is not asked for it learns nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worth_nothing_and_tells_nothing_outside_its_audience() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine, |new| {
            new.resources.push("urn:opaque".to_owned());
            new.resources.push("urn:signed".to_owned());
        })
        .await;
        let keeper = Party::register(&t, "keeper", |_| {}).await;
        for identifier in ["urn:opaque", "urn:signed"] {
            server(&t, identifier, |new| {
                new.introspection_clients = vec!["keeper".to_owned()];
                if identifier == "urn:opaque" {
                    opaque(new);
                }
            })
            .await;
            let token = party
                .tokens(&mut browser, &[("resource", identifier)])
                .await
                .access;
            assert_eq!(keeper.introspect(&token).await["aud"], identifier);
            let told = party.introspect(&token).await;
            assert_eq!(told, json!({"active": false}), "{engine:?} {identifier}");
            assert_eq!(party.userinfo(&token).await.error(), "invalid_token");
            assert_eq!(admin(&t, &token).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

/// Row 24: whatever the members of a detail are called, the token's own claims are the server's.
#[tokio::test(flavor = "multi_thread")]
async fn details_set_no_claim_of_the_token() {
    for engine in engines() {
        let (t, mut browser, party) = setup_with(engine, |_| {}, may_pay).await;
        declare(&t).await;
        let hostile = json!([{
            "type": "files", "iss": "https://evil.example", "sub": "usr_root", "aud": "urn:everything", "exp": 1,
            "iat": 1, "nbf": 1, "jti": "j", "azp": "x", "client_id": "x", "scope": "tessera:admin", "cnf": {"jkt": "x"},
            "acr": "phr", "amr": ["mfa"], "sid": "s", "act": {"sub": "x"}, "active": true, "token_type": "x",
            "authorization_details": [{"type": "payment"}],
        }]);
        let plain = party.tokens(&mut browser, &[]).await;
        let details = hostile.to_string();
        let tokens = agreed(&mut browser, &party, &details).await.tokens();
        let own = |said: &Value| {
            let mut said = said.clone();
            let members = said.as_object_mut().unwrap();
            assert!(
                members
                    .remove("jti")
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .starts_with("gnt_")
            );
            members.remove("authorization_details");
            said
        };
        let said = claims(&tokens.access);
        assert_eq!(own(&said), own(&claims(&plain.access)), "{engine:?}");
        assert_eq!(said["authorization_details"], hostile);
        let told = party.introspect(&tokens.access).await;
        assert_eq!(own(&told), own(&party.introspect(&plain.access).await));
        assert_eq!(
            admin(&t, &tokens.access).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

/// Asks for details and agrees; the token response.
async fn agreed(browser: &mut Browser, party: &Party, details: &str) -> Answer {
    let path = party.authorize_path(&[("authorization_details", details)]);
    let page = browser.get(&path).await;
    let page = browser.get(page.location()).await;
    let page = browser.submit(&page, &[("decision", "allow")]).await;
    let page = browser.get(page.location()).await;
    let code = answered(&page).remove("code").unwrap();
    party.redeem(&code).await
}

/// Row 9, for details: a type that the client lost is not issued, whatever the flow, the code and the refresh token say.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_the_client_lost_is_not_issued() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, may_pay).await;
    declare(&t).await;
    let details = r#"[{"type":"files"}]"#;
    let answer = agreed(&mut browser, &party, details).await;
    assert!(answer.json.get("authorization_details").is_some());
    let refresh = answer.tokens().refresh().to_owned();
    let code = party
        .code(&mut browser, &[("authorization_details", details)])
        .await;
    let path = party.authorize_path(&[("authorization_details", details), ("prompt", "consent")]);
    let flow = browser.get(&path).await;
    let flow = flow.location().split_once('=').unwrap().1.to_owned();
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(tessera::store::q(
        "UPDATE clients SET metadata = '{}' WHERE client_id = 'web'",
    ))
    .await
    .unwrap();
    tx.commit().await.unwrap();
    for answer in [party.redeem(&code).await, party.refresh(&refresh).await] {
        answer.tokens();
        assert!(
            answer.json.get("authorization_details").is_none(),
            "{answer:?}"
        );
    }
    let page = browser
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

/// Row 48: what a client writes into details is text on every page.
#[tokio::test(flavor = "multi_thread")]
async fn details_are_no_markup() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, may_pay).await;
    declare(&t).await;
    let payload = "<img src=x onerror=alert(1)>";
    let details = json!([{
        "type": "files", "actions": [payload], "identifier": payload, payload: payload, "x": [payload, {payload: 1}],
    }]);
    let path = party.authorize_path(&[("authorization_details", &details.to_string())]);
    let page = browser.get(&path).await;
    let page = browser.get(page.location()).await;
    assert!(page.text.contains("&lt;img src=x") && !page.text.contains("<img"));
}
