//! What a person proves before the account is changed (SECURITY R35, row 30): every form of `/account` says it here.

use std::collections::BTreeSet;

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::account::find;

use super::{PASSWORD, alice};
use crate::harness::browser::Page;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::http::routes::routes_of;
use crate::oauth::Party;
use crate::oauth::party::signed_in;

/// What a form takes beyond the session and its own token.
#[derive(Clone, Copy, Debug)]
enum Takes {
    /// Nothing: it changes neither how somebody signs in nor where they are signed in.
    Nothing,
    /// A sign-in, or a proof, of the last five minutes.
    FreshProof,
    /// The present password in the form itself.
    Password,
}

/// The forms, each with the page and the text that it is found by.
const FORMS: [(&str, &str, &str, Takes); 4] = [
    (
        "/account/applications/withdraw",
        "/account/applications",
        "value=\"web\"",
        Takes::Nothing,
    ),
    (
        "/account/profile",
        "/account/profile",
        "name=\"given_name\"",
        Takes::Nothing,
    ),
    (
        "/account/sessions/end",
        "/account/sessions",
        "value=\"ses_",
        Takes::FreshProof,
    ),
    (
        "/account/password",
        "/account/password",
        "name=\"current\"",
        Takes::Password,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_account_says_what_it_takes() {
    let t = TestApp::start(Engine::Sqlite).await;
    let running: BTreeSet<String> = routes_of(&t)
        .await
        .into_iter()
        .filter(|(method, path)| method != "GET" && path.starts_with("/account"))
        .map(|(_, path)| path)
        .collect();
    let listed = FORMS.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(running, listed, "say in FORMS what the form takes");
}

/// What somebody would send who holds the session and wants to stay.
const HOSTILE: [(&str, &str); 8] = [
    ("current", "wrong"),
    ("password", "another horse battery staple"),
    ("repeat", "another horse battery staple"),
    ("username", "mallory"),
    ("email", "mallory@example.com"),
    ("email_verified", "true"),
    ("phone_number", "+442012345678"),
    ("others", "end"),
];

#[track_caller]
fn check(page: &Page, takes: Takes, path: &str) {
    match takes {
        Takes::Nothing => assert!(page.location().starts_with("/account"), "{path}"),
        Takes::FreshProof => assert!(page.location().starts_with("/reauthenticate"), "{path}"),
        Takes::Password => assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_alone_changes_nothing_of_how_somebody_signs_in() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let id = alice(&t).await;
        let mut stolen = signed_in(&t).await;
        let mut elsewhere = signed_in(&t).await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        party.tokens(&mut stolen, &[]).await;
        let before = find(&t.app.db, &id).await.unwrap().unwrap();
        t.clock.advance(Seconds::new(301));
        for (path, place, mark, takes) in FORMS {
            let form = stolen.get(place).await.form(mark);
            assert_eq!(form.attribute("<form", "action").unwrap(), path);
            // What stands in the form already would stand twice, and be refused for that.
            let own = form.hidden_fields();
            let sent: Vec<(&str, &str)> = HOSTILE
                .into_iter()
                .filter(|(name, _)| own.iter().all(|(hidden, _)| hidden != name))
                .collect();
            check(&stolen.submit(&form, &sent).await, takes, path);
        }
        let after = find(&t.app.db, &id).await.unwrap().unwrap();
        assert_eq!(
            (&after.username, &after.email, after.email_verified),
            (&before.username, &before.email, before.email_verified),
            "{engine:?}"
        );
        assert_eq!(after.profile.phone_number, None);
        assert_eq!(after.tokens_valid_from, before.tokens_valid_from);
        assert!(elsewhere.get("/").await.text.contains("Hello"));
        let mut again = crate::harness::browser::Browser::new(&t);
        let page = again.sign_in("alice", PASSWORD).await;
        assert_eq!(
            page.status,
            StatusCode::SEE_OTHER,
            "the password is the same"
        );
    }
}
