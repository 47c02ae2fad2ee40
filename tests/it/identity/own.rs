//! What a person changes themselves: each change is one conditional statement, and finds that it came too late.

use tessera::base::id::SessionId;
use tessera::base::secret::TokenHash;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::identity::own_sessions;
use tessera::identity::profile::Profile;
use tessera::identity::user::DisplayName;
use tessera::store::sessions::{self, SessionRow};
use tessera::store::users;

use super::{PASSWORD, create, hash, new_user};
use crate::harness::database::START;
use crate::on_each_database;

on_each_database!(
    a_password_is_replaced_while_it_is_the_one_that_was_proved,
    |t| {
        let old = hash(&t, PASSWORD).await;
        let new = hash(&t, "another horse battery staple").await;
        let id = create(&t, &new_user("alice", Some(old.clone()))).await;
        let at = START.plus(Seconds::new(5));
        let mut tx = t.db.write().await.unwrap();
        let replaced = users::replace_password(&mut tx, &id, (&new, &old), None, at).await;
        assert!(!replaced.unwrap(), "not the one that is stored");
        let replaced = users::replace_password(&mut tx, &id, (&old, &new), None, at).await;
        assert!(replaced.unwrap());
        let found = users::find_credentials_of(&mut tx, &id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.password, Some(new.clone()));
        assert!(found.user.tokens_valid_from < at, "nothing is voided");
        let replaced = users::replace_password(&mut tx, &id, (&new, &old), Some(at), at).await;
        assert!(replaced.unwrap());
        let found = users::find_credentials_of(&mut tx, &id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.user.tokens_valid_from, at);
        users::lock(&mut tx, &id, at).await.unwrap();
        let replaced = users::replace_password(&mut tx, &id, (&old, &new), None, at).await;
        assert!(!replaced.unwrap(), "the account is locked");
    }
);

on_each_database!(a_profile_is_changed_as_it_was_seen_or_not_at_all, |t| {
    let id = create(&t, &new_user("alice", None)).await;
    let mut tx = t.db.write().await.unwrap();
    let seen = users::find(&mut tx, &id).await.unwrap().unwrap();
    let name = DisplayName::parse("Alice").unwrap();
    let at = START.plus(Seconds::new(5));
    for expect in [true, false] {
        let profile = Profile::default();
        let saved = account::update_own(&mut tx, &seen, (Some(&name), &profile), at).await;
        assert_eq!(saved.unwrap(), expect);
    }
    let found = users::find(&mut tx, &id).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_deref(), found.updated_at),
        (Some("Alice"), at)
    );
    users::lock(&mut tx, &id, at).await.unwrap();
    let seen = users::find(&mut tx, &id).await.unwrap().unwrap();
    let saved = account::update_own(&mut tx, &seen, (None, &Profile::default()), at).await;
    assert!(!saved.unwrap(), "the account is locked");
});

on_each_database!(the_other_sessions_of_a_person_end_and_nobody_elses, |t| {
    let alice = create(&t, &new_user("alice", None)).await;
    let bob = create(&t, &new_user("bob", None)).await;
    let mut tx = t.db.write().await.unwrap();
    let mut ids = Vec::new();
    for (n, user_id) in [&alice, &alice, &alice, &bob].into_iter().enumerate() {
        let row = SessionRow {
            session_id: SessionId::new(START),
            user_id: user_id.clone(),
            data: r#"{"place":{"browser":"Firefox on Linux","network":"192.0.2.0/24"}}"#.to_owned(),
            auth_time: START,
            last_seen_at: START.plus(Seconds::new(i64::try_from(n).unwrap())),
            expires_at: START.plus(Seconds::new(60)),
        };
        sessions::insert(&mut tx, &TokenHash::of(&n.to_string()), &row)
            .await
            .unwrap();
        ids.push(row.session_id);
    }
    tx.commit().await.unwrap();
    let shown = own_sessions::list(&t.db, &alice, START).await.unwrap();
    let order: Vec<_> = shown.iter().map(|one| one.session_id.clone()).collect();
    assert_eq!(order, [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    assert_eq!(shown[0].place.browser.as_deref(), Some("Firefox on Linux"));
    let mut tx = t.db.write().await.unwrap();
    let ended = own_sessions::end_others(&mut tx, &alice, &ids[1], START).await;
    assert_eq!(ended.unwrap(), 2);
    tx.commit().await.unwrap();
    let left = own_sessions::list(&t.db, &alice, START).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].session_id, ids[1]);
    assert_eq!(
        own_sessions::list(&t.db, &bob, START).await.unwrap().len(),
        1
    );
    assert!(
        own_sessions::list(&t.db, &alice, START.plus(Seconds::new(60)))
            .await
            .unwrap()
            .is_empty()
    );
});
