//! Assertions of trusted issuers as grants (RFC 7523 section 2.1), over HTTP and in the table, on both databases.

use std::sync::Arc;

use serde_json::{Value, json};
use tessera::base::id::UserId;
use tessera::base::time::Seconds;
use tessera::identity::account;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::jwt_bearer::TrustedIssuer;
use tessera::policy::system::ActingRight;
use tessera::store::{q, trusted_issuers};

use super::client_auth::Signer;
use super::dpop::Key;
use super::exchange::{Bench, JWT, exchange_as, refused};
use super::party::{Answer, Party, claims};
use crate::harness::database::{START, TestDb, engines};
use crate::harness::server::TestApp;
use crate::on_each_database;
use crate::web::alice;

const ISS: &str = "https://build.example";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A client that shows assertions.
fn shows(new: &mut NewClient) {
    new.grant_types = Some(vec![GRANT.to_owned()]);
    new.scope = Some("openid deploy api tessera:admin".to_owned());
    new.resources = vec!["https://files.example".to_owned()];
}

/// An issuer whose `sub` are these.
fn issuer(name: &str, iss: &str, signer: &Signer, subjects: &Value) -> TrustedIssuer {
    let new = json!({
        "issuer": iss,
        "jwks": { "keys": [signer.jwk("k")] },
        "clients": ["ci", "api"],
        "scope": "openid deploy",
        "subjects": subjects,
    });
    let new: tessera::oauth::protocol::jwt_bearer::NewTrustedIssuer =
        serde_json::from_value(new).unwrap();
    new.check(name, "https://id.example").unwrap()
}

