//! The tables of client authentication, on both databases.

use tessera::base::secret::TokenHash;
use tessera::base::time::{Seconds, Timestamp};
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::client::{Client, ClientId};
use tessera::store::clients::{self, KeptSecret};
use tessera::store::used_jtis::{self, Purpose};
use tessera::store::{Tx, q};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn at(seconds: i64) -> Timestamp {
    START.plus(Seconds::new(seconds))
}

on_each_database!(an_identifier_is_used_once_by_each_who_issues_it, |t| {
    let purpose = Purpose::ClientAssertion;
    let (one, other) = (TokenHash::of("one"), TokenHash::of("other"));
    let mut tx = t.db.write().await.unwrap();
    for (owner, jti, expect) in [
        ("web", &one, true),
        ("web", &one, false),
        ("web", &other, true),
        ("shop", &one, true),
        ("shop", &one, false),
    ] {
        let first = used_jtis::insert(&mut tx, (purpose, owner), jti, at(60))
            .await
            .unwrap();
        assert_eq!(first, expect, "{owner} {jti:?}");
    }
    for (seconds, limit, expect) in [(59, 9, 0), (60, 2, 2), (60, 9, 1), (60, 9, 0)] {
        let rows = used_jtis::delete_expired(&mut tx, at(seconds), limit)
            .await
            .unwrap();
        assert_eq!(rows, expect, "{seconds} {limit}");
    }
});

fn kept(name: &str) -> KeptSecret {
    KeptSecret {
        mac: format!("mac of {name}"),
        sealed: Some(format!("sealed {name}")),
    }
}

async fn web(t: &TestDb, tx: &mut Tx) -> ClientId {
    let new = NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        token_endpoint_auth_method: Some("client_secret_jwt".to_owned()),
        ..NewClient::default()
    };
    let made = client::register(tx, &t.sealer, &new, START).await.unwrap();
    made.client.client_id
}

/// The MACs and sealed texts: the present secret's, the former's.
async fn secrets(tx: &mut Tx, id: &ClientId) -> [Option<String>; 4] {
    let found: Client = clients::find(tx, id).await.unwrap().unwrap();
    let (mac, sealed) = found
        .former_secret
        .map(|former| (former.mac, former.sealed))
        .unzip();
    [found.secret_mac, found.sealed_secret, mac, sealed.flatten()]
}

fn expect(present: &str, former: Option<&str>) -> [Option<String>; 4] {
    let mac = |name: &str| kept(name).mac;
    [
        Some(mac(present)),
        kept(present).sealed,
        former.map(mac),
        former.and_then(|name| kept(name).sealed),
    ]
}

on_each_database!(a_rotation_moves_the_secret_and_keeps_one_former, |t| {
    let mut tx = t.db.write().await.unwrap();
    let id = web(&t, &mut tx).await;
    assert!(
        clients::set_secret(&mut tx, &id, Some(&kept("a")), START)
            .await
            .unwrap()
    );
    assert_eq!(secrets(&mut tx, &id).await, expect("a", None));
    for (next, former) in [("b", "a"), ("c", "b")] {
        clients::rotate_secret(&mut tx, &id, &kept(next), (at(60), START))
            .await
            .unwrap();
        assert_eq!(secrets(&mut tx, &id).await, expect(next, Some(former)));
    }
    for (seconds, ended) in [(60, false), (59, true), (59, false)] {
        let found = clients::end_former_secret(&mut tx, &id, at(seconds))
            .await
            .unwrap();
        assert_eq!(found, ended, "{seconds}");
    }
    assert_eq!(secrets(&mut tx, &id).await, expect("c", None));

    clients::rotate_secret(&mut tx, &id, &kept("d"), (at(60), START))
        .await
        .unwrap();
    for (seconds, rows) in [(59, 0), (60, 1), (60, 0)] {
        let found = clients::forget_former_secrets(&mut tx, at(seconds), 9)
            .await
            .unwrap();
        assert_eq!(found, rows, "{seconds}");
    }
    assert_eq!(secrets(&mut tx, &id).await, expect("d", None));
    clients::rotate_secret(&mut tx, &id, &kept("e"), (at(60), START))
        .await
        .unwrap();
    clients::set_secret(&mut tx, &id, Some(&kept("f")), START)
        .await
        .unwrap();
    assert_eq!(secrets(&mut tx, &id).await, expect("f", None));
    let nobody = ClientId::parse("nobody").unwrap();
    assert!(
        !clients::rotate_secret(&mut tx, &nobody, &kept("x"), (at(60), START))
            .await
            .unwrap()
    );
});

on_each_database!(clients_from_before_have_no_former_secret, |t| {
    let mut tx = t.db.write().await.unwrap();
    let id = web(&t, &mut tx).await;
    tx.exec(q(
        "UPDATE clients SET sealed_secret = NULL, metadata = '{}'",
    ))
    .await
    .unwrap();
    let [mac, sealed, former, former_sealed] = secrets(&mut tx, &id).await;
    assert!(mac.is_some());
    assert_eq!((sealed, former, former_sealed), (None, None, None));
});
