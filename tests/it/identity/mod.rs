//! Accounts, passwords, throttling and sessions, on both databases.

mod account;
mod own;
mod setup;
mod sign_in;
mod throttle;

use tessera::base::id::UserId;
use tessera::base::time::Timestamp;
use tessera::config::SignIn;
use tessera::identity::hasher::Hasher;
use tessera::identity::identifier::{Email, Username};
use tessera::identity::password::{Password, PasswordHash};
use tessera::identity::profile::Profile;
use tessera::identity::user::{DisplayName, NewUser};

use crate::harness::database::{START, TestDb};

pub const PASSWORD: &str = "correct horse battery staple";

pub fn limits() -> SignIn {
    tessera::config::Config::default().sign_in
}

pub fn hasher(t: &TestDb) -> Hasher {
    Hasher::new(&limits(), &t.sealer).unwrap()
}

pub async fn hash(t: &TestDb, password: &str) -> PasswordHash {
    let password = Password::typed(password).unwrap();
    hasher(t).hash(password).await.unwrap()
}

pub fn new_user(username: &str, password: Option<PasswordHash>) -> NewUser {
    NewUser {
        username: Username::parse(username).unwrap(),
        email: Some(Email::parse(&format!("{username}@example.com")).unwrap()),
        email_verified: true,
        name: Some(DisplayName::parse("Somebody").unwrap()),
        profile: Profile::default(),
        password,
    }
}

pub async fn create(t: &TestDb, new: &NewUser) -> UserId {
    create_at(t, new, START).await
}

pub async fn create_at(t: &TestDb, new: &NewUser, now: Timestamp) -> UserId {
    let mut tx = t.db.write().await.unwrap();
    let id = tessera::identity::account::create(&mut tx, new, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}
