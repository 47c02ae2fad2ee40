//! Rows of the catalogue about tokens, refresh and revocation.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::oauth::client;
use tessera::oauth::protocol::claims::{AccessClaims, TokenType};
use tessera::oauth::protocol::client::{ClientId, ClientState};
use tessera::store::q;

use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as client_of_http};
use crate::oauth::dpop::Key;
use crate::oauth::party::{Answer, Party, claims, setup};

/// Row 7: a code and a refresh token belong to their client.
#[tokio::test(flavor = "multi_thread")]
async fn codes_and_refresh_tokens_are_bound_to_their_client() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let other = Party::register(&t, "other", |_| {}).await;
        let public = Party::register(&t, "public", Party::public).await;
        let code = party.code(&mut browser, &[]).await;
        let tokens = party.tokens(&mut browser, &[]).await;
        for thief in [&other, &public] {
            assert_eq!(thief.redeem(&code).await.error(), "invalid_grant");
            assert_eq!(
                thief.refresh(tokens.refresh()).await.error(),
                "invalid_grant"
            );
        }
        assert_eq!(party.redeem(&code).await.error(), "ok");
        assert_eq!(party.refresh(tokens.refresh()).await.error(), "ok");
    }
}

/// Row 11, for proofs of possession: what was shown once is refused on every node and after a restart, as long as its time would do.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_not_taken_again_by_another_node_or_after_a_restart() {
    for engine in engines() {
        let (t, _browser, party) = setup(engine).await;
        let (key, form) = (Key::new(), [("grant_type", "client_credentials")]);
        let proof = key.proof(&t);
        let answer = party.post_with("/token", &form, &[&proof]).await;
        assert_eq!(answer.error(), "ok", "{engine:?}");
        for seconds in [0, 30, 30] {
            t.clock.advance(Seconds::new(seconds));
            let node = t.second_node().await;
            for party in [&party, &party.at(&node.url)] {
                let again = party.post_with("/token", &form, &[&proof]).await;
                assert_eq!(again.error(), "invalid_dpop_proof", "{engine:?}");
            }
        }
    }
}

/// Row 13: refreshes at the same time on two nodes fork nothing. Several nodes share a PostgreSQL database; one node on
/// SQLite is tried in `oauth::races`.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_refreshes_on_two_nodes_have_one_successor() {
    for engine in engines() {
        if engine == Engine::Sqlite {
            continue;
        }
        let (t, mut browser, party) = setup(engine).await;
        let second = t.second_node().await;
        let party = Arc::new(party);
        let twin = Arc::new(party.at(&second.url));
        let mut refresh = party.tokens(&mut browser, &[]).await.refresh().to_owned();
        for round in 0..5 {
            t.clock.advance(Seconds::new(20));
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..64 {
                let party = Arc::clone(if n % 2 == 0 { &party } else { &twin });
                let refresh = refresh.clone();
                tasks.spawn(async move { party.refresh(&refresh).await });
            }
            let heads: BTreeSet<String> = tasks
                .join_all()
                .await
                .iter()
                .map(|answer| answer.tokens().refresh().to_owned())
                .collect();
            assert_eq!(heads.len(), 1, "{engine:?} round {round}");
            refresh = heads.into_iter().next().unwrap();
        }
    }
}

/// Row 14: neither a restart nor a clock that steps brings a spent token back.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_or_a_clock_step_revives_nothing() {
    for engine in engines() {
        for step in [-86_400, -60, 0, 60] {
            let (t, mut browser, party) = setup(engine).await;
            let first = party.tokens(&mut browser, &[]).await;
            t.clock.advance(Seconds::new(60));
            let second = party.refresh(first.refresh()).await.tokens();
            t.clock.advance(Seconds::new(60));
            party.refresh(second.refresh()).await.tokens();
            let restarted = t.second_node().await;
            t.clock.advance(Seconds::new(step));
            let party = party.at(&restarted.url);
            let answer = party.refresh(first.refresh()).await;
            assert_eq!(answer.error(), "invalid_grant", "{engine:?} {step}");
        }
    }
}

