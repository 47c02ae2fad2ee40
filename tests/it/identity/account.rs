//! Accounts: one namespace, and changes that end what came before.

use tessera::base::secret::TokenHash;
use tessera::base::time::Seconds;
use tessera::identity::account::{self, AccountError};
use tessera::identity::identifier::{Canonical, Email, Username};
use tessera::identity::profile::Profile;
use tessera::identity::user::{DisplayName, UserChange, UserState};
use tessera::store::sessions::{self, SessionRow};
use tessera::store::{q, users};

use super::{create, create_at, hash, new_user};
use crate::harness::database::{START, TestDb};
use crate::on_each_database;

async fn find(t: &TestDb, text: &str) -> Option<tessera::store::users::Credentials> {
    let identifier = Canonical::of_typed(text);
    users::find_credentials(&mut t.db.read().await.unwrap(), &identifier)
        .await
        .unwrap()
}

on_each_database!(a_person_is_found_by_username_and_address_in_any_case, |t| {
    let id = create(&t, &new_user("Alice", None)).await;
    for text in ["alice", " ALICE ", "Ａlice", "Alice@EXAMPLE.com"] {
        assert_eq!(find(&t, text).await.unwrap().user.id, id, "{text}");
    }
    assert!(find(&t, "alic").await.is_none());
    let user = find(&t, "alice").await.unwrap().user;
    assert_eq!(
        (user.username.as_str(), user.state),
        ("Alice", UserState::Active)
    );
});

on_each_database!(a_taken_name_or_address_makes_no_account, |t| {
    create(&t, &new_user("alice", None)).await;
    let mut same_name = new_user("ALICE", None);
    same_name.email = None;
    let mut same_address = new_user("bob", None);
    same_address.email = Some(Email::parse("ALICE@example.com").unwrap());
    let mut tx = t.db.write().await.unwrap();
    let error = account::create(&mut tx, &same_name, START)
        .await
        .unwrap_err();
    assert!(matches!(error, AccountError::UsernameTaken(_)), "{error}");
    drop(tx);
    let mut tx = t.db.write().await.unwrap();
    let error = account::create(&mut tx, &same_address, START)
        .await
        .unwrap_err();
    assert!(matches!(error, AccountError::EmailTaken(_)), "{error}");
    drop(tx);
    let mut conn = t.db.read().await.unwrap();
    assert_eq!(users::list(&mut conn, None, 10).await.unwrap().len(), 1);
});

on_each_database!(of_sixteen_who_want_one_name_one_gets_it, |t| {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let db = t.db.clone();
        tasks.spawn(async move {
            let mut tx = db.write().await.unwrap();
            let made = account::create(&mut tx, &new_user("alice", None), START).await;
            if made.is_ok() {
                tx.commit().await.unwrap();
            }
            made.is_ok()
        });
    }
    let made = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|made| *made)
        .count();
    assert_eq!(made, 1);
});

on_each_database!(a_changed_name_frees_the_old_one, |t| {
    let id = create(&t, &new_user("alice", None)).await;
    let change = UserChange {
        username: Some(Username::parse("alicia").unwrap()),
        email: Some(None),
        profile: None,
        name: Some(None),
    };
    let mut tx = t.db.write().await.unwrap();
    let seen = users::find(&mut tx, &id).await.unwrap().unwrap();
    let user = account::update(&mut tx, &seen, &change, START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        (user.username.as_str(), &user.email, &user.name),
        ("alicia", &None, &None)
    );
    assert!(!user.email_verified);
    assert!(find(&t, "alice").await.is_none());
    assert!(find(&t, "alice@example.com").await.is_none());
    assert_eq!(find(&t, "alicia").await.unwrap().user, user);
    create(&t, &new_user("alice", None)).await;
});

