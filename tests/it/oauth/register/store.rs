//! The tables of registration, on both databases.

use tessera::base::id::{GrantId, InitialTokenId, SessionId, UserId};
use tessera::base::secret::TokenHash;
use tessera::base::time::{Seconds, Timestamp};
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::client::{ClientId, Origin};
use tessera::oauth::protocol::grant::GrantDetails;
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::store::client_documents::{self, Freshness};
use tessera::store::grants::{self, Grant};
use tessera::store::initial_access_tokens::{self, InitialToken};
use tessera::store::{clients, q, registration_access_tokens};

use super::super::store::sign_in;
use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn at(seconds: i64) -> Timestamp {
    START.plus(Seconds::new(seconds))
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

async fn make(t: &TestDb, name: &str, origin: Origin) {
    let new = NewClient {
        client_id: Some(name.to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    };
    let mut tx = t.db.write().await.unwrap();
    let made = client::register_from(&mut tx, &t.sealer, (&new, origin), START).await;
    assert_eq!(made.unwrap().client.origin, origin);
    tx.commit().await.unwrap();
}

on_each_database!(an_initial_access_token_is_counted_listed_and_ended, |t| {
    let hash = TokenHash::of("secret");
    let token = |max_uses: Option<i64>| InitialToken {
        id: InitialTokenId::new(START),
        name: "ci".to_owned(),
        uses: 0,
        max_uses,
        created_at: START,
        expires_at: at(60),
    };
    let mut tx = t.db.write().await.unwrap();
    let bounded = token(Some(1));
    initial_access_tokens::insert(&mut tx, &bounded, &hash)
        .await
        .unwrap();
    assert!(
        initial_access_tokens::is_live(&mut tx, &hash, at(59))
            .await
            .unwrap()
    );
    assert!(
        !initial_access_tokens::is_live(&mut tx, &hash, at(60))
            .await
            .unwrap()
    );
    assert_eq!(
        initial_access_tokens::take_use(&mut tx, &hash, at(60))
            .await
            .unwrap(),
        None
    );
    let used = initial_access_tokens::take_use(&mut tx, &hash, at(1))
        .await
        .unwrap();
    assert_eq!(used.as_ref(), Some(&bounded.id));
    assert_eq!(
        initial_access_tokens::take_use(&mut tx, &hash, at(1))
            .await
            .unwrap(),
        None
    );
    assert!(
        !initial_access_tokens::is_live(&mut tx, &hash, at(1))
            .await
            .unwrap()
    );
    let free = token(None);
    let other = TokenHash::of("other");
    initial_access_tokens::insert(&mut tx, &free, &other)
        .await
        .unwrap();
    for _ in 0..3 {
        assert!(
            initial_access_tokens::take_use(&mut tx, &other, at(1))
                .await
                .unwrap()
                .is_some()
        );
    }
    let listed = initial_access_tokens::list(&mut tx, None, 10)
        .await
        .unwrap();
    let mut counts: Vec<i64> = listed.iter().map(|token| token.uses).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 3]);
    assert!(
        initial_access_tokens::delete(&mut tx, &free.id)
            .await
            .unwrap()
    );
    assert!(
        !initial_access_tokens::delete(&mut tx, &free.id)
            .await
            .unwrap()
    );
    assert_eq!(
        initial_access_tokens::delete_expired(&mut tx, at(59), 9)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        initial_access_tokens::delete_expired(&mut tx, at(60), 9)
            .await
            .unwrap(),
        1
    );
});

on_each_database!(a_registration_access_token_is_of_one_active_client, |t| {
    make(&t, "one", Origin::Open).await;
    make(&t, "two", Origin::Open).await;
    let mut tx = t.db.write().await.unwrap();
    let hash = TokenHash::of("secret");
    registration_access_tokens::insert(&mut tx, &id("one"), &hash, START)
        .await
        .unwrap();
    let is_of = registration_access_tokens::is_of;
    assert!(is_of(&mut tx, &id("one"), &hash).await.unwrap());
    assert!(!is_of(&mut tx, &id("two"), &hash).await.unwrap());
    assert!(
        !is_of(&mut tx, &id("one"), &TokenHash::of("x"))
            .await
            .unwrap()
    );
    tx.exec(q("UPDATE clients SET state = 'disabled'"))
        .await
        .unwrap();
    assert!(!is_of(&mut tx, &id("one"), &hash).await.unwrap());
});

