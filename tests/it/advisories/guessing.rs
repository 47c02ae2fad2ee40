//! Rows of the catalogue about guessing: whatever is guessed, wherever, however many at the same time.

use std::time::Instant;

use http::StatusCode;
use tessera::base::time::Seconds;
use tessera::store::q;

use crate::harness::browser::{Browser, Page};
use crate::harness::database::engines;
use crate::harness::server::{TestApp, client};
use crate::oauth::Party;
use crate::oauth::client_auth::{Signer, claims, own_token, sharing};
use crate::oauth::party::{Answer, signed_in};
use crate::web::{PASSWORD, alice};

const WRONG: &str = "wrong horse battery staple";

async fn guess(browser: &mut Browser, path: &str, field: &str) -> Page {
    let page = browser.get(path).await;
    let mut fields = vec![(field, WRONG)];
    if path == "/account/password" {
        fields.extend([
            ("password", "a new and long password"),
            ("repeat", "a new and long password"),
        ]);
    }
    browser.submit(&page, &fields).await
}

/// Row 37: 500 guesses at the same time over HTTP; as many are judged as may be wrong, whichever page they come in by.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_do_not_pass_the_limit() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut opened = Browser::new(&t);
        let csrf = opened.get("/login").await.hidden_fields()[0].1.clone();
        let cookies = opened.cookies.clone();
        let http = client();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..500 {
            let (http, url) = (http.clone(), format!("{}/login", t.url));
            let cookie = format!("tessera-form={}", cookies["tessera-form"]);
            let name = if n % 2 == 0 {
                "alice"
            } else {
                "Alice@example.com"
            };
            let form = [
                ("csrf", csrf.clone()),
                ("identifier", name.to_owned()),
                ("password", WRONG.to_owned()),
            ];
            tasks.spawn(async move {
                let answer = http
                    .post(url)
                    .header("cookie", cookie)
                    .form(&form)
                    .send()
                    .await
                    .unwrap();
                let waits = answer.headers().contains_key("retry-after");
                (answer.status().as_u16(), waits)
            });
        }
        let answers = tasks.join_all().await;
        let judged = answers.iter().filter(|(status, _)| *status == 422).count();
        assert_eq!(judged, 10, "{engine:?}");
        assert!(
            answers
                .iter()
                .all(|(status, waits)| *status == 422 || (*status == 429 && *waits))
        );
    }
}

/// Row 38: where the person is known, everything that asks for the password counts together.
#[tokio::test(flavor = "multi_thread")]
async fn places_that_ask_for_the_password_again_share_one_count() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut browser = signed_in(&t).await;
        let mut second = signed_in(&t).await;
        for n in 0..10 {
            let page = match n % 3 {
                0 => guess(&mut browser, "/reauthenticate", "password").await,
                1 => guess(&mut browser, "/account/password", "current").await,
                _ => guess(&mut second, "/reauthenticate", "password").await,
            };
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{n}");
        }
        for (browser, path, field) in [
            (&mut browser, "/reauthenticate", "password"),
            (&mut second, "/account/password", "current"),
        ] {
            let page = guess(browser, path, field).await;
            assert_eq!(
                page.status,
                StatusCode::TOO_MANY_REQUESTS,
                "{engine:?} {path}"
            );
            assert_eq!(page.header("retry-after"), "301");
        }
        // The browsers remember the sign-in: the same count stands before the login page.
        let home = browser.get("/").await;
        browser.submit(&home, &[]).await;
        let page = browser.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