async fn give_session_and_grant(t: &TestDb, id: &tessera::base::id::UserId) -> TokenHash {
    let hash = TokenHash::of("cookie");
    let row = SessionRow {
        session_id: tessera::base::id::SessionId::new(START),
        user_id: id.clone(),
        data: "{}".to_owned(),
        auth_time: START,
        last_seen_at: START,
        expires_at: START.plus(Seconds::new(3_600)),
    };
    let mut tx = t.db.write().await.unwrap();
    sessions::insert(&mut tx, &hash, &row).await.unwrap();
    tx.exec(q("INSERT INTO clients (client_id, client_name, token_endpoint_auth_method, redirect_uris, \
        post_logout_redirect_uris, grant_types, scope, skip_consent, require_pkce, state, created_at, updated_at) \
        VALUES ('web', 'Web', 'none', '[]', '[]', '[]', '', FALSE, TRUE, 'active', 0, 0)"))
        .await
        .unwrap();
    tx.exec(
        q(
            "INSERT INTO grants (id, client_id, user_id, session_id, scope, auth_time, amr, created_at) \
           VALUES ('gnt_00000000000000000000000001', 'web', $1, 'ses_1', '', 0, 'pwd', 0)",
        )
        .bind(id.as_str()),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    hash
}

async fn ended(t: &TestDb, session: &TokenHash) -> bool {
    let mut conn = t.db.read().await.unwrap();
    let rows: i64 = conn
        .one(q("SELECT COUNT(*) FROM sessions WHERE id_hash = $1").bind(session.as_str()))
        .await
        .unwrap();
    let live: i64 = conn
        .one(q("SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL"))
        .await
        .unwrap();
    rows == 0 && live == 0
}

on_each_database!(a_lock_ends_sessions_and_grants_and_voids_tokens, |t| {
    let id = create(&t, &new_user("alice", None)).await;
    let session = give_session_and_grant(&t, &id).await;
    let later = START.plus(Seconds::new(10));
    let mut tx = t.db.write().await.unwrap();
    assert!(account::lock(&mut tx, &id, later).await.unwrap());
    assert!(!account::lock(&mut tx, &id, later).await.unwrap(), "once");
    tx.commit().await.unwrap();
    assert!(ended(&t, &session).await);
    let user = find(&t, "alice").await.unwrap().user;
    assert_eq!(
        (user.state, user.tokens_valid_from),
        (UserState::Locked, later)
    );
    let mut tx = t.db.write().await.unwrap();
    assert!(account::unlock(&mut tx, &id, later).await.unwrap());
    tx.commit().await.unwrap();
    let user = find(&t, "alice").await.unwrap().user;
    assert_eq!(
        (user.state, user.tokens_valid_from),
        (UserState::Active, later)
    );
});

on_each_database!(
    a_new_password_ends_sessions_and_grants_and_voids_tokens,
    |t| {
        let id = create(&t, &new_user("alice", None)).await;
        let session = give_session_and_grant(&t, &id).await;
        let later = START.plus(Seconds::new(10));
        let password = hash(&t, "vierzehn graue Eulen").await;
        let mut tx = t.db.write().await.unwrap();
        account::set_password(&mut tx, &id, &password, later)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(ended(&t, &session).await);
        let found = find(&t, "alice").await.unwrap();
        assert_eq!(found.password, Some(password));
        assert_eq!(found.user.tokens_valid_from, later);
    }
);

on_each_database!(
    a_change_undoes_none_that_was_made_since_the_account_was_seen,
    |t| {
        let id = create(&t, &new_user("alice", None)).await;
        let mut tx = t.db.write().await.unwrap();
        let seen = users::find(&mut tx, &id).await.unwrap().unwrap();
        let named = |name| UserChange {
            name: Some(Some(DisplayName::parse(name).unwrap())),
            ..UserChange::default()
        };
        let addressed = |text, verified| UserChange {
            email: Some(Some((Email::parse(text).unwrap(), verified))),
            ..UserChange::default()
        };
        let profile = Profile {
            nickname: Some("Al".to_owned()),
            ..Profile::default()
        };
        let told = UserChange {
            profile: Some(profile.clone()),
            ..UserChange::default()
        };
        for change in [&named("A."), &told, &addressed("new@example.com", false)] {
            account::update(&mut tx, &seen, change, START)
                .await
                .unwrap();
        }
        // What speaks of the address that was there speaks of no other, and not of one that was verified or doubted since.
        let old = seen.email.clone().unwrap();
        let late = account::update(&mut tx, &seen, &addressed(&old, true), START).await;
        assert!(matches!(late, Err(AccountError::Changed(_))), "{late:?}");
        let seen = users::find(&mut tx, &id).await.unwrap().unwrap();
        let verified = addressed("new@example.com", true);
        account::update(&mut tx, &seen, &verified, START)
            .await
            .unwrap();
        let late = account::update(
            &mut tx,
            &seen,
            &addressed("third@example.com", false),
            START,
        )
        .await;
        assert!(matches!(late, Err(AccountError::Changed(_))), "{late:?}");
        let now = users::find(&mut tx, &id).await.unwrap().unwrap();
        assert_eq!(now.name.as_deref(), Some("A."));
        assert_eq!(now.profile, profile);
        assert_eq!(
            (now.email.as_deref(), now.email_verified),
            (Some("new@example.com"), true)
        );
    }
);

on_each_database!(who_does_not_exist_cannot_be_changed, |t| {
    let id = tessera::base::id::UserId::new(START);
    let made = create(&t, &new_user("alice", None)).await;
    let mut tx = t.db.write().await.unwrap();
    let no_such =
        |result: Result<(), AccountError>| matches!(result, Err(AccountError::NoSuchUser(_)));
    assert!(no_such(account::lock(&mut tx, &id, START).await.map(drop)));
    assert!(no_such(
        account::unlock(&mut tx, &id, START).await.map(drop)
    ));
    let change = UserChange::default();
    let mut nobody = users::find(&mut tx, &made).await.unwrap().unwrap();
    nobody.id = id;
    assert!(no_such(
        account::update(&mut tx, &nobody, &change, START)
            .await
            .map(drop)
    ));
});

on_each_database!(people_are_listed_in_pages, |t| {
    for (n, name) in ["ann", "bob", "cid"].into_iter().enumerate() {
        let at = START.plus(Seconds::new(i64::try_from(n).unwrap()));
        create_at(&t, &new_user(name, None), at).await;
    }
    let mut conn = t.db.read().await.unwrap();
    let first = users::list(&mut conn, None, 2).await.unwrap();
    let rest = users::list(&mut conn, Some(&first[1].id), 2).await.unwrap();
    let names: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|user| user.username.as_str())
        .collect();
    assert_eq!(names, ["ann", "bob", "cid"]);
});
