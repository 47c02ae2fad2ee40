//! An issuer with a path: everything lives below it, and nothing leads out.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::config::{Config, RegistrationPolicy};
use tessera::identity::setup;
use tessera::policy::system::{self, Role};

use super::device::{self, DEVICE_CODE};
use super::dpop::Key;
use super::party::{Answer, Party, REDIRECT_URI, answered, claims};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::web::{PASSWORD, alice};

const PATH: &str = "/auth/x";

/// A server below the path, whose `url` is its issuer; and its origin.
async fn start(engine: Engine, change: impl FnOnce(&mut Config)) -> (TestApp, String) {
    start_at(engine, PATH, change).await
}

async fn start_at(
    engine: Engine,
    path: &str,
    change: impl FnOnce(&mut Config),
) -> (TestApp, String) {
    let mut t = TestApp::start_with(engine, |config| {
        config.issuer.push_str(path);
        change(config);
    })
    .await;
    let origin = std::mem::replace(&mut t.url, t.app.config.issuer.clone());
    (t, origin)
}

/// Whether an address in a page is below the path, of an application, or the page's own.
fn is_inside(target: &str) -> bool {
    ["/auth/x/", "data:", "#", "https://app.example/"]
        .iter()
        .any(|inside| target.starts_with(inside))
}

/// No link, form, picture, redirect or cookie of a page leads out of the path.
#[track_caller]
fn stays_inside(page: &Page) {
    for name in ["href", "action", "formaction", "src", "data"] {
        for rest in page.text.split(&format!(" {name}=\"")).skip(1) {
            let target = rest.split('"').next().unwrap();
            assert!(is_inside(target), "{name}={target}: {}", page.text);
        }
    }
    let location = page.location();
    assert!(location.is_empty() || is_inside(location), "{location}");
    for cookie in page.headers.get_all("set-cookie") {
        let text = cookie.to_str().unwrap();
        assert!(
            text.split("; ").any(|part| part == "Path=/auth/x"),
            "{text}"
        );
        assert!(
            text.split('=').next().unwrap().ends_with("~auth~x"),
            "{text}"
        );
    }
}

/// Goes where the pages lead, signs in and allows what is asked, until the browser is sent to the application; what it brings, and the pages
/// that it saw.
async fn walk(browser: &mut Browser, start: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut page, mut seen) = (browser.get(start).await, vec![start.to_owned()]);
    for _ in 0..12 {
        stays_inside(&page);
        if page.status == StatusCode::SEE_OTHER {
            let location = page.location().to_owned();
            if location.starts_with("https://") {
                return (answered(&page), seen);
            }
            seen.push(location.clone());
            page = browser.get(&location).await;
            continue;
        }
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let fields: &[(&str, &str)] = if page.text.contains("name=\"password\"") {
            &[("identifier", "alice"), ("password", PASSWORD)]
        } else {
            &[("decision", "allow")]
        };
        page = browser.submit(&page, fields).await;
    }
    panic!("no end: {seen:?}");
}

async fn get(url: &str) -> Answer {
    Answer::of(http_client().get(url)).await
}

/// An API below the path, for who holds a token.
async fn call(t: &TestApp, token: &str, request: &str, body: &Value) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = http_client().request(method, format!("{}{path}", t.url));
    Answer::of(request.bearer_auth(token).json(body)).await
}

