//! Setup links: used once, however many are out.

use tessera::base::secret::{TokenHash, TokenKind};
use tessera::base::time::Seconds;
use tessera::store::setup_links;

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

async fn issue(t: &TestDb) -> TokenHash {
    let link = TokenHash::of(TokenKind::SetupLink.generate().expose());
    let mut tx = t.db.write().await.unwrap();
    let end = START.plus(Seconds::new(900));
    setup_links::insert(&mut tx, &link, START, end)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    link
}

on_each_database!(of_all_links_that_are_used_at_once_one_is_used, |t| {
    for _ in 0..10 {
        let mut tasks = tokio::task::JoinSet::new();
        let mut links = vec![issue(&t).await, issue(&t).await, issue(&t).await];
        links.extend(links.clone());
        for link in links {
            let db = t.db.clone();
            tasks.spawn(async move {
                let mut tx = db.write().await.unwrap();
                // Two that lock the same rows in another order: the engine refuses one, which is refused all the same.
                let used = setup_links::consume(&mut tx, &link, START).await;
                used.is_ok_and(|used| used) && tx.commit().await.is_ok()
            });
        }
        let used = tasks.join_all().await;
        assert_eq!(used.iter().filter(|used| **used).count(), 1, "{used:?}");
    }
});

on_each_database!(a_link_ends_by_the_clock_and_not_by_the_sweep, |t| {
    let link = issue(&t).await;
    let end = START.plus(Seconds::new(900));
    let mut tx = t.db.write().await.unwrap();
    assert!(setup_links::is_live(&mut tx, &link, START).await.unwrap());
    assert!(!setup_links::is_live(&mut tx, &link, end).await.unwrap());
    assert!(!setup_links::consume(&mut tx, &link, end).await.unwrap());
    assert_eq!(setup_links::delete_expired(&mut tx, end).await.unwrap(), 1);
});
