//! The pages, over HTTP, as a browser without scripts sees them.

mod account_pages;
mod account_proofs;
mod consent;
mod csrf;
mod home;
mod login;
mod reauthenticate;
mod safety;
mod setup;

use tessera::base::id::UserId;
use tessera::identity::account;
use tessera::identity::identifier::{Email, Username};
use tessera::identity::password::Password;
use tessera::identity::profile::Profile;
use tessera::identity::user::{DisplayName, NewUser};

use crate::harness::server::TestApp;

pub const PASSWORD: &str = "correct horse battery staple";

/// Makes `alice`, who signs in with [`PASSWORD`].
pub async fn alice(t: &TestApp) -> UserId {
    person(t, "alice", "Alice Liddell").await
}

pub async fn person(t: &TestApp, username: &str, name: &str) -> UserId {
    let password = Password::typed(PASSWORD).unwrap();
    let new = NewUser {
        username: Username::parse(username).unwrap(),
        email: Some(Email::parse(&format!("{username}@example.com")).unwrap()),
        email_verified: true,
        name: Some(DisplayName::parse(name).unwrap()),
        profile: Profile::default(),
        password: Some(t.app.hasher.hash(password).await.unwrap()),
    };
    let mut tx = t.app.db.write().await.unwrap();
    let id = account::create(&mut tx, &new, t.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}
