//! Rows of the catalogue about token exchange: it is the full login policy.

use serde_json::{Value, json};
use tessera::base::encoding::base64url;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::oauth::client;
use tessera::oauth::protocol::claims::{AccessClaims, TokenType};
use tessera::oauth::protocol::client::{ClientId, ClientState};
use tessera::oauth::protocol::grant::GrantDetails;
use tessera::store::q;

use crate::harness::database::{Engine, engines};
use crate::oauth::exchange::{ACCESS, Bench, FILES, ID, JWT, exchange, exchange_as, refused};
use crate::oauth::party::{Tokens, claims};

/// What ends an exchanged token, and keeps its subject's token from being exchanged.
const ENDS: [&str; 9] = [
    "lock",
    "password",
    "lock and unlock",
    "sign-out",
    "revoke the token",
    "revoke the grant",
    "disable the application",
    "disable the service",
    "delete the sessions",
];

async fn end(bench: &Bench, tokens: &Tokens, how: &str) {
    let (app, now) = (&bench.t.app, bench.t.clock.now());
    let mut tx = app.db.write().await.unwrap();
    match how {
        "lock" => drop(account::lock(&mut tx, &bench.alice, now).await.unwrap()),
        "lock and unlock" => {
            account::lock(&mut tx, &bench.alice, now).await.unwrap();
            account::unlock(&mut tx, &bench.alice, now).await.unwrap();
        }
        "password" => {
            let rows = tx.exec(
                q("UPDATE users SET tokens_valid_from = $2 WHERE id = $1")
                    .bind(bench.alice.as_str())
                    .bind(now),
            );
            assert_eq!(rows.await.unwrap(), 1);
        }
        "sign-out" | "delete the sessions" => {
            tx.exec(q("DELETE FROM sessions")).await.unwrap();
        }
        "disable the application" | "disable the service" => {
            let id = if how.ends_with("service") {
                "api"
            } else {
                "web"
            };
            let id = ClientId::parse(id).unwrap();
            client::set_state(&mut tx, &id, ClientState::Disabled, now)
                .await
                .unwrap();
        }
        _ => {
            drop(tx);
            let token = if how.ends_with("grant") {
                tokens.refresh()
            } else {
                &tokens.access
            };
            let answer = bench.web.post("/revoke", &[("token", token)]).await;
            assert_eq!(answer.error(), "ok");
            return;
        }
    }
    tx.commit().await.unwrap();
}

/// Row 18: who is locked, signed out or revoked gets no token by exchange, and loses the one that was made before.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_token_ends_with_everything_it_was_made_from() {
    for engine in engines() {
        for how in ENDS {
            let mut bench = Bench::trusting(engine).await;
            let of = [
                ("resource", crate::oauth::exchange::API),
                ("scope", "openid api"),
            ];
            let tokens = bench.web.tokens(&mut bench.browser, &of).await;
            let files = [("resource", FILES)];
            let new = exchange(&bench.api, &tokens.access, &files).await.tokens();
            let watcher = crate::oauth::Party::register(&bench.t, "watcher", |_| {}).await;
            assert!(watcher.is_active(&new.access).await, "{engine:?} {how}");
            bench.t.clock.advance(Seconds::new(1));
            end(&bench, &tokens, how).await;
            assert!(!watcher.is_active(&new.access).await, "{engine:?} {how}");
            let answer = exchange(&bench.api, &tokens.access, &files).await;
            let error = if how == "disable the service" {
                "invalid_client"
            } else {
                "invalid_request"
            };
            assert_eq!(answer.error(), error, "{engine:?} {how}");
        }
    }
}

/// Row 18: the same two exchanges down, where a token in the middle is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_exchanges_ends_behind_the_link_that_is_revoked() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let token = bench.token().await;
        let files = [("resource", FILES)];
        let first = exchange(&bench.api, &token, &files).await.tokens().access;
        let second = exchange(&bench.api, &first, &files).await.tokens().access;
        let third = exchange(&bench.api, &second, &files).await.tokens().access;
        let answer = bench.api.post("/revoke", &[("token", &second)]).await;
        assert_eq!(answer.error(), "ok");
        for (token, lives) in [
            (&token, true),
            (&first, true),
            (&second, false),
            (&third, false),
        ] {
            assert_eq!(bench.api.is_active(token).await, lives, "{engine:?}");
        }
    }
}

/// What makes a good claim a wrong one.
type Change = Box<dyn Fn(&mut AccessClaims)>;

