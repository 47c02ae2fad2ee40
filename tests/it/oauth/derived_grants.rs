//! Grants that were made from others, in the table, on both databases: each is as good as the worst of what it was made from.

use tessera::base::id::{GrantId, SessionId, UserId};
use tessera::base::time::Seconds;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::claims_request::ClaimsRequest;
use tessera::oauth::protocol::grant::{GrantDetails, Origins};
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::store::grants::{self, Grant, Standing};
use tessera::store::{Tx, q};

use super::store::sign_in;
use crate::harness::database::{START, TestDb};
use crate::on_each_database;

/// Two people, and the clients `web` and `api`.
async fn arrange(t: &TestDb) -> (UserId, UserId) {
    let (alice, bob) = (UserId::new(START), UserId::new(START));
    let mut tx = t.db.write().await.unwrap();
    for (user, name) in [(&alice, "alice"), (&bob, "bob")] {
        tx.exec(
            q("INSERT INTO users (id, username, email_verified, state, tokens_valid_from, created_at, updated_at) \
               VALUES ($1, $2, FALSE, 'active', 0, 0, 0)")
                .bind(user.as_str())
                .bind(name),
        )
        .await
        .unwrap();
    }
    for id in ["web", "api"] {
        let new = NewClient {
            client_id: Some(id.to_owned()),
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            ..NewClient::default()
        };
        client::register(&mut tx, &t.sealer, &new, START)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    (alice, bob)
}

fn grant(user: &UserId, client_id: &str, origins: &[&Grant]) -> Grant {
    let grants: Vec<GrantId> = origins.iter().map(|origin| origin.id.clone()).collect();
    let derived_from = (!grants.is_empty()).then(|| Origins {
        grants,
        ..Origins::default()
    });
    Grant {
        id: GrantId::new(START),
        client_id: client_id.to_owned(),
        user_id: user.clone(),
        session_id: SessionId::new(START),
        scope: ScopeSet::parse("openid offline_access").unwrap(),
        auth_time: START,
        amr: Vec::new(),
        details: GrantDetails {
            derived_from,
            ..GrantDetails::default()
        },
        created_at: START,
    }
}

async fn standing(tx: &mut Tx, grant: &Grant) -> Standing {
    let found = grants::find(tx, &grant.id, START).await.unwrap().unwrap();
    assert_eq!(found.grant, *grant);
    found.standing
}

on_each_database!(a_grant_is_as_good_as_the_worst_of_its_origins, |t| {
    let (alice, bob) = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let (subject, actor) = (grant(&alice, "web", &[]), grant(&bob, "api", &[]));
    let derived = grant(&alice, "api", &[&subject, &actor]);
    for grant in [&subject, &actor] {
        sign_in(&mut tx, grant, START.plus(Seconds::new(60))).await;
    }
    for grant in [&subject, &actor, &derived] {
        assert!(grants::insert(&mut tx, grant).await.unwrap());
    }
    tx.commit().await.unwrap();
    for (change, origin) in [
        (
            "UPDATE users SET state = 'locked' WHERE username = 'bob'",
            true,
        ),
        (
            "UPDATE users SET tokens_valid_from = 9999999999999 WHERE username = 'bob'",
            true,
        ),
        (
            "UPDATE clients SET state = 'disabled' WHERE client_id = 'web'",
            true,
        ),
        (
            "UPDATE users SET state = 'locked' WHERE username = 'alice'",
            false,
        ),
        ("DELETE FROM grants WHERE client_id = 'web'", true),
    ] {
        let mut tx = t.db.write().await.unwrap();
        assert_eq!(standing(&mut tx, &derived).await, Standing::Live);
        assert!(tx.exec(q(change)).await.unwrap() > 0, "{change}");
        let found = standing(&mut tx, &derived).await;
        let expect = if origin {
            Standing::OriginEnded
        } else {
            Standing::UserVoided
        };
        assert_eq!(found, expect, "{change}");
    }
    for origin in [&subject, &actor] {
        let mut tx = t.db.write().await.unwrap();
        let revoked = grants::revoke(&mut tx, &origin.id, "test", START).await;
        assert!(revoked.unwrap());
        assert_eq!(standing(&mut tx, &derived).await, Standing::OriginEnded);
    }
});

on_each_database!(a_grant_on_an_issuers_word_needs_no_sign_in, |t| {
    let (alice, _) = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let mut vouched = grant(&alice, "api", &[]);
    vouched.scope = ScopeSet::parse("openid").unwrap();
    vouched.details.asserted_by = Some("https://build.example".to_owned());
    assert!(grants::insert(&mut tx, &vouched).await.unwrap());
    assert_eq!(standing(&mut tx, &vouched).await, Standing::Live);
});

on_each_database!(a_sign_ins_newest_own_grant_is_found, |t| {
    let (alice, bob) = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let first = grant(&alice, "web", &[]);
    let of = |grant: &Grant| Grant {
        session_id: first.session_id.clone(),
        ..grant.clone()
    };
    // The member's name in a text that somebody sent is not the member.
    let mut second = of(&grant(&alice, "web", &[]));
    second.id = GrantId::new(START.plus(Seconds::new(1)));
    second.details.resources = vec![r#"urn:x"derived_from":"#.to_owned()];
    second.details.claims = ClaimsRequest::default();
    let mut derived = of(&grant(&alice, "web", &[&second]));
    derived.id = GrantId::new(START.plus(Seconds::new(2)));
    sign_in(&mut tx, &first, START.plus(Seconds::new(60))).await;
    let others_client = of(&grant(&alice, "api", &[]));
    // Of all grants, only those on an issuer's word may name a sign-in that is not their person's.
    let mut others_person = of(&grant(&bob, "web", &[]));
    others_person.details.asserted_by = Some("https://build.example".to_owned());
    for grant in [&first, &second, &derived, &others_client, &others_person] {
        assert!(grants::insert(&mut tx, grant).await.unwrap());
    }
    let find = async |tx: &mut Tx| {
        grants::newest_of_session(tx, &first.session_id, ("web", &alice))
            .await
            .unwrap()
    };
    assert_eq!(find(&mut tx).await, Some(second.id.clone()));
    grants::revoke(&mut tx, &second.id, "test", START)
        .await
        .unwrap();
    assert_eq!(find(&mut tx).await, Some(first.id.clone()));
    grants::revoke(&mut tx, &first.id, "test", START)
        .await
        .unwrap();
    assert_eq!(find(&mut tx).await, None);
});