/// Row 15: a confidential client refreshes with its secret, and with a refresh token.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_needs_the_clients_authentication_and_a_refresh_token() {
    let (_t, mut browser, mut party) = setup(Engine::Sqlite).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    for wrong in [&tokens.access, tokens.id.as_ref().unwrap()] {
        assert_eq!(party.refresh(wrong).await.error(), "invalid_grant");
    }
    party.secret = None;
    let answer = party.refresh(tokens.refresh()).await;
    assert_eq!(answer.error(), "invalid_client");
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

/// Row 17: every prefix, bit flip and re-encoding of a secret is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_token_is_no_token() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let code = party.code(&mut browser, &[]).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    for damaged in damages(&code) {
        assert_eq!(
            party.redeem(&damaged).await.error(),
            "invalid_grant",
            "{damaged}"
        );
    }
    for damaged in damages(tokens.refresh()) {
        assert_eq!(
            party.refresh(&damaged).await.error(),
            "invalid_grant",
            "{damaged}"
        );
    }
    for damaged in damages(&tokens.access) {
        assert!(!party.is_active(&damaged).await, "{damaged}");
    }
    assert_eq!(
        party.redeem(&code).await.error(),
        "ok",
        "nothing of it burned the code"
    );
    assert_eq!(party.refresh(tokens.refresh()).await.error(), "ok");
    assert!(party.is_active(&tokens.access).await);
}

/// About 60 damaged forms of a text, spread over it.
pub fn damages(text: &str) -> Vec<String> {
    let mut damaged: Vec<String> = (1..text.len())
        .step_by(text.len() / 20 + 1)
        .map(|end| text[..end].to_owned())
        .collect();
    damaged.push(text[..text.len() - 1].to_owned());
    for at in (0..text.len())
        .step_by(text.len() / 20 + 1)
        .chain([text.len() - 1])
    {
        let mut bytes = text.to_owned().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        damaged.push(String::from_utf8(bytes).unwrap());
    }
    for re_encoded in [
        format!("{text}="),
        format!("{text}A"),
        format!("{text} "),
        format!(" {text}"),
        format!("{text}\n"),
        text.to_uppercase(),
        text.replace('_', "/"),
        text.replace('.', ".."),
    ] {
        if re_encoded != text {
            damaged.push(re_encoded);
        }
    }
    damaged
}

/// Row 18: no grant gives a token after the state commit of the person or the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_person_and_a_disabled_client_get_no_tokens() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let watcher = Party::register(&t, "watcher", |_| {}).await;
        let code = party.code(&mut browser, &[]).await;
        let tokens = party.tokens(&mut browser, &[]).await;
        lock(&t, &tokens.access).await;
        assert_eq!(party.redeem(&code).await.error(), "invalid_grant");
        assert_eq!(
            party.refresh(tokens.refresh()).await.error(),
            "invalid_grant"
        );
        assert!(!party.is_active(&tokens.access).await);
        assert_eq!(
            party.userinfo(&tokens.access).await.error(),
            "invalid_token"
        );
        let page = browser
            .get(&party.authorize_path(&[("prompt", "none")]))
            .await;
        assert!(
            page.location().contains("login_required"),
            "{}",
            page.location()
        );

        let own = party
            .token(&[("grant_type", "client_credentials")])
            .await
            .tokens();
        disable(&t).await;
        for form in [
            &[("grant_type", "client_credentials")][..],
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens.refresh()),
            ],
            &[("grant_type", "authorization_code"), ("code", &code)],
        ] {
            assert_eq!(party.token(form).await.error(), "invalid_client");
        }
        assert!(!watcher.is_active(&own.access).await);
    }
}

