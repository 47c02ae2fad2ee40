//! Resource servers over HTTP: tokens as they want them, opaque ones above all.

use http::StatusCode;
use serde_json::json;
use tessera::base::id::UserId;
use tessera::base::time::Seconds;
use tessera::config::Config;
use tessera::identity::account;
use tessera::oauth::client::NewClient;
use tessera::oauth::resource_server::{self, NewResourceServer};
use tessera::store::q;

use super::dpop::{Key, redeem as redeem_with};
use super::party::{Answer, Party, Tokens, answered, claims, header, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};

pub const LEDGER: &str = "https://ledger.example/";
pub const VAULT: &str = "urn:example:vault";
const PLAIN: &str = "urn:example:plain";

/// Registers a service.
pub async fn server(t: &TestApp, identifier: &str, change: impl FnOnce(&mut NewResourceServer)) {
    let mut new = NewResourceServer {
        identifier: identifier.to_owned(),
        ..NewResourceServer::default()
    };
    change(&mut new);
    let mut tx = t.app.db.write().await.unwrap();
    resource_server::register(&mut tx, &new, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

pub fn opaque(new: &mut NewResourceServer) {
    new.access_token_format = Some("opaque".to_owned());
}

/// A server with two registered services, alice, and `web`, which may name them, another and the issuer.
pub async fn setup(
    engine: Engine,
    change: impl FnOnce(&mut NewClient),
) -> (TestApp, Browser, Party) {
    let (t, browser, party) = setup_with(
        engine,
        |_: &mut Config| {},
        |new| {
            new.resources = [LEDGER, VAULT, PLAIN].map(str::to_owned).to_vec();
            change(new);
        },
    )
    .await;
    server(&t, LEDGER, |new| {
        new.name = Some("The ledger".to_owned());
        new.scope = Some("api read".to_owned());
        new.access_token_ttl_seconds = Some(60);
        new.access_token_signing_alg = Some("ES256".to_owned());
    })
    .await;
    server(&t, VAULT, opaque).await;
    (t, browser, party)
}

/// An opaque token that Tessera itself takes, too.
async fn for_vault_and_us(t: &TestApp, browser: &mut Browser, party: &Party) -> Tokens {
    let path = party.authorize_path(&[("resource", VAULT)]);
    let page = browser.get(&format!("{path}&resource={}", t.url)).await;
    let code = answered(&page).remove("code").unwrap();
    party.redeem(&code).await.tokens()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_the_signature_lifetime_and_scopes_that_it_wants() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine, |_| {}).await;
        let changes = [("resource", LEDGER), ("scope", "openid api email")];
        let code = party.code(&mut browser, &changes).await;
        let answer = party.redeem(&code).await;
        assert_eq!(answer.json["expires_in"], 60);
        assert_eq!(answer.json["scope"], "api openid", "{engine:?}");
        let tokens = answer.tokens();
        assert_eq!(header(&tokens.access)["alg"], "ES256");
        let said = claims(&tokens.access);
        assert_eq!(
            (&said["aud"], &said["scope"]),
            (&json!(LEDGER), &json!("api openid"))
        );
        assert_eq!(
            said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(),
            60
        );
        assert!(party.is_active(&tokens.access).await);
        assert!(
            tokens.id.is_some(),
            "the sign-in is not the service's to narrow"
        );
        t.clock.advance(Seconds::new(60));
        assert!(!party.is_active(&tokens.access).await);

        let own = [("grant_type", "client_credentials"), ("resource", LEDGER)];
        let own = party.token(&own).await.tokens();
        assert_eq!(own.scope, "api");
        let nothing = [
            ("grant_type", "client_credentials"),
            ("resource", LEDGER),
            ("scope", "tessera:admin"),
        ];
        assert_eq!(party.token(&nothing).await.error(), "invalid_scope");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_is_known_by_introspection_alone() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine, |_| {}).await;
        let vault = Party::register(&t, "vault", |_| {}).await;
        let code = party.code(&mut browser, &[("resource", VAULT)]).await;
        let tokens = party.redeem(&code).await.tokens();
        assert!(tokens.access.starts_with("tsr_at_"), "{engine:?}");
        let said = vault.introspect(&tokens.access).await;
        assert_eq!(said["active"], true);
        assert_eq!(
            (&said["aud"], &said["client_id"]),
            (&json!(VAULT), &json!("web"))
        );
        assert_eq!(said["token_type"], "Bearer");
        assert_eq!(said["scope"], tokens.scope.as_str());
        assert_eq!(said["sub"], claims(tokens.id.as_deref().unwrap())["sub"]);
        // It is not for us.
        assert_eq!(
            party.userinfo(&tokens.access).await.error(),
            "invalid_token"
        );
        let mut conn = t.app.db.read().await.unwrap();
        let rows: Vec<String> = conn
            .all(q("SELECT token_hash FROM access_tokens"))
            .await
            .unwrap();
        assert!(rows.iter().all(|kept| !tokens.access.contains(kept)));
        drop(conn);
        t.clock.advance(Seconds::new(300));
        assert_eq!(
            vault.introspect(&tokens.access).await,
            json!({"active": false})
        );

        let own = [("grant_type", "client_credentials"), ("resource", VAULT)];
        let own = party.token(&own).await.tokens().access;
        let said = vault.introspect(&own).await;
        assert_eq!(
            (&said["active"], &said["sub"]),
            (&json!(true), &json!("web"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_for_us_opens_our_own_doors() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine, |_| {}).await;
        let tokens = for_vault_and_us(&t, &mut browser, &party).await;
        assert!(tokens.access.starts_with("tsr_at_"));
        let info = party.userinfo(&tokens.access).await;
        assert_eq!(info.json["name"], "Alice Liddell", "{info:?}");
        // Known there, but without the scope.
        let admin = http_client()
            .get(format!("{}/admin/api/users", t.url))
            .bearer_auth(&tokens.access);
        assert_eq!(Answer::of(admin).await.status, StatusCode::FORBIDDEN);
    }
}

/// What ends a JWT ends an opaque token: revocation, the grant's end, a lock, the client's end, the session's end.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_token_ends_an_opaque_one() {
    for engine in engines() {
        for end in ["token", "grant", "lock", "client", "session", "sweep"] {
            let (t, mut browser, party) = setup(engine, |_| {}).await;
            let watcher = Party::register(&t, "watcher", |_| {}).await;
            let scope = if end == "session" {
                "openid"
            } else {
                "openid offline_access"
            };
            let changes = [("resource", VAULT), ("scope", scope)];
            let tokens = party.tokens(&mut browser, &changes).await;
            assert!(watcher.is_active(&tokens.access).await, "{end}");
            let thief = watcher.post("/revoke", &[("token", &tokens.access)]).await;
            assert_eq!(thief.error(), "invalid_grant", "another client's");
            assert!(watcher.is_active(&tokens.access).await, "{end}");
            t.clock.advance(Seconds::new(1));
            match end {
                "token" => {
                    let answer = party.post("/revoke", &[("token", &tokens.access)]).await;
                    assert_eq!(answer.error(), "ok");
                }
                "grant" => {
                    let answer = party.post("/revoke", &[("token", tokens.refresh())]).await;
                    assert_eq!(answer.error(), "ok");
                }
                "lock" => {
                    let sub = claims(tokens.id.as_deref().unwrap())["sub"].clone();
                    let user = UserId::parse(sub.as_str().unwrap()).unwrap();
                    let mut tx = t.app.db.write().await.unwrap();
                    account::lock(&mut tx, &user, t.clock.now()).await.unwrap();
                    tx.commit().await.unwrap();
                }
                "client" => {
                    run(
                        &t,
                        "UPDATE clients SET state = 'disabled' WHERE client_id = 'web'",
                    )
                    .await;
                }
                "session" => run(&t, "DELETE FROM sessions").await,
                _ => run(&t, "DELETE FROM access_tokens").await,
            }
            assert!(!watcher.is_active(&tokens.access).await, "{engine:?} {end}");
        }
    }
}

