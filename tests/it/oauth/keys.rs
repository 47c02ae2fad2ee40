//! Signing keys: the four states, by hand and on schedule, on one node and on two.

use serde::{Deserialize, Serialize};
use tessera::base::time::Seconds;
use tessera::config::Config;
use tessera::oauth::keys::Keys;
use tessera::oauth::keys::rotation::Pace;
use tessera::oauth::protocol::claims::TokenType;
use tessera::oauth::protocol::signing::SigningAlgorithm;
use tessera::store::{q, signing_keys};

use super::party::{Answer, header, setup};
use crate::harness::database::{START, TestDb, engines};
use crate::harness::server::client as http_client;
use crate::on_each_database;

const DAY: i64 = 86_400;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    n: i64,
}

async fn open(t: &TestDb) -> Keys {
    Keys::open(&t.db, &t.sealer, &Config::default(), START)
        .await
        .unwrap()
}

async fn states(keys: &Keys) -> Vec<&'static str> {
    let list = keys.list().await.unwrap();
    list.into_iter().map(|key| key.state).collect()
}

async fn sign(keys: &Keys, algorithm: SigningAlgorithm, seconds: i64) -> String {
    let now = START.plus(Seconds::new(seconds));
    keys.sign_for(algorithm, TokenType::AccessToken, &Claims { n: 1 }, now)
        .await
        .unwrap()
}

/// The states of one algorithm's keys, oldest first.
async fn states_of(keys: &Keys, algorithm: SigningAlgorithm) -> Vec<&'static str> {
    let list = keys.list().await.unwrap();
    let own = list.into_iter().filter(|key| key.algorithm == algorithm);
    own.map(|key| key.state).collect()
}

async fn is_good(keys: &Keys, token: &str, seconds: i64) -> bool {
    let now = START.plus(Seconds::new(seconds));
    let claims: Option<Claims> = keys
        .verify(TokenType::AccessToken, token, now)
        .await
        .unwrap();
    claims.is_some()
}

on_each_database!(a_key_passes_through_its_four_states_on_schedule, |t| {
    let keys = open(&t).await;
    let at = |seconds: i64| START.plus(Seconds::new(seconds));
    assert_eq!(states(&keys).await, ["active"]);
    let first = keys.active_kid();
    let token = keys.sign(TokenType::AccessToken, &Claims { n: 1 }).unwrap();
    keys.maintain(at(88 * DAY)).await.unwrap();
    assert_eq!(states(&keys).await, ["active"], "not due");
    keys.maintain(at(89 * DAY)).await.unwrap();
    assert_eq!(
        states(&keys).await,
        ["active", "pending"],
        "published a day ahead"
    );
    assert_eq!(keys.active_kid(), first);
    assert_eq!(keys.jwks().matches("\"kid\"").count(), 2);
    keys.maintain(at(90 * DAY - 1)).await.unwrap();
    assert_eq!(states(&keys).await, ["active", "pending"]);
    keys.maintain(at(90 * DAY)).await.unwrap();
    assert_eq!(states(&keys).await, ["retiring", "active"]);
    assert_ne!(keys.active_kid(), first);
    assert!(
        is_good(&keys, &token, 90 * DAY).await,
        "until its tokens expired"
    );
    keys.maintain(at(90 * DAY + 3_899)).await.unwrap();
    assert_eq!(states(&keys).await, ["retiring", "active"]);
    keys.maintain(at(90 * DAY + 3_900)).await.unwrap();
    assert_eq!(states(&keys).await, ["active"], "dropped");
    assert!(!is_good(&keys, &token, 90 * DAY + 3_900).await);
    let mut conn = t.db.read().await.unwrap();
    let told: i64 = conn
        .one(q("SELECT COUNT(*) FROM events WHERE kind = 'key.changed'"))
        .await
        .unwrap();
    assert_eq!(told, 5, "active, pending, retiring, active, dropped");
});

on_each_database!(rotation_by_hand_announces_or_acts_at_once, |t| {
    let keys = open(&t).await;
    let first = keys.active_kid();
    keys.rotate(Pace::Announced, START).await.unwrap();
    keys.rotate(Pace::Announced, START).await.unwrap();
    let mut found = states(&keys).await;
    found.sort_unstable();
    assert_eq!(found, ["active", "pending"]);
    assert_eq!(keys.active_kid(), first);
    keys.rotate(Pace::Immediate, START).await.unwrap();
    assert_ne!(keys.active_kid(), first);
    let mut states = states(&keys).await;
    states.sort_unstable();
    assert_eq!(states, ["active", "retiring"], "the announced key was used");
});

on_each_database!(the_keys_of_each_algorithm_go_their_own_way, |t| {
    let keys = open(&t).await;
    let at = |days: i64| START.plus(Seconds::new(days * DAY));
    let (rs256, es256) = (SigningAlgorithm::Rs256, SigningAlgorithm::Es256);
    assert!(states_of(&keys, es256).await.is_empty(), "not needed yet");
    let first = sign(&keys, es256, 10 * DAY).await;
    assert_eq!(states_of(&keys, es256).await, ["active"]);
    keys.maintain(at(90)).await.unwrap();
    assert_eq!(states_of(&keys, rs256).await, ["active", "pending"]);
    assert_eq!(states_of(&keys, es256).await, ["active"]);
    keys.maintain(at(91)).await.unwrap();
    assert_eq!(states_of(&keys, rs256).await, ["retiring", "active"]);
    keys.maintain(at(99)).await.unwrap();
    assert_eq!(states_of(&keys, rs256).await, ["active"], "dropped");
    assert_eq!(states_of(&keys, es256).await, ["active", "pending"]);
    keys.maintain(at(100)).await.unwrap();
    assert_eq!(states_of(&keys, es256).await, ["retiring", "active"]);
    let second = sign(&keys, es256, 100 * DAY).await;
    assert_ne!(header(&first)["kid"], header(&second)["kid"]);
    assert!(is_good(&keys, &first, 100 * DAY).await);
    assert!(is_good(&keys, &second, 100 * DAY).await);
    keys.rotate(Pace::Immediate, at(100)).await.unwrap();
    let third = sign(&keys, es256, 100 * DAY).await;
    assert_ne!(header(&third)["kid"], header(&second)["kid"]);
    assert_eq!(states_of(&keys, rs256).await, ["retiring", "active"]);
});

