//! Signing in: the same answer, the same work and the same traces for everybody who fails.

use tessera::base::secret::Secret;
use tessera::identity::account;
use tessera::identity::hasher::{HashError, Hasher};
use tessera::identity::identifier::Canonical;
use tessera::identity::login::Factor;
use tessera::identity::password::{Password, PasswordHash};
use tessera::identity::sign_in::{self, Answer, Attempt, Desk};
use tessera::store::{q, users};

use super::{PASSWORD, create, hash, hasher, limits, new_user};
use crate::harness::database::{START, TestDb};
use crate::on_each_database;

async fn answer(t: &TestDb, hasher: &Hasher, identifier: &str, password: &str) -> Answer {
    let limits = limits();
    let desk = Desk {
        db: &t.db,
        hasher,
        limits: &limits,
    };
    let attempt = Attempt {
        identifier: identifier.to_owned(),
        password: Secret::new(password.to_owned()),
        address: "192.0.2.1".parse().unwrap(),
        known: None,
        now: START,
    };
    sign_in::with_password(desk, &attempt).await.unwrap()
}

async fn count(t: &TestDb, sql: &'static str) -> i64 {
    t.db.read().await.unwrap().one(q(sql)).await.unwrap()
}

on_each_database!(the_right_password_proves_who_one_is, |t| {
    let id = create(&t, &new_user("alice", Some(hash(&t, PASSWORD).await))).await;
    let hasher = hasher(&t);
    for name in ["alice", "Alice@Example.com"] {
        let Answer::Proved(proof) = answer(&t, &hasher, name, PASSWORD).await else {
            panic!("{name}");
        };
        assert_eq!(
            (proof.user_id, proof.factors, proof.at),
            (id.clone(), vec![Factor::Password], START)
        );
    }
});

on_each_database!(all_who_fail_leave_the_same_traces, |t| {
    create(&t, &new_user("alice", Some(hash(&t, PASSWORD).await))).await;
    create(&t, &new_user("passwordless", None)).await;
    let locked = create(&t, &new_user("locked", Some(hash(&t, PASSWORD).await))).await;
    let mut tx = t.db.write().await.unwrap();
    account::lock(&mut tx, &locked, START).await.unwrap();
    tx.commit().await.unwrap();
    let hasher = hasher(&t);
    for (name, password) in [
        ("alice", "wrong wrong wrong"),
        ("nobody", PASSWORD),
        ("passwordless", PASSWORD),
        ("locked", PASSWORD),
        ("", ""),
        ("alice", &"x".repeat(2_000)),
    ] {
        let before = count(
            &t,
            "SELECT COUNT(*) FROM events WHERE kind = 'session.sign_in_failed'",
        )
        .await;
        assert_eq!(
            answer(&t, &hasher, name, password).await,
            Answer::Refused,
            "{name}"
        );
        let after = count(
            &t,
            "SELECT COUNT(*) FROM events WHERE kind = 'session.sign_in_failed'",
        )
        .await;
        assert_eq!(after, before + 1, "{name}");
    }
    let counted = count(
        &t,
        "SELECT CAST(SUM(failures) AS BIGINT) FROM sign_in_attempts WHERE bucket NOT LIKE 'network:%' AND bucket <> 'everybody'",
    );
    assert_eq!(counted.await, 6);
});

on_each_database!(an_imported_hash_is_renewed_at_the_next_sign_in, |t| {
    let imported =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    create(
        &t,
        &new_user("alice", Some(PasswordHash::import(imported).unwrap())),
    )
    .await;
    let hasher = hasher(&t);
    assert_eq!(
        answer(&t, &hasher, "alice", "Password").await,
        Answer::Refused
    );
    assert!(matches!(
        answer(&t, &hasher, "alice", "password").await,
        Answer::Proved(_)
    ));
    let found = users::find_credentials(
        &mut t.db.read().await.unwrap(),
        &Canonical::of_typed("alice"),
    )
    .await
    .unwrap()
    .unwrap();
    let stored = found.password.unwrap();
    assert!(!stored.is_outdated());
    assert!(stored.as_str().contains("keyid="), "{}", stored.as_str());
    assert_eq!(
        found.user.tokens_valid_from.ms(),
        0,
        "the password is the same"
    );
    assert!(matches!(
        answer(&t, &hasher, "alice", "password").await,
        Answer::Proved(_)
    ));
});

on_each_database!(a_sign_in_storm_is_turned_away_and_not_counted, |t| {
    create(&t, &new_user("alice", Some(hash(&t, PASSWORD).await))).await;
    let mut few = limits();
    (few.hashing_threads, few.hashing_queue) = (1, 1);
    let hasher = Hasher::new(&few, &t.sealer).unwrap();
    let storm: Vec<_> = (0..8)
        .map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.hash(Password::typed(PASSWORD).unwrap()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let mut overloaded = 0;
    for task in storm {
        if matches!(task.await.unwrap(), Err(HashError::Overloaded)) {
            overloaded += 1;
        }
    }
    assert!(overloaded >= 5, "{overloaded}");
    let busy = hasher.clone();
    let running = tokio::spawn(async move {
        tokio::join!(
            busy.hash(Password::typed(PASSWORD).unwrap()),
            busy.hash(Password::typed(PASSWORD).unwrap())
        )
    });
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let turned_away = answer(&t, &hasher, "alice", PASSWORD).await;
    running.await.unwrap().0.unwrap();
    if matches!(turned_away, Answer::Wait(_)) {
        let failures = count(
            &t,
            "SELECT CAST(SUM(failures) AS BIGINT) FROM sign_in_attempts",
        );
        assert_eq!(failures.await, 0);
    }
});
