//! `tessera outbox`: messages that were given up are listed, sent again, removed.

use tessera::base::id::MessageId;
use tessera::base::time::Timestamp;
use tessera::store::{Db, DbOptions, outbox, q};

use super::process::Place;

#[track_caller]
fn run(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(&[&["outbox"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_messages_are_listed_sent_again_and_removed() {
    let place = Place::new();
    assert_eq!(run(&place, &["list"]), "");
    let path = place.path().join("tessera-data/tessera.db");
    let db = Db::open(&DbOptions::Sqlite { path }).await.unwrap();
    let now = Timestamp::from_ms(0);
    let ids = [MessageId::new(now), MessageId::new(now)];
    let mut tx = db.write().await.unwrap();
    for id in &ids {
        let to = ("backchannel_logout", "https://app.example/out");
        outbox::insert(&mut tx, id, to, "{}", now).await.unwrap();
    }
    tx.exec(q(
        "UPDATE outbox SET state = 'dead', attempts = 10, last_error = 'the answer was 500'",
    ))
    .await
    .unwrap();
    tx.commit().await.unwrap();
    db.close().await;

    let list = run(&place, &["list"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    for part in [
        ids[0].as_str(),
        "to https://app.example/out",
        "10 attempts",
        "was 500",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(run(&place, &["retry", ids[0].as_str()]).contains("is sent again"));
    assert!(run(&place, &["list", "--state", "pending"]).contains(ids[0].as_str()));
    assert!(run(&place, &["drop", ids[1].as_str()]).contains("is removed"));
    assert_eq!(run(&place, &["list"]), "");
    for (id, says) in [
        (ids[1].as_str(), "was given up"),
        ("msg_1", "is not a message id"),
    ] {
        let said = place.refused(&["outbox", "retry", id], 2);
        assert!(said.contains(says), "{said}");
    }
}
