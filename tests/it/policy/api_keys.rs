//! API keys at Tessera's own APIs: which open what, and that every other one gets the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tessera::base::id::ApiKeyId;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::identity::identifier::Username;
use tessera::identity::password::Password;
use tessera::identity::profile::Profile;
use tessera::identity::user::NewUser;
use tessera::oauth::client as clients;
use tessera::oauth::protocol::api_key::ApiKey;
use tessera::oauth::protocol::client::{ClientId, ClientState};
use tessera::policy::system::{self, PlacedRight, Role, StoreRight};
use tessera::store::api_keys;

use super::{Api, DOCS, key};
use crate::harness::database::{Engine, engines};
use crate::harness::keys::{issue, revoke, secret};
use crate::harness::server::{TestApp, client};

const OWNER: &str = "client:policy";
/// One endpoint of each API that takes a key.
const DOORS: &[(&str, &str)] = &[
    ("GET", "/stores"),
    ("POST", "/access/v1/evaluation"),
    ("GET", "/admin/api/clients"),
];

/// What an API answers to this key: the status, the challenge and the body, without what is every answer's own.
async fn answer(api: &Api, key: &str, (method, path): (&str, &str)) -> (u16, String, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client().request(method, format!("{}{path}", api.t.url));
    let response = request.bearer_auth(key).send().await.unwrap();
    let challenge = response.headers().get("www-authenticate").cloned();
    let challenge = challenge.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, challenge, response.json().await.unwrap())
}

