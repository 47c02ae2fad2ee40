//! Who may use the permission API, and what nobody may do through it.

use serde_json::{Value, json};
use tessera::policy::system::{self, Permission, Role};

use super::{Api, DOCS, key, token_with};
use crate::harness::database::{Engine, engines};
use crate::harness::server::client;

const ROUTES: &[(&str, &str)] = &[
    ("POST", "/stores"),
    ("GET", "/stores"),
    ("GET", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("DELETE", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    (
        "POST",
        "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/authorization-models",
    ),
    (
        "GET",
        "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/authorization-models",
    ),
    (
        "GET",
        "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/authorization-models/01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/write"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/import"),
    ("GET", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/export"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/read"),
    ("GET", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/changes"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/check"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/batch-check"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/expand"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/what-if"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/list-objects"),
    ("POST", "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/list-users"),
    (
        "POST",
        "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/streamed-list-objects",
    ),
];

/// The routes that an auditor may use.
fn reads(method: &str, path: &str) -> bool {
    method == "GET"
        || [
            "/read",
            "check",
            "/expand",
            "/what-if",
            "list-objects",
            "list-users",
        ]
        .iter()
        .any(|end| path.ends_with(end))
}

#[tokio::test]
async fn without_a_good_token_every_route_is_401() {
    let api = Api::start(Engine::Sqlite).await;
    for (method, path) in ROUTES {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", api.t.url);
        for (token, code) in [
            (None, "bearer_token_missing"),
            (Some("nonsense"), "auth_failed_invalid_bearer_token"),
        ] {
            let mut request = client().request(method.clone(), &url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{method} {path}");
            assert!(response.headers().contains_key("www-authenticate"));
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["code"], code, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn roles_decide_and_no_role_is_no_access() {
    let mut api = Api::start(Engine::Sqlite).await;
    for (name, role, may_read) in [
        ("nobody", None, false),
        ("auditor", Some(Role::Auditor), true),
        ("clients", Some(Role::ClientManager), false),
    ] {
        api.token = token_with(&api.t, name, role).await;
        for (method, path) in ROUTES {
            let reply = api.call(method, path, &json!({})).await;
            if may_read && reads(method, path) {
                assert_ne!(reply.status, 403, "{name} {method} {path}");
            } else {
                reply.is_error(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_role_that_was_taken_is_gone_with_the_next_request() {
    for engine in engines() {
        let api = Api::start(engine).await;
        assert_eq!(api.get("/stores").await.status, 200);
        let app = &api.t.app;
        let now = app.clock.now();
        let mut tx = app.db.write().await.unwrap();
        system::remove_role(&mut tx, "client:policy", Role::PolicyManager, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        // Nobody told this process: security decisions ask the database.
        api.get("/stores").await.is_error(403, "forbidden");
    }
}

#[tokio::test]
async fn the_system_store_is_read_but_never_written_through_the_api() {
    let api = Api::start(Engine::Sqlite).await;
    let store = format!("/stores/{}", api.t.app.policy.system_store());
    assert_eq!(api.get(&store).await.status, 200);
    let myself = ("client:policy", "admin", "system:tessera");
    api.write(&store, &[myself])
        .await
        .is_error(403, "forbidden");
    api.post(
        &format!("{store}/authorization-models"),
        tessera::policy::engine::json::emit(&tessera::policy::engine::dsl::parse(DOCS).unwrap()),
    )
    .await
    .is_error(403, "forbidden");
    api.call("DELETE", &store, &Value::Null)
        .await
        .is_error(403, "forbidden");
    assert!(!api.allowed(&store, myself).await);
    let asked = json!({"tuple_key": key(("client:policy", "can_manage_stores", "system:tessera"))});
    assert_eq!(
        api.post(&format!("{store}/check"), asked).await.body["allowed"],
        true
    );
}

#[tokio::test]
async fn roles_are_assigned_once_listed_and_counted() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let app = &api.t.app;
        let now = app.clock.now();
        let mut conn = app.db.read().await.unwrap();
        assert!(!system::any_admin(&mut conn).await.unwrap());
        drop(conn);
        let mut tx = app.db.write().await.unwrap();
        for role in [Role::Admin, Role::Admin, Role::Auditor] {
            system::assign_role(&mut tx, "user:usr_1", role, now)
                .await
                .unwrap();
        }
        assert!(system::any_admin(&mut tx).await.unwrap());
        assert_eq!(
            system::roles_of(&mut tx, "user:usr_1").await.unwrap(),
            [Role::Admin, Role::Auditor]
        );
        let all = system::role_assignments(&mut tx, None, 10).await.unwrap();
        assert_eq!(all.len(), 3, "{all:?}");
        tx.commit().await.unwrap();
        assert!(
            system::allows(&app.policy, "user:usr_1", Permission::ManageRoles, now)
                .await
                .unwrap()
        );
        for stranger in [
            "user:usr_2",
            "user:*",
            "nonsense",
            "",
            "system:tessera#admin",
        ] {
            let allowed = system::allows(&app.policy, stranger, Permission::ManageRoles, now)
                .await
                .unwrap();
            assert!(!allowed, "{stranger}");
        }
    }
}
