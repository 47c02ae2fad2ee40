//! `/admin/api/users`.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::policy::system::Role;

use super::{Operator, give, pages, refused};
use crate::harness::browser::Browser;
use crate::harness::database::engines;
use crate::harness::server::TestApp;
use crate::oauth::party::{Answer, setup};
use crate::web::alice;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_read_and_changed() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let body = json!({
            "username": "Bob", "email": "bob@example.com", "name": "Bob B.", "password": "a sentence nobody guesses",
        });
        let made = admin.post("/users", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let id = made.json["id"].as_str().unwrap().to_owned();
        assert_eq!(made.header("location"), format!("/admin/api/users/{id}"));
        assert_eq!(made.json["username"], "Bob");
        assert_eq!(made.json["email_verified"], false);
        assert_eq!(made.json["state"], "active");
        assert!(made.json.get("password").is_none());
        let path = format!("/users/{id}");
        assert_eq!(admin.get(&path).await.json, made.json, "{engine:?}");

        let again = admin.post("/users", &json!({ "username": "bob" })).await;
        refused(&again, StatusCode::CONFLICT, "bob");

        let changed = admin
            .patch(&path, &json!({ "email_verified": true, "name": null }))
            .await;
        assert_eq!(changed.json["email"], "bob@example.com", "{changed:?}");
        assert_eq!(changed.json["email_verified"], true);
        assert!(changed.json["name"].is_null() && changed.json["username"] == "Bob");
        // A new address is not verified by the old one's proof.
        let moved = admin
            .patch(&path, &json!({ "email": "b@example.org" }))
            .await;
        assert_eq!(moved.json["email_verified"], false, "{moved:?}");
        let none = admin
            .patch(&path, &json!({ "email": null, "email_verified": true }))
            .await;
        refused(&none, StatusCode::UNPROCESSABLE_ENTITY, "`email_verified`");
        assert_eq!(admin.get(&path).await.json, moved.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_replaced_as_a_whole_and_held_to_its_form() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let profile = json!({ "given_name": "Bob", "address": { "country": "UK" } });
        let made = admin
            .post("/users", &json!({ "username": "bob", "profile": profile }))
            .await;
        assert_eq!(made.json["profile"], profile, "{made:?}");
        let path = format!("/users/{}", made.json["id"].as_str().unwrap());
        let untouched = admin.patch(&path, &json!({ "name": "Bob B." })).await;
        assert_eq!(untouched.json["profile"], profile, "{untouched:?}");
        let replaced = json!({ "birthdate": "1990-01-31" });
        let changed = admin.patch(&path, &json!({ "profile": replaced })).await;
        assert_eq!(changed.json["profile"], replaced, "{changed:?}");
        for (wrong, named) in [
            (json!({ "birthdate": "31.1.1990" }), "`birthdate`"),
            (json!({ "phone_number": "0123" }), "`phone_number`"),
        ] {
            let answer = admin.patch(&path, &json!({ "profile": wrong })).await;
            refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, named);
        }
        // Nobody smuggles a reserved claim in (SECURITY row 24).
        let answer = admin
            .patch(&path, &json!({ "profile": { "sub": "usr_x" } }))
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(admin.get(&path).await.json["profile"], replaced);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_listed_in_pages() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let mut made = Vec::new();
        for number in 0..5 {
            let body = json!({ "username": format!("user{number}") });
            made.push(admin.post("/users", &body).await.json);
        }
        made.sort_by_key(|user| user["id"].as_str().unwrap().to_owned());
        assert_eq!(
            pages(&admin, "/users", 2).await,
            (made.clone(), 3),
            "{engine:?}"
        );
        assert_eq!(pages(&admin, "/users", 5).await, (made, 1), "{engine:?}");
        for query in ["?limit=many", "?before=x"] {
            let answer = admin.get(&format!("/users{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query} {answer:?}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_what_they_should_be_are_refused() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let unknown = admin
            .post("/users", &json!({ "username": "bob", "admin": true }))
            .await;
        refused(&unknown, StatusCode::UNPROCESSABLE_ENTITY, "`admin`");
        let weak = admin
            .post("/users", &json!({ "username": "bob", "password": "bob" }))
            .await;
        refused(&weak, StatusCode::UNPROCESSABLE_ENTITY, "`password`: ");
        let nameless = admin.post("/users", &json!({ "username": "a b" })).await;
        refused(&nameless, StatusCode::UNPROCESSABLE_ENTITY, "`username`: ");
        let form = admin
            .request(Method::POST, "/users")
            .form(&[("username", "bob")]);
        refused(
            &Answer::of(form).await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "application/json",
        );
        let absent = admin.get("/users/usr_01arz3ndektsv4rrffq69g5fav").await;
        refused(
            &absent,
            StatusCode::NOT_FOUND,
            "usr_01arz3ndektsv4rrffq69g5fav",
        );
        assert_eq!(pages(&admin, "/users", 9).await.0.len(), 0, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_user_is_out_at_once() {
    for engine in engines() {
        let (t, mut browser, web) = setup(engine).await;
        let tokens = web.tokens(&mut browser, &[]).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let id = pages(&admin, "/users", 9).await.0[0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(web.is_active(&tokens.access).await);
        let locked = admin
            .order(Method::POST, &format!("/users/{id}/lock"))
            .await;
        assert_eq!(locked.json["state"], "locked", "{locked:?}");
        assert!(!web.is_active(&tokens.access).await, "{engine:?}");
        let refreshed = web.refresh(tokens.refresh()).await;
        assert_eq!(refreshed.error(), "invalid_grant", "{engine:?}");
        let page = Browser::new(&t)
            .sign_in("alice", crate::web::PASSWORD)
            .await;
        assert_ne!(page.status, StatusCode::SEE_OTHER, "{engine:?}");

        let path = format!("/users/{id}/unlock");
        let unlocked = admin.order(Method::POST, &path).await;
        assert_eq!(unlocked.json["state"], "active", "{unlocked:?}");
        assert!(!web.is_active(&tokens.access).await, "{engine:?}");
        let page = Browser::new(&t)
            .sign_in("alice", crate::web::PASSWORD)
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_set_replaces_the_old_one_and_its_sessions() {
    for engine in engines() {
        let (t, mut browser, web) = setup(engine).await;
        let tokens = web.tokens(&mut browser, &[]).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        let users = pages(&admin, "/users", 9).await.0;
        let path = format!("/users/{}/password", users[0]["id"].as_str().unwrap());
        let weak = admin.put(&path, &json!({ "password": "alice" })).await;
        refused(&weak, StatusCode::UNPROCESSABLE_ENTITY, "`password`: ");
        let new = "an entirely other sentence";
        let answer = admin.put(&path, &json!({ "password": new })).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        assert!(!web.is_active(&tokens.access).await, "{engine:?}");
        let page = Browser::new(&t)
            .sign_in("alice", crate::web::PASSWORD)
            .await;
        assert_ne!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
        let page = Browser::new(&t).sign_in("alice", new).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_manages_people_manages_no_administrators() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let manager = Operator::with(&t, "desk", &[Role::UserManager]).await;
        let user = format!("/users/{id}");
        let named = manager.patch(&user, &json!({ "name": "A." })).await;
        assert_eq!(named.status, StatusCode::OK, "{named:?}");

        give(&t, &format!("user:{id}"), Role::Auditor).await;
        let says = "can_manage_roles";
        let named = manager.patch(&user, &json!({ "name": "B." })).await;
        refused(&named, StatusCode::FORBIDDEN, says);
        let password = json!({ "password": "an entirely other sentence" });
        let answer = manager.put(&format!("{user}/password"), &password).await;
        refused(&answer, StatusCode::FORBIDDEN, says);
        for order in ["lock", "unlock"] {
            let path = format!("{user}/{order}");
            let answer = manager.order(Method::POST, &path).await;
            refused(&answer, StatusCode::FORBIDDEN, says);
        }
        let is = manager.get(&user).await.json;
        assert_eq!(
            (&is["name"], &is["state"]),
            (&json!("A."), &json!("active"))
        );
    }
}
