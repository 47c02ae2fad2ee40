//! The cookies of a server that is reached over TLS.

use super::{PASSWORD, alice};
use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::server::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_every_cookie_has_the_host_prefix_and_is_removed_for_good() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.issuer = "https://id.example".to_owned();
    })
    .await;
    alice(&t).await;
    let mut browser = Browser::new(&t);
    let page = browser.get("/login").await;
    assert!(page.text.contains("action=\"/login\""), "{}", page.text);
    let fields = page.hidden_fields();
    let fields = [
        ("csrf", fields[0].1.as_str()),
        ("identifier", "alice"),
        ("password", PASSWORD),
    ];
    let page = browser.post("/login", &fields).await;
    assert_eq!(page.location(), "/");
    let names: Vec<&String> = browser.cookies.keys().collect();
    assert_eq!(
        names,
        [
            "__Host-tessera",
            "__Host-tessera-form",
            "__Host-tessera-known"
        ]
    );
    assert!(page.header("set-cookie").contains("Secure"));
    let home = browser.get("/").await;
    let token = home.hidden_fields()[0].1.clone();
    let page = browser.post("/signout", &[("csrf", &token)]).await;
    let removal = "__Host-tessera=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure";
    assert!(
        page.headers
            .get_all("set-cookie")
            .iter()
            .any(|value| value == removal)
    );
}
