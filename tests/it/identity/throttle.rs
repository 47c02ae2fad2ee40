//! Guessing is bounded, however it is done.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tessera::base::secret::Secret;
use tessera::base::time::{Seconds, Timestamp};
use tessera::identity::account;
use tessera::identity::identifier::Canonical;
use tessera::identity::sign_in::{self, Answer, Attempt, Desk};
use tessera::identity::throttle::{self, Buckets, Reservation, SecretStanding};
use tessera::store::Db;

use super::{PASSWORD, create, hash, hasher, limits, new_user};
use crate::harness::database::START;
use crate::on_each_database;

const HERE: &str = "192.0.2.1";

fn nobody(name: &str, address: &str) -> Buckets {
    let address: IpAddr = address.parse().unwrap();
    Buckets::new(None, &Canonical::of_typed(name), address)
}

async fn reserve(db: &Db, buckets: &Buckets, now: Timestamp) -> Reservation {
    throttle::reserve(db, buckets, &limits(), now)
        .await
        .unwrap()
}

on_each_database!(
    of_500_parallel_guesses_at_most_the_limit_is_evaluated,
    |t| {
        let evaluated = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..500 {
            let (db, evaluated) = (t.db.clone(), Arc::clone(&evaluated));
            tasks.spawn(async move {
                // From as many networks as there are guesses: the account alone must hold.
                let buckets = nobody("alice", &format!("198.{}.{}.1", n / 250, n % 250));
                if reserve(&db, &buckets, START).await == Reservation::Granted {
                    evaluated.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(evaluated.load(Ordering::SeqCst), limits().account_failures);
    }
);

on_each_database!(a_network_is_bounded_across_accounts, |t| {
    let mut granted = 0;
    for n in 0..150 {
        let buckets = nobody(&format!("name{n}"), &format!("192.0.2.{n}"));
        if reserve(&t.db, &buckets, START).await == Reservation::Granted {
            granted += 1;
        }
    }
    assert_eq!(granted, limits().network_failures);
    let elsewhere = nobody("name0", "198.51.100.1");
    assert_eq!(
        reserve(&t.db, &elsewhere, START).await,
        Reservation::Granted
    );
    let later = START.plus(limits().window_seconds);
    assert_eq!(
        reserve(&t.db, &nobody("new", HERE), later).await,
        Reservation::Granted
    );
});

on_each_database!(each_further_failure_costs_a_longer_wait, |t| {
    let buckets = nobody("alice", HERE);
    for _ in 0..limits().account_failures {
        assert_eq!(reserve(&t.db, &buckets, START).await, Reservation::Granted);
    }
    let wait = |seconds| Reservation::Wait(Seconds::new(seconds));
    assert_eq!(reserve(&t.db, &buckets, START).await, wait(301));
    let second = START.plus(Seconds::new(300));
    assert_eq!(reserve(&t.db, &buckets, second).await, Reservation::Granted);
    assert_eq!(reserve(&t.db, &buckets, second).await, wait(601));
});

on_each_database!(secrets_are_counted_and_given_back_exactly, |t| {
    let bucket = throttle::secret_bucket("web", HERE.parse().unwrap());
    let standing = async |now| {
        throttle::secret_standing(&t.db, &bucket, now)
            .await
            .unwrap()
    };
    let reserve = async |now| throttle::reserve_secret(&t.db, &bucket, now).await.unwrap();
    let give_back = async || throttle::give_secret_back(&t.db, &bucket).await.unwrap();
    assert_eq!(standing(START).await, SecretStanding::Clean);
    assert_eq!(reserve(START).await, Reservation::Granted);
    assert_eq!(standing(START).await, SecretStanding::Counted);
    give_back().await;
    assert_eq!(standing(START).await, SecretStanding::Clean);
    for _ in 0..20 {
        assert_eq!(reserve(START).await, Reservation::Granted);
    }
    let wait = Seconds::new(301);
    assert_eq!(standing(START).await, SecretStanding::Wait(wait));
    assert_eq!(reserve(START).await, Reservation::Wait(wait));
    let later = START.plus(Seconds::new(300));
    assert_eq!(standing(later).await, SecretStanding::Counted);
    assert_eq!(reserve(later).await, Reservation::Granted);
    let wait = Seconds::new(601);
    assert_eq!(standing(later).await, SecretStanding::Wait(wait));
    give_back().await;
    assert_eq!(
        standing(later).await,
        SecretStanding::Counted,
        "right after all"
    );
    let over = START.plus(Seconds::new(3_600));
    assert_eq!(standing(over).await, SecretStanding::Clean);
});

on_each_database!(success_gives_the_attempt_back, |t| {
    let buckets = nobody("alice", HERE);
    for _ in 0..300 {
        assert_eq!(reserve(&t.db, &buckets, START).await, Reservation::Granted);
        throttle::succeeded(&t.db, &buckets).await.unwrap();
    }
    for _ in 0..300 {
        assert_eq!(reserve(&t.db, &buckets, START).await, Reservation::Granted);
        throttle::abandoned(&t.db, &buckets).await.unwrap();
    }
});

on_each_database!(
    a_hundred_failures_refuse_the_password_until_an_administrator_helps,
    |t| {
        let id = create(&t, &new_user("alice", None)).await;
        let buckets = |n: i64| {
            let address: IpAddr = format!("10.0.{n}.1").parse().unwrap();
            Buckets::new(Some(&id), &Canonical::of_typed("alice"), address)
        };
        let mut now = START;
        for n in 0..100 {
            assert_eq!(
                reserve(&t.db, &buckets(n), now).await,
                Reservation::Granted,
                "{n}"
            );
            now = now.plus(Seconds::new(7_200));
        }
        let far = now.plus(Seconds::new(10 * 365 * 86_400));
        assert!(matches!(
            reserve(&t.db, &buckets(101), far).await,
            Reservation::Wait(_)
        ));
        let mut tx = t.db.write().await.unwrap();
        account::unlock(&mut tx, &id, far).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            reserve(&t.db, &buckets(102), far).await,
            Reservation::Granted
        );
    }
);

on_each_database!(names_and_addresses_of_one_person_count_together, |t| {
    let password = hash(&t, PASSWORD).await;
    create(&t, &new_user("alice", Some(password))).await;
    let hasher = hasher(&t);
    let limits = limits();
    let desk = Desk {
        db: &t.db,
        hasher: &hasher,
        limits: &limits,
    };
    let mut answers = Vec::new();
    for n in 0..12 {
        let attempt = Attempt {
            identifier: if n % 2 == 0 {
                "alice"
            } else {
                "ALICE@example.com"
            }
            .to_owned(),
            password: Secret::new("wrong wrong wrong".to_owned()),
            address: HERE.parse().unwrap(),
            known: None,
            now: START,
        };
        answers.push(sign_in::with_password(desk, &attempt).await.unwrap());
    }
    let refused = answers
        .iter()
        .filter(|answer| **answer == Answer::Refused)
        .count();
    assert_eq!(refused, 10, "{answers:?}");
    assert!(matches!(answers[11], Answer::Wait(_)));
});
