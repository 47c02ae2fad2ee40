//! `/admin/api/api-keys`: who makes keys for whom, what is shown, what is refused, and what a key may itself administer.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::policy::system::Role;
use tessera::store::q;

use super::{Operator, pages, refused};
use crate::harness::database::{Engine, engines};
use crate::harness::keys::secret;
use crate::harness::server::TestApp;

async fn store(t: &TestApp) -> String {
    let now = t.clock.now();
    t.app.policy.create_store("docs", now).await.unwrap().id
}

/// Makes a key with everything that can be said of it.
async fn make(operator: &Operator, body: &Value) -> Value {
    let answer = operator.post("/api-keys", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let id = answer.json["id"].as_str().unwrap();
    let location = format!("/admin/api/api-keys/{id}");
    assert_eq!(answer.header("location"), location);
    answer.json.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_shown_listed_in_pages_and_revoked() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        Operator::with(&t, "web", &[]).await;
        let docs = store(&t).await;
        let made = make(
            &admin,
            &json!({
                "name": " nightly job ", "owner": "client:web", "permissions": ["can_read", "can_check"],
                "store": docs, "expires_at": "2030-01-31T12:00:00Z"
            }),
        )
        .await;
        let secret = made["secret"].as_str().unwrap();
        assert!(secret.starts_with("tsr_ak_"), "{secret}");
        let id = made["id"].as_str().unwrap();
        let shown = json!({
            "id": id, "name": "nightly job", "owner": "client:web", "permissions": ["can_read", "can_check"],
            "store": docs, "state": "active", "created_at": "2025-01-01T00:00:00Z",
            "expires_at": "2030-01-31T12:00:00Z", "last_used_at": null, "revoked_at": null
        });
        let path = format!("/api-keys/{id}");
        assert_eq!(admin.get(&path).await.json, shown, "{engine:?}");
        // Ids sort by the millisecond that they were made in.
        t.clock.advance(Seconds::new(1));
        let plain = make(&admin, &json!({"name": "all", "owner": "client:boss"})).await;
        assert_eq!(
            plain["permissions"],
            json!([
                "can_read_stores",
                "can_manage_stores",
                "can_manage",
                "can_write_models",
                "can_write_tuples",
                "can_read",
                "can_check"
            ])
        );
        for limit in 1..=3 {
            let (items, _) = pages(&admin, "/api-keys", limit).await;
            assert_eq!(items.len(), 2, "{engine:?} {items:?}");
            assert_eq!(items[0], shown);
        }
        for (owner, count) in [("client:web", 1), ("client:boss", 1), ("client:none", 0)] {
            let list = admin.get(&format!("/api-keys?owner={owner}")).await;
            assert_eq!(list.json["items"].as_array().unwrap().len(), count);
        }
        t.clock.advance(Seconds::new(1));
        for _ in 0..2 {
            let answer = admin.order(Method::POST, &format!("{path}/revoke")).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!(answer.json["state"], "revoked");
            assert_eq!(answer.json["revoked_at"], "2025-01-01T00:00:02Z");
            t.clock.advance(Seconds::new(1));
        }
        let mut conn = t.app.db.read().await.unwrap();
        let events: Vec<String> = conn
            .all(q(
                "SELECT body FROM events WHERE kind = 'api_key.changed' ORDER BY id",
            ))
            .await
            .unwrap();
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(events[2].contains("revoked") && events[2].contains(id));
        assert!(!events.concat().contains("tsr_ak_"), "{events:?}");
        let kept: String = conn
            .one(q(
                "SELECT secret_mac FROM api_keys WHERE name = 'nightly job'",
            ))
            .await
            .unwrap();
        assert!(!secret.contains(&kept));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_makes_no_key() {
    use StatusCode as S;
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
        Operator::with(&t, "off", &[]).await;
        let answer = admin.order(Method::POST, "/clients/off/disable").await;
        assert_eq!(answer.status, S::OK);
        let docs = store(&t).await;
        let long = "x".repeat(101);
        let no_user = "user:usr_01arz3ndektsv4rrffq69g5fav";
        for (change, status, says) in [
            (
                json!({"name": " "}),
                S::UNPROCESSABLE_ENTITY,
                "`name` must have 1 to 100",
            ),
            (
                json!({"name": long}),
                S::UNPROCESSABLE_ENTITY,
                "`name` must have 1 to 100",
            ),
            (
                json!({"name": "a\nb"}),
                S::UNPROCESSABLE_ENTITY,
                "control character",
            ),
            (
                json!({"owner": "boss"}),
                S::NOT_FOUND,
                "there is no `boss`; an owner is",
            ),
            (
                json!({"owner": "client:none"}),
                S::NOT_FOUND,
                "there is no `client:none`",
            ),
            (
                json!({"owner": no_user}),
                S::NOT_FOUND,
                "there is no `user:usr_01arz",
            ),
            (
                json!({"owner": "client:off"}),
                S::CONFLICT,
                "`client:off` is locked or disabled",
            ),
            (
                json!({"permissions": []}),
                S::UNPROCESSABLE_ENTITY,
                "`permissions` is empty",
            ),
            (
                json!({"permissions": ["can_fly"]}),
                S::UNPROCESSABLE_ENTITY,
                "`can_fly` is not a permission",
            ),
            (
                json!({"permissions": ["can_manage_api_keys"]}),
                S::UNPROCESSABLE_ENTITY,
                "is for no key",
            ),
            (
                json!({"permissions": ["can_read_users"], "store": docs}),
                S::UNPROCESSABLE_ENTITY,
                "no permission in one store",
            ),
            (
                json!({"store": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
                S::NOT_FOUND,
                "no store has the id `01ARZ",
            ),
            (
                json!({"expires_at": "tomorrow"}),
                S::UNPROCESSABLE_ENTITY,
                "`expires_at` is `tomorrow`; write",
            ),
            (
                json!({"expires_at": "2024-12-31T00:00:00Z"}),
                S::UNPROCESSABLE_ENTITY,
                "which is past",
            ),
            (
                json!({"secret": "x"}),
                S::UNPROCESSABLE_ENTITY,
                "unknown field `secret`",
            ),
        ] {
            let mut body = json!({"name": "job", "owner": "client:boss"});
            let fields = body.as_object_mut().unwrap();
            fields.extend(change.as_object().unwrap().clone());
            refused(&admin.post("/api-keys", &body).await, status, says);
        }
        for (path, says) in [
            ("/api-keys/nonsense", "`nonsense` is not an API key's id"),
            (
                "/api-keys/key_01arz3ndektsv4rrffq69g5fav",
                "there is no API key `key_01",
            ),
        ] {
            refused(&admin.get(path).await, S::NOT_FOUND, says);
            let answer = admin.order(Method::POST, &format!("{path}/revoke")).await;
            refused(&answer, S::NOT_FOUND, says);
        }
        let answer = admin.get("/api-keys?owner=boss").await;
        refused(&answer, S::NOT_FOUND, "there is no `boss`");
        let (items, _) = pages(&admin, "/api-keys", 10).await;
        assert!(items.is_empty(), "{engine:?} {items:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_at_most_a_hundred_keys_that_are_not_revoked() {
    let t = TestApp::start(Engine::Sqlite).await;
    let admin = Operator::with(&t, "boss", &[Role::Admin]).await;
    Operator::with(&t, "web", &[]).await;
    for _ in 0..100 {
        secret(&t, "client:web", |_| {}).await;
    }
    let body = json!({"name": "one more", "owner": "client:web"});
    let answer = admin.post("/api-keys", &body).await;
    refused(
        &answer,
        StatusCode::CONFLICT,
        "`client:web` has 100 keys already",
    );
    make(&admin, &json!({"name": "x", "owner": "client:boss"})).await;
    let (items, _) = pages(&admin, "/api-keys", 200).await;
    let id = items[0]["id"].as_str().unwrap();
    let path = format!("/api-keys/{id}/revoke");
    assert_eq!(
        admin.order(Method::POST, &path).await.status,
        StatusCode::OK
    );
    make(&admin, &body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_make_keys_and_auditors_see_them() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let body = json!({"name": "mine", "owner": "client:managers"});
        let managers = [Role::UserManager, Role::ClientManager, Role::PolicyManager];
        let managers = Operator::with(&t, "managers", &managers).await;
        let auditor = Operator::with(&t, "auditor", &[Role::Auditor]).await;
        for operator in [&managers, &auditor] {
            let answer = operator.post("/api-keys", &body).await;
            refused(
                &answer,
                StatusCode::FORBIDDEN,
                "lacks `can_manage_api_keys`",
            );
        }
        let answer = managers.get("/api-keys").await;
        refused(&answer, StatusCode::FORBIDDEN, "lacks `can_read_api_keys`");
        assert_eq!(auditor.get("/api-keys").await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_administers_what_it_names_and_cannot_grow() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        Operator::with(&t, "boss", &[Role::Admin]).await;
        Operator::with(&t, "other", &[Role::Auditor]).await;
        let named = async |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let text = secret(&t, "client:boss", |new| new.permissions = Some(names)).await;
            Operator::bearing(&t, &text)
        };
        let default = Operator::bearing(&t, &secret(&t, "client:boss", |_| {}).await);
        let answer = default.get("/clients").await;
        let says = "the API key is not made for the permission `can_read_clients`";
        refused(&answer, StatusCode::FORBIDDEN, says);

        let clients = named(&["can_read_clients", "can_manage_clients"]).await;
        assert_eq!(clients.get("/clients").await.status, StatusCode::OK);
        let answer = clients.get("/users").await;
        refused(&answer, StatusCode::FORBIDDEN, "`can_read_users`");
        let order = async |path: &str| clients.order(Method::POST, path).await;
        let plain = json!({"client_id": "plain", "grant_types": ["client_credentials"]});
        let answer = clients.post("/clients", &plain).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        assert_eq!(order("/clients/plain/secret").await.status, StatusCode::OK);
        // A new secret of its own owner, or of whoever holds a role, would be more than the key is.
        for path in [
            "/clients/boss/secret",
            "/clients/other/secret",
            "/clients/boss/disable",
        ] {
            let answer = order(path).await;
            refused(&answer, StatusCode::FORBIDDEN, "`can_manage_roles`");
        }
        let admin_scope = json!({
            "redirect_uris": ["https://app.example/cb"], "scope": "openid tessera:admin"
        });
        let answer = clients.post("/clients", &admin_scope).await;
        refused(&answer, StatusCode::FORBIDDEN, "`can_manage_roles`");

        let roles = named(&["can_manage_roles"]).await;
        let body = json!({"name": "next", "owner": "client:boss"});
        let answer = roles.post("/api-keys", &body).await;
        refused(&answer, StatusCode::FORBIDDEN, "`can_manage_api_keys`");
        let answer = roles
            .order(Method::PUT, "/role-assignments/client:plain/auditor")
            .await;
        assert_eq!(
            answer.status,
            StatusCode::NO_CONTENT,
            "{engine:?} {answer:?}"
        );
    }
}
