//! Rights in one store: what each opens, that it opens nothing else, and over which types tuples may be written.

use serde_json::{Value, json};
use tessera::policy::system::{self, PlacedRight, Role, StoreRight};

use super::{Api, key, keys, token_with};
use crate::harness::database::{Engine, engines};

const MODEL: &str = "
model
  schema 1.1
type user
type folder
  relations
    define viewer: [user]
type document
  relations
    define viewer: [user]
";
const PLAN: (&str, &str, &str) = ("user:anne", "viewer", "document:plan");
const ROOT: (&str, &str, &str) = ("user:anne", "viewer", "folder:root");

/// Method, path below the store, and the rights that open it.
const ENDPOINTS: &[(&str, &str, &[StoreRight])] = {
    use StoreRight::{Checker, ModelWriter, Owner, Reader, TupleWriter};
    const CHECK: &[StoreRight] = &[Owner, ModelWriter, TupleWriter, Reader, Checker];
    const READ: &[StoreRight] = &[Owner, ModelWriter, TupleWriter, Reader];
    &[
        ("GET", "", CHECK),
        ("POST", "/check", CHECK),
        ("POST", "/batch-check", CHECK),
        ("POST", "/read", READ),
        ("GET", "/changes", READ),
        ("GET", "/authorization-models", READ),
        (
            "GET",
            "/authorization-models/01ARZ3NDEKTSV4RRFFQ69G5FAV",
            READ,
        ),
        ("GET", "/export", READ),
        ("POST", "/import", &[Owner, TupleWriter]),
        ("POST", "/write", &[Owner, TupleWriter]),
        ("POST", "/authorization-models", &[Owner, ModelWriter]),
        // Last: it succeeds.
        ("DELETE", "", &[Owner]),
    ]
};

fn id_of(store: &str) -> &str {
    store.trim_start_matches("/stores/")
}

pub(super) fn right(subject: &str, right: StoreRight, object_type: Option<&str>) -> PlacedRight {
    PlacedRight {
        right,
        object_type: object_type.map(str::to_owned),
        subject: subject.to_owned(),
    }
}

