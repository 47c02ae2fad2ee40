//! `/admin/api/roles` and `/admin/api/role-assignments`: who may do what, and that the last administrator stays.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::policy::system::Role;

use super::{Operator, give, refused};
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::party::{agree, setup};
use crate::web::alice;

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_given_and_taken_and_count_at_once() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let desk = Operator::with(&t, "desk", &[]).await;
        let known = admin.get("/roles").await.json;
        assert_eq!(known.as_array().unwrap().len(), Role::ALL.len(), "{known}");

        refused(
            &desk.get("/users").await,
            StatusCode::FORBIDDEN,
            "can_read_users",
        );
        let role = "/role-assignments/client:desk/auditor";
        for _ in 0..2 {
            let answer = admin.order(Method::PUT, role).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        let has = admin.get("/role-assignments/client:desk").await.json;
        assert_eq!(
            has,
            json!({ "subject": "client:desk", "roles": ["auditor"] })
        );
        assert_eq!(desk.get("/users").await.status, StatusCode::OK);
        for _ in 0..2 {
            let answer = admin.order(Method::DELETE, role).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        }
        refused(
            &desk.get("/users").await,
            StatusCode::FORBIDDEN,
            "can_read_users",
        );

        let unknown = admin
            .order(Method::PUT, "/role-assignments/client:desk/owner")
            .await;
        refused(&unknown, StatusCode::NOT_FOUND, "`owner` is not a role");
        for nobody in [
            "client:absent",
            "user:usr_01arz3ndektsv4rrffq69g5fav",
            "user:*",
            "system:tessera%23admin",
            "desk",
        ] {
            let path = format!("/role-assignments/{nobody}/admin");
            let answer = admin.order(Method::PUT, &path).await;
            refused(&answer, StatusCode::NOT_FOUND, "there is no `");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let own = "/role-assignments/client:boss/admin";
        let answer = admin.order(Method::DELETE, own).await;
        refused(&answer, StatusCode::CONFLICT, "the last administrator");
        assert_eq!(
            admin.get("/users").await.status,
            StatusCode::OK,
            "{engine:?}"
        );

        let id = alice(&t).await;
        let path = format!("/role-assignments/user:{id}/admin");
        let answer = admin.order(Method::PUT, &path).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        let answer = admin.order(Method::DELETE, own).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        let answer = admin.get("/users").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_everything_and_changes_nothing() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let auditor = Operator::with(&t, "audit", &[Role::Auditor]).await;
        for path in [
            "/users".to_owned(),
            format!("/users/{id}"),
            "/clients".to_owned(),
            "/clients/audit".to_owned(),
            "/roles".to_owned(),
            "/role-assignments/client:audit".to_owned(),
        ] {
            let answer = auditor.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {answer:?}");
        }
        for (method, path) in [
            (Method::POST, "/users".to_owned()),
            (Method::PATCH, format!("/users/{id}")),
            (Method::POST, format!("/users/{id}/lock")),
            (Method::PUT, format!("/users/{id}/password")),
            (Method::POST, "/clients".to_owned()),
            (Method::PUT, "/clients/audit".to_owned()),
            (Method::POST, "/clients/audit/secret".to_owned()),
            (Method::POST, "/clients/audit/disable".to_owned()),
            (
                Method::PUT,
                "/role-assignments/client:audit/admin".to_owned(),
            ),
            (
                Method::DELETE,
                "/role-assignments/client:audit/auditor".to_owned(),
            ),
        ] {
            let answer = auditor.order(method, &path).await;
            refused(&answer, StatusCode::FORBIDDEN, "can_manage_");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_manages_people_gives_no_roles() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let roles = [Role::UserManager, Role::ClientManager, Role::PolicyManager];
        let manager = Operator::with(&t, "desk", &roles).await;
        let answer = manager
            .order(Method::PUT, "/role-assignments/client:desk/admin")
            .await;
        refused(&answer, StatusCode::FORBIDDEN, "can_manage_roles");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_administers_only_with_the_scope_for_it() {
    for engine in engines() {
        let (t, mut browser, web) = setup(engine).await;
        let boss = Operator::with(&t, "boss", &[Role::Admin]).await;
        let users = boss.get("/users").await.json;
        let subject = format!("user:{}", users["items"][0]["id"].as_str().unwrap());
        give(&t, &subject, Role::Admin).await;

        let plain = web.tokens(&mut browser, &[]).await;
        let answer = Operator::bearing(&t, &plain.access).get("/users").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert!(
            answer
                .header("www-authenticate")
                .contains("insufficient_scope")
        );

        let scope = [("scope", "openid tessera:admin")];
        let full = web.tokens(&mut browser, &scope).await;
        let alice = Operator::bearing(&t, &full.access);
        let answer = alice.get("/users").await;
        assert_eq!(answer.status, StatusCode::OK, "{engine:?} {answer:?}");
        // Nobody locks the door behind them.
        let id = subject.trim_start_matches("user:");
        let answer = alice
            .order(Method::POST, &format!("/users/{id}/lock"))
            .await;
        refused(&answer, StatusCode::CONFLICT, "your own account");
        // A person without roles gains none by the scope.
        let other = crate::web::person(&t, "bob", "Bob").await;
        agree(&t, &other, &web).await;
        let mut browser = crate::harness::browser::Browser::new(&t);
        browser.sign_in("bob", crate::web::PASSWORD).await;
        let bob = web.tokens(&mut browser, &scope).await;
        let answer = Operator::bearing(&t, &bob.access).get("/users").await;
        refused(&answer, StatusCode::FORBIDDEN, "can_read_users");
    }
}