async fn trust(t: &TestApp, trusted: &TrustedIssuer) {
    let mut tx = t.app.db.write().await.unwrap();
    trusted_issuers::put(&mut tx, trusted, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

struct Build {
    t: TestApp,
    ci: Party,
    alice: UserId,
    signer: Signer,
}

impl Build {
    /// An issuer that vouches for alice as `al`, and for the client `ci` as `job`.
    async fn new(engine: crate::harness::database::Engine) -> Self {
        let t = TestApp::start(engine).await;
        let alice = alice(&t).await;
        let ci = Party::register(&t, "ci", shows).await;
        let signer = Signer::p256();
        let subjects = json!({ "mapped": {
            "al": format!("user:{alice}"), "job": "client:ci", "other": "client:web",
        } });
        trust(&t, &issuer("build", ISS, &signer, &subjects)).await;
        Self {
            t,
            ci,
            alice,
            signer,
        }
    }

    /// An assertion that is good, but for the changes; null takes a claim away.
    fn assertion(&self, changes: Value) -> String {
        assertion(&self.t, &self.signer, changes)
    }

    async fn show(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        show(&self.ci, assertion, more).await
    }
}

fn assertion(t: &TestApp, signer: &Signer, changes: Value) -> String {
    let now = t.clock.now().seconds();
    let jti = tessera::base::id::new_ulid(t.clock.now());
    let mut claims = json!({
        "iss": ISS, "sub": "al", "aud": t.url, "iat": now, "exp": now + 60, "jti": jti,
    });
    let (members, Value::Object(changes)) = (claims.as_object_mut().unwrap(), changes) else {
        panic!("an object");
    };
    members.extend(changes);
    members.retain(|_, value| !value.is_null());
    signer.jwt(&claims)
}

async fn show(party: &Party, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", GRANT), ("assertion", assertion)];
    party.token(&[&form[..], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_about_a_person_gets_an_access_token_and_nothing_else() {
    for engine in engines() {
        let b = Build::new(engine).await;
        let answer = b.show(&b.assertion(json!({})), &[]).await;
        let tokens = answer.tokens();
        assert_eq!((tokens.refresh, tokens.id), (None, None));
        assert_eq!(tokens.scope, "deploy openid");
        assert_eq!(answer.json["issued_token_type"], Value::Null);
        let token = claims(&tokens.access);
        assert_eq!(token["sub"], json!(b.alice));
        assert_eq!(
            (&token["client_id"], &token["aud"]),
            (&json!("ci"), &json!(b.t.url))
        );
        assert_eq!(token["auth_time"], Value::Null, "nobody signed in");
        assert_eq!(token["sid"], Value::Null);
        assert!(b.ci.is_active(&tokens.access).await, "{engine:?}");
        let userinfo = b.ci.userinfo(&tokens.access).await;
        assert_eq!(userinfo.json["sub"], json!(b.alice), "{userinfo:?}");
        let more = [("scope", "deploy"), ("resource", "https://files.example")];
        let answer = b.show(&b.assertion(json!({})), &more).await;
        let token = claims(&answer.tokens().access);
        assert_eq!(token["aud"], "https://files.example");
        assert_eq!(token["scope"], "deploy");
        for scope in ["api", "tessera:admin"] {
            let wide = b.show(&b.assertion(json!({})), &[("scope", scope)]).await;
            assert_eq!(wide.error(), "invalid_scope", "{scope}");
        }
        let mut conn = b.t.app.db.read().await.unwrap();
        let bodies: Vec<String> = conn
            .all(q(
                "SELECT body FROM events WHERE kind = 'assertion.accepted'",
            ))
            .await
            .unwrap();
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let expect = json!({
            "issuer": "build", "client_id": "ci", "subject": format!("user:{}", b.alice),
        });
        assert_eq!((bodies.len(), body), (2, expect));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_about_a_client_serves_that_client_alone() {
    for engine in engines() {
        let b = Build::new(engine).await;
        let answer = b.show(&b.assertion(json!({ "sub": "job" })), &[]).await;
        let token = answer.tokens();
        assert_eq!(claims(&token.access)["sub"], "ci");
        assert_eq!(token.scope, "deploy", "openid is about people");
        assert!(b.ci.is_active(&token.access).await, "{engine:?}");
        let answer = b.show(&b.assertion(json!({ "sub": "other" })), &[]).await;
        refused(&answer, "invalid_grant", "which must send it itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_proves_itself_with_the_assertion() {
    let b = Build::new(crate::harness::database::Engine::Sqlite).await;
    let public = Party::register(&b.t, "api", |new| {
        shows(new);
        new.token_endpoint_auth_method = Some("none".to_owned());
    })
    .await;
    let answer = show(&public, &b.assertion(json!({})), &[]).await;
    assert_eq!(claims(&answer.tokens().access)["client_id"], "api");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_used_once_however_many_try_on_however_many_nodes() {
    for engine in engines() {
        let b = Build::new(engine).await;
        let node = b.t.second_node().await;
        let nodes = [Arc::new(b.ci.at(&b.t.url)), Arc::new(b.ci.at(&node.url))];
        for round in 0..5 {
            let assertion = b.assertion(json!({}));
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..16 {
                let (ci, assertion) = (Arc::clone(&nodes[n % 2]), assertion.clone());
                tasks.spawn(async move { show(&ci, &assertion, &[]).await });
            }
            let answers = tasks.join_all().await;
            let (good, bad): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.error() == "ok");
            assert_eq!(good.len(), 1, "{engine:?} round {round}");
            for answer in bad {
                refused(answer, "invalid_grant", "used before");
            }
            // As long as it would be good.
            b.t.clock.advance(Seconds::new(59));
            tessera::oauth::sweep::sweep(&b.t.app.db, &b.t.app.config.tokens, b.t.clock.now())
                .await
                .unwrap();
            refused(
                &b.show(&assertion, &[]).await,
                "invalid_grant",
                "used before",
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_right_about_an_assertion_gets_nothing_and_uses_nothing_up() {
    let b = Build::new(crate::harness::database::Engine::Sqlite).await;
    let now = b.t.clock.now().seconds();
    for (changes, says) in [
        (
            json!({ "iss": "https://evil.example" }),
            "no issuer that is trusted",
        ),
        (json!({ "sub": "eve" }), "nobody here"),
        (json!({ "sub": b.alice }), "nobody here"),
        (json!({ "sub": null }), "`sub`"),
        (json!({ "aud": "https://other.example" }), "`aud`"),
        (json!({ "aud": format!("{}/par", b.t.url) }), "`aud`"),
        (json!({ "aud": null }), "`aud`"),
        (json!({ "exp": now }), "expired"),
        (json!({ "exp": null }), "`exp`"),
        (json!({ "exp": now + 90_000 }), "sooner"),
        (json!({ "iat": now - 301 }), "made more than"),
        (json!({ "iat": now + 61 }), "future"),
        (json!({ "iat": null }), "`iat`"),
        (json!({ "nbf": now + 61 }), "future"),
        (json!({ "jti": null }), "`jti`"),
    ] {
        let answer = b.show(&b.assertion(changes), &[]).await;
        refused(&answer, "invalid_grant", says);
    }
    let good = json!({ "iss": ISS, "sub": "al", "aud": b.t.url, "iat": now, "exp": now + 60, "jti": "one" });
    let stranger = Signer::p256();
    for jwt in [
        stranger.jwt(&good),
        Signer::ed25519().jwt(&good),
        Signer::Secret("x".repeat(32)).jwt(&good),
        b.signer.jwt_with(&json!({ "alg": "none" }), &good),
        b.signer
            .jwt_with(&json!({ "alg": "ES256", "kid": "other" }), &good),
        b.signer.jwt_with(
            &json!({ "alg": "ES256", "kid": "k", "jwk": stranger.jwk("k") }),
            &json!({}),
        ),
        b.signer.jwt_with(
            &json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" }),
            &good,
        ),
        "x.y.z".to_owned(),
    ] {
        let answer = b.show(&jwt, &[]).await;
        assert_eq!(answer.error(), "invalid_grant", "{jwt}");
    }
    let missing = b.ci.token(&[("grant_type", GRANT)]).await;
    assert_eq!(missing.error(), "invalid_request");
    let stranger = Party::register(&b.t, "web", shows).await;
    let jwt = b.signer.jwt(&good);
    let answer = show(&stranger, &jwt, &[]).await;
    refused(
        &answer,
        "invalid_grant",
        "no issuer that is trusted for this client",
    );
    // A fault of the request does not use it up either.
    assert_eq!(
        b.show(&jwt, &[("scope", "api")]).await.error(),
        "invalid_scope"
    );
    assert_eq!(
        b.show(&jwt, &[("resource", "urn:x")]).await.error(),
        "invalid_target"
    );
    assert_eq!(b.show(&jwt, &[]).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_assertion_ends_with_the_account_and_the_issuer_with_its_removal() {
    for engine in engines() {
        let b = Build::new(engine).await;
        let token = b.show(&b.assertion(json!({})), &[]).await.tokens().access;
        let older = b.assertion(json!({}));
        b.t.clock.advance(Seconds::new(1));
        let now = b.t.clock.now();
        let mut tx = b.t.app.db.write().await.unwrap();
        account::lock(&mut tx, &b.alice, now).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!b.ci.is_active(&token).await, "{engine:?}");
        let answer = b.show(&b.assertion(json!({})), &[]).await;
        refused(&answer, "invalid_grant", "locked");
        let mut tx = b.t.app.db.write().await.unwrap();
        account::unlock(&mut tx, &b.alice, now).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!b.ci.is_active(&token).await, "voided for good");
        let answer = b.show(&older, &[]).await;
        refused(&answer, "invalid_grant", "after the assertion was made");
        assert_eq!(b.show(&b.assertion(json!({})), &[]).await.error(), "ok");
        let mut tx = b.t.app.db.write().await.unwrap();
        assert!(trusted_issuers::delete(&mut tx, "build").await.unwrap());
        tx.commit().await.unwrap();
        let answer = b.show(&b.assertion(json!({})), &[]).await;
        refused(&answer, "invalid_grant", "no issuer that is trusted");
        // Nobody was made.
        let mut conn = b.t.app.db.read().await.unwrap();
        let people: i64 = conn.one(q("SELECT COUNT(*) FROM users")).await.unwrap();
        assert_eq!(people, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_assertion_is_bound_to_the_key_that_is_proved() {
    let b = Build::new(crate::harness::database::Engine::Sqlite).await;
    let key = Key::new();
    let assertion = b.assertion(json!({}));
    let form = [("grant_type", GRANT), ("assertion", &assertion)];
    let answer = super::dpop::token(&b.ci, &form, &[&key.proof(&b.t)]).await;
    assert_eq!(claims(&answer.tokens().access)["cnf"]["jkt"], key.jkt());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuers_word_is_exchanged_once_by_whom_it_is_for() {
    for engine in engines() {
        let bench = Bench::new(engine).await;
        let signer = Signer::p256();
        let trusted = issuer("build", ISS, &signer, &json!("user_ids"));
        trust(&bench.t, &trusted).await;
        let word = |changes: Value| {
            let mut claims =
                json!({ "sub": bench.alice, "exp": bench.t.clock.now().seconds() + 30 });
            claims
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            assertion(&bench.t, &signer, claims)
        };
        let files = [("resource", super::exchange::FILES)];
        let jwt = word(json!({}));
        let answer = exchange_as(&bench.api, (&jwt, JWT), &files).await;
        refused(&answer, "unauthorized_client", "can_impersonate");
        // An issuer vouches for who somebody is, not for who may act for them here.
        let own = bench
            .api
            .token(&[("grant_type", "client_credentials")])
            .await;
        let own = own.tokens().access;
        let acting = [
            files[0],
            ("actor_token", own.as_str()),
            ("actor_token_type", super::exchange::ACCESS),
        ];
        let named = word(json!({ "may_act": { "sub": "api" } }));
        let answer = exchange_as(&bench.api, (&named, JWT), &acting).await;
        refused(&answer, "access_denied", "can_act_for");
        bench.give(ActingRight::Impersonator, "client:api").await;
        let other = word(json!({ "may_act": { "sub": "files" } }));
        let answer = exchange_as(&bench.api, (&other, JWT), &files).await;
        refused(&answer, "access_denied", "does not name");
        let answer = exchange_as(&bench.api, (&jwt, JWT), &files).await;
        let token = answer.tokens();
        assert_eq!(answer.json["expires_in"], 30, "{engine:?}");
        assert_eq!(claims(&token.access)["sub"], json!(bench.alice));
        assert_eq!(claims(&token.access)["sid"], Value::Null);
        assert!(bench.api.is_active(&token.access).await);
        let again = exchange_as(&bench.api, (&jwt, JWT), &files).await;
        refused(&again, "invalid_request", "used before");
    }
}

on_each_database!(an_issuer_is_kept_replaced_listed_and_removed, |t| {
    let t: TestDb = t;
    let signer = Signer::p256();
    let mut tx = t.db.write().await.unwrap();
    let build = issuer("build", ISS, &signer, &json!("user_ids"));
    trusted_issuers::put(&mut tx, &build, START).await.unwrap();
    let later = START.plus(Seconds::new(5));
    let mut changed = build.clone();
    changed.clients = vec!["web".to_owned()];
    trusted_issuers::put(&mut tx, &changed, later)
        .await
        .unwrap();
    let row = trusted_issuers::find(&mut tx, "build")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.created_at, row.updated_at), (START, later));
    assert_eq!(row.trusted, changed);
    let by_issuer = trusted_issuers::find_by_issuer(&mut tx, ISS).await.unwrap();
    assert_eq!(by_issuer, Some(changed));
    let other = issuer(
        "deploy",
        "https://deploy.example",
        &signer,
        &json!("user_ids"),
    );
    trusted_issuers::put(&mut tx, &other, START).await.unwrap();
    let names = |rows: Vec<trusted_issuers::TrustedIssuerRow>| -> Vec<String> {
        rows.into_iter().map(|row| row.trusted.name).collect()
    };
    let all = trusted_issuers::list(&mut tx, None, 10).await.unwrap();
    assert_eq!(names(all), ["build", "deploy"]);
    let rest = trusted_issuers::list(&mut tx, Some("build"), 10)
        .await
        .unwrap();
    assert_eq!(names(rest), ["deploy"]);
    assert!(trusted_issuers::delete(&mut tx, "build").await.unwrap());
    assert!(!trusted_issuers::delete(&mut tx, "build").await.unwrap());
    assert_eq!(
        trusted_issuers::find_by_issuer(&mut tx, ISS).await.unwrap(),
        None
    );
    tx.commit().await.unwrap();
    let mut tx = t.db.write().await.unwrap();
    let twin = issuer(
        "twin",
        "https://deploy.example",
        &signer,
        &json!("user_ids"),
    );
    let taken = trusted_issuers::put(&mut tx, &twin, START).await;
    assert!(taken.unwrap_err().is_already_exists());
});
