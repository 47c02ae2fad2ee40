//! `/admin/api/stores/{store}/rights`: who gives rights in a store, to whom, and what is refused.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::policy::system::Role;

use super::{Operator, pages, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;

/// A store's id.
async fn store(t: &TestApp) -> String {
    let now = t.clock.now();
    t.app.policy.create_store("docs", now).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_given_listed_in_pages_and_taken() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        Operator::with(&t, "web", &[]).await;
        let (docs, other) = (store(&t).await, store(&t).await);
        let list = format!("/stores/{docs}/rights");
        let rights = [
            format!("{list}/checker/client:web"),
            format!("{list}/reader/client:boss"),
            format!("{list}/reader/client:web"),
            format!("{list}/tuple_writer/client:web?type=document"),
            format!("{list}/tuple_writer/client:web?type=folder"),
        ];
        for path in rights.iter().chain(&rights) {
            let answer = admin.order(Method::PUT, path).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let all = json!([
            { "subject": "client:web", "right": "checker" },
            { "subject": "client:boss", "right": "reader" },
            { "subject": "client:web", "right": "reader" },
            { "subject": "client:web", "right": "tuple_writer", "type": "document" },
            { "subject": "client:web", "right": "tuple_writer", "type": "folder" },
        ]);
        for (limit, count) in [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1)] {
            let (items, read) = pages(&admin, &list, limit).await;
            assert_eq!((json!(items), read), (all.clone(), count), "{engine:?}");
        }
        let (items, _) = pages(&admin, &format!("/stores/{other}/rights"), 5).await;
        assert!(items.is_empty(), "{items:?}");
        for path in rights.iter().chain(&rights) {
            let answer = admin.order(Method::DELETE, path).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let (items, _) = pages(&admin, &list, 5).await;
        assert!(items.is_empty(), "{items:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_or_makes_no_sense_gets_no_right() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let rights = format!("/stores/{}/rights", store(&t).await);
        let absent = "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/rights";
        let long = "d".repeat(240);
        let (lost, odd) = (StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY);
        for (path, status, says) in [
            (format!("{absent}/owner/client:boss"), lost, "no store has"),
            (format!("{rights}/admin/client:boss"), lost, "not a right"),
            (format!("{rights}/owner/client:absent"), lost, "there is no"),
            (format!("{rights}/owner/client:*"), lost, "there is no"),
            (format!("{rights}/owner/boss"), lost, "there is no"),
            (
                format!("{rights}/owner/client:boss?type=document"),
                odd,
                "only `tuple_writer`",
            ),
            (
                format!("{rights}/tuple_writer/client:boss?type=a:b"),
                odd,
                "`type` is `a:b`",
            ),
            (
                format!("{rights}/tuple_writer/client:boss?type="),
                odd,
                "`type` is ``",
            ),
            (
                format!("{rights}/tuple_writer/client:boss?type={long}"),
                odd,
                "at most 256 bytes",
            ),
            (
                format!("{rights}/owner/client:boss?typ=a"),
                StatusCode::BAD_REQUEST,
                "typ",
            ),
        ] {
            let answer = admin.order(Method::PUT, &path).await;
            refused(&answer, status, says);
        }
        let path = format!("{absent}/owner/client:boss");
        let answer = admin.order(Method::DELETE, &path).await;
        refused(&answer, lost, "no store has");
        refused(&admin.get(absent).await, lost, "no store has");
        for after in ["nonsense", "admin::client:boss", "owner:"] {
            let answer = admin.get(&format!("{rights}?after={after}")).await;
            refused(&answer, StatusCode::BAD_REQUEST, "`after` is");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_gives_roles_gives_rights_or_takes_over_who_has_one() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let roles = [Role::PolicyManager, Role::ClientManager, Role::Auditor];
        let manager = Operator::with(&t, "desk", &roles).await;
        let rights = format!("/stores/{}/rights", store(&t).await);
        assert_eq!(manager.get(&rights).await.status, StatusCode::OK);
        for (name, right) in [("web", "owner"), ("app", "tuple_writer")] {
            let new = json!({ "client_id": name, "grant_types": ["client_credentials"] });
            let answer = manager.post("/clients", &new).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
            let part = if right == "owner" {
                ""
            } else {
                "?type=document"
            };
            let path = format!("{rights}/{right}/client:{name}{part}");
            for method in [Method::PUT, Method::DELETE] {
                let answer = manager.order(method, &path).await;
                refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
            }
            let secret = format!("/clients/{name}/secret");
            let answer = manager.order(Method::POST, &secret).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            let answer = admin.order(Method::PUT, &path).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
            // A new secret would be a way to the right.
            let answer = manager.order(Method::POST, &secret).await;
            refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
        }
    }
}
