//! Signing out: nobody does it to somebody else, and what says so is nothing else.

use http::StatusCode;
use tessera::base::id::SessionId;
use tessera::oauth::protocol::claims::TokenType;
use tessera::oauth::protocol::logout::LogoutClaims;

use crate::harness::database::Engine;
use crate::oauth::party::{claims, setup};

/// SECURITY R69: a logout token is accepted neither as access token nor as ID token.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_token_taken_for_another_token() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let id = party.tokens(&mut browser, &[]).await.id.unwrap();
    let hint = claims(&id);
    let sid = SessionId::parse(hint["sid"].as_str().unwrap()).unwrap();
    let parties = (t.url.as_str(), "web");
    let claims = LogoutClaims::new(parties, hint["sub"].as_str().unwrap(), sid, t.clock.now());
    let token = t.app.keys.sign(TokenType::LogoutToken, &claims).unwrap();
    assert_eq!(
        party.userinfo(&token).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(!party.is_active(&token).await);
    let page = browser.get(&format!("/logout?id_token_hint={token}")).await;
    assert!(page.text.contains("Sign out?"), "it is no hint");
    let path = party.authorize_path(&[("id_token_hint", &token)]);
    assert!(browser.get(&path).await.location().contains("error="));
}

/// SECURITY R59: without the ID token of this very sign-in, a link or a form of another site only asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_signs_somebody_out() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for params in ["", "?client_id=web", "?logout_hint=alice&ui_locales=de"] {
        let page = browser.get(&format!("/logout{params}")).await;
        assert_eq!(page.status, StatusCode::OK, "{params}");
        assert!(page.text.contains("Sign out?"), "{params}");
    }
    let page = browser.post("/logout", &[("client_id", "web")]).await;
    assert!(page.text.contains("Sign out?"));
    let silent = party.authorize_path(&[("prompt", "none")]);
    assert!(browser.get(&silent).await.location().contains("code="));
}
