//! Token exchange (RFC 8693) over HTTP: who gets what for whose token, and who gets nothing.

use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::id::UserId;
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::claims::{AccessClaims, TokenType};
use tessera::policy::system::{self, ActingRight};
use tessera::store::q;

use super::dpop::Key;
use super::party::{Answer, Party, agree, claims, setup_with, signed_in};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::person;

pub const API: &str = "https://api.example";
pub const FILES: &str = "https://files.example";
pub const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
pub const ID: &str = "urn:ietf:params:oauth:token-type:id_token";
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// Alice, the application `web` that she uses, and the service `api` that it calls, which calls `files` in turn.
pub struct Bench {
    pub t: TestApp,
    pub browser: Browser,
    pub web: Party,
    pub api: Party,
    pub alice: UserId,
}

/// A client that exchanges tokens for a service.
pub fn service(new: &mut NewClient, is: &str, calls: &[&str]) {
    let grants = [
        "authorization_code",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ];
    new.grant_types = Some(grants.map(str::to_owned).to_vec());
    new.subject_token_audiences = vec![is.to_owned()];
    new.resources = calls.iter().map(|text| (*text).to_owned()).collect();
}

impl Bench {
    pub async fn new(engine: Engine) -> Self {
        let resources = |new: &mut NewClient| new.resources = vec![API.to_owned()];
        let (t, mut browser, web) = setup_with(engine, |_| {}, resources).await;
        let api = Party::register(&t, "api", |new| service(new, API, &[FILES])).await;
        let tokens = web.tokens(&mut browser, &[]).await;
        let sub = claims(&tokens.access)["sub"].as_str().unwrap().to_owned();
        let alice = UserId::parse(&sub).unwrap();
        agree(&t, &alice, &api).await;
        Self {
            t,
            browser,
            web,
            api,
            alice,
        }
    }

    /// With `api` as an impersonator of alice.
    pub async fn trusting(engine: Engine) -> Self {
        let bench = Self::new(engine).await;
        bench.give(ActingRight::Impersonator, "client:api").await;
        bench
    }

    /// A token of alice's for `api`, which `web` got.
    pub async fn token(&mut self) -> String {
        let changes = [("resource", API), ("scope", "openid api tessera:admin")];
        self.web.tokens(&mut self.browser, &changes).await.access
    }

