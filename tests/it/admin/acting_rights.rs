//! `/admin/api/users/{id}/acting-rights`: who lets whom act for a person, and what is refused.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::policy::system::Role;

use super::{Operator, pages, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::web::alice;

#[tokio::test(flavor = "multi_thread")]
async fn rights_over_a_person_are_given_listed_in_pages_and_taken() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let alice = alice(&t).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        Operator::with(&t, "api", &[]).await;
        let list = format!("/users/{alice}/acting-rights");
        let rights = [
            format!("{list}/delegate/client:api"),
            format!("{list}/delegate/user:{alice}"),
            format!("{list}/impersonator/client:api"),
        ];
        for path in rights.iter().chain(&rights) {
            let answer = admin.order(Method::PUT, path).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let all = json!([
            { "subject": "client:api", "right": "delegate" },
            { "subject": format!("user:{alice}"), "right": "delegate" },
            { "subject": "client:api", "right": "impersonator" },
        ]);
        for (limit, count) in [(1, 3), (2, 2), (3, 1)] {
            let (items, read) = pages(&admin, &list, limit).await;
            assert_eq!((json!(items), read), (all.clone(), count), "{engine:?}");
        }
        for path in rights.iter().chain(&rights) {
            let answer = admin.order(Method::DELETE, path).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let (items, _) = pages(&admin, &list, 5).await;
        assert!(items.is_empty(), "{items:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_over_nobody_or_of_nobody_is_not_given() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let alice = alice(&t).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let absent = "usr_01arz3ndektsv4rrffq69g5fav";
        for (path, says) in [
            (
                format!("{alice}/acting-rights/admin/client:boss"),
                "is not a right",
            ),
            (
                format!("{alice}/acting-rights/parent/client:boss"),
                "is not a right",
            ),
            (
                format!("{alice}/acting-rights/delegate/client:absent"),
                "there is no",
            ),
            (
                format!("{alice}/acting-rights/delegate/client:*"),
                "there is no",
            ),
            (
                format!("{alice}/acting-rights/delegate/boss"),
                "there is no",
            ),
            (
                format!("{absent}/acting-rights/delegate/client:boss"),
                "there is no",
            ),
            (
                "alice/acting-rights/delegate/client:boss".to_owned(),
                "not a user id",
            ),
        ] {
            let answer = admin.order(Method::PUT, &format!("/users/{path}")).await;
            refused(&answer, StatusCode::NOT_FOUND, says);
        }
        let answer = admin
            .get(&format!("/users/{alice}/acting-rights?after=x"))
            .await;
        refused(&answer, StatusCode::BAD_REQUEST, "`after`");
    }
}

/// A manager of clients could otherwise take an impersonator's secret, and with it everybody's place.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_gives_such_rights_or_changes_who_has_them() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let alice = alice(&t).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        Party::register(&t, "api", |new| new.scope = Some("api".to_owned())).await;
        let managers = [Role::UserManager, Role::ClientManager, Role::PolicyManager];
        let manager = Operator::with(&t, "manager", &managers).await;
        let path = format!("/users/{alice}/acting-rights/impersonator/client:api");
        let answer = manager.order(Method::PUT, &path).await;
        refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
        let rotate = "/clients/api/secret";
        let answer = manager.post(rotate, &json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        admin.order(Method::PUT, &path).await;
        let answer = manager.post(rotate, &json!({})).await;
        refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
        admin.order(Method::DELETE, &path).await;
        let role = "/role-assignments/client:api/impersonator";
        assert_eq!(
            admin.order(Method::PUT, role).await.status,
            StatusCode::NO_CONTENT
        );
        let answer = manager.post(rotate, &json!({})).await;
        refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
    }
}
