//! The device grant (RFC 8628), from the device's first request to its tokens, with a person at a page in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::oauth::client::NewClient;
use tessera::store::{consents, q};

use super::party::{Answer, Party, claims, signed_in};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::{PASSWORD, alice, person};

pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid profile offline_access";

/// What a device got.
#[derive(Clone, Debug)]
pub struct Codes {
    pub device: String,
    pub user: String,
}

/// A public client that lives on a device without a browser.
pub fn on_a_device(new: &mut NewClient) {
    new.client_name = Some("Living room".to_owned());
    new.token_endpoint_auth_method = Some("none".to_owned());
    new.redirect_uris = vec![];
    new.grant_types = Some([DEVICE_CODE, "refresh_token"].map(str::to_owned).to_vec());
}

/// A server, alice signed in in a browser, and the device's client.
pub async fn setup(engine: Engine) -> (TestApp, Browser, Party) {
    let t = TestApp::start(engine).await;
    alice(&t).await;
    let browser = signed_in(&t).await;
    let tv = Party::register(&t, "tv", on_a_device).await;
    (t, browser, tv)
}

pub async fn begin(party: &Party) -> Codes {
    let answer = party
        .post("/device_authorization", &[("scope", SCOPE)])
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    Codes {
        device: answer.json["device_code"].as_str().unwrap().to_owned(),
        user: answer.json["user_code"].as_str().unwrap().to_owned(),
    }
}

pub async fn poll(party: &Party, device_code: &str) -> Answer {
    party
        .token(&[("grant_type", DEVICE_CODE), ("device_code", device_code)])
        .await
}

/// Enters a code on the page.
pub async fn enter(browser: &mut Browser, user_code: &str) -> Page {
    let page = browser.get("/device").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    browser.submit(&page, &[("user_code", user_code)]).await
}