async fn lock(t: &TestApp, access_token: &str) {
    let sub = claims(access_token)["sub"].as_str().unwrap().to_owned();
    let user = tessera::base::id::UserId::parse(&sub).unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    t.clock.advance(Seconds::new(1));
    account::lock(&mut tx, &user, t.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn disable(t: &TestApp) {
    let client_id = ClientId::parse("web").unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::set_state(&mut tx, &client_id, ClientState::Disabled, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Row 20: a revocation that could not be stored is not called done.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_fails_is_told() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let tokens = party.tokens(&mut browser, &[]).await;
        for (sql, token) in [
            ("DROP TABLE revoked_access_tokens", tokens.access.as_str()),
            ("ALTER TABLE grants RENAME TO grants_gone", tokens.refresh()),
        ] {
            let mut tx = t.app.db.write().await.unwrap();
            tx.exec(q(sql)).await.unwrap();
            tx.commit().await.unwrap();
            let answer = party.post("/revoke", &[("token", token)]).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{sql}");
            assert_eq!(answer.error(), "server_error");
            let text = answer.json.to_string();
            assert!(
                !text.contains("grants") && !text.contains("table"),
                "{text}"
            );
        }
    }
}

/// What makes a good claim a wrong one.
type Change = Box<dyn Fn(&mut AccessClaims)>;

/// R69, R70: a token with our own signature and one claim, or the type, that is not right opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_type_or_with_one_wrong_claim_opens_nothing() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let changes = [("scope", "openid tessera:admin")];
    let token = party.tokens(&mut browser, &changes).await.access;
    let now = t.clock.now().seconds();
    let bob = crate::web::person(&t, "bob", "Bob").await;
    let wrong: Vec<(&str, Change)> = vec![
        ("exp", Box::new(move |claims| claims.exp = now)),
        ("exp", Box::new(|claims| claims.exp = 0)),
        ("iss", Box::new(|claims| claims.iss.push('/'))),
        ("iss", Box::new(|claims| claims.iss.clear())),
        (
            "aud",
            Box::new(|claims| claims.aud = "https://other.example".to_owned().into()),
        ),
        ("aud", Box::new(|claims| claims.aud = String::new().into())),
        (
            "sub",
            Box::new(move |claims| claims.sub = bob.as_str().to_owned()),
        ),
        (
            "client_id",
            Box::new(|claims| claims.client_id = "nobody".to_owned()),
        ),
        ("jti", Box::new(|claims| claims.jti = "x".to_owned())),
        (
            "jti",
            Box::new(|claims| claims.jti = "gnt_00000000000000000000000000.x".to_owned()),
        ),
    ];
    let admin = async |token: &str| {
        let request = client_of_http().get(format!("{}/admin/api/users", t.url));
        Answer::of(request.bearer_auth(token)).await.status
    };
    let signed = |change: &dyn Fn(&mut AccessClaims)| {
        let mut said: AccessClaims = serde_json::from_value(claims(&token)).unwrap();
        change(&mut said);
        t.app.keys.sign(TokenType::AccessToken, &said).unwrap()
    };
    for (claim, change) in &wrong {
        let forged = signed(&**change);
        let info = party.userinfo(&forged).await;
        assert_eq!(info.error(), "invalid_token", "{claim}");
        assert_eq!(admin(&forged).await, StatusCode::UNAUTHORIZED, "{claim}");
        // Introspection is asked by those whom a token of another audience is for.
        assert!(
            *claim == "aud" || !party.is_active(&forged).await,
            "{claim}"
        );
    }
    // R69: nor does another kind of token that says the same.
    for kind in [
        TokenType::IdToken,
        TokenType::LogoutToken,
        TokenType::UserInfo,
        TokenType::Introspection,
        TokenType::AuthorizationResponse,
        TokenType::Metadata,
    ] {
        let said: AccessClaims = serde_json::from_value(claims(&token)).unwrap();
        let other = t.app.keys.sign(kind, &said).unwrap();
        assert_eq!(party.userinfo(&other).await.error(), "invalid_token");
        assert_eq!(admin(&other).await, StatusCode::UNAUTHORIZED, "{kind:?}");
        assert!(!party.is_active(&other).await, "{kind:?}");
    }
    // Unchanged it is good, so each of those was refused for what was changed.
    let same = signed(&|_| {});
    assert_eq!(party.userinfo(&same).await.error(), "ok");
    assert_eq!(admin(&same).await, StatusCode::FORBIDDEN);
}
