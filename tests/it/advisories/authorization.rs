//! Rows of the catalogue about authorization requests and their codes.

use http::StatusCode;
use tessera::base::encoding::base64url;
use tessera::base::secret::{TokenKind, sha256};
use tessera::base::time::Seconds;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::client::ClientId;

use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::keys;
use crate::harness::server::TestApp;
use crate::oauth::party::{
    Party, REDIRECT_URI, VERIFIER, agree, answered, setup, setup_with, signed_in,
};
use crate::web::alice;

/// Row 3: a scheme that runs what it carries can be registered by no way in.
#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_uri_runs_script() {
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://a.example/1",
    ] {
        let new = NewClient {
            redirect_uris: vec![uri.to_owned()],
            ..NewClient::default()
        };
        assert!(new.check().is_err(), "{uri}");
        let new = NewClient {
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            post_logout_redirect_uris: vec![uri.to_owned()],
            ..NewClient::default()
        };
        assert!(new.check().is_err(), "{uri}");
    }
}

/// Row 4: a parameter that stands twice is read one way by us and another way by somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_stands_twice() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let path = party.authorize_path(&[]);
    let query = path.split_once('?').unwrap().1;
    for pair in query.split('&') {
        let name = pair.split_once('=').unwrap().0;
        for again in [pair.to_owned(), format!("{name}="), format!("{name}=x")] {
            let page = browser.get(&format!("{path}&{again}")).await;
            if matches!(name, "client_id" | "redirect_uri") {
                assert_eq!(page.status, StatusCode::BAD_REQUEST, "{again}");
                assert_eq!(page.location(), "", "{again}");
            } else {
                assert_eq!(answered(&page)["error"], "invalid_request", "{again}");
                assert!(!answered(&page).contains_key("code"));
            }
        }
    }
    for path in [
        "/token",
        "/introspect",
        "/revoke",
        "/par",
        "/device_authorization",
        "/bc-authorize",
    ] {
        for name in ["grant_type", "token", "client_id", "scope", "code"] {
            let answer = party.post(path, &[(name, "x"), (name, "x")]).await;
            assert_eq!(answer.error(), "invalid_request", "{path} {name}");
        }
    }
    drop(t);
}

/// Row 5: no page sends the browser to an address that came with the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_named_by_an_id_and_never_by_a_url() {
    let (_t, mut browser, _party) = setup(Engine::Sqlite).await;
    for flow in [
        "https://evil.example/",
        "//evil.example",
        "flw_",
        "%2F%2Fevil.example",
    ] {
        let page = browser
            .get(&format!("/authorize/continue?flow={flow}"))
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{flow}");
        assert_eq!(page.location(), "");
    }
}

/// Row 6: a flow goes on only in the browser that began it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flow_without_its_cookie_is_worth_nothing() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let party = Party::register(&t, "web", |_| {}).await;
        let mut attacker = Browser::new(&t);
        let page = attacker.get(&party.authorize_path(&[])).await;
        let flow = page.location().split_once('=').unwrap().1.to_owned();
        agree(&t, &user, &party).await;
        let mut victim = signed_in(&t).await;
        let resumed = format!("/authorize/continue?flow={flow}");
        let page = victim.get(&resumed).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "no cookie");
        t.clock.advance(Seconds::new(1));
        let page = victim
            .get(&party.authorize_path(&[("prompt", "login")]))
            .await;
        assert!(page.location().starts_with("/login"), "a flow of its own");
        let page = victim.get(&resumed).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "another cookie");
        assert_eq!(page.location(), "");
        for page in ["login", "consent"] {
            let page = victim.get(&format!("/{page}?flow={flow}")).await;
            assert!(page.status.is_client_error());
        }
    }
}