async fn run(t: &TestApp, sql: &'static str) {
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(q(sql)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opaque_token_that_is_bound_to_a_key_needs_it() {
    let (t, mut browser, party) = setup(Engine::Sqlite, |_| {}).await;
    let path = party.authorize_path(&[("resource", VAULT)]);
    let page = browser.get(&format!("{path}&resource={}", t.url)).await;
    let code = answered(&page).remove("code").unwrap();
    let (key, thief) = (Key::new(), Key::new());
    let answer = redeem_with(&party, &code, &[&key.proof(&t)]).await;
    assert_eq!(answer.json["token_type"], "DPoP");
    let token = answer.tokens().access;
    assert!(token.starts_with("tsr_at_"));
    let said = party.introspect(&token).await;
    assert_eq!(
        (&said["cnf"]["jkt"], &said["token_type"]),
        (&json!(key.jkt()), &json!("DPoP"))
    );
    let ask = async |scheme: &str, proof: Option<String>| {
        let mut request = http_client()
            .get(format!("{}/userinfo", t.url))
            .header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        Answer::of(request).await
    };
    let good = ask("DPoP", Some(key.proof_of(&t, "GET /userinfo", &token))).await;
    assert_eq!(good.error(), "ok", "{good:?}");
    let stolen = ask("DPoP", Some(thief.proof_of(&t, "GET /userinfo", &token))).await;
    assert_eq!(stolen.error(), "invalid_token");
    assert_eq!(ask("Bearer", None).await.error(), "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_want_different_tokens_are_asked_for_one_by_one() {
    let (t, mut browser, party) = setup(Engine::Sqlite, |_| {}).await;
    let authorize = |party: &Party, changes: &[(&str, &str)]| {
        let path = party.authorize_path(changes);
        format!("{path}&resource={LEDGER}&resource={VAULT}")
    };
    // Authorized together, fetched one by one.
    let mut code = async || {
        let page = browser.get(&authorize(&party, &[])).await;
        answered(&page).remove("code").unwrap()
    };
    let mixed = party.redeem(&code().await).await;
    assert_eq!(mixed.error(), "invalid_target");
    assert!(
        mixed.json.to_string().contains("one at a time"),
        "{mixed:?}"
    );
    let fetch = async |grant: &[(&str, &str)], resource: &str| {
        let mut form = grant.to_vec();
        form.push(("resource", resource));
        party.token(&form).await
    };
    let code = code().await;
    let by_code = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", super::party::REDIRECT_URI),
        ("code_verifier", super::party::VERIFIER),
    ];
    let first = fetch(&by_code, VAULT).await.tokens();
    assert!(first.access.starts_with("tsr_at_"));
    t.clock.advance(Seconds::new(20));
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first.refresh()),
    ];
    assert_eq!(party.token(&refresh).await.error(), "invalid_target");
    let second = fetch(&refresh, LEDGER).await.tokens();
    assert_eq!(header(&second.access)["alg"], "ES256", "nothing was spent");
    let own = [
        ("grant_type", "client_credentials"),
        ("resource", VAULT),
        ("resource", PLAIN),
    ];
    assert_eq!(party.token(&own).await.error(), "invalid_target");

    // What the answer itself would bring is refused at once.
    let hybrid = Party::register(&t, "hybrid", |new| {
        new.resources = [LEDGER, VAULT].map(str::to_owned).to_vec();
        new.response_types = vec!["code token".to_owned()];
        new.skip_consent = true;
    })
    .await;
    let path = authorize(&hybrid, &[("response_type", "code token")]);
    let page = browser.get(&path).await;
    assert_eq!(
        answered(&page)["error"],
        "invalid_target",
        "{}",
        page.location()
    );
    let changes = [("response_type", "code token"), ("resource", VAULT)];
    let page = browser.get(&hybrid.authorize_path(&changes)).await;
    assert!(answered(&page)["access_token"].starts_with("tsr_at_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_names_services_and_says_how_long_access_lasts() {
    let (t, mut browser, party) = setup(Engine::Sqlite, |_| {}).await;
    for (changes, says) in [
        (
            &[("resource", LEDGER)][..],
            &[
                "The ledger",
                LEDGER,
                "Access lasts 30 days, also while you are signed out.",
            ][..],
        ),
        (
            &[("resource", PLAIN), ("scope", "openid")],
            &[PLAIN, "Access lasts until you sign out, at most 30 days."],
        ),
    ] {
        let changes = [changes, &[("prompt", "consent")]].concat();
        let page = browser.get(&party.authorize_path(&changes)).await;
        let page = browser.get(page.location()).await;
        for text in says {
            assert!(page.text.contains(text), "{text}: {}", page.text);
        }
    }
    let short = Party::register(&t, "short", |new| {
        new.grant_types = Some(vec!["authorization_code".to_owned()]);
    })
    .await;
    let page = browser.get(&short.authorize_path(&[])).await;
    let page = browser.get(page.location()).await;
    assert!(
        page.text.contains("Access lasts 5 minutes."),
        "{}",
        page.text
    );
}
