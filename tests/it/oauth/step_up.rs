//! Step-up (RFC 9470): an API that wants a younger sign-in says so, and the authorization endpoint makes one.

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::config::Config;
use tessera::oauth::protocol::acr::Acr;
use tessera::policy::system::{self, Role};

use super::party::{Answer, Party, answered, claims, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client};
use crate::web::PASSWORD;

async fn start(engine: Engine, change: impl FnOnce(&mut Config)) -> (TestApp, Browser, Party) {
    let (t, browser, party) = setup_with(engine, change, |new| new.skip_consent = true).await;
    let mut tx = t.app.db.write().await.unwrap();
    let users = tessera::store::users::list(&mut tx, None, 10)
        .await
        .unwrap();
    for subject in [format!("user:{}", users[0].id), "client:web".to_owned()] {
        system::assign_role(&mut tx, &subject, Role::Admin, t.clock.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    (t, browser, party)
}

async fn users(t: &TestApp, token: &str) -> Answer {
    let url = format!("{}/admin/api/users", t.url);
    Answer::of(client().get(url).bearer_auth(token)).await
}

fn parameter(challenge: &str, name: &str) -> String {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

const ADMIN: [(&str, &str); 1] = [("scope", "openid offline_access tessera:admin")];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_too_old_is_challenged_and_one_of_a_new_proof_is_taken() {
    for engine in engines() {
        let (t, mut browser, party) = start(engine, |config| {
            config.admin.max_age_seconds = Seconds::new(300);
            config.admin.acr = Some(Acr::OneFactor);
        })
        .await;
        let tokens = party.tokens(&mut browser, &ADMIN).await;
        assert_eq!(users(&t, &tokens.access).await.status, StatusCode::OK);
        t.clock.advance(Seconds::new(301));
        // A refresh makes a young token of an old sign-in.
        let old = party.refresh(tokens.refresh()).await.tokens();
        let refused = users(&t, &old.access).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
        assert_eq!(refused.error(), "insufficient_user_authentication");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert_eq!(
            parameter(challenge, "error"),
            "insufficient_user_authentication"
        );
        let max_age = parameter(challenge, "max_age");
        let acr_values = parameter(challenge, "acr_values");
        assert_eq!(
            (max_age.as_str(), acr_values.as_str()),
            ("300", "urn:tessera:acr:1fa")
        );

        let mut wanted = ADMIN.to_vec();
        wanted.extend([
            ("max_age", max_age.as_str()),
            ("acr_values", acr_values.as_str()),
        ]);
        let page = browser.get(&party.authorize_path(&wanted)).await;
        let page = browser.get(page.location()).await;
        let next = browser.submit(&page, &[("password", PASSWORD)]).await;
        let back = browser.get(next.location()).await;
        let new = party.redeem(&answered(&back)["code"]).await.tokens();
        assert_eq!(
            users(&t, &new.access).await.status,
            StatusCode::OK,
            "{engine:?}"
        );
        assert_eq!(
            users(&t, &old.access).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_and_introspection_say_how_and_when_the_person_signed_in() {
    let (t, mut browser, party) = start(Engine::Sqlite, |_| {}).await;
    let signed_in_at = t.clock.now().seconds();
    t.clock.advance(Seconds::new(10));
    let tokens = party.tokens(&mut browser, &ADMIN).await;
    t.clock.advance(Seconds::new(10));
    let refreshed = party.refresh(tokens.refresh()).await.tokens();
    for token in [&tokens.access, &refreshed.access] {
        for said in [claims(token), party.introspect(token).await] {
            assert_eq!(said["acr"], "urn:tessera:acr:1fa", "{said}");
            assert_eq!(said["auth_time"], signed_in_at, "{said}");
        }
    }
    let own = party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens();
    for said in [claims(&own.access), party.introspect(&own.access).await] {
        assert!(
            said.get("acr").is_none() && said.get("auth_time").is_none(),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_not_asked_and_neither_is_who_lacks_the_permission() {
    let (t, mut browser, party) = start(Engine::Sqlite, |config| {
        config.admin.max_age_seconds = Seconds::new(30);
        config.tokens.access_token_ttl_seconds = Seconds::new(3_600);
    })
    .await;
    let own = party
        .token(&[("grant_type", "client_credentials")])
        .await
        .tokens();
    let token = party.tokens(&mut browser, &ADMIN).await.access;
    crate::web::person(&t, "bob", "Bob").await;
    let mut bob = Browser::new(&t);
    bob.sign_in("bob", PASSWORD).await;
    let plain = party.tokens(&mut bob, &ADMIN).await.access;
    t.clock.advance(Seconds::new(31));
    assert_eq!(users(&t, &own.access).await.status, StatusCode::OK);
    assert_eq!(users(&t, &plain).await.status, StatusCode::FORBIDDEN);
    assert_eq!(users(&t, &token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_sign_in_is_good_for_a_day_and_0_is_for_ever() {
    for (seconds, expect) in [(86_400, StatusCode::UNAUTHORIZED), (0, StatusCode::OK)] {
        let (t, mut browser, party) = start(Engine::Sqlite, |config| {
            config.admin.max_age_seconds = Seconds::new(seconds);
        })
        .await;
        let tokens = party.tokens(&mut browser, &ADMIN).await;
        t.clock.advance(Seconds::new(86_400));
        let tokens = party.refresh(tokens.refresh()).await.tokens();
        assert_eq!(users(&t, &tokens.access).await.status, StatusCode::OK);
        t.clock.advance(Seconds::new(1));
        let tokens = party.refresh(tokens.refresh()).await.tokens();
        assert_eq!(users(&t, &tokens.access).await.status, expect, "{seconds}");
    }
    assert_eq!(
        Config::default().admin.max_age_seconds,
        Seconds::new(86_400)
    );
}
