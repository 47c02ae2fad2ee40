//! A grant and the end of its session, at the same time: either there is no grant, or the end sees it.

use std::time::Duration;

use tessera::base::id::{GrantId, SessionId, UserId};
use tessera::base::secret::TokenHash;
use tessera::base::time::Seconds;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::grant::GrantDetails;
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::store::grants::{self, Grant};
use tessera::store::sessions::{self, SessionRow};
use tessera::store::{Tx, q};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

/// Longer than a statement takes that waits for nobody.
const A_WHILE: Duration = Duration::from_millis(200);

/// A person and the client `web`.
async fn arrange(t: &TestDb) -> UserId {
    let user = UserId::new(START);
    let mut tx = t.db.write().await.unwrap();
    tx.exec(
        q("INSERT INTO users (id, username, email_verified, state, tokens_valid_from, created_at, updated_at) \
           VALUES ($1, 'alice', FALSE, 'active', 0, 0, 0)")
            .bind(user.as_str()),
    )
    .await
    .unwrap();
    let new = NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    };
    client::register(&mut tx, &t.sealer, &new, START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    user
}

/// A sign-in of the person's that ends in `seconds`.
async fn sign_in(t: &TestDb, user: &UserId, seconds: i64) -> SessionId {
    let session_id = SessionId::new(START);
    let row = SessionRow {
        session_id: session_id.clone(),
        user_id: user.clone(),
        data: "{}".to_owned(),
        auth_time: START,
        last_seen_at: START,
        expires_at: START.plus(Seconds::new(seconds)),
    };
    let id = TokenHash::of(session_id.as_str());
    let mut tx = t.db.write().await.unwrap();
    sessions::insert(&mut tx, &id, &row).await.unwrap();
    tx.commit().await.unwrap();
    session_id
}

/// Offline access: the session itself would not end it.
fn grant(user: &UserId, session_id: &SessionId) -> Grant {
    Grant {
        id: GrantId::new(START),
        client_id: "web".to_owned(),
        user_id: user.clone(),
        session_id: session_id.clone(),
        scope: ScopeSet::parse("openid offline_access").unwrap(),
        auth_time: START,
        amr: vec!["pwd".to_owned()],
        details: GrantDetails::default(),
        created_at: START,
    }
}

/// Ends the session; the clients that its end sees.
async fn end(tx: &mut Tx, user: &UserId, session_id: &SessionId) -> usize {
    let ended = sessions::delete_by_id(tx, user, session_id).await.unwrap();
    assert!(ended.is_some());
    let clients = grants::clients_of_session(tx, session_id).await.unwrap();
    clients.len()
}

on_each_database!(a_grant_needs_a_live_session_of_its_person, |t| {
    let user = arrange(&t).await;
    let (live, over) = (sign_in(&t, &user, 1).await, sign_in(&t, &user, 0).await);
    let none = SessionId::new(START);
    let stranger = UserId::new(START);
    let mut tx = t.db.write().await.unwrap();
    for (user, session, expect) in [
        (&user, &none, false),
        (&user, &over, false),
        (&stranger, &live, false),
        (&user, &live, true),
    ] {
        let kept = grants::insert(&mut tx, &grant(user, session))
            .await
            .unwrap();
        assert_eq!(kept, expect, "{user} {session}");
    }
});

on_each_database!(a_session_that_is_being_ended_gets_no_grant, |t| {
    let user = arrange(&t).await;
    for _ in 0..10 {
        let session_id = sign_in(&t, &user, 60).await;
        let mut ending = t.db.write().await.unwrap();
        assert_eq!(end(&mut ending, &user, &session_id).await, 0);
        let (db, late) = (t.db.clone(), grant(&user, &session_id));
        let granting = tokio::spawn(async move {
            let mut tx = db.write().await.unwrap();
            let kept = grants::insert(&mut tx, &late).await.unwrap();
            tx.commit().await.unwrap();
            kept
        });
        tokio::time::sleep(A_WHILE / 10).await;
        ending.commit().await.unwrap();
        assert!(!granting.await.unwrap());
    }
});

on_each_database!(the_end_of_a_session_sees_what_is_being_granted, |t| {
    let user = arrange(&t).await;
    let session_id = sign_in(&t, &user, 60).await;
    let mut granting = t.db.write().await.unwrap();
    let early = grant(&user, &session_id);
    assert!(grants::insert(&mut granting, &early).await.unwrap());
    let (db, whose) = (t.db.clone(), (user, session_id));
    let ending = tokio::spawn(async move {
        let mut tx = db.write().await.unwrap();
        let seen = end(&mut tx, &whose.0, &whose.1).await;
        tx.commit().await.unwrap();
        seen
    });
    tokio::time::sleep(A_WHILE).await;
    granting.commit().await.unwrap();
    assert_eq!(ending.await.unwrap(), 1);
});