on_each_database!(two_nodes_that_need_an_algorithm_at_once_make_one_key, |t| {
    let (one, two) = tokio::join!(open(&t), open(&t));
    for algorithm in SigningAlgorithm::ALL {
        let (a, b, c) = tokio::join!(
            sign(&one, *algorithm, 0),
            sign(&two, *algorithm, 0),
            sign(&two, *algorithm, 0)
        );
        assert_eq!(header(&a)["alg"], algorithm.as_str());
        assert_eq!(header(&a)["kid"], header(&b)["kid"], "{algorithm:?}");
        assert_eq!(header(&b)["kid"], header(&c)["kid"], "{algorithm:?}");
        assert_eq!(states_of(&one, *algorithm).await, ["active"]);
        for (keys, token) in [(&one, &b), (&two, &a), (&two, &c)] {
            assert!(is_good(keys, token, 0).await, "{algorithm:?}");
        }
    }
    let jwks: serde_json::Value = serde_json::from_str(&one.jwks()).unwrap();
    let algorithms: Vec<&str> = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    assert_eq!(algorithms, ["RS256", "PS256", "ES256", "EdDSA"]);
});

on_each_database!(
    a_wanted_algorithm_gets_its_key_from_the_worker_or_at_the_start,
    |t| {
        let keys = open(&t).await;
        let mut tx = t.db.write().await.unwrap();
        for algorithm in [
            SigningAlgorithm::EdDsa,
            SigningAlgorithm::Es256,
            SigningAlgorithm::EdDsa,
        ] {
            signing_keys::want(&mut tx, algorithm, START).await.unwrap();
        }
        assert_eq!(
            signing_keys::list_unmet(&mut tx).await.unwrap(),
            [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa]
        );
        tx.commit().await.unwrap();
        assert_eq!(keys.jwks().matches("\"kid\"").count(), 1);
        keys.maintain(START).await.unwrap();
        assert_eq!(keys.jwks().matches("\"kid\"").count(), 3);
        let mut tx = t.db.write().await.unwrap();
        assert!(signing_keys::list_unmet(&mut tx).await.unwrap().is_empty());
        signing_keys::want(&mut tx, SigningAlgorithm::Ps256, START)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let restarted = open(&t).await;
        assert_eq!(
            states_of(&restarted, SigningAlgorithm::Ps256).await,
            ["active"]
        );
    }
);

on_each_database!(nodes_share_their_keys, |t| {
    let (one, two) = tokio::join!(open(&t), open(&t));
    assert_eq!(
        one.active_kid(),
        two.active_kid(),
        "two first starts at once"
    );
    one.rotate(Pace::Immediate, START).await.unwrap();
    let token = one.sign(TokenType::AccessToken, &Claims { n: 1 }).unwrap();
    assert!(
        !is_good(&two, &token, 4).await,
        "not asked again within the pause"
    );
    assert!(
        is_good(&two, &token, 5).await,
        "an unknown key id makes it look"
    );
    assert_eq!(one.active_kid(), two.active_kid());
});

on_each_database!(many_rotations_at_once_leave_one_active_key, |t| {
    let keys = open(&t).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let keys = keys.clone();
        tasks.spawn(async move {
            let now = START.plus(Seconds::new(n));
            if n % 2 == 0 {
                keys.rotate(Pace::Immediate, now).await
            } else {
                keys.maintain(now).await
            }
        });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    let states = states(&keys).await;
    let count = |state: &str| states.iter().filter(|found| **found == state).count();
    assert_eq!(
        (count("active"), count("pending") <= 1),
        (1, true),
        "{states:?}"
    );
});

on_each_database!(a_private_key_is_never_stored_readable_nor_published, |t| {
    let keys = open(&t).await;
    let mut conn = t.db.read().await.unwrap();
    let sealed: String = conn
        .one(q("SELECT sealed_private FROM signing_keys"))
        .await
        .unwrap();
    assert!(sealed.starts_with("v1|"));
    let jwks: serde_json::Value = serde_json::from_str(&keys.jwks()).unwrap();
    let mut members: Vec<&String> = jwks["keys"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
});

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_retired_key_stay_good_over_http() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let before = party.tokens(&mut browser, &[]).await;
        t.app
            .keys
            .rotate(Pace::Immediate, t.clock.now())
            .await
            .unwrap();
        let after = party.tokens(&mut browser, &[]).await;
        assert_ne!(header(&before.access)["kid"], header(&after.access)["kid"]);
        assert!(party.is_active(&before.access).await);
        assert!(party.is_active(&after.access).await);
        let answer = Answer::of(http_client().get(format!("{}/jwks", t.url))).await;
        assert!(answer.header("cache-control").contains("max-age"));
        let listed: Vec<&str> = answer.json["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap())
            .collect();
        assert_eq!(listed.len(), 2);
        assert_eq!(
            header(&after.access)["kid"],
            listed[0],
            "the active key first"
        );
    }
}
