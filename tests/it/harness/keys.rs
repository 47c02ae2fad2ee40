//! API keys, made without the API.

use tessera::oauth::api_key::{self, Issued, NewApiKey, parse_owner};

use super::server::TestApp;

/// A key of this owner, all over permission stores unless `change` says otherwise.
pub async fn issue(t: &TestApp, owner: &str, change: impl FnOnce(&mut NewApiKey)) -> Issued {
    let mut new = NewApiKey {
        name: "of a test".to_owned(),
        owner: parse_owner(owner).unwrap(),
        permissions: None,
        store: None,
        expires_at: None,
    };
    change(&mut new);
    let mut tx = t.app.db.write().await.unwrap();
    let issued = api_key::create(&mut tx, &t.app.sealer, &new, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    issued
}

/// A key's text.
pub async fn secret(t: &TestApp, owner: &str, change: impl FnOnce(&mut NewApiKey)) -> String {
    issue(t, owner, change).await.secret.expose().clone()
}

/// Revokes a key.
pub async fn revoke(t: &TestApp, issued: &Issued) {
    let mut tx = t.app.db.write().await.unwrap();
    api_key::revoke(&mut tx, &issued.key.id, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