/// The token of a client that is an administrator.
async fn administrator(t: &TestApp) -> String {
    let party = Party::register(t, "operator", |_| {}).await;
    let now = t.clock.now();
    let mut tx = t.app.db.write().await.unwrap();
    let written = system::assign_role(&mut tx, "client:operator", Role::Admin, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    t.app.policy.committed(&written, now).await;
    let answer = party.token(&[("grant_type", "client_credentials")]).await;
    answer.tokens().access
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_out_below_the_path_of_the_issuer() {
    for engine in engines() {
        let (t, origin) = start(engine, |_| {}).await;
        alice(&t).await;
        let party = Party::register(&t, "web", |_| {}).await;
        let mut browser = Browser::at(&origin);
        let begin = format!("{PATH}{}", party.authorize_path(&[]));
        let (answer, seen) = walk(&mut browser, &begin).await;
        for page in [
            "/auth/x/login",
            "/auth/x/consent",
            "/auth/x/authorize/continue",
        ] {
            assert!(
                seen.iter().any(|at| at.starts_with(page)),
                "{page}: {seen:?}"
            );
        }
        assert_eq!(answer["iss"], t.url);
        let tokens = party.redeem(&answer["code"]).await.tokens();
        let id = tokens.id.clone().unwrap();
        assert_eq!(claims(&id)["iss"], t.url);
        assert_eq!(claims(&tokens.access)["iss"], t.url);
        assert_eq!(claims(&tokens.access)["aud"], t.url);
        let person = party.userinfo(&tokens.access).await;
        assert_eq!(person.json["email"], "alice@example.com");
        let fresh = party.refresh(tokens.refresh()).await.tokens();
        assert_eq!(party.introspect(&fresh.access).await["iss"], t.url);
        let revoked = party.post("/revoke", &[("token", &fresh.access)]).await;
        assert_eq!(revoked.status, StatusCode::OK);
        assert!(!party.is_active(&fresh.access).await);

        for page in [
            "",
            "/",
            "/account",
            "/account/profile",
            "/account/password",
            "/account/sessions",
            "/account/applications",
            "/approvals",
            "/device",
        ] {
            let shown = browser.get(&format!("{PATH}{page}")).await;
            assert_eq!(shown.status, StatusCode::OK, "{page}");
            stays_inside(&shown);
        }
        let ask = browser.get(&format!("{PATH}/logout")).await;
        stays_inside(&ask);
        let leave = format!(
            "{PATH}/logout?id_token_hint={id}&post_logout_redirect_uri=https://app.example/bye"
        );
        let page = browser.get(&leave).await;
        stays_inside(&page);
        assert_eq!(page.location(), "https://app.example/bye");
        let home = browser.get(&format!("{PATH}/")).await;
        assert!(!home.text.contains("Hello"), "{}", home.text);
        let account = browser.get(&format!("{PATH}/account")).await;
        assert_eq!(account.location(), "/auth/x/login?then=account");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_found_where_each_specification_puts_it() {
    let (t, origin) = start(Engine::Sqlite, |config| {
        config.registration.policy = RegistrationPolicy::Open;
        config.sessions.check_session_iframe = true;
    })
    .await;
    let appended = format!("{}/.well-known/openid-configuration", t.url);
    let document = get(&appended).await.json;
    assert_eq!(document["issuer"], t.url);
    for url in [
        format!("{origin}/.well-known/openid-configuration{PATH}"),
        format!("{}/.well-known/oauth-authorization-server", t.url),
        format!("{origin}/.well-known/oauth-authorization-server{PATH}"),
        format!("{origin}/.well-known/oauth-authorization-server{PATH}/"),
    ] {
        assert_eq!(get(&url).await.json, document, "{url}");
    }
    let mut endpoints = 0;
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_iframe") || name == "jwks_uri" {
            let url = value.as_str().unwrap();
            assert!(url.starts_with(&format!("{}/", t.url)), "{name}: {url}");
            assert_ne!(get(url).await.status, StatusCode::NOT_FOUND, "{name}");
            endpoints += 1;
        }
    }
    assert!(endpoints >= 12, "{document}");
    for api in ["", "/admin/api", "/stores", "/access/v1"] {
        let resource = format!("{}{api}", t.url);
        for url in [
            format!("{origin}/.well-known/oauth-protected-resource{PATH}{api}"),
            format!("{}/.well-known/oauth-protected-resource{api}", t.url),
        ] {
            let answer = get(&url).await;
            assert_eq!(answer.json["resource"], resource, "{url}");
            assert_eq!(answer.json["authorization_servers"], json!([t.url]));
        }
    }
    let store = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let decisions = format!("{}/stores/{store}", t.url);
    let url = format!("{origin}/.well-known/authzen-configuration{PATH}/stores/{store}");
    assert_eq!(get(&url).await.json["policy_decision_point"], decisions);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_health_and_metadata_is_outside_the_path() {
    let (t, origin) = start(Engine::Sqlite, |_| {}).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        for base in [&origin, &t.url] {
            assert_eq!(get(&format!("{base}{path}")).await.status, StatusCode::OK);
        }
    }
    for path in [
        "/",
        "/login",
        "/authorize",
        "/jwks",
        "/account",
        "/admin/api/users",
        "/stores",
        "/auth",
        "/auth/",
        "/auth/xy/login",
        "/auth/x/auth/x/login",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/openid-configuration/auth/y",
    ] {
        let answer = get(&format!("{origin}{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        // The answer has passed everything that the server's others pass.
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    for path in [
        "/auth/x//login",
        "/auth/x/%2flogin",
        "/auth/x;a/login",
        "/auth//x/login",
    ] {
        let answer = get(&format!("{origin}{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let counted = http_client().get(format!("{origin}/metrics")).send().await;
    let counted = counted.unwrap().text().await.unwrap();
    assert!(counted.contains("route=\"/livez\""), "{counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_live_below_the_path_and_say_so() {
    for engine in engines() {
        let (t, origin) = start(engine, |_| {}).await;
        let token = administrator(&t).await;
        let new = json!({"username": "bob", "email": "bob@example.com"});
        let made = call(&t, &token, "POST /admin/api/users", &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let location = made.header("location");
        assert!(
            location.starts_with("/auth/x/admin/api/users/"),
            "{location}"
        );
        let read = http_client().get(format!("{origin}{location}"));
        let read = Answer::of(read.bearer_auth(&token)).await;
        assert_eq!(read.json["username"], "bob");

        let refused = get(&format!("{}/admin/api/users", t.url)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let metadata = format!(
            "resource_metadata=\"{}/.well-known/oauth-protected-resource/admin/api\"",
            t.url
        );
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains(&metadata), "{challenge}");

        let store = call(&t, &token, "POST /stores", &json!({"name": "docs"})).await;
        let store = format!("/stores/{}", store.json["id"].as_str().unwrap());
        let model = json!({"schema_version": "1.1", "type_definitions": [{"type": "user"}, {
            "type": "doc", "relations": {"owner": {"this": {}}},
            "metadata": {"relations": {"owner": {"directly_related_user_types": [{"type": "user"}]}}},
        }]});
        let path = format!("POST {store}/authorization-models");
        let written = call(&t, &token, &path, &model).await;
        assert_eq!(written.status, StatusCode::CREATED, "{written:?}");
        let tuple = json!({"user": "user:ann", "relation": "owner", "object": "doc:plan"});
        let writes = json!({"writes": {"tuple_keys": [tuple]}});
        let written = call(&t, &token, &format!("POST {store}/write"), &writes).await;
        assert_eq!(written.status, StatusCode::OK, "{written:?}");
        for (user, allowed) in [("user:ann", true), ("user:bob", false)] {
            let question =
                json!({"tuple_key": {"user": user, "relation": "owner", "object": "doc:plan"}});
            let answer = call(&t, &token, &format!("POST {store}/check"), &question).await;
            assert_eq!(answer.json["allowed"], allowed, "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_proofs_name_the_path() {
    let (t, origin) = start(Engine::Sqlite, |_| {}).await;
    alice(&t).await;
    let tv = Party::register(&t, "tv", device::on_a_device).await;
    let begun = tv
        .post("/device_authorization", &[("scope", "openid")])
        .await;
    let page = format!("{}/device", t.url);
    assert_eq!(begun.json["verification_uri"], page);
    let user_code = begun.json["user_code"].as_str().unwrap();
    let complete = begun.json["verification_uri_complete"].as_str().unwrap();
    let target = complete.strip_prefix(&origin).unwrap().to_owned();
    assert!(target.starts_with("/auth/x/device?user_code="), "{target}");
    let mut browser = Browser::at(&origin);
    let mut page = browser.get(&target).await;
    for _ in 0..8 {
        stays_inside(&page);
        let fields: &[(&str, &str)] = if page.text.contains("name=\"password\"") {
            &[("identifier", "alice"), ("password", PASSWORD)]
        } else if page.text.contains("name=\"decision\"") {
            &[("decision", "allow")]
        } else {
            &[("user_code", user_code)]
        };
        page = if page.status == StatusCode::SEE_OTHER {
            let location = page.location().to_owned();
            browser.get(&location).await
        } else if page.text.contains("<form") {
            browser.submit(&page, fields).await
        } else {
            break;
        };
    }
    let code = begun.json["device_code"].as_str().unwrap();
    let form = [("grant_type", DEVICE_CODE), ("device_code", code)];
    assert!(tv.token(&form).await.tokens().id.is_some());

    let (machine, key) = (Party::register(&t, "machine", |_| {}).await, Key::new());
    let form = [("grant_type", "client_credentials")];
    let bound = super::dpop::token(&machine, &form, &[&key.proof(&t)]).await;
    assert_eq!(bound.json["token_type"], "DPoP", "{bound:?}");
    let elsewhere = json!(format!("{origin}/token"));
    let proof = key.proof_with(&t, "POST /token", &[("htu", elsewhere)]);
    let refused = super::dpop::token(&machine, &form, &[&proof]).await;
    assert_eq!(refused.error(), "invalid_dpop_proof");
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_setup_links_and_the_session_frame_name_the_path() {
    let (t, origin) = start(Engine::Sqlite, |config| {
        config.registration.policy = RegistrationPolicy::Open;
        config.sessions.check_session_iframe = true;
    })
    .await;
    let new = json!({"redirect_uris": [REDIRECT_URI]});
    let request = http_client().post(format!("{}/register", t.url)).json(&new);
    let told = Answer::of(request).await.json;
    let uri = told["registration_client_uri"].as_str().unwrap();
    assert!(uri.starts_with(&format!("{}/register/", t.url)), "{uri}");
    let token = told["registration_access_token"].as_str().unwrap();
    let read = Answer::of(http_client().get(uri).bearer_auth(token)).await;
    assert_eq!(read.json["client_id"], told["client_id"]);

    let now = t.clock.now();
    let link = setup::issue_link(&t.app.db, &t.app.config.issuer, now).await;
    let link = link.unwrap().expose().clone();
    let mut browser = Browser::at(&origin);
    let page = browser.get(&link).await;
    assert_eq!(page.status, StatusCode::OK, "{link}: {}", page.text);
    stays_inside(&page);
    let ann = [
        ("username", "ann"),
        ("email", "ann@example.com"),
        ("password", PASSWORD),
        ("repeat", PASSWORD),
    ];
    let made = browser.submit(&page, &ann).await;
    stays_inside(&made);
    assert_eq!(made.location(), "/auth/x/setup/application");
    stays_inside(&browser.get("/auth/x/setup/application").await);
    let frame = browser.get("/auth/x/check-session").await;
    assert!(frame.text.contains("data-cookie=\"tessera-state~auth~x\""));
    assert!(browser.cookies.contains_key("tessera-state~auth~x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_of_one_host_keep_their_sessions_apart() {
    // A browser sends a cookie for `/auth` to `/auth/x` as well: the hard case.
    let (outer, outer_origin) = start_at(Engine::Sqlite, "/auth", |_| {}).await;
    let (inner, inner_origin) = start(Engine::Sqlite, |_| {}).await;
    alice(&outer).await;
    alice(&inner).await;
    let fields = [("identifier", "alice"), ("password", PASSWORD)];
    let mut browser = Browser::at(&outer_origin);
    let page = browser.get("/auth/login").await;
    browser.submit(&page, &fields).await;
    assert!(browser.get("/auth/").await.text.contains("Hello"));

    let held = browser.cookies.clone();
    let mut browser = Browser::at(&inner_origin);
    browser.cookies.clone_from(&held);
    let home = browser.get("/auth/x/").await;
    assert!(
        !home.text.contains("Hello"),
        "a session of the other server"
    );
    let page = browser.get("/auth/x/login").await;
    browser.submit(&page, &fields).await;
    let home = browser.get("/auth/x/").await;
    assert!(home.text.contains("Hello"));
    browser.submit(&home.form("signout"), &[]).await;
    assert!(!browser.get("/auth/x/").await.text.contains("Hello"));
    for (name, value) in &held {
        assert_eq!(browser.cookies.get(name), Some(value), "{name}");
    }
    let mut again = Browser::at(&outer_origin);
    again.cookies = browser.cookies;
    assert!(again.get("/auth/").await.text.contains("Hello"));
}