/// Row 23: signature, type, issuer, expiry, audience, client and person of a token are all asked, in each form that takes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_one_wrong_claim_is_not_exchanged() {
    let mut bench = Bench::trusting(Engine::Sqlite).await;
    let token = bench.token().await;
    let now = bench.t.clock.now().seconds();
    let other = crate::web::person(&bench.t, "bob", "Bob").await;
    let wrong: Vec<(&str, Change)> = vec![
        ("exp", Box::new(move |claims| claims.exp = now)),
        ("exp", Box::new(|claims| claims.exp = 0)),
        (
            "iss",
            Box::new(|claims| claims.iss = "https://evil.example".to_owned()),
        ),
        ("iss", Box::new(|claims| claims.iss.push('/'))),
        (
            "aud",
            Box::new(|claims| claims.aud = "https://other.example".to_owned().into()),
        ),
        ("aud", Box::new(|claims| claims.aud = String::new().into())),
        (
            "sub",
            Box::new(move |claims| claims.sub = other.as_str().to_owned()),
        ),
        (
            "client_id",
            Box::new(|claims| claims.client_id = "api".to_owned()),
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
    let files = [("resource", FILES)];
    for (claim, change) in wrong {
        let forged = bench.forged(&token, |claims| change(claims));
        for kind in [ACCESS, ID, JWT] {
            let answer = exchange_as(&bench.api, (&forged, kind), &files).await;
            refused(&answer, "invalid_request", "");
            assert!(answer.json.get("access_token").is_none(), "{claim} {kind}");
        }
    }
    // The same claims unchanged are good, so each of those was refused for what was changed.
    let same = bench.forged(&token, |_| {});
    assert_eq!(exchange(&bench.api, &same, &files).await.error(), "ok");
}

/// Row 23: no other kind of JWT of ours, no other key, and no other algorithm passes for an access token.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_kind_or_signature_is_not_exchanged() {
    let mut bench = Bench::trusting(Engine::Sqlite).await;
    let token = bench.token().await;
    let body: AccessClaims = serde_json::from_value(claims(&token)).unwrap();
    let (header, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let none = base64url(
        json!({ "alg": "none", "typ": "at+jwt" })
            .to_string()
            .as_bytes(),
    );
    let mut wide = claims(&token);
    wide["sub"] = json!("usr_00000000000000000000000000");
    let wide = base64url(wide.to_string().as_bytes());
    let mut forged = vec![
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{wide}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        token[..token.len() - 1].to_owned(),
        String::new(),
    ];
    for kind in [
        TokenType::IdToken,
        TokenType::LogoutToken,
        TokenType::UserInfo,
        TokenType::Introspection,
        TokenType::AuthorizationResponse,
    ] {
        forged.push(bench.t.app.keys.sign(kind, &body).unwrap());
    }
    for jwt in forged {
        for kind in [ACCESS, ID, JWT] {
            let answer = exchange_as(&bench.api, (&jwt, kind), &[("resource", FILES)]).await;
            assert_eq!(answer.error(), "invalid_request", "{kind} {jwt}");
        }
    }
}

/// Row 23: what may be had by exchange is asked of the client and the relation as they are now, not as they were when the token was made.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_asks_for_no_more_than_the_registration_allows_now() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let token = bench.token().await;
        let files = [("resource", FILES)];
        assert_eq!(exchange(&bench.api, &token, &files).await.error(), "ok");
        for (column, value, error) in [
            ("scope", "openid", "ok"),
            (
                "grant_types",
                r#"["client_credentials"]"#,
                "unauthorized_client",
            ),
        ] {
            let update = match column {
                "scope" => q("UPDATE clients SET scope = $1 WHERE client_id = 'api'"),
                _ => q("UPDATE clients SET grant_types = $1 WHERE client_id = 'api'"),
            };
            let mut tx = bench.t.app.db.write().await.unwrap();
            tx.exec(update.bind(value)).await.unwrap();
            tx.commit().await.unwrap();
            let answer = exchange(&bench.api, &token, &files).await;
            assert_eq!(answer.error(), error, "{engine:?}");
            if error == "ok" {
                assert_eq!(answer.json["scope"], "openid");
            }
        }
    }
}

/// What a grant says of its origins is read by its name in the text (`store::grants`): the name must not change.
#[test]
fn origins_stand_in_the_details_under_their_name() {
    let details = GrantDetails {
        derived_from: Some(tessera::oauth::protocol::grant::Origins::default()),
        ..GrantDetails::default()
    };
    let text = serde_json::to_string(&details).unwrap();
    assert!(text.contains(r#""derived_from":{"#), "{text}");
    let plain: Value = serde_json::to_value(GrantDetails::default()).unwrap();
    assert_eq!(plain.get("derived_from"), None);
}