/// R9: strangers who guess, even to the lock-out, keep nobody out of where they are or have been; nor do they gain by it.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_lock_nobody_out_of_where_they_are() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut here = signed_in(&t).await;
        let mut left = signed_in(&t).await;
        let home = left.get("/").await;
        left.submit(&home, &[]).await;
        let mut stranger = Browser::new(&t);
        for _ in 0..10 {
            stranger.sign_in("alice", WRONG).await;
        }
        let page = stranger.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(here.get("/account").await.text.contains("Alice"));
        let page = here.get("/reauthenticate").await;
        let page = here.submit(&page, &[("password", PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
        for _ in 0..10 {
            stranger.sign_in("alice", WRONG).await;
        }
        let page = left.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
        // A cookie of somebody else's, or an altered one, is a stranger's.
        for _ in 0..10 {
            stranger.sign_in("alice", WRONG).await;
        }
        let known = left.cookies["tessera-known"].clone();
        let (said, tag) = known.rsplit_once('.').unwrap();
        for forged in [
            format!("{said}0.{tag}"),
            format!("{said}."),
            said.to_owned(),
        ] {
            stranger.cookies.insert("tessera-known".to_owned(), forged);
            let page = stranger.sign_in("alice", PASSWORD).await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        }
        crate::web::person(&t, "bob", "Bob").await;
        let mut bob = Browser::new(&t);
        bob.sign_in("bob", PASSWORD).await;
        bob.cookies.remove("tessera");
        let page = bob.sign_in("alice", PASSWORD).await;
        assert_eq!(
            page.status,
            StatusCode::TOO_MANY_REQUESTS,
            "bob is known as bob"
        );
    }
}

/// R9: when strangers fail everywhere, all strangers wait; where somebody signed in before they need not.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_failures_slows_strangers_only() {
    for engine in engines() {
        let t = TestApp::start_with(engine, |config| config.sign_in.server_failures = 20).await;
        alice(&t).await;
        let mut known = signed_in(&t).await;
        let home = known.get("/").await;
        known.submit(&home, &[]).await;
        let mut stranger = Browser::new(&t);
        for n in 0..20 {
            let page = stranger.sign_in(&format!("name{n}"), WRONG).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{n}");
        }
        let page = stranger.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(page.header("retry-after"), "31");
        let page = known.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?}");
        t.clock.advance(Seconds::new(300));
        let page = stranger.sign_in("alice", PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
    }
}

/// Successes are no failures: an office signs in within five minutes from one address.
#[tokio::test(flavor = "multi_thread")]
async fn forty_people_sign_in_from_one_address() {
    for engine in engines() {
        let t = TestApp::start_with(engine, |config| {
            config.sign_in.network_failures = 5;
            config.sign_in.account_failures = 3;
            config.sign_in.server_failures = 5;
        })
        .await;
        alice(&t).await;
        for n in 0..40 {
            let page = Browser::new(&t).sign_in("alice", PASSWORD).await;
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{engine:?} {n}");
            t.clock.advance(Seconds::new(5));
        }
    }
}

fn behind_a_proxy(config: &mut tessera::config::Config) {
    config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
}

/// What a client with this secret, from this address, is answered.
async fn as_web(url: &str, secret: &str, from: &str) -> Answer {
    let request = client()
        .post(url)
        .header("x-forwarded-for", from)
        .basic_auth("web", Some(secret))
        .form(&[("grant_type", "client_credentials"), ("token", "x")]);
    Answer::of(request).await
}

/// A client's secret is guessed at no endpoint more often than at one, on no number of nodes more often than on one, and its owner
/// elsewhere is not kept out by it.
#[tokio::test(flavor = "multi_thread")]
async fn client_secrets_cannot_be_guessed() {
    for engine in engines() {
        let t = TestApp::start_with(engine, behind_a_proxy).await;
        let web = Party::register(&t, "web", |_| {}).await;
        let secret = web.secret.clone().unwrap();
        let second = t.second_node().await;
        let token = format!("{}/token", t.url);
        for _ in 0..100 {
            assert_eq!(as_web(&token, &secret, "192.0.2.1").await.error(), "ok");
        }
        let mut conn = t.app.db.read().await.unwrap();
        let count = "SELECT COUNT(*) FROM sign_in_attempts";
        let written: i64 = conn.one(q(count)).await.unwrap();
        assert_eq!(written, 0, "{engine:?}: successes write nothing");
        drop(conn);
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60 {
            let path = ["/token", "/introspect", "/revoke"][n % 3];
            let url = format!("{}{path}", [&t.url, &second.url][n % 2]);
            tasks.spawn(async move {
                let answer = as_web(&url, "a wrong secret", "192.0.2.1").await;
                answer.status.as_u16()
            });
        }
        let statuses = tasks.join_all().await;
        let judged = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!(judged, 20, "{engine:?} {statuses:?}");
        // A node that starts afterwards has seen nothing of it.
        let third = t.second_node().await;
        for url in [&t.url, &second.url, &third.url] {
            let refused = as_web(&format!("{url}/token"), &secret, "192.0.2.99").await;
            assert_eq!(
                refused.status,
                StatusCode::TOO_MANY_REQUESTS,
                "{engine:?}: not even the right one"
            );
            assert_eq!(refused.header("retry-after"), "301");
            assert_eq!(refused.error(), "temporarily_unavailable");
        }
        assert_eq!(as_web(&token, &secret, "198.51.100.1").await.error(), "ok");
        t.clock.advance(Seconds::new(300));
        for _ in 0..30 {
            assert_eq!(as_web(&token, &secret, "192.0.2.1").await.error(), "ok");
        }
        assert_eq!(
            as_web(&token, "wrong", "192.0.2.1").await.error(),
            "invalid_client"
        );
        let refused = as_web(&token, &secret, "192.0.2.1").await;
        assert_eq!(refused.header("retry-after"), "601", "waits grow");
    }
}