on_each_database!(a_later_fetch_of_a_document_counts, |t| {
    make(&t, "app", Origin::Document).await;
    let mut tx = t.db.write().await.unwrap();
    assert_eq!(
        client_documents::find(&mut tx, &id("app")).await.unwrap(),
        None
    );
    let fetched = |seconds: i64| Freshness {
        fetched_at: at(seconds),
        fresh_until: at(seconds + 300),
    };
    for (noted, known) in [(10, 10), (20, 20), (15, 20)] {
        client_documents::note(&mut tx, &id("app"), fetched(noted))
            .await
            .unwrap();
        let found = client_documents::find(&mut tx, &id("app")).await.unwrap();
        assert_eq!(found, Some(fetched(known)));
    }
});

on_each_database!(what_an_administrator_registered_is_never_forgotten, |t| {
    for origin in Origin::ALL {
        make(&t, origin.as_str(), *origin).await;
    }
    let mut tx = t.db.write().await.unwrap();
    assert!(
        !clients::note_use(&mut tx, &id("operator"), at(1))
            .await
            .unwrap()
    );
    assert!(
        !clients::delete_registered(&mut tx, &id("operator"))
            .await
            .unwrap()
    );
    let mut gone = clients::delete_unused(&mut tx, at(0), 10).await.unwrap();
    gone.sort();
    assert_eq!(gone, ["document", "open"]);
    assert!(
        clients::delete_registered(&mut tx, &id("token"))
            .await
            .unwrap()
    );
    assert!(
        !clients::delete_registered(&mut tx, &id("token"))
            .await
            .unwrap()
    );
});

on_each_database!(a_client_that_is_used_or_disabled_is_not_forgotten, |t| {
    for name in ["used", "granted", "disabled", "young", "idle"] {
        make(&t, name, Origin::Open).await;
    }
    let user = UserId::new(START);
    let mut tx = t.db.write().await.unwrap();
    tx.exec(
        q("INSERT INTO users (id, username, email_verified, state, tokens_valid_from, created_at, updated_at) \
           VALUES ($1, 'alice', FALSE, 'active', 0, 0, 0)")
            .bind(user.as_str()),
    )
    .await
    .unwrap();
    assert!(
        clients::note_use(&mut tx, &id("used"), at(100))
            .await
            .unwrap()
    );
    assert!(
        !clients::note_use(&mut tx, &id("used"), at(101))
            .await
            .unwrap(),
        "noted just now"
    );
    let grant = Grant {
        id: GrantId::new(START),
        client_id: "granted".to_owned(),
        user_id: user,
        session_id: SessionId::new(START),
        scope: ScopeSet::parse("openid").unwrap(),
        auth_time: START,
        amr: Vec::new(),
        details: GrantDetails::default(),
        created_at: START,
    };
    sign_in(&mut tx, &grant, at(60)).await;
    assert!(grants::insert(&mut tx, &grant).await.unwrap());
    tx.exec(q(
        "UPDATE clients SET state = 'disabled' WHERE client_id = 'disabled'",
    ))
    .await
    .unwrap();
    tx.exec(q(
        "UPDATE clients SET created_at = created_at + 99000 WHERE client_id = 'young'",
    ))
    .await
    .unwrap();
    let gone = clients::delete_unused(&mut tx, at(50), 10).await.unwrap();
    assert_eq!(gone, ["idle"]);
});

on_each_database!(the_sweep_forgets_unused_clients_and_tells_it, |t| {
    make(&t, "idle", Origin::Open).await;
    let unused = Seconds::new(60);
    assert_eq!(
        client::sweep_unused(&t.db, unused, at(59)).await.unwrap(),
        0
    );
    assert_eq!(
        client::sweep_unused(&t.db, unused, at(60)).await.unwrap(),
        1
    );
    let mut conn = t.db.read().await.unwrap();
    let told: i64 = conn
        .one(q(
            "SELECT COUNT(*) FROM events WHERE kind = 'client.changed' AND body LIKE '%deleted%'",
        ))
        .await
        .unwrap();
    assert_eq!(told, 1);
});
