//! `/admin/api/users/{id}/sessions` (SECURITY R33).

use http::{Method, StatusCode};
use tessera::policy::system::Role;

use super::{Operator, give, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::party::signed_in;
use crate::web::{alice, person};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_sessions_and_ends_one_or_all() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let admin = Operator::with(&t, "boss", &[Role::UserManager]).await;
        let mut browsers = Vec::new();
        for _ in 0..3 {
            browsers.push(signed_in(&t).await);
        }
        let path = format!("/users/{user}/sessions");
        let list = admin.get(&path).await;
        assert_eq!(list.status, StatusCode::OK, "{list:?}");
        let items = list.json["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 3);
        assert_eq!(super::pages(&admin, &path, 2).await, (items.clone(), 2));

        let one = format!("{path}/{}", items[0]["id"].as_str().unwrap());
        let ended = admin.order(Method::DELETE, &one).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT, "{ended:?}");
        refused(
            &admin.order(Method::DELETE, &one).await,
            StatusCode::NOT_FOUND,
            "no session",
        );
        let mut here = 0;
        for browser in &mut browsers {
            here += usize::from(browser.get("/").await.text.contains("Hello"));
        }
        assert_eq!(here, 2, "{engine:?}");

        let ended = admin.order(Method::DELETE, &path).await;
        assert_eq!(ended.json["ended"], 2, "{ended:?}");
        for browser in &mut browsers {
            assert!(!browser.get("/").await.text.contains("Hello"));
        }
        let unknown = "/users/usr_01arz3ndektsv4rrffq69g5fav/sessions";
        refused(
            &admin.get(unknown).await,
            StatusCode::NOT_FOUND,
            "there is no user",
        );
        let all = admin.order(Method::DELETE, unknown).await;
        refused(&all, StatusCode::NOT_FOUND, "there is no user");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_only_as_its_own_persons() {
    let t = TestApp::start(crate::harness::database::Engine::Sqlite).await;
    let user = alice(&t).await;
    let bob = person(&t, "bob", "Bob").await;
    let mut browser = signed_in(&t).await;
    let admin = Operator::with(&t, "boss", &[Role::UserManager]).await;
    let list = admin.get(&format!("/users/{user}/sessions")).await;
    let id = list.json["items"][0]["id"].as_str().unwrap().to_owned();
    let wrong = admin
        .order(Method::DELETE, &format!("/users/{bob}/sessions/{id}"))
        .await;
    refused(&wrong, StatusCode::NOT_FOUND, "no session");
    // Whoever may not give roles ends no administrator's session.
    give(&t, &format!("user:{user}"), Role::Admin).await;
    for path in [
        format!("/users/{user}/sessions/{id}"),
        format!("/users/{user}/sessions"),
    ] {
        let answer = admin.order(Method::DELETE, &path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(browser.get("/").await.text.contains("Hello"));
}
