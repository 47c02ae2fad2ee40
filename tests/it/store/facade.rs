//! The facade itself: commits, rollbacks, group commit, sealing.

use tessera::base::time::Timestamp;
use tessera::store::seal::{MasterKey, Place, SealError, Sealer};
use tessera::store::{Db, StoreError, q};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

async fn put(db: &Db, name: &str, value: &str) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    tx.exec(
        q("INSERT INTO meta (name, value) VALUES ($1, $2)")
            .bind(name)
            .bind(value),
    )
    .await?;
    tx.commit().await
}

async fn value(db: &Db, name: &str) -> Option<String> {
    let mut conn = db.read().await.unwrap();
    conn.opt(q("SELECT value FROM meta WHERE name = $1").bind(name))
        .await
        .unwrap()
}

async fn count(db: &Db) -> i64 {
    db.read()
        .await
        .unwrap()
        .one(q("SELECT COUNT(*) FROM meta"))
        .await
        .unwrap()
}

on_each_database!(a_dropped_transaction_leaves_nothing, |t| {
    let mut tx = t.db.write().await.unwrap();
    tx.exec(q("INSERT INTO meta (name, value) VALUES ('a', '1')"))
        .await
        .unwrap();
    drop(tx);
    put(&t.db, "b", "2").await.unwrap();
    assert_eq!(value(&t.db, "a").await, None);
    assert_eq!(value(&t.db, "b").await.as_deref(), Some("2"));
});

on_each_database!(a_second_row_of_the_same_key_already_exists, |t| {
    put(&t.db, "a", "1").await.unwrap();
    let error = put(&t.db, "a", "2").await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(value(&t.db, "a").await.as_deref(), Some("1"));
});

on_each_database!(
    failing_and_cancelled_writers_do_not_disturb_their_neighbours,
    |t| {
        put(&t.db, "taken", "0").await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..200 {
            let db = t.db.clone();
            tasks.spawn(async move {
                match n % 4 {
                    0 => drop(put(&db, "taken", "again").await.unwrap_err()),
                    1 => {
                        // Cancelled somewhere between its turn and its commit.
                        let write = async {
                            let mut tx = db.write().await.unwrap();
                            tx.exec(
                                q("INSERT INTO meta (name, value) VALUES ($1, 'x')")
                                    .bind(format!("cancelled{n}")),
                            )
                            .await
                            .unwrap();
                            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
                            tx.commit().await.unwrap();
                        };
                        drop(
                            tokio::time::timeout(std::time::Duration::from_millis(5), write).await,
                        );
                    }
                    _ => put(&db, &format!("kept{n}"), "x").await.unwrap(),
                }
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.unwrap();
        }
        put(&t.db, "last", "x").await.unwrap();
        assert_eq!(count(&t.db).await, 1 + 100 + 1);
    }
);

on_each_database!(a_snapshot_sees_one_commit, |t| {
    put(&t.db, "a", "1").await.unwrap();
    let mut snapshot = t.db.snapshot().await.unwrap();
    let before: i64 = snapshot.one(q("SELECT COUNT(*) FROM meta")).await.unwrap();
    put(&t.db, "b", "2").await.unwrap();
    let after: i64 = snapshot.one(q("SELECT COUNT(*) FROM meta")).await.unwrap();
    assert_eq!((before, after), (1, 1));
    assert_eq!(count(&t.db).await, 2);
});

on_each_database!(sealed_values_open_in_their_own_place_only, |t| {
    let place = Place {
        table: "t",
        column: "c",
        row: "1",
    };
    let sealed = t.sealer.seal(place, b"secret").unwrap();
    assert_eq!(
        t.sealer.open_sealed(place, &sealed).unwrap().as_slice(),
        b"secret"
    );
    let elsewhere = Place { row: "2", ..place };
    assert!(matches!(
        t.sealer.open_sealed(elsewhere, &sealed),
        Err(SealError::Altered(_))
    ));
});

#[tokio::test]
async fn another_master_key_is_refused() {
    let t = TestDb::open(crate::harness::database::Engine::Sqlite).await;
    let result = Sealer::open(
        &t.db,
        &MasterKey::generate(),
        Timestamp::from_ms(START.ms() + 1),
    )
    .await;
    assert!(matches!(result, Err(SealError::WrongMasterKey)));
}
