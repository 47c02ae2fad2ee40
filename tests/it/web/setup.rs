//! The one-time setup link, and the first application.

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::setup::{self, SetupError};
use tessera::policy::system::{self, Permission, Role};
use tessera::store::q;

use super::{PASSWORD, alice};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

const ANN: [(&str, &str); 4] = [
    ("username", "ann"),
    ("email", "ann@example.com"),
    ("password", PASSWORD),
    ("repeat", PASSWORD),
];

/// A link's path.
async fn link(t: &TestApp) -> String {
    let url = setup::issue_link(&t.app.db, &t.app.config.issuer, t.clock.now())
        .await
        .unwrap();
    url.expose()
        .strip_prefix(&t.url)
        .expect("below the issuer")
        .to_owned()
}

async fn count(t: &TestApp, sql: &'static str) -> i64 {
    t.app.db.read().await.unwrap().one(q(sql)).await.unwrap()
}

async fn set_up(t: &TestApp, browser: &mut Browser) -> Page {
    let page = browser.get(&link(t).await).await;
    browser.submit(&page, &ANN).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_makes_one_administrator_and_is_spent() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let (first, second) = (link(&t).await, link(&t).await);
        let mut browser = Browser::new(&t);
        let page = browser.get(&first).await;
        assert_eq!(
            browser.get(&first).await.status,
            StatusCode::OK,
            "looking does not spend it"
        );
        let page = browser.submit(&page, &ANN).await;
        assert_eq!(page.location(), "/setup/application");
        let home = browser.get("/").await;
        assert!(home.text.contains("Hello, ann") && home.text.contains("Register an application"));
        let subject: String = {
            let mut conn = t.app.db.read().await.unwrap();
            let id: String = conn.one(q("SELECT id FROM users")).await.unwrap();
            assert_eq!(
                system::roles_of(&mut conn, &format!("user:{id}"))
                    .await
                    .unwrap(),
                [Role::Admin]
            );
            format!("user:{id}")
        };
        let now = t.clock.now();
        assert!(
            system::allows(&t.app.policy, &subject, Permission::ManageKeys, now)
                .await
                .unwrap()
        );
        for spent in [&first, &second] {
            let page = browser.get(spent).await;
            assert_eq!(page.status, StatusCode::GONE);
            assert!(page.text.contains("tessera setup-url"));
        }
        let refused = setup::issue_link(&t.app.db, &t.app.config.issuer, now).await;
        assert!(matches!(refused, Err(SetupError::AdministratorExists)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_hold_links_one_becomes_administrator() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let mut ready = Vec::new();
        for _ in 0..8 {
            let mut browser = Browser::new(&t);
            let page = browser.get(&link(&t).await).await;
            ready.push((browser, page));
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (n, (mut browser, page)) in ready.into_iter().enumerate() {
            tasks.spawn(async move {
                let (username, email) = (format!("ann{n}"), format!("ann{n}@example.com"));
                let fields = [
                    ("username", username.as_str()),
                    ("email", &email),
                    ANN[2],
                    ANN[3],
                ];
                browser.submit(&page, &fields).await.status
            });
        }
        let answers = tasks.join_all().await;
        let made = answers
            .iter()
            .filter(|status| **status == StatusCode::SEE_OTHER)
            .count();
        assert_eq!(made, 1, "{answers:?}");
        assert_eq!(count(&t, "SELECT COUNT(*) FROM users").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_old_or_made_up_opens_nothing() {
    let t = TestApp::start(Engine::Sqlite).await;
    let path = link(&t).await;
    let mut browser = Browser::new(&t);
    let page = browser.get(&path).await;
    let cut = &path[..path.len() - 1];
    for wrong in [cut, "/setup/x", &path.replace("tsr_su_", "tsr_cf_")] {
        assert_eq!(browser.get(wrong).await.status, StatusCode::GONE, "{wrong}");
    }
    t.clock.advance(Seconds::new(900));
    assert_eq!(browser.get(&path).await.status, StatusCode::GONE);
    assert_eq!(browser.submit(&page, &ANN).await.status, StatusCode::GONE);
    assert_eq!(count(&t, "SELECT COUNT(*) FROM users").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_told_at_once_and_the_link_stays() {
    let t = TestApp::start(Engine::Sqlite).await;
    let path = link(&t).await;
    let mut browser = Browser::new(&t);
    let page = browser.get(&path).await;
    let fields = [
        ("username", "a b"),
        ("email", "<b>x"),
        ("password", "short"),
        ("repeat", "other"),
    ];
    let page = browser.submit(&page, &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "not a username",
        "not an e-mail address",
        "use at least 15",
        "two passwords differ",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(!page.text.contains("<b>") && !page.text.contains("\"short\""));
    let guessable = [
        ANN[0],
        ANN[1],
        ("password", "ann@example.com1"),
        ("repeat", "ann@example.com1"),
    ];
    let page = browser.submit(&page, &guessable).await;
    assert!(page.text.contains("too easy to guess"), "{}", page.text);
    assert_eq!(
        browser.submit(&page, &ANN).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_application_gets_its_settings_once() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let mut browser = Browser::new(&t);
        set_up(&t, &mut browser).await;
        let form = browser.get("/setup/application").await;
        let wrong = [
            ("name", ""),
            ("redirect_uri", "javascript:alert(1)"),
            ("kind", "confidential"),
        ];
        let page = browser.submit(&form, &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let wrong = [("name", "Shop"), wrong[1], wrong[2]];
        let page = browser.submit(&page, &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(count(&t, "SELECT COUNT(*) FROM clients").await, 0);
        let fields = [
            ("name", "</script><b>Shop"),
            ("redirect_uri", "https://shop.example/cb"),
            ("kind", "confidential"),
        ];
        let page = browser.submit(&page, &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for text in [
            "tsr_cs_",
            "/.well-known/openid-configuration",
            "https://shop.example/cb",
            "openid-client",
        ] {
            assert!(page.text.contains(text), "{text}");
        }
        assert!(!page.text.contains("<b>Shop"));
        let public = [
            ("name", "Phone"),
            ("redirect_uri", "com.example.app:/cb"),
            ("kind", "public"),
        ];
        let page = browser.submit(&form, &public).await;
        assert!(
            !page.text.contains("tsr_cs_") && page.text.contains("oidc.None()"),
            "{}",
            page.text
        );
        assert_eq!(count(&t, "SELECT COUNT(*) FROM clients").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_manages_applications_registers_them() {
    let t = TestApp::start(Engine::Sqlite).await;
    let mut admin = Browser::new(&t);
    set_up(&t, &mut admin).await;
    let form = admin.get("/setup/application").await;
    let fields = [
        ("name", "Shop"),
        ("redirect_uri", "https://shop.example/cb"),
        ("kind", "public"),
    ];
    alice(&t).await;
    let mut browser = Browser::new(&t);
    assert_eq!(browser.get("/setup/application").await.location(), "/login");
    browser.sign_in("alice", PASSWORD).await;
    assert!(
        !browser
            .get("/")
            .await
            .text
            .contains("Register an application")
    );
    assert_eq!(
        browser.get("/setup/application").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        browser.submit(&form, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(count(&t, "SELECT COUNT(*) FROM clients").await, 0);
}