/// Enters a code and presses a button.
pub async fn decide(browser: &mut Browser, user_code: &str, decision: &str) -> Page {
    let page = enter(browser, user_code).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    browser.submit(&page, &[("decision", decision)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_tokens_once_a_person_allowed_it() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let tv = Party::register(&t, "tv", on_a_device).await;
        let answer = tv.post("/device_authorization", &[("scope", SCOPE)]).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json["interval"], 5);
        assert_eq!(answer.json["expires_in"], 600);
        let page = format!("{}/device", t.url);
        assert_eq!(answer.json["verification_uri"], page);
        let user_code = answer.json["user_code"].as_str().unwrap();
        let complete = format!("{page}?user_code={user_code}");
        assert_eq!(answer.json["verification_uri_complete"], complete);
        let device_code = answer.json["device_code"].as_str().unwrap();
        assert_eq!(
            poll(&tv, device_code).await.error(),
            "authorization_pending"
        );
        let done = decide(&mut browser, user_code, "allow").await;
        assert_eq!(done.status, StatusCode::OK);
        assert!(
            done.text.contains("The device is connected"),
            "{}",
            done.text
        );
        t.clock.advance(Seconds::new(5));
        let tokens = poll(&tv, device_code).await.tokens();
        assert_eq!(tokens.scope, "offline_access openid profile");
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(
            (id["sub"].as_str().unwrap(), id["aud"].as_str().unwrap()),
            (user.as_str(), "tv")
        );
        assert_eq!(id["amr"][0], "pwd");
        assert_eq!(
            tv.userinfo(&tokens.access).await.json["name"],
            "Alice Liddell"
        );
        t.clock.advance(Seconds::new(20));
        tv.refresh(tokens.refresh()).await.tokens();
        assert_eq!(
            poll(&tv, device_code).await.error(),
            "invalid_grant",
            "once"
        );
        let mut conn = t.app.db.read().await.unwrap();
        let agreed = consents::scopes(&mut conn, &user, "tv").await.unwrap();
        assert!(
            agreed.contains("offline_access"),
            "the approval is the consent"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_asks_too_soon_waits_longer_each_time() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        let codes = begin(&tv).await;
        for (seconds, expect) in [
            (0, "authorization_pending"),
            (4, "authorization_pending"),
            (3, "slow_down"),
            (8, "slow_down"),
            (14, "authorization_pending"),
            (13, "slow_down"),
            (19, "authorization_pending"),
        ] {
            t.clock.advance(Seconds::new(seconds));
            assert_eq!(
                poll(&tv, &codes.device).await.error(),
                expect,
                "{engine:?} {seconds}"
            );
        }
        decide(&mut browser, &codes.user, "allow").await;
        poll(&tv, &codes.device).await.tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_learns_that_it_was_refused_or_came_too_late() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        let (refused, late, forgotten) = (begin(&tv).await, begin(&tv).await, begin(&tv).await);
        decide(&mut browser, &refused.user, "deny").await;
        assert_eq!(poll(&tv, &refused.device).await.error(), "access_denied");
        assert_eq!(poll(&tv, &refused.device).await.error(), "access_denied");
        decide(&mut browser, &late.user, "allow").await;
        t.clock.advance(Seconds::new(600));
        for codes in [&refused, &late, &forgotten] {
            assert_eq!(poll(&tv, &codes.device).await.error(), "expired_token");
        }
        let page = enter(&mut browser, &forgotten.user).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        t.clock.advance(Seconds::new(3_601));
        let (db, tokens) = (&t.app.db, &t.app.config.tokens);
        while tessera::oauth::sweep::sweep(db, tokens, t.clock.now())
            .await
            .unwrap()
            > 0
        {}
        assert_eq!(poll(&tv, &late.device).await.error(), "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_registered_client_that_authenticates_gets_codes() {
    let (t, _, tv) = setup(Engine::Sqlite).await;
    let web = Party::register(&t, "web", |_| {}).await;
    let shop = Party::register(&t, "shop", |new| {
        new.grant_types = Some(vec![DEVICE_CODE.to_owned()]);
    })
    .await;
    let ask = async |party: &Party, scope: &str| {
        let answer = party
            .post("/device_authorization", &[("scope", scope)])
            .await;
        (answer.status.as_u16(), answer.error().to_owned())
    };
    let refused = |status: u16, error: &str| (status, error.to_owned());
    assert_eq!(
        ask(&web, "openid").await,
        refused(400, "unauthorized_client")
    );
    assert_eq!(ask(&tv, "unheard").await, refused(400, "invalid_scope"));
    assert_eq!(ask(&shop, "openid").await, refused(200, "ok"));
    let mut impostor = shop.at(&t.url);
    impostor.secret = Some("wrong".to_owned());
    assert_eq!(
        ask(&impostor, "openid").await,
        refused(401, "invalid_client")
    );
    impostor.secret = None;
    assert_eq!(
        ask(&impostor, "openid").await,
        refused(401, "invalid_client")
    );
    let twice = tv
        .post(
            "/device_authorization",
            &[("scope", "openid"), ("scope", "openid")],
        )
        .await;
    assert_eq!(twice.error(), "invalid_request");
    let without = tv.token(&[("grant_type", DEVICE_CODE)]).await;
    assert_eq!(without.error(), "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_is_worth_nothing_to_another_client_at_another_grant_or_altered() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        let other = Party::register(&t, "other", on_a_device).await;
        let web = Party::register(&t, "web", |_| {}).await;
        let codes = begin(&tv).await;
        decide(&mut browser, &codes.user, "allow").await;
        let code = codes.device.as_str();
        assert_eq!(poll(&other, code).await.error(), "invalid_grant");
        assert_eq!(poll(&web, code).await.error(), "unauthorized_client");
        assert_eq!(web.redeem(code).await.error(), "invalid_grant");
        assert_eq!(tv.refresh(code).await.error(), "invalid_grant");
        assert_eq!(poll(&tv, &codes.user).await.error(), "invalid_grant");
        for end in [0, 1, 7, 20, code.len() - 1] {
            let expect = if end == 0 {
                "invalid_request"
            } else {
                "invalid_grant"
            };
            assert_eq!(poll(&tv, &code[..end]).await.error(), expect);
        }
        let last = if code.ends_with('A') { "Q" } else { "A" };
        let flipped = format!("{}{last}", &code[..code.len() - 1]);
        assert_eq!(poll(&tv, &flipped).await.error(), "invalid_grant");
        poll(&tv, code).await.tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_who_asks_for_what_from_where_before_anything_is_agreed() {
    let (t, mut browser, tv) = setup(Engine::Sqlite).await;
    let codes = begin(&tv).await;
    let typed = codes.user.to_lowercase().replace('-', " ");
    let page = enter(&mut browser, &typed).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        "Allow Living room?",
        codes.user.as_str(),
        "127.0.0.1",
        "Stay connected while you are away",
        "Alice Liddell",
        "less than a minute ago",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert_eq!(
        poll(&tv, &codes.device).await.error(),
        "authorization_pending"
    );
    let strange = browser.submit(&page, &[("decision", "maybe")]).await;
    assert_eq!(strange.status, StatusCode::BAD_REQUEST);
    browser.submit(&page, &[("decision", "allow")]).await;
    let again = browser.submit(&page, &[("decision", "deny")]).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "decided once");
    assert_eq!(poll(&tv, &codes.device).await.error(), "ok");
    drop(t);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_the_readers_is_pointed_out() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    alice(&t).await;
    let tv = Party::register(&t, "tv", on_a_device).await;
    let answer = Answer::of(
        crate::harness::server::client()
            .post(format!("{}/device_authorization", t.url))
            .header("x-forwarded-for", "203.0.113.7")
            .form(&[("client_id", tv.client_id.as_str()), ("scope", "openid")]),
    )
    .await;
    let mut browser = signed_in(&t).await;
    let page = enter(&mut browser, answer.json["user_code"].as_str().unwrap()).await;
    assert!(page.text.contains("203.0.113.7"), "{}", page.text);
    assert!(
        page.text.contains("That is another address"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_the_way_leads_back_to_the_code_and_agrees_to_nothing() {
    let (t, _, tv) = setup(Engine::Sqlite).await;
    let codes = begin(&tv).await;
    let mut browser = Browser::new(&t);
    let page = browser
        .get(&format!("/device?user_code={}", codes.user))
        .await;
    assert_eq!(
        page.location(),
        format!("/login?then=device&user_code={}", codes.user)
    );
    let login = browser.get(page.location()).await;
    let back = browser
        .submit(&login, &[("identifier", "alice"), ("password", PASSWORD)])
        .await;
    assert_eq!(back.location(), format!("/device?user_code={}", codes.user));
    let page = browser.get(back.location()).await;
    assert!(
        page.text.contains(&format!("value=\"{}\"", codes.user)),
        "{}",
        page.text
    );
    assert!(
        !page.text.contains("Living room"),
        "the link alone opens nothing"
    );
    let page = browser.submit(&page, &[("user_code", &codes.user)]).await;
    assert!(page.text.contains("Living room"));
    let evil = browser
        .get("/login?then=https://evil.example/&user_code=x")
        .await;
    assert_eq!(evil.location(), "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_the_page_needs_its_token_and_a_sign_in() {
    let (t, mut browser, tv) = setup(Engine::Sqlite).await;
    let codes = begin(&tv).await;
    let page = enter(&mut browser, &codes.user).await;
    let fields: BTreeMap<String, String> = page.hidden_fields().into_iter().collect();
    let request = fields["request"].as_str();
    for path in ["/device", "/device/decision"] {
        let bare = browser
            .post(
                path,
                &[
                    ("user_code", &codes.user),
                    ("request", request),
                    ("decision", "allow"),
                ],
            )
            .await;
        assert_eq!(bare.status, StatusCode::FORBIDDEN, "{path}");
    }
    // The token of the one form is none of the other's.
    let entry = browser.get("/device").await.hidden_fields();
    let crossed = [
        ("csrf", entry[0].1.as_str()),
        ("request", request),
        ("decision", "allow"),
    ];
    let crossed = browser.post("/device/decision", &crossed).await;
    assert_eq!(crossed.status, StatusCode::FORBIDDEN);
    assert_eq!(
        poll(&tv, &codes.device).await.error(),
        "authorization_pending"
    );
    drop(t);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_voids_an_account_voids_its_approval() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let tv = Party::register(&t, "tv", on_a_device).await;
        let codes = begin(&tv).await;
        decide(&mut browser, &codes.user, "allow").await;
        let mut tx = t.app.db.write().await.unwrap();
        account::lock(&mut tx, &user, t.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(poll(&tv, &codes.device).await.error(), "invalid_grant");
        let mut conn = t.app.db.read().await.unwrap();
        let grants: i64 = conn.one(q("SELECT COUNT(*) FROM grants")).await.unwrap();
        assert_eq!(grants, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_polls_gets_the_tokens_and_one_of_two_decisions_counts() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        let tv = Arc::new(tv);
        for round in 0..3 {
            let codes = begin(&tv).await;
            let page = enter(&mut browser, &codes.user).await;
            let mut twin = Browser::new(&t);
            twin.cookies.clone_from(&browser.cookies);
            let (one, two) = tokio::join!(
                browser.submit(&page, &[("decision", "allow")]),
                twin.submit(&page, &[("decision", "allow")])
            );
            let mut statuses = [one.status.as_u16(), two.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 400], "{engine:?} round {round}");
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..64 {
                let (tv, code) = (Arc::clone(&tv), codes.device.clone());
                tasks.spawn(async move { poll(&tv, &code).await });
            }
            let answers = tasks.join_all().await;
            let won = answers.iter().filter(|a| a.error() == "ok").count();
            assert_eq!(won, 1, "{engine:?} round {round}");
            assert!(
                answers
                    .iter()
                    .all(|a| matches!(a.error(), "ok" | "invalid_grant"))
            );
            assert!(tv.is_live(&answers).await, "the tokens stay good");
        }
        let mut conn = t.app.db.read().await.unwrap();
        for (kind, expect) in [("request.decided", 3_i64), ("request.redeemed", 3)] {
            let count: i64 = conn
                .one(q("SELECT COUNT(*) FROM events WHERE kind = $1").bind(kind))
                .await
                .unwrap();
            assert_eq!(count, expect, "{kind}");
        }
    }
}

impl Party {
    /// Whether the access token among the answers works.
    async fn is_live(&self, answers: &[Answer]) -> bool {
        let won = answers
            .iter()
            .find(|answer| answer.error() == "ok")
            .unwrap();
        self.userinfo(&won.tokens().access).await.status == StatusCode::OK
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_from_one_network_is_bounded() {
    let (t, _, tv) = setup(Engine::Sqlite).await;
    begin(&tv).await;
    let mut tx = t.app.db.write().await.unwrap();
    tx.exec(q("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 499) \
         INSERT INTO device_authorizations (id, device_code_hash, user_code_mac, client_id, scope, address, network, \
           state, interval_seconds, too_soon, created_at, expires_at) \
         SELECT 'dev_' || i, 'h' || i, 'm' || i, client_id, scope, address, network, state, interval_seconds, too_soon, \
           created_at, expires_at FROM device_authorizations, n"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let refused = tv.post("/device_authorization", &[("scope", SCOPE)]).await;
    assert_eq!(refused.error(), "temporarily_unavailable");
    t.clock.advance(Seconds::new(600));
    begin(&tv).await;
}

/// Another person in a browser of their own.
pub async fn bob(t: &TestApp) -> Browser {
    person(t, "bob", "Bob").await;
    let mut browser = Browser::new(t);
    browser.sign_in("bob", PASSWORD).await;
    browser
}
