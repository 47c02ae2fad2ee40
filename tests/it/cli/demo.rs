//! `tessera demo`: a person signs in at the sample application, sees what the checks say, and signs out.

use std::path::{Path, PathBuf};

use http::StatusCode;

use super::process::Place;
use crate::harness::browser::{Browser, Page};

const ANY_PORTS: [&str; 7] = [
    "demo",
    "--listen",
    "127.0.0.1:0",
    "--app-listen",
    "127.0.0.1:0",
    "--resource-listen",
    "127.0.0.1:0",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_a_whole_sign_in_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let place = Place::new().with("TMPDIR", temporary.path().to_str().unwrap());
    let mut demo = place.start(&ANY_PORTS, "thrown away");
    let app = demo.row("open").to_owned();
    let password = demo.row("password").to_owned();
    assert_eq!(entries_of(temporary.path()).len(), 1);

    // The application and Tessera are two origins: a browser keeps their cookies apart.
    let (mut at_app, mut at_tessera) = (Browser::at(&app), Browser::at(&demo.url));
    let welcome = at_app.get("/").await;
    assert!(
        welcome.text.contains("Login with Tessera"),
        "{}",
        welcome.text
    );
    let sent = at_app.get("/login").await;
    let login = follow(&mut at_tessera, sent).await;
    let fields = [("identifier", "ada"), ("password", password.as_str())];
    let signed_in = at_tessera.submit(&login, &fields).await;
    let consent = follow(&mut at_tessera, signed_in).await;
    assert!(
        consent.text.contains("Allow Paper &amp; Quill?"),
        "{}",
        consent.text
    );
    let answer = at_tessera.submit(&consent, &[("decision", "allow")]).await;
    let answer = until(&mut at_tessera, answer, &app).await;
    let back = at_app.get(answer.location()).await;
    assert_eq!(back.location(), "/", "{}", back.text);

    let home = at_app.get("/").await;
    assert_eq!(home.status, StatusCode::OK, "{}", home.text);
    for text in ["You are signed in.", "&quot;paper&quot;", &demo.url] {
        assert!(home.text.contains(text), "{text}\n{}", home.text);
    }
    let verdicts: Vec<&str> = home
        .text
        .split("<code>")
        .filter_map(|part| part.split("</code>").next())
        .filter(|text| text.starts_with("check("))
        .collect();
    assert_eq!(verdicts.len(), 2, "{}", home.text);
    assert!(verdicts[0].starts_with("check(user:usr_"), "{verdicts:?}");
    assert!(
        verdicts[0].ends_with(" viewer doc:plan) = true"),
        "{verdicts:?}"
    );
    assert!(
        verdicts[1].ends_with(" viewer doc:salaries) = false"),
        "{verdicts:?}"
    );

    let out = at_app.get("/logout").await;
    assert!(out.location().starts_with(&demo.url), "{}", out.location());
    let out = until(&mut at_tessera, out, &app).await;
    assert_eq!(out.location(), format!("{app}/"));
    assert!(at_app.get("/").await.text.contains("Login with Tessera"));
    // Signed out at Tessera too: the next sign-in asks for the password.
    let again = at_app.get("/login").await;
    let login = follow(&mut at_tessera, again).await;
    assert!(login.text.contains("name=\"password\""), "{}", login.text);

    demo.signal("TERM");
    assert_eq!(demo.wait().code(), Some(0), "{}", place.log());
    assert_eq!(entries_of(temporary.path()), [] as [PathBuf; 0]);
    assert!(!place.log().contains("panicked"), "{}", place.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_cannot_start_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let place = Place::new().with("TMPDIR", temporary.path().to_str().unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in [2, 4, 6] {
        let mut arguments = ANY_PORTS;
        arguments[flag] = &address;
        let said = place.refused(&arguments, 6);
        assert!(said.contains(&address), "{said}");
        assert_eq!(entries_of(temporary.path()), [] as [PathBuf; 0]);
    }
}

/// Follows redirects to a page.
async fn follow(browser: &mut Browser, mut page: Page) -> Page {
    for _ in 0..8 {
        if !page.status.is_redirection() {
            return page;
        }
        page = browser.get(page.location()).await;
    }
    panic!("redirects without an end: {}", page.location());
}

/// Follows redirects until one leaves for `origin`.
async fn until(browser: &mut Browser, mut page: Page, origin: &str) -> Page {
    for _ in 0..8 {
        if page.location().starts_with(origin) {
            return page;
        }
        assert!(
            page.status.is_redirection(),
            "{} {}",
            page.status,
            page.text
        );
        page = browser.get(page.location()).await;
    }
    panic!("redirects without an end: {}", page.location());
}

fn entries_of(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
