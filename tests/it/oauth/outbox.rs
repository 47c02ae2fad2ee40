//! The outbox: what is posted arrives, at least once, whatever happens to the workers on the way.

use std::sync::Arc;

use http::StatusCode;
use tessera::base::id::{MessageId, SessionId, UserId};
use tessera::base::time::{Seconds, Timestamp};
use tessera::events::outbox::{
    self, Fate, HOLD_SECONDS, Letter, MOST_ATTEMPTS, Outcome, post, settle,
};
use tessera::serve::outbox::{attempt, count, deliver_due};
use tessera::store::outbox::{self as table, Claim, MessageState};

use super::party::Party;
use crate::harness::database::{Engine, START, engines};
use crate::harness::receiver::Receiver;
use crate::harness::server::TestApp;
use crate::on_each_database;

/// A server that may call loopback addresses, with the client `web`.
async fn start(engine: Engine) -> TestApp {
    let t = TestApp::start_with(engine, |config| {
        config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    Party::register(&t, "web", |_| {}).await;
    t
}

fn letter() -> Letter {
    Letter::BackchannelLogout {
        client_id: "web".to_owned(),
        user_id: UserId::new(START),
        session_id: SessionId::new(START),
    }
}

async fn posted(t: &TestApp, destination: &str, letters: usize) {
    let mut tx = t.app.db.write().await.unwrap();
    for _ in 0..letters {
        post(&mut tx, &letter(), destination, t.clock.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// How many letters are pending, and how many dead.
async fn counted(t: &TestApp) -> (i64, i64) {
    table::count(&mut t.app.db.read().await.unwrap())
        .await
        .unwrap()
}

async fn deliver(t: &TestApp) {
    deliver_due(Arc::clone(&t.app)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_comes_again_later_and_is_given_up_at_last() {
    for engine in engines() {
        let (t, receiver) = (start(engine).await, Receiver::start().await);
        receiver.will_answer([StatusCode::INTERNAL_SERVER_ERROR; 10]);
        posted(&t, &receiver.url, 1).await;
        deliver(&t).await;
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (1, (1, 0)));
        t.clock.advance(Seconds::new(4));
        deliver(&t).await;
        assert_eq!(receiver.got().len(), 1, "not within five seconds");
        for _ in 1..MOST_ATTEMPTS {
            assert_eq!(counted(&t).await, (1, 0));
            t.clock.advance(Seconds::new(4_600));
            deliver(&t).await;
        }
        assert_eq!((receiver.got().len(), counted(&t).await), (10, (0, 1)));
        t.clock.advance(Seconds::new(4_600));
        deliver(&t).await;
        assert_eq!(receiver.got().len(), 10, "the dead stay where they are");
        count(Arc::clone(&t.app)).await.unwrap();
        let metrics = t.app.metrics.text().unwrap();
        assert!(metrics.contains("tessera_outbox_dead 1"), "{metrics}");
        assert!(metrics.contains(r#"tessera_outbox_attempts_total{outcome="put_off"} 9"#));

        let mut tx = t.app.db.write().await.unwrap();
        let dead = table::list(&mut tx, MessageState::Dead, None, 10).await;
        let dead = dead.unwrap();
        assert_eq!(
            dead[0].last_error.as_deref(),
            Some("the answer was 500 Internal Server Error")
        );
        let now = t.clock.now();
        assert!(table::revive(&mut tx, &dead[0].id, now).await.unwrap());
        tx.commit().await.unwrap();
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (11, (0, 0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_sending_and_noting_makes_it_come_twice() {
    for engine in engines() {
        let (t, receiver) = (start(engine).await, Receiver::start().await);
        posted(&t, &receiver.url, 1).await;
        let taken = outbox::take(&t.app.db, t.clock.now()).await.unwrap();
        assert_eq!(attempt(&t.app, &taken[0]).await, Outcome::Delivered);
        // Here it dies.
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (1, (1, 0)));
        t.clock.advance(HOLD_SECONDS);
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (2, (0, 0)));
        // What it finds out after its hold has passed changes nothing for the worse.
        let late = Outcome::Failed("late".to_owned());
        settle(&t.app.db, &taken[0], &late, t.clock.now())
            .await
            .unwrap();
        assert_eq!(counted(&t).await, (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_kills_its_worker_every_time_is_given_up() {
    for engine in engines() {
        let (t, receiver) = (start(engine).await, Receiver::start().await);
        posted(&t, &receiver.url, 1).await;
        for _ in 0..MOST_ATTEMPTS {
            let taken = outbox::take(&t.app.db, t.clock.now()).await.unwrap();
            assert_eq!(taken.len(), 1);
            t.clock.advance(HOLD_SECONDS);
        }
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (0, (0, 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_two_nodes_send_each_letter_once() {
    for engine in engines() {
        let (t, receiver) = (start(engine).await, Receiver::start().await);
        // SQLite belongs to one process: there the workers share its database.
        let other = match engine {
            Engine::Sqlite => Arc::clone(&t.app),
            Engine::Postgres => Arc::clone(&t.second_node().await.app),
        };
        posted(&t, &receiver.url, 50).await;
        let workers = [Arc::clone(&t.app), other.clone(), Arc::clone(&t.app), other];
        let mut running = tokio::task::JoinSet::new();
        for app in workers {
            running.spawn(deliver_due(app));
        }
        for ended in running.join_all().await {
            ended.unwrap();
        }
        deliver(&t).await;
        assert_eq!((receiver.got().len(), counted(&t).await), (50, (0, 0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_to_a_private_address_or_to_a_client_that_is_gone() {
    let t = TestApp::start(Engine::Sqlite).await;
    let receiver = Receiver::start().await;
    posted(&t, &receiver.url, 1).await;
    deliver(&t).await;
    assert_eq!(counted(&t).await, (0, 0), "no client `web`: nobody to tell");
    Party::register(&t, "web", |_| {}).await;
    posted(&t, &receiver.url, 1).await;
    deliver(&t).await;
    assert_eq!(counted(&t).await, (1, 0));
    let mut conn = t.app.db.read().await.unwrap();
    let waiting = table::list(&mut conn, MessageState::Pending, None, 1).await;
    let error = waiting.unwrap()[0].last_error.clone().unwrap();
    assert!(error.contains("outbound_allowed"), "{error}");
    assert_eq!(receiver.got(), [""; 0]);
}

fn claim(name: &str, now: Timestamp) -> Claim<'_> {
    Claim {
        name,
        now,
        until: now.plus(HOLD_SECONDS),
    }
}

on_each_database!(a_message_is_held_by_one_claim_until_it_passes, |t| {
    let mut tx = t.db.write().await.unwrap();
    let ids: Vec<MessageId> = (0..3).map(|_| MessageId::new(START)).collect();
    assert!(!table::is_any_due(&mut tx, START).await.unwrap());
    for id in &ids {
        let to = ("kind", "https://app.example/out");
        table::insert(&mut tx, id, to, "{}", START).await.unwrap();
    }
    assert!(table::is_any_due(&mut tx, START).await.unwrap());
    let first = table::take(&mut tx, claim("one", START), 10, 2)
        .await
        .unwrap();
    assert_eq!(first.len(), 2, "no more than asked for");
    assert_eq!(
        (first[0].attempts, first[0].state),
        (1, MessageState::Pending)
    );
    let second = table::take(&mut tx, claim("two", START), 10, 9)
        .await
        .unwrap();
    assert_eq!(second.len(), 1, "what another holds is not taken");
    let (mine, theirs) = (&first[0].id, &second[0].id);
    assert!(
        !table::put_off(&mut tx, theirs, "one", START, "no")
            .await
            .unwrap()
    );
    assert!(!table::bury(&mut tx, theirs, "one", "no").await.unwrap());
    assert!(
        table::put_off(&mut tx, mine, "one", START, "no")
            .await
            .unwrap()
    );
    assert!(
        !table::put_off(&mut tx, mine, "one", START, "no")
            .await
            .unwrap()
    );
    let again = table::take(&mut tx, claim("three", START), 10, 9)
        .await
        .unwrap();
    assert_eq!((&again[0].id, again[0].attempts, again.len()), (mine, 2, 1));
    let later = START.plus(HOLD_SECONDS);
    let tired = table::take(&mut tx, claim("four", later), 2, 9)
        .await
        .unwrap();
    assert_eq!(tired.len(), 2, "whoever has had enough attempts is left");
    assert_eq!(table::bury_unsettled(&mut tx, 2, later).await.unwrap(), 1);
    assert_eq!(table::count(&mut tx).await.unwrap(), (2, 1));
    assert!(!table::remove_dead(&mut tx, theirs).await.unwrap());
    assert!(!table::revive(&mut tx, theirs, later).await.unwrap());
    let found = table::find(&mut tx, mine).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.last_error.as_deref()),
        (MessageState::Dead, Some("no"))
    );
    assert!(table::remove_dead(&mut tx, mine).await.unwrap());
    assert!(table::remove(&mut tx, theirs).await.unwrap());
    assert!(!table::remove(&mut tx, theirs).await.unwrap());
});

#[test]
fn fates_have_their_words() {
    let fates = [Fate::Delivered, Fate::Void, Fate::PutOff, Fate::Dead];
    assert_eq!(
        fates.map(Fate::as_str),
        ["delivered", "void", "put_off", "dead"]
    );
}