/// A person who may manage permission stores.
async fn person(t: &TestApp) -> tessera::base::id::UserId {
    let new = NewUser {
        username: Username::parse("alice").unwrap(),
        email: None,
        email_verified: false,
        name: None,
        profile: Profile::default(),
        password: None,
    };
    let now = t.clock.now();
    let mut tx = t.app.db.write().await.unwrap();
    let id = account::create(&mut tx, &new, now).await.unwrap();
    let subject = format!("user:{id}");
    let written = system::assign_role(&mut tx, &subject, Role::PolicyManager, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    t.app.policy.committed(&written, now).await;
    id
}

async fn set_state(t: &TestApp, state: ClientState) {
    let id = ClientId::parse("policy").unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    clients::set_state(&mut tx, &id, state, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_that_is_not_good_gets_the_one_answer_of_a_bad_token() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let t = &api.t;
        let good = issue(t, OWNER, |_| {}).await;
        let text = good.secret.expose().clone();
        let revoked = issue(t, OWNER, |_| {}).await;
        revoke(t, &revoked).await;
        let until = t.clock.now().plus(Seconds::new(60));
        let expiring = secret(t, OWNER, |new| new.expires_at = Some(until)).await;
        assert_eq!(answer(&api, &expiring, DOORS[0]).await.0, 200);
        t.clock.advance(Seconds::new(60));
        let unknown = ApiKey::generate(&ApiKeyId::new(t.clock.now())).unwrap();
        let forged = ApiKey::generate(&good.key.id).unwrap();
        let mut wrong_sum = text.clone();
        let last = if wrong_sum.ends_with('A') { 'Q' } else { 'A' };
        wrong_sum.pop();
        wrong_sum.push(last);
        let bad = [
            ("empty", "tsr_ak_".to_owned()),
            ("malformed", "tsr_ak_!".to_owned()),
            ("cut", text[..text.len() - 1].to_owned()),
            ("wrong checksum", wrong_sum),
            ("unknown", unknown.text().expose().clone()),
            ("another secret", forged.text().expose().clone()),
            ("revoked", revoked.secret.expose().clone()),
            ("expired", expiring),
        ];
        for door in DOORS {
            let usual = answer(&api, "nonsense", *door).await;
            assert_eq!(usual.0, 401);
            for (what, key) in &bad {
                let got = answer(&api, key, *door).await;
                assert_eq!(got, usual, "{engine:?} {what} at {door:?}");
            }
        }
        assert_eq!(answer(&api, &text, DOORS[0]).await.0, 200, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_dies_with_its_owner_at_once() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let t = &api.t;
        let of_client = secret(t, OWNER, |_| {}).await;
        let stores = async |key: &str| answer(&api, key, DOORS[0]).await.0;
        assert_eq!(stores(&of_client).await, 200);
        set_state(t, ClientState::Disabled).await;
        assert_eq!(stores(&of_client).await, 401, "{engine:?}: disabled");
        set_state(t, ClientState::Active).await;
        assert_eq!(stores(&of_client).await, 200, "{engine:?}: enabled again");

        let alice = person(t).await;
        let owner = format!("user:{alice}");
        let of_person = secret(t, &owner, |_| {}).await;
        assert_eq!(stores(&of_person).await, 200);
        t.clock.advance(Seconds::new(1));
        let mut tx = t.app.db.write().await.unwrap();
        account::lock(&mut tx, &alice, t.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stores(&of_person).await, 401, "{engine:?}: locked");
        let mut tx = t.app.db.write().await.unwrap();
        account::unlock(&mut tx, &alice, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        // What was issued before a lock stays void, as tokens do.
        assert_eq!(stores(&of_person).await, 401, "{engine:?}: unlocked");
        let newer = secret(t, &owner, |_| {}).await;
        assert_eq!(stores(&newer).await, 200);
        t.clock.advance(Seconds::new(1));
        let password = Password::typed("another sentence for a password").unwrap();
        let hash = t.app.hasher.hash(password).await.unwrap();
        let mut tx = t.app.db.write().await.unwrap();
        account::set_password(&mut tx, &alice, &hash, t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stores(&newer).await, 401, "{engine:?}: new password");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_its_owner_may_and_its_limits_name() {
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let (store, other) = (api.store(DOCS).await, api.store(DOCS).await);
        let id = store.trim_start_matches("/stores/").to_owned();
        let check = json!({"tuple_key": key(("user:anne", "viewer", "doc:plan"))});
        let evaluation = json!({
            "subject": {"type": "user", "id": "anne"}, "action": {"name": "viewer"},
            "resource": {"type": "doc", "id": "plan"}
        });
        let names = |names: &[&str]| -> Option<Vec<String>> {
            Some(names.iter().map(|name| (*name).to_owned()).collect())
        };
        // Permissions, whether for the store alone, and the statuses of: stores, write, read, check, evaluation, clients,
        // check and write in the other store, then import into this one and the other (what is let in is told of its type).
        for (permissions, alone, expected) in [
            (
                None,
                false,
                [200, 200, 200, 200, 200, 403, 200, 200, 415, 415],
            ),
            (
                None,
                true,
                [403, 200, 200, 200, 200, 403, 403, 403, 415, 403],
            ),
            (
                names(&["can_check"]),
                false,
                [403, 403, 403, 200, 200, 403, 200, 403, 403, 403],
            ),
            (
                names(&["can_check", "can_read"]),
                true,
                [403, 403, 200, 200, 200, 403, 403, 403, 403, 403],
            ),
            (
                names(&["can_write_tuples"]),
                true,
                [403, 200, 403, 403, 403, 403, 403, 403, 415, 403],
            ),
            // A limit gives nothing that the owner does not have.
            (
                names(&["can_read_clients", "can_read_stores"]),
                false,
                [200, 403, 403, 403, 403, 403, 403, 403, 403, 403],
            ),
        ] {
            let only = Some(id.clone()).filter(|_| alone);
            api.token = secret(&api.t, OWNER, |new| {
                new.permissions.clone_from(&permissions);
                new.store = only;
            })
            .await;
            let tuple = [("user:anne", "viewer", "doc:plan")];
            let body = json!({"writes": {"tuple_keys": [key(tuple[0])], "on_duplicate": "ignore"}});
            let got = [
                api.get("/stores").await,
                api.post(&format!("{store}/write"), body.clone()).await,
                api.post(&format!("{store}/read"), json!({})).await,
                api.post(&format!("{store}/check"), check.clone()).await,
                api.post(&format!("{store}/access/v1/evaluation"), evaluation.clone())
                    .await,
                api.get("/admin/api/clients").await,
                api.post(&format!("{other}/check"), check.clone()).await,
                api.post(&format!("{other}/write"), body).await,
                api.post(&format!("{store}/import"), json!({})).await,
                api.post(&format!("{other}/import"), json!({})).await,
            ];
            let statuses: Vec<u16> = got.iter().map(|reply| reply.status).collect();
            assert_eq!(
                statuses, expected,
                "{engine:?} {permissions:?} {alone} {got:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_over_one_type_counts_for_a_key_and_a_right_that_was_taken_does_not() {
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let id = store.trim_start_matches("/stores/").to_owned();
        super::token_with(&api.t, "job", None).await;
        let right = PlacedRight {
            right: StoreRight::TupleWriter,
            object_type: Some("doc".to_owned()),
            subject: "client:job".to_owned(),
        };
        let (app, now) = (Arc::clone(&api.t.app), api.t.clock.now());
        let mut tx = app.db.write().await.unwrap();
        system::give_right(&mut tx, &id, &right, now).await.unwrap();
        tx.commit().await.unwrap();
        api.token = secret(&api.t, "client:job", |_| {}).await;
        let plan = [("user:anne", "viewer", "doc:plan")];
        assert_eq!(api.write(&store, &plan).await.status, 200, "{engine:?}");
        api.get("/stores").await.is_error(403, "forbidden");
        let asked = json!({"tuple_key": key(plan[0])});
        let reply = api.post(&format!("{store}/check"), asked).await;
        reply.is_error(403, "forbidden");
        let mut tx = app.db.write().await.unwrap();
        system::take_right(&mut tx, &id, &right, now).await.unwrap();
        tx.commit().await.unwrap();
        let menu = [("user:anne", "viewer", "doc:menu")];
        api.write(&store, &menu).await.is_error(403, "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_revoked_while_it_is_used_opens_nothing_from_then_on_on_any_node() {
    for engine in engines() {
        let api = Arc::new(Api::start(engine).await);
        let node = api.t.second_node().await;
        for round in 0..5 {
            let issued = issue(&api.t, OWNER, |_| {}).await;
            let text = issued.secret.expose().clone();
            let over = Arc::new(AtomicBool::new(false));
            let used = Arc::new(AtomicU32::new(0));
            let users: Vec<_> = [api.t.url.clone(), node.url.clone()]
                .into_iter()
                .cycle()
                .take(6)
                .map(|url| {
                    let text = text.clone();
                    let (over, used) = (Arc::clone(&over), Arc::clone(&used));
                    tokio::spawn(async move {
                        let http = client();
                        let mut late = 0;
                        while late < 3 {
                            // Read before the request begins: what begins after the revocation must be refused.
                            let after = over.load(Ordering::SeqCst);
                            let request = http.get(format!("{url}/stores")).bearer_auth(&text);
                            let status = request.send().await.unwrap().status().as_u16();
                            assert!(status == 200 || status == 401, "{status}");
                            assert!(!after || status == 401, "a revoked key was let in");
                            late += i32::from(after);
                            used.fetch_add(u32::from(status == 200), Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            // Only then is it revoked while it is used.
            while used.load(Ordering::SeqCst) < 12 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            revoke(&api.t, &issued).await;
            over.store(true, Ordering::SeqCst);
            for user in users {
                user.await
                    .unwrap_or_else(|error| panic!("{engine:?} round {round}: {error}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_is_noted_at_most_once_a_minute() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let t = &api.t;
        let issued = issue(t, OWNER, |_| {}).await;
        let last_use = async || {
            let mut conn = t.app.db.read().await.unwrap();
            let row = api_keys::find(&mut conn, &issued.key.id).await.unwrap();
            row.unwrap().last_used_at
        };
        assert_eq!(last_use().await, None);
        let first = t.clock.now();
        let text = issued.secret.expose();
        for (seconds, noted) in [
            (0, first),
            (59, first),
            (1, first.plus(Seconds::new(60))),
            (30, first.plus(Seconds::new(60))),
            (600, first.plus(Seconds::new(690))),
        ] {
            t.clock.advance(Seconds::new(seconds));
            assert_eq!(answer(&api, text, DOORS[0]).await.0, 200);
            assert_eq!(last_use().await, Some(noted), "{engine:?} {seconds}");
        }
        // A key that is not let in is not in use.
        revoke(t, &issued).await;
        t.clock.advance(Seconds::new(600));
        assert_eq!(answer(&api, text, DOORS[0]).await.0, 401);
        assert_eq!(last_use().await, Some(first.plus(Seconds::new(690))));
    }
}

#[tokio::test]
async fn a_key_in_the_url_is_refused_even_beside_a_good_token() {
    let api = Api::start(Engine::Sqlite).await;
    let text = secret(&api.t, OWNER, |_| {}).await;
    assert_eq!(api.get("/stores").await.status, 200);
    for path in [
        format!("/stores?access_token={text}"),
        format!("/stores?name={text}"),
        format!("/stores/{text}"),
        format!("/admin/api/clients?api_key={text}"),
        format!("/livez?{text}"),
    ] {
        let reply = api.get(&path).await;
        assert_eq!(reply.status, 400, "{path}");
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains("revoke that key"), "{detail}");
        assert!(!reply.body.to_string().contains(&text), "{reply:?}");
    }
}
