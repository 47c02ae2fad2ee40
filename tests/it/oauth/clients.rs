//! Registering and changing clients, on both databases.

use tessera::oauth::client::{self, ClientError, NewClient};
use tessera::oauth::protocol::client::{ClientId, ClientState};
use tessera::store::{clients, q};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn web() -> NewClient {
    NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    }
}

async fn register(t: &TestDb, new: &NewClient) -> Result<client::Registered, ClientError> {
    let mut tx = t.db.write().await.unwrap();
    let registered = client::register(&mut tx, &t.sealer, new, START).await?;
    tx.commit().await.unwrap();
    Ok(registered)
}

async fn update(t: &TestDb, new: &NewClient) -> Result<client::Registered, ClientError> {
    let id = ClientId::parse("web").unwrap();
    let mut tx = t.db.write().await.unwrap();
    let updated = client::update(&mut tx, &t.sealer, (&id, new), START).await?;
    tx.commit().await.unwrap();
    Ok(updated)
}

async fn changes(t: &TestDb) -> i64 {
    let mut conn = t.db.read().await.unwrap();
    conn.one(q(
        "SELECT COUNT(*) FROM events WHERE kind = 'client.changed'",
    ))
    .await
    .unwrap()
}

on_each_database!(a_registered_client_is_read_back_as_it_was, |t| {
    let registered = register(&t, &web()).await.unwrap();
    assert!(registered.generated_secret.is_some());
    let mut conn = t.db.read().await.unwrap();
    let found = clients::find(&mut conn, &registered.client.client_id)
        .await
        .unwrap();
    assert_eq!(found, Some(registered.client));
    assert!(matches!(
        register(&t, &web()).await,
        Err(ClientError::Taken(_))
    ));
    let unnamed = NewClient {
        client_id: None,
        ..web()
    };
    let made = register(&t, &unnamed).await.unwrap();
    assert!(made.client.client_id.as_str().starts_with("cl_"));
    let listed = client::list(&mut conn, None, 10).await.unwrap();
    assert_eq!(listed.len(), 2);
    let after = client::list(&mut conn, Some(&listed[0].client_id), 10)
        .await
        .unwrap();
    assert_eq!(after, listed[1..]);
});

on_each_database!(only_the_mac_of_a_secret_is_stored, |t| {
    let registered = register(&t, &web()).await.unwrap();
    let secret = registered.generated_secret.unwrap();
    let mut conn = t.db.read().await.unwrap();
    let stored: String = conn.one(q("SELECT secret_mac FROM clients")).await.unwrap();
    assert!(!stored.contains(secret.expose()));
});

on_each_database!(the_same_settings_again_change_nothing, |t| {
    register(&t, &web()).await.unwrap();
    let same = update(&t, &web()).await.unwrap();
    assert!(!same.changed && same.generated_secret.is_none());
    assert_eq!(changes(&t).await, 1);
    let renamed = NewClient {
        client_name: Some("Web".to_owned()),
        ..web()
    };
    assert!(update(&t, &renamed).await.unwrap().changed);
    let mut conn = t.db.read().await.unwrap();
    let found = clients::find(&mut conn, &ClientId::parse("web").unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.settings.client_name, "Web");
});

on_each_database!(a_secret_stays_until_another_is_given, |t| {
    let with = |secret: &str| NewClient {
        client_secret: Some(secret.to_owned()),
        ..web()
    };
    let first = register(&t, &with("0123456789012345678901")).await.unwrap();
    assert!(first.generated_secret.is_none());
    let kept = update(&t, &web()).await.unwrap();
    assert_eq!(kept.client.secret_mac, first.client.secret_mac);
    let same = update(&t, &with("0123456789012345678901")).await.unwrap();
    assert!(!same.changed);
    let other = update(&t, &with("other-0123456789012345")).await.unwrap();
    assert!(other.changed);
    assert_ne!(other.client.secret_mac, first.client.secret_mac);
    let public = NewClient {
        token_endpoint_auth_method: Some("none".to_owned()),
        ..web()
    };
    let public = update(&t, &public).await.unwrap();
    assert_eq!(public.client.secret_mac, None);
    let confidential = update(&t, &web()).await.unwrap();
    assert!(confidential.generated_secret.is_some());
});

on_each_database!(a_client_is_disabled_once_and_enabled_again, |t| {
    register(&t, &web()).await.unwrap();
    let id = ClientId::parse("web").unwrap();
    let mut tx = t.db.write().await.unwrap();
    for (state, expect) in [
        (ClientState::Disabled, true),
        (ClientState::Disabled, false),
        (ClientState::Active, true),
    ] {
        let changed = client::set_state(&mut tx, &id, state, START).await.unwrap();
        assert_eq!(changed, expect);
    }
    let nobody = ClientId::parse("nobody").unwrap();
    let missing = client::set_state(&mut tx, &nobody, ClientState::Active, START).await;
    assert!(matches!(missing, Err(ClientError::NotFound(_))));
});

on_each_database!(origins_follow_the_redirect_uris_of_active_clients, |t| {
    register(&t, &web()).await.unwrap();
    let id = ClientId::parse("web").unwrap();
    let has = async |origin: &str, client: Option<&ClientId>| {
        let mut conn = t.db.read().await.unwrap();
        clients::has_origin(&mut conn, origin, client)
            .await
            .unwrap()
    };
    assert!(has("https://app.example", None).await);
    assert!(has("https://app.example", Some(&id)).await);
    assert!(
        !has(
            "https://app.example",
            Some(&ClientId::parse("other").unwrap())
        )
        .await
    );
    assert!(!has("https://app.example.evil.example", None).await);
    let moved = NewClient {
        redirect_uris: vec!["https://new.example/cb".to_owned()],
        ..web()
    };
    update(&t, &moved).await.unwrap();
    assert!(!has("https://app.example", None).await);
    assert!(has("https://new.example", None).await);
    let mut tx = t.db.write().await.unwrap();
    client::set_state(&mut tx, &id, ClientState::Disabled, START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(!has("https://new.example", None).await);
});
