//! Faults of clients that nobody registered by hand (SECURITY rows 3, 21 and 47, R57, R58).

use http::{Method, StatusCode};
use serde_json::json;
use tessera::base::time::Seconds;
use tessera::store::q;

use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::oauth::party::{Party, answered, signed_in};
use crate::oauth::register::{allow, asked, metadata, open, party, register, send};
use crate::web::alice;

/// Row 3: a `javascript:` redirect URI that was registered by its client runs on the consent page.
#[tokio::test(flavor = "multi_thread")]
async fn a_registered_redirect_uri_that_runs_as_script() {
    for engine in engines() {
        let t = TestApp::start_with(engine, |config| {
            open(config);
            config.registration.network_limit = 1_000;
        })
        .await;
        let uris = [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            " javascript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "about:blank",
            "http://app.example/cb",
            "https://*.example/cb",
            "https://app.example@evil.example/cb",
            "https://app.example/cb#x",
            "https://app.example/a/../cb",
        ];
        for uri in uris {
            for field in ["redirect_uris", "post_logout_redirect_uris"] {
                let mut body = metadata();
                body[field] = json!([uri]);
                let refused = register(&t, None, &body).await;
                assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{field} {uri}");
            }
            for field in [
                "logo_uri",
                "policy_uri",
                "tos_uri",
                "client_uri",
                "initiate_login_uri",
            ] {
                let mut body = metadata();
                body[field] = json!(uri);
                let answer = register(&t, None, &body).await;
                let plain = ["https://*.example/cb", "https://app.example/a/../cb"].contains(&uri);
                assert_eq!(answer.status.is_success(), plain, "{field} {uri}");
            }
        }
        // At use, too: what reached the database in another way is not followed.
        let answer = register(&t, None, &metadata()).await;
        let id = answer.json["client_id"].as_str().unwrap();
        let mut tx = t.app.db.write().await.unwrap();
        tx.exec(
            q("UPDATE clients SET redirect_uris = '[\"javascript:alert(1)\"]' WHERE client_id = $1").bind(id),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let mut browser = Browser::new(&t);
        let path = party(&t, &answer).authorize_path(&[("redirect_uri", "javascript:alert(1)")]);
        let page = browser.get(&path).await;
        assert!(page.status.is_server_error() || page.status.is_client_error());
        assert_eq!(page.location(), "");
    }
}

/// Row 21: a change of the configuration drops a security flag: what a client may not give itself, it cannot take by sending
/// back what it read, nor by naming it.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_is_sent_back_drops_a_flag() {
    let t = TestApp::start_with(Engine::Sqlite, open).await;
    let answer = register(&t, None, &metadata()).await;
    let id = answer.json["client_id"].as_str().unwrap().to_owned();
    let path = format!("/{id}");
    let token = answer.json["registration_access_token"].as_str();
    let row = async || -> (String, bool, bool) {
        let mut conn = t.app.db.read().await.unwrap();
        conn.one(
            q("SELECT origin || ' ' || state || ' ' || scope || ' ' || grant_types, skip_consent, require_pkce \
               FROM clients WHERE client_id = $1")
                .bind(id.as_str()),
        )
        .await
        .unwrap()
    };
    let before = row().await;
    for (name, value) in [
        ("skip_consent", json!(true)),
        ("require_pkce", json!(false)),
        ("origin", json!("operator")),
        ("state", json!("active")),
        ("resources", json!(["https://api.example"])),
        (
            "scope",
            json!("openid profile email address phone offline_access tessera:admin"),
        ),
        (
            "grant_types",
            json!(["authorization_code", "refresh_token", "client_credentials"]),
        ),
    ] {
        let mut body = answer.json.clone();
        body[name] = value;
        let put = send(&t, (Method::PUT, &path), token, Some(&body)).await;
        assert_eq!(put.status, StatusCode::OK, "{name}: {put:?}");
        assert_eq!(row().await, before, "{name}");
    }
}

/// R57, R58: a client that nobody vouches for is asked about every time, and never remembered.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_nobody_vouches_for_is_remembered() {
    for engine in engines() {
        let t = TestApp::start_with(engine, open).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let party = party(&t, &register(&t, None, &metadata()).await);
        for _ in 0..2 {
            let silent = browser
                .get(&party.authorize_path(&[("prompt", "none")]))
                .await;
            assert_eq!(answered(&silent)["error"], "consent_required");
            let page = asked(&mut browser, &party, &[]).await;
            let back = allow(&mut browser, &page).await;
            assert!(answered(&back).contains_key("code"));
        }
        let mut conn = t.app.db.read().await.unwrap();
        let kept: i64 = conn.one(q("SELECT COUNT(*) FROM consents")).await.unwrap();
        assert_eq!(kept, 0);
    }
}

/// Row 47: a client id, or an address in a registration, makes the server call what a stranger cannot reach.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_that_leads_inside() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.registration.client_id_metadata_documents = true;
    })
    .await;
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let mut browser = Browser::new(&t);
    for address in [
        format!("http://127.0.0.1:{port}/client.json"),
        format!("https://127.0.0.1:{port}/client.json"),
        format!("https://localhost:{port}/client.json"),
        format!("https://[::1]:{port}/client.json"),
        format!("https://[::ffff:7f00:1]:{port}/client.json"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
    ] {
        let party = Party::with(&t.url, &address, None);
        let page = browser.get(&party.authorize_path(&[])).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{address}");
        // The answer is the same for what is refused and what does not answer.
        assert!(
            page.text.contains("it could not be fetched"),
            "{}",
            page.text
        );
        assert_eq!(party.redeem("x").await.error(), "invalid_client");
        t.clock.advance(Seconds::new(10));
    }
    let called = tokio::time::timeout(std::time::Duration::from_millis(200), inside.accept()).await;
    assert!(called.is_err(), "somebody called inside");
}

/// Row 47: strangers cause more fetches than one network may.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_makes_the_server_call_without_end() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.registration.client_id_metadata_documents = true;
        config.registration.network_limit = 2;
    })
    .await;
    let mut browser = Browser::new(&t);
    let mut told = Vec::new();
    for n in 0..4 {
        let party = Party::with(&t.url, &format!("https://10.0.0.1/{n}"), None);
        told.push(browser.get(&party.authorize_path(&[])).await.text);
    }
    let limited = |text: &String| text.contains("too many documents were fetched");
    assert_eq!(told.iter().filter(|text| limited(text)).count(), 2);
}