pub(super) async fn give(api: &Api, store: &str, right: &PlacedRight) {
    let (app, now) = (&api.t.app, api.t.app.clock.now());
    let mut tx = app.db.write().await.unwrap();
    let written = system::give_right(&mut tx, id_of(store), right, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.policy.committed(&written, now).await;
}

async fn rights_in(api: &Api, store: &str) -> Vec<PlacedRight> {
    let mut conn = api.t.app.db.read().await.unwrap();
    system::rights_in(&mut conn, id_of(store), None, 500)
        .await
        .unwrap()
}

/// The API as somebody else uses it.
pub(super) async fn becomes(api: &mut Api, name: &str) {
    api.token = token_with(&api.t, name, None).await;
}

#[tokio::test]
async fn each_right_opens_its_endpoints_of_its_store_and_no_others() {
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let manager = api.token.clone();
        for held in StoreRight::ALL {
            api.token.clone_from(&manager);
            let (store, other) = (api.store(MODEL).await, api.store(MODEL).await);
            let name = held.as_str();
            give(&api, &store, &right(&format!("client:{name}"), *held, None)).await;
            becomes(&mut api, name).await;
            for (method, path, opened_by) in ENDPOINTS {
                let refused = api
                    .call(method, &format!("{other}{path}"), &json!({}))
                    .await;
                refused.is_error(403, "forbidden");
                let reply = api
                    .call(method, &format!("{store}{path}"), &json!({}))
                    .await;
                if opened_by.contains(held) {
                    assert_ne!(reply.status, 403, "{engine:?} {name} {method} {path}");
                } else {
                    reply.is_error(403, "forbidden");
                }
            }
            for method in ["GET", "POST"] {
                let body = json!({"name": "my own"});
                let reply = api.call(method, "/stores", &body).await;
                reply.is_error(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_writer_of_one_type_writes_requests_that_name_no_other() {
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let (store, other) = (api.store(MODEL).await, api.store(MODEL).await);
        let documents = right("client:docs", StoreRight::TupleWriter, Some("document"));
        give(&api, &store, &documents).await;
        becomes(&mut api, "docs").await;

        assert_eq!(api.write(&store, &[PLAN]).await.status, 200, "{engine:?}");
        api.write(&store, &[ROOT]).await.is_error(403, "forbidden");
        api.write(&other, &[PLAN]).await.is_error(403, "forbidden");
        let path = format!("{store}/write");
        let (plan, root) = (keys(&[PLAN]), keys(&[ROOT]));
        for mixed in [
            json!({"writes": {"tuple_keys": keys(&[PLAN, ROOT])}}),
            json!({"writes": {"tuple_keys": plan}, "deletes": {"tuple_keys": root}}),
            json!({"deletes": {"tuple_keys": plan}, "preconditions": {"must_exist": root}}),
            json!({"deletes": {"tuple_keys": plan}, "preconditions": {"must_not_exist": root}}),
            json!({"writes": {"tuple_keys": [key(("user:anne", "viewer", "nonsense"))]}}),
            json!({"writes": {"tuple_keys": [key(("user:anne", "viewer", ""))]}}),
            json!({"writes": 7}),
            json!({}),
        ] {
            let reply = api.post(&path, mixed).await;
            reply.is_error(403, "forbidden");
        }
        let long = format!("{}:plan", "d".repeat(240));
        let reply = api.write(&store, &[("user:anne", "viewer", &long)]).await;
        reply.is_error(403, "forbidden");
        // It is a right to write, not to ask.
        let asked = json!({"tuple_key": key(PLAN)});
        let reply = api.post(&format!("{store}/check"), asked).await;
        reply.is_error(403, "forbidden");
        let body = json!({"deletes": {"tuple_keys": plan}});
        assert_eq!(api.post(&path, body).await.status, 200);
    }
}

#[tokio::test]
async fn a_right_that_was_taken_is_gone_with_the_next_request() {
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let reader = right("client:eye", StoreRight::Reader, None);
        give(&api, &store, &reader).await;
        becomes(&mut api, "eye").await;
        assert_eq!(api.get(&store).await.status, 200);
        let mut tx = api.t.app.db.write().await.unwrap();
        let now = api.t.app.clock.now();
        system::take_right(&mut tx, id_of(&store), &reader, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        // Nobody told this process: security decisions ask the database.
        api.get(&store).await.is_error(403, "forbidden");
    }
}

#[tokio::test]
async fn who_has_only_rights_learns_of_no_store_by_its_id() {
    let mut api = Api::start(Engine::Sqlite).await;
    let absent = "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let malformed = "/stores/a%20b";
    api.get(absent).await.is_error(404, "store_id_not_found");
    api.get(malformed)
        .await
        .is_error(400, "store_id_invalid_length");
    let store = api.store(MODEL).await;
    give(&api, &store, &right("client:eye", StoreRight::Owner, None)).await;
    becomes(&mut api, "eye").await;
    for path in [absent, malformed, "/stores/none"] {
        api.get(path).await.is_error(403, "forbidden");
    }
    let system = format!("/stores/{}", api.t.app.policy.system_store());
    api.get(&system).await.is_error(403, "forbidden");
}

#[tokio::test]
async fn roles_are_not_listed_with_rights_nor_rights_with_roles() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    give(&api, &store, &right("client:eye", StoreRight::Owner, None)).await;
    let mut conn = api.t.app.db.read().await.unwrap();
    let roles = system::role_assignments(&mut conn, None, 10).await.unwrap();
    assert_eq!(roles, [("client:policy".to_owned(), Role::PolicyManager)]);
}

#[tokio::test]
async fn a_store_that_is_deleted_takes_its_rights_along() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let (store, other) = (api.store(MODEL).await, api.store(MODEL).await);
        let kept = [
            right("client:a", StoreRight::Owner, None),
            right("client:a", StoreRight::TupleWriter, Some("document")),
        ];
        for one in &kept {
            give(&api, &other, one).await;
        }
        // More than one write may change.
        for number in 0..120 {
            let object_type = Some("document").filter(|_| number % 2 == 0);
            let subject = format!("client:c{number}");
            let one = right(&subject, StoreRight::TupleWriter, object_type);
            give(&api, &store, &one).await;
        }
        assert_eq!(rights_in(&api, &store).await.len(), 120);
        let reply = api.call("DELETE", &store, &Value::Null).await;
        assert_eq!(reply.status, 204, "{engine:?} {reply:?}");
        assert_eq!(rights_in(&api, &store).await, []);
        assert_eq!(rights_in(&api, &other).await, kept);
    }
}