/// Row 8: what is a secret of one kind is none of another, wherever it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_one_kind_passes_for_another() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let code = party.code(&mut browser, &[]).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let mut secrets = vec![
        code,
        tokens.access.clone(),
        tokens.refresh().to_owned(),
        tokens.id.clone().unwrap(),
        party.secret.clone().unwrap(),
    ];
    secrets.extend(browser.cookies.values().cloned());
    for kind in [
        TokenKind::Session,
        TokenKind::SetupLink,
        TokenKind::FlowBinding,
        TokenKind::Csrf,
    ] {
        secrets.push(kind.generate().expose().clone());
    }
    secrets.push(keys::secret(&t, "client:web", |_| {}).await);
    for secret in &secrets {
        if !secret.starts_with("tsr_ac_") {
            assert_eq!(
                party.redeem(secret).await.error(),
                "invalid_grant",
                "{secret}"
            );
        }
        if secret != tokens.refresh() {
            assert_eq!(
                party.refresh(secret).await.error(),
                "invalid_grant",
                "{secret}"
            );
        }
        if secret != &tokens.access {
            let answer = party.userinfo(secret).await;
            assert_eq!(answer.error(), "invalid_token", "{secret}");
        }
        if Some(secret) != tokens.id.as_ref() {
            let page = browser
                .get(&party.authorize_path(&[("prompt", "none"), ("id_token_hint", secret)]))
                .await;
            if secret.starts_with("tsr_ak_") {
                assert_eq!(page.status, StatusCode::BAD_REQUEST, "no key in a URL");
            } else {
                assert_eq!(answered(&page)["error"], "invalid_request", "{secret}");
            }
        }
        let page = Browser::new(&t).get(&format!("/setup/{secret}")).await;
        assert!(page.status.is_client_error(), "{secret}");
    }
}

/// Row 9: what the registration does not allow any more is not issued, whatever the flow says.
#[tokio::test(flavor = "multi_thread")]
async fn the_registration_is_read_again_when_a_code_is_issued_and_when_it_is_redeemed() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let narrow = async |change: fn(&mut NewClient)| {
        let mut new = NewClient {
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            grant_types: Some(vec!["authorization_code".to_owned()]),
            scope: Some("openid".to_owned()),
            ..NewClient::default()
        };
        change(&mut new);
        let id = ClientId::parse("web").unwrap();
        let mut tx = t.app.db.write().await.unwrap();
        client::update(&mut tx, &t.app.sealer, (&id, &new), t.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    let code = party.code(&mut browser, &[]).await;
    let page = browser
        .get(&party.authorize_path(&[("prompt", "consent")]))
        .await;
    let flow = page.location().split_once('=').unwrap().1.to_owned();
    narrow(|_| {}).await;
    let tokens = party.redeem(&code).await.tokens();
    assert_eq!((tokens.scope.as_str(), &tokens.refresh), ("openid", &None));
    narrow(|new| new.redirect_uris = vec!["https://app.example/new".to_owned()]).await;
    let page = browser
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

/// Row 10: every way around PKCE.
#[tokio::test(flavor = "multi_thread")]
async fn pkce_can_be_neither_left_out_nor_weakened() {
    let (_t, mut browser, party) =
        setup_with(Engine::Sqlite, |_| {}, |new| new.require_pkce = Some(false)).await;
    let challenge = base64url(sha256(VERIFIER.as_bytes()).as_ref());
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let s256: [(&str, &str); 0] = [];
    for (request, verifier) in [
        (&none[..], VERIFIER),
        (&s256[..], ""),
        (&s256[..], challenge.as_str()),
        (&s256[..], "x"),
    ] {
        let code = party.code(&mut browser, request).await;
        let answer = party
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", verifier),
            ])
            .await;
        assert_eq!(answer.error(), "invalid_grant", "{request:?} {verifier}");
    }
    for changes in [
        [
            ("code_challenge", VERIFIER),
            ("code_challenge_method", "plain"),
        ],
        [("code_challenge", VERIFIER), ("code_challenge_method", "")],
        [("code_challenge", ""), ("code_challenge_method", "S256")],
        [
            ("code_challenge", "short"),
            ("code_challenge_method", "S256"),
        ],
    ] {
        let page = browser.get(&party.authorize_path(&changes)).await;
        assert_eq!(answered(&page)["error"], "invalid_request", "{changes:?}");
    }
}