    pub async fn give(&self, right: ActingRight, subject: &str) {
        let now = self.t.clock.now();
        let mut tx = self.t.app.db.write().await.unwrap();
        let right = (right, subject);
        let written = system::give_acting(&mut tx, &self.alice, right, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.t.app.policy.committed(&written, now).await;
    }

    pub async fn take(&self, right: ActingRight, subject: &str) {
        let now = self.t.clock.now();
        let mut tx = self.t.app.db.write().await.unwrap();
        let right = (right, subject);
        let written = system::take_acting(&mut tx, &self.alice, right, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.t.app.policy.committed(&written, now).await;
    }

    /// A token of the same grant with other claims, signed by the server.
    pub fn forged(&self, token: &str, change: impl FnOnce(&mut AccessClaims)) -> String {
        let mut forged: AccessClaims = serde_json::from_value(claims(token)).unwrap();
        change(&mut forged);
        self.t
            .app
            .keys
            .sign(TokenType::AccessToken, &forged)
            .unwrap()
    }
}

/// Exchanges an access token; `more` are further parameters.
pub async fn exchange(party: &Party, token: &str, more: &[(&str, &str)]) -> Answer {
    exchange_as(party, (token, ACCESS), more).await
}

pub async fn exchange_as(
    party: &Party,
    (token, kind): (&str, &str),
    more: &[(&str, &str)],
) -> Answer {
    party.token(&form((token, kind), more)).await
}

pub fn form<'a>(
    (token, kind): (&'a str, &'a str),
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    let base = [
        ("grant_type", grant),
        ("subject_token", token),
        ("subject_token_type", kind),
    ];
    [&base[..], more].concat()
}

/// A token that the client got as itself.
pub async fn own(party: &Party) -> String {
    let answer = party.token(&[("grant_type", "client_credentials")]).await;
    answer.tokens().access
}

#[track_caller]
pub fn refused(answer: &Answer, error: &str, says: &str) {
    assert_eq!(answer.error(), error, "{answer:?}");
    let description = answer.json["error_description"].as_str().unwrap();
    assert!(description.contains(says), "{says}: {description}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impersonator_gets_a_narrower_token_that_is_as_the_persons_own() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let token = bench.token().await;
        bench.t.clock.advance(Seconds::new(100));
        let more = [("resource", FILES), ("scope", "api")];
        let answer = exchange(&bench.api, &token, &more).await;
        let tokens = answer.tokens();
        assert_eq!(answer.json["issued_token_type"], ACCESS);
        assert_eq!(answer.json["token_type"], "Bearer");
        assert_eq!(answer.json["expires_in"], 200, "as long as the old one");
        assert_eq!((tokens.refresh, tokens.id), (None, None));
        let (old, new) = (claims(&token), claims(&tokens.access));
        for same in ["iss", "sub", "exp", "sid", "auth_time"] {
            assert_eq!(new[same], old[same], "{same}");
        }
        assert_eq!(new["aud"], FILES);
        assert_eq!(new["client_id"], "api");
        assert_eq!(new["scope"], "api");
        assert_eq!(new["act"], Value::Null);
        assert!(bench.api.is_active(&tokens.access).await, "{engine:?}");
        let mut conn = bench.t.app.db.read().await.unwrap();
        let body: String = conn
            .one(q("SELECT body FROM events WHERE kind = 'token.exchanged'"))
            .await
            .unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["client_id"], &body["user_id"], &body["actor"]),
            (&json!("api"), &json!(bench.alice), &Value::Null)
        );
        assert_eq!(body["subject_client_id"], "web");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_relation_nobody_takes_a_persons_place() {
    for engine in engines() {
        let mut bench = Bench::new(engine).await;
        let token = bench.token().await;
        let more = [("resource", FILES)];
        let answer = exchange(&bench.api, &token, &more).await;
        let lacks = format!(
            "`client:api` lacks `can_impersonate` on `user:{}`",
            bench.alice
        );
        refused(&answer, "unauthorized_client", &lacks);
        bench.give(ActingRight::Delegate, "client:api").await;
        let answer = exchange(&bench.api, &token, &more).await;
        refused(&answer, "unauthorized_client", "`impersonator`");
        bench.give(ActingRight::Impersonator, "client:api").await;
        assert_eq!(exchange(&bench.api, &token, &more).await.error(), "ok");
        bench.take(ActingRight::Impersonator, "client:api").await;
        let answer = exchange(&bench.api, &token, &more).await;
        refused(&answer, "unauthorized_client", &lacks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_is_named_and_so_are_those_before() {
    for engine in engines() {
        let mut bench = Bench::new(engine).await;
        let files = Party::register(&bench.t, "files", |new| {
            service(new, FILES, &["https://disk.example"]);
        })
        .await;
        let token = bench.token().await;
        let actor = own(&bench.api).await;
        let acting = |actor| {
            vec![
                ("resource", FILES),
                ("actor_token", actor),
                ("actor_token_type", ACCESS),
            ]
        };
        let answer = exchange(&bench.api, &token, &acting(&actor)).await;
        refused(&answer, "access_denied", "`client:api` lacks `can_act_for`");
        bench.give(ActingRight::Delegate, "client:api").await;
        let first = exchange(&bench.api, &token, &acting(&actor)).await.tokens();
        assert_eq!(claims(&first.access)["act"], json!({ "sub": "api" }));
        let shown = bench.api.introspect(&first.access).await;
        assert_eq!(shown["act"], json!({ "sub": "api" }), "{engine:?}");
        // The next service: the former actor stays inside, by delegation and by impersonation.
        let actor = own(&files).await;
        let more = [
            ("resource", "https://disk.example"),
            ("actor_token", &actor),
            ("actor_token_type", JWT),
        ];
        bench.give(ActingRight::Impersonator, "client:files").await;
        let second = exchange(&files, &first.access, &more).await.tokens();
        let chain = json!({ "sub": "files", "act": { "sub": "api" } });
        assert_eq!(claims(&second.access)["act"], chain);
        let kept = exchange(&files, &first.access, &more[..1]).await.tokens();
        assert_eq!(claims(&kept.access)["act"], json!({ "sub": "api" }));
        assert!(files.is_active(&second.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_acts_for_another_and_userinfo_tells() {
    for engine in engines() {
        let mut bench = Bench::new(engine).await;
        let bob = person(&bench.t, "bob", "Bob").await;
        agree(&bench.t, &bob, &bench.api).await;
        agree(&bench.t, &bob, &bench.web).await;
        let mut at_bobs = Browser::new(&bench.t);
        at_bobs.sign_in("bob", crate::web::PASSWORD).await;
        let of = [("scope", "openid profile")];
        let alices = bench.api.tokens(&mut bench.browser, &of).await.access;
        let bobs = bench.api.tokens(&mut at_bobs, &of).await.access;
        let more = [("actor_token", bobs.as_str()), ("actor_token_type", ACCESS)];
        let answer = exchange(&bench.api, &alices, &more).await;
        refused(&answer, "access_denied", &format!("`user:{bob}` lacks"));
        bench
            .give(ActingRight::Delegate, &format!("user:{bob}"))
            .await;
        let acting = exchange(&bench.api, &alices, &more).await.tokens();
        let act = json!({ "sub": bob, "client_id": "api" });
        let userinfo = bench.api.userinfo(&acting.access).await;
        assert_eq!(userinfo.status, StatusCode::OK, "{userinfo:?}");
        assert_eq!(userinfo.json["sub"], json!(bench.alice));
        assert_eq!(userinfo.json["act"], act);
        let plain = bench.api.userinfo(&alices).await;
        assert_eq!(plain.json["act"], Value::Null);
        // A token of somebody who acts proves no actor.
        let more = [
            ("actor_token", acting.access.as_str()),
            ("actor_token_type", ACCESS),
        ];
        let answer = exchange(&bench.api, &alices, &more).await;
        refused(&answer, "invalid_request", "acts for another");
        // An actor's token that another client got proves nothing either.
        let theirs = bench.web.tokens(&mut at_bobs, &of).await;
        let more = [
            ("actor_token", theirs.access.as_str()),
            ("actor_token_type", ACCESS),
        ];
        let answer = exchange(&bench.api, &alices, &more).await;
        refused(&answer, "invalid_request", "issued to another client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn may_act_allows_its_actor_and_shuts_out_all_others() {
    let mut bench = Bench::new(Engine::Sqlite).await;
    let token = bench.token().await;
    let actor = own(&bench.api).await;
    let more = [
        ("resource", FILES),
        ("actor_token", &actor),
        ("actor_token_type", ACCESS),
    ];
    let may_act = |sub: &str| serde_json::from_value(json!({ "sub": sub })).unwrap();
    let named = bench.forged(&token, |claims| claims.may_act = Some(may_act("api")));
    let answer = exchange(&bench.api, &named, &more).await;
    assert_eq!(claims(&answer.tokens().access)["act"]["sub"], "api");
    let answer = exchange(&bench.api, &named, &more[..1]).await;
    refused(&answer, "unauthorized_client", "can_impersonate");
    bench.give(ActingRight::Impersonator, "client:api").await;
    let other = bench.forged(&token, |claims| claims.may_act = Some(may_act("files")));
    for more in [&more[..], &more[..1]] {
        let answer = exchange(&bench.api, &other, more).await;
        refused(&answer, "access_denied", "does not name `api`");
    }
    assert_eq!(exchange(&bench.api, &named, &more[..1]).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_is_exchanged_by_its_own_client_only() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let of = [("scope", "openid api")];
        let tokens = bench.api.tokens(&mut bench.browser, &of).await;
        let id = tokens.id.unwrap();
        let more = [("resource", FILES)];
        for kind in [ID, JWT] {
            let answer = exchange_as(&bench.api, (&id, kind), &more).await;
            let new = answer.tokens();
            assert_eq!(new.scope, "api openid", "{engine:?}");
            assert_eq!(claims(&new.access)["exp"], claims(&id)["exp"]);
            assert!(bench.api.is_active(&new.access).await);
        }
        let wrong = exchange_as(&bench.api, (&id, ACCESS), &more).await;
        refused(&wrong, "invalid_request", "of another type");
        let wrong = exchange_as(&bench.api, (&tokens.access, ID), &more).await;
        refused(&wrong, "invalid_request", "of another type");
        let webs = bench.web.tokens(&mut bench.browser, &[]).await.id.unwrap();
        let wrong = exchange_as(&bench.api, (&webs, ID), &more).await;
        refused(&wrong, "invalid_request", "another issuer");
        bench.t.clock.advance(Seconds::new(300));
        let late = exchange_as(&bench.api, (&id, ID), &more).await;
        refused(&late, "invalid_request", "expired");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_needs_its_key_and_the_new_one_is_bound_to_the_key_that_is_proved() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let (key, other) = (Key::new(), Key::new());
        let code = bench
            .api
            .code(&mut bench.browser, &[("scope", "openid api")])
            .await;
        let bound = super::dpop::redeem(&bench.api, &code, &[&key.proof(&bench.t)])
            .await
            .tokens()
            .access;
        let request = form((&bound, ACCESS), &[("resource", FILES)]);
        let without = bench.api.token(&request).await;
        refused(&without, "invalid_request", "bound to a key");
        let wrong = [other.proof(&bench.t)];
        let wrong = super::dpop::token(&bench.api, &request, &[&wrong[0]]).await;
        refused(&wrong, "invalid_request", "bound to a key");
        let proof = key.proof(&bench.t);
        let answer = super::dpop::token(&bench.api, &request, &[&proof]).await;
        let new = claims(&answer.tokens().access);
        assert_eq!(new["cnf"]["jkt"], key.jkt(), "{engine:?}");
        assert_eq!(answer.json["token_type"], "DPoP");
        let loose = bench.token().await;
        let request = form((&loose, ACCESS), &[("resource", FILES)]);
        let proof = other.proof(&bench.t);
        let answer = super::dpop::token(&bench.api, &request, &[&proof]).await;
        assert_eq!(claims(&answer.tokens().access)["cnf"]["jkt"], other.jkt());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_asks_too_much_is_refused_with_what_would_do() {
    let mut bench = Bench::trusting(Engine::Sqlite).await;
    let token = bench.token().await;
    let refresh = bench.web.tokens(&mut bench.browser, &[]).await;
    let own = own(&bench.api).await;
    for (more, error, says) in [
        (vec![], "invalid_target", "say whom"),
        (vec![("resource", API)], "invalid_target", "not registered"),
        (
            vec![("audience", "files")],
            "invalid_target",
            "not registered",
        ),
        (
            vec![("resource", bench.t.url.as_str())],
            "invalid_target",
            "not for",
        ),
        (
            vec![("resource", FILES), ("scope", "email")],
            "invalid_scope",
            "not all of",
        ),
        (
            vec![("resource", FILES), ("scope", "tessera:admin")],
            "invalid_scope",
            "never pass",
        ),
        (
            vec![("resource", FILES), ("requested_token_type", REFRESH)],
            "invalid_request",
            "only",
        ),
        (
            vec![("actor_token", "x")],
            "invalid_request",
            "`actor_token_type`",
        ),
        (
            vec![("actor_token", "x"), ("actor_token_type", ACCESS)],
            "invalid_request",
            "`actor_token` is malformed",
        ),
    ] {
        refused(&exchange(&bench.api, &token, &more).await, error, says);
    }
    let more = [("audience", FILES)];
    for (token, kind, says) in [
        (refresh.refresh(), REFRESH, "is not exchanged"),
        (refresh.refresh(), ACCESS, "malformed"),
        (refresh.access.as_str(), ACCESS, "subject_token_audiences"),
        (own.as_str(), ACCESS, "a client's own"),
        ("x", ACCESS, "malformed"),
        ("x", JWT, "no JWT"),
        ("x", "token", "`token`"),
    ] {
        let answer = exchange_as(&bench.api, (token, kind), &more).await;
        refused(&answer, "invalid_request", says);
    }
    let answer = exchange(&bench.web, &token, &more).await;
    refused(
        &answer,
        "unauthorized_client",
        "not registered for the grant type",
    );
    // Nothing of that used the token up.
    assert_eq!(exchange(&bench.api, &token, &more).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_client_that_authenticates_may_register_for_it() {
    let mut new = NewClient::default();
    service(&mut new, API, &[]);
    new.redirect_uris = vec!["https://app.example/cb".to_owned()];
    new.grant_types
        .as_mut()
        .unwrap()
        .retain(|grant| grant != "client_credentials");
    assert!(new.check().is_ok());
    new.token_endpoint_auth_method = Some("none".to_owned());
    let faults = new.check().unwrap_err();
    assert!(faults[0].message.contains("token-exchange"), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_sign_in_is_exchanged_afterwards_and_nothing_else() {
    for engine in engines() {
        let mut bench = Bench::trusting(engine).await;
        let scope = |text| [("resource", API), ("scope", text)];
        let online = scope("openid api");
        let online = bench.web.tokens(&mut bench.browser, &online).await;
        let offline = scope("openid api offline_access");
        let offline = bench.web.tokens(&mut bench.browser, &offline).await;
        let mut tx = bench.t.app.db.write().await.unwrap();
        tx.exec(q("DELETE FROM sessions")).await.unwrap();
        tx.commit().await.unwrap();
        let more = [("resource", FILES)];
        let answer = exchange(&bench.api, &online.access, &more).await;
        refused(&answer, "invalid_request", "revoked");
        let new = exchange(&bench.api, &offline.access, &more).await.tokens();
        assert_eq!(new.scope, "api openid");
        assert!(bench.api.is_active(&new.access).await, "{engine:?}");
        // The next sign-in is another one.
        bench.browser = signed_in(&bench.t).await;
    }
}