/// A secret that somebody mistypes now and then, between right ones, is not guessed.
#[tokio::test(flavor = "multi_thread")]
async fn right_client_secrets_are_no_guesses_beside_wrong_ones() {
    for engine in engines() {
        let t = TestApp::start_with(engine, behind_a_proxy).await;
        let web = Party::register(&t, "web", |_| {}).await;
        let secret = web.secret.clone().unwrap();
        let token = format!("{}/token", t.url);
        for _ in 0..19 {
            let wrong = as_web(&token, "wrong", "192.0.2.1").await;
            assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{engine:?}");
            assert_eq!(as_web(&token, &secret, "192.0.2.1").await.error(), "ok");
        }
        for _ in 0..40 {
            assert_eq!(as_web(&token, &secret, "192.0.2.1").await.error(), "ok");
        }
    }
}

/// Row 38: an assertion that is signed with a wrong secret is a guess, too; one that is signed with the right one is none.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_sign_cannot_be_guessed() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let (_, right) = sharing(&t, "web").await;
        let wrong = Signer::Secret("a wrong secret that has 32 bytes".to_owned());
        let stale = || with_exp(claims(&t, "web", "stale"), t.clock.now().seconds() - 600);
        for n in 0..25 {
            let jwt = claims(&t, "web", &format!("good-{n}"));
            assert_eq!(own_token(&t.url, &right.jwt(&jwt)).await.error(), "ok");
            let refused = own_token(&t.url, &right.jwt(&stale())).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{engine:?} {n}");
        }
        for n in 0..20 {
            let jwt = wrong.jwt(&claims(&t, "web", &format!("guess-{n}")));
            let refused = own_token(&t.url, &jwt).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{engine:?} {n}");
        }
        let refused = own_token(&t.url, &right.jwt(&claims(&t, "web", "late"))).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{engine:?}");
        t.clock.advance(Seconds::new(300));
        let jwt = right.jwt(&claims(&t, "web", "late"));
        assert_eq!(own_token(&t.url, &jwt).await.error(), "ok");
    }
}

fn with_exp(mut claims: serde_json::Value, exp: i64) -> serde_json::Value {
    claims["exp"] = exp.into();
    claims
}

/// Row 39: a name that nobody has is throttled as one that somebody has: the same answers at the same counts.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_does_not_tell_who_has_an_account() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let mut told = Vec::new();
        for name in ["alice", "nobody"] {
            let mut answers = Vec::new();
            let mut times = Vec::new();
            for _ in 0..12 {
                let mut browser = Browser::new(&t);
                let begun = Instant::now();
                let page = browser.sign_in(name, WRONG).await;
                times.push(begun.elapsed());
                let csrf = page.hidden_fields()[0].1.clone();
                let text = page.text.replace(&csrf, "").replace(name, "NAME");
                let mut cookies: Vec<String> = browser.cookies.into_keys().collect();
                cookies.sort();
                answers.push((
                    page.status,
                    page.header("retry-after").to_owned(),
                    text,
                    cookies,
                ));
            }
            println!("{name}: {times:?}");
            told.push(answers);
        }
        assert_eq!(told[0], told[1], "{engine:?}");
        assert_eq!(told[0][9].0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(told[0][10].0, StatusCode::TOO_MANY_REQUESTS);
    }
}
