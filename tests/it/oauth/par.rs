//! Pushed authorization requests (RFC 9126).

use http::StatusCode;
use tessera::base::secret::{TokenHash, TokenKind};
use tessera::base::time::Seconds;
use tessera::oauth::client;
use tessera::oauth::protocol::authorize::AuthorizeRequest;
use tessera::store::pushed_requests;

use super::party::{Answer, Party, REDIRECT_URI, answered, setup, setup_with, signed_in};
use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, START, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::on_each_database;
use crate::web::{PASSWORD, alice};

/// Pushes the party's usual request; `changes` replace parameters.
pub async fn push(party: &Party, changes: &[(&str, &str)]) -> Answer {
    let fields = fields(party, changes);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    party.post("/par", &fields).await
}

/// The parameters of that request.
pub fn fields(party: &Party, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let path = party.authorize_path(changes);
    let query = path.split_once('?').unwrap().1;
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .filter(|(name, _)| {
            name != "client_id" || changes.iter().any(|(name, _)| *name == "client_id")
        })
        .collect()
}

pub fn request_uri(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json["request_uri"].as_str().unwrap().to_owned()
}

pub async fn open(browser: &mut Browser, client_id: &str, request_uri: &str) -> Page {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", client_id), ("request_uri", request_uri)])
        .finish();
    browser.get(&format!("/authorize?{query}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_good_once() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let pushed = push(&party, &[]).await;
        assert_eq!(pushed.header("cache-control"), "no-store");
        assert_eq!(pushed.json["expires_in"], 90);
        let uri = request_uri(&pushed);
        assert!(
            uri.starts_with("urn:ietf:params:oauth:request_uri:tsr_pr_"),
            "{uri}"
        );
        let page = open(&mut browser, "web", &uri).await;
        let answer = answered(&page);
        assert_eq!((answer["state"].as_str(), &answer["iss"]), ("st", &t.url));
        let tokens = party.redeem(&answer["code"]).await.tokens();
        assert_eq!(tokens.scope, "email offline_access openid profile");
        let page = open(&mut browser, "web", &uri).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, "")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_begins_a_sign_in_whose_pages_can_be_loaded_again() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
    let mut browser = Browser::new(&t);
    let uri = request_uri(&push(&party, &[]).await);
    let page = open(&mut browser, "web", &uri).await;
    let login = page.location().to_owned();
    assert!(login.starts_with("/login?flow="), "{login}");
    t.clock.advance(Seconds::new(100));
    browser.get(&login).await;
    let form = browser.get(&login).await;
    let fields = [("identifier", "alice"), ("password", PASSWORD)];
    let page = browser.submit(&form, &fields).await;
    let page = browser.get(page.location()).await;
    assert!(answered(&page).contains_key("code"), "{}", page.location());
    let page = open(&mut browser, "web", &uri).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_the_link_uses_nothing_up_and_one_answer_does() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
        let uri = request_uri(&push(&party, &[]).await);
        let mut browser = Browser::new(&t);
        let first = open(&mut browser, "web", &uri).await;
        let second = open(&mut browser, "web", &uri).await;
        let begun = [&first, &second].map(|page| page.location().to_owned());
        assert!(begun.iter().all(|to| to.starts_with("/login?flow=")));
        assert_ne!(begun[0], begun[1]);
        // The name has expired meanwhile; what began with it goes on, and is still answered once.
        t.clock.advance(Seconds::new(300));
        tessera::oauth::sweep::sweep(&t.app.db, &t.app.config.tokens, t.clock.now())
            .await
            .unwrap();
        let form = browser.get(&begun[1]).await;
        let fields = [("identifier", "alice"), ("password", PASSWORD)];
        let page = browser.submit(&form, &fields).await;
        let page = browser.get(page.location()).await;
        assert!(answered(&page).contains_key("code"), "{}", page.location());
        let other = begun[0].replace("/login", "/authorize/continue");
        let page = browser.get(&other).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, "")
        );
        assert!(page.text.contains("push it again"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_counts_and_what_stands_beside_it_does_not() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let uri = request_uri(&push(&party, &[("scope", "openid")]).await);
    let changes = [
        ("request_uri", uri.as_str()),
        ("scope", "openid email"),
        ("state", "other"),
        ("redirect_uri", "https://evil.example/"),
        ("response_mode", "fragment"),
    ];
    let page = browser.get(&party.authorize_path(&changes)).await;
    assert!(page.location().starts_with("https://app.example/cb?"));
    let answer = answered(&page);
    assert_eq!(answer["state"], "st");
    assert_eq!(party.redeem(&answer["code"]).await.tokens().scope, "openid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_held_against_every_rule_when_it_is_pushed() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    for (changes, expect) in [
        (("response_type", "token"), "unsupported_response_type"),
        (
            ("response_type", "code id_token"),
            "unsupported_response_type",
        ),
        (("response_mode", "web_message"), "invalid_request"),
        (("redirect_uri", "https://evil.example/"), "invalid_request"),
        (("redirect_uri", ""), "invalid_request"),
        (("scope", "nonsense"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("id_token_hint", "nonsense"), "invalid_request"),
        (("resource", "https://api.example"), "invalid_target"),
        (("claims", "x"), "invalid_request"),
        (("request", "x"), "request_not_supported"),
        (("request_uri", "https://app.example/r"), "invalid_request"),
        (("client_id", "other"), "invalid_request"),
    ] {
        let answer = push(&party, &[changes]).await;
        assert_eq!(answer.error(), expect, "{changes:?} {answer:?}");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changes:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let uri = request_uri(&push(&party, &[]).await);
    let answer = push(&party, &[("request_uri", uri.as_str())]).await;
    assert_eq!(
        answer.error(),
        "invalid_request",
        "a pushed request is not pushed again"
    );
    let unknown = http_client()
        .post(format!("{}/par", t.url))
        .form(&[("client_id", "web")]);
    assert_eq!(Answer::of(unknown).await.error(), "invalid_client");
    let read = http_client().get(format!("{}/par", t.url));
    assert_eq!(
        Answer::of(read).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_pushes_too() {
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, Party::public).await;
    let uri = request_uri(&push(&party, &[]).await);
    let answer = answered(&open(&mut browser, "web", &uri).await);
    assert_eq!(party.redeem(&answer["code"]).await.error(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_or_a_server_may_insist_on_pushed_requests() {
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| new.require_pushed_authorization_requests = true,
    )
    .await;
    let page = browser.get(&party.authorize_path(&[])).await;
    assert_eq!(answered(&page)["error"], "invalid_request");
    let page = browser
        .get(&party.authorize_path(&[("redirect_uri", "https://evil.example/")]))
        .await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
    let uri = request_uri(&push(&party, &[]).await);
    assert!(answered(&open(&mut browser, "web", &uri).await).contains_key("code"));
    let free = Party::register(&t, "free", |new| new.skip_consent = true).await;
    free.code(&mut browser, &[]).await;

    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |config| config.requests.require_pushed = true,
        |_| {},
    )
    .await;
    let page = browser.get(&party.authorize_path(&[])).await;
    assert_eq!(answered(&page)["error"], "invalid_request");
    let metadata = http_client().get(format!("{}/.well-known/openid-configuration", t.url));
    let metadata = Answer::of(metadata).await.json;
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_follows_the_registration_as_it_is_when_used() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let uri = request_uri(&push(&party, &[]).await);
    let new = client::NewClient {
        redirect_uris: vec!["https://app.example/new".to_owned()],
        ..client::NewClient::default()
    };
    let id = tessera::oauth::protocol::client::ClientId::parse("web").unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::update(&mut tx, &t.app.sealer, (&id, &new), START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let page = open(&mut browser, "web", &uri).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_at_once_one_gets_a_code() {
    for engine in engines() {
        let (_t, browser, party) = setup(engine).await;
        let uri = request_uri(&push(&party, &[]).await);
        let path = party.authorize_path(&[("request_uri", uri.as_str())]);
        let url = format!("{}{path}", party.url);
        let cookies: Vec<String> = browser
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut uses = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let request = http_client().get(&url).header("cookie", cookies.join("; "));
            uses.spawn(async move { request.send().await.unwrap().status() });
        }
        let statuses = uses.join_all().await;
        let redirected = |status: &&StatusCode| **status == StatusCode::SEE_OTHER;
        assert_eq!(
            statuses.iter().filter(redirected).count(),
            1,
            "{statuses:?}"
        );
    }
}

on_each_database!(
    a_kept_request_is_found_by_its_client_in_time_until_it_is_answered,
    |t| {
        let mut tx = t.db.write().await.unwrap();
        let new = client::NewClient {
            client_id: Some("web".to_owned()),
            redirect_uris: vec![REDIRECT_URI.to_owned()],
            ..client::NewClient::default()
        };
        client::register(&mut tx, &t.sealer, &new, START)
            .await
            .unwrap();
        let at = |seconds| START.plus(Seconds::new(seconds));
        let request = AuthorizeRequest {
            client_id: "web".to_owned(),
            state: Some("s".to_owned()),
            resources: vec!["https://api.example".to_owned()],
            ..AuthorizeRequest::default()
        };
        let hash = TokenHash::of(TokenKind::PushedRequest.generate().expose());
        pushed_requests::insert(&mut tx, &hash, &request, at(60))
            .await
            .unwrap();
        for (client_id, seconds, expect) in [
            ("other", 1, None),
            ("web", 60, None),
            ("web", 61, None),
            ("web", 59, Some(&request)),
            ("web", 59, Some(&request)),
        ] {
            let found = pushed_requests::find_live(&mut tx, &hash, client_id, at(seconds)).await;
            assert_eq!(found.unwrap().as_ref(), expect, "{client_id} {seconds}");
        }
        pushed_requests::delete(&mut tx, &hash).await.unwrap();
        let again = pushed_requests::find_live(&mut tx, &hash, "web", at(59)).await;
        assert_eq!(again.unwrap(), None);
        pushed_requests::insert(&mut tx, &hash, &request, at(60))
            .await
            .unwrap();
        for (seconds, deleted) in [(59, 0), (60, 1), (61, 0)] {
            let rows = pushed_requests::delete_expired(&mut tx, at(seconds), 10).await;
            assert_eq!(rows.unwrap(), deleted);
        }
    }
);

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_can_ask_silently() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let uri = request_uri(&push(&party, &[("prompt", "none")]).await);
    let page = open(&mut Browser::new(&t), "web", &uri).await;
    assert_eq!(answered(&page)["error"], "login_required");
    let mut browser = signed_in(&t).await;
    let uri = request_uri(&push(&party, &[("prompt", "none")]).await);
    assert!(answered(&open(&mut browser, "web", &uri).await).contains_key("code"));
}
