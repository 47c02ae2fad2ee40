//! What conformance suites are strict about and new servers get wrong. Beside these: a request in a form, `prompt=none`, and a client without
//! PKCE (`authorize.rs`), the standard claims and userinfo's three ways (`access.rs`), request objects (`request_objects.rs`), every word of
//! discovery (`discovery.rs`), a self-signed certificate for localhost (`cli/tls.rs`).

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::Value;
use tessera::base::time::Seconds;
use tessera::oauth::client::NewClient;

use super::par::{fields, request_uri};
use super::party::{Answer, Party, REDIRECT_URI, answered, claims, header, setup, setup_with};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};
use crate::web::{PASSWORD, alice};

async fn get(url: String) -> Answer {
    Answer::of(http_client().get(url)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kid_names_one_of_several_published_keys_and_none_of_them_is_private() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    for alg in ["PS256", "ES256", "EdDSA"] {
        Party::register(&t, alg, |new| {
            new.id_token_signed_response_alg = Some(alg.to_owned());
        })
        .await;
    }
    t.app.keys.maintain(t.clock.now()).await.unwrap();
    let published = get(format!("{}/jwks", t.url)).await.json;
    let keys = published["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4, "{published}");
    let mut kids = BTreeSet::new();
    for key in keys {
        for name in ["kid", "kty", "alg", "use"] {
            assert!(key[name].is_string(), "{name} {key}");
        }
        for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(key.get(secret), None, "{key}");
        }
        assert!(kids.insert(key["kid"].as_str().unwrap()), "{key}");
    }
    let tokens = party.tokens(&mut browser, &[]).await;
    for token in [tokens.id.as_deref().unwrap(), &tokens.access] {
        let head = header(token);
        let kid = head["kid"].as_str().expect("a kid");
        let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
        assert_eq!(
            (&key["alg"], &head["alg"]),
            (&"RS256".into(), &"RS256".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cache_keeps_what_holds_tokens_or_tells_of_them() {
    let every_grant = |new: &mut NewClient| {
        new.grant_types = Some(
            [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:openid:params:grant-type:ciba",
            ]
            .map(str::to_owned)
            .to_vec(),
        );
    };
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    let code = party.code(&mut browser, &[]).await;
    let redeemed = party.redeem(&code).await;
    let tokens = redeemed.tokens();
    let scope = ("scope", "openid");
    let answers = [
        redeemed,
        party.redeem("x").await,
        party.refresh(tokens.refresh()).await,
        party.refresh("x").await,
        party.token(&[("grant_type", "client_credentials")]).await,
        party.token(&[]).await,
        party.userinfo(&tokens.access).await,
        party
            .post("/introspect", &[("token", &tokens.access)])
            .await,
        party.post("/device_authorization", &[scope]).await,
        party
            .post("/bc-authorize", &[scope, ("login_hint", "alice")])
            .await,
        party.post("/par", &[]).await,
    ];
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        assert_eq!(answer.header("pragma"), "no-cache", "{answer:?}");
        let kind = answer.header("content-type");
        assert!(kind.starts_with("application/json"), "{kind} {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_used_again_after_half_a_minute_fails_and_takes_its_tokens_with_it() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let code = party.code(&mut browser, &[]).await;
        let tokens = party.redeem(&code).await.tokens();
        t.clock.advance(Seconds::new(31));
        assert_eq!(party.userinfo(&tokens.access).await.error(), "ok");
        let again = party.redeem(&code).await;
        assert_eq!(
            (again.status, again.error()),
            (StatusCode::BAD_REQUEST, "invalid_grant")
        );
        let info = party.userinfo(&tokens.access).await;
        assert_eq!(
            (info.status, info.error()),
            (StatusCode::UNAUTHORIZED, "invalid_token")
        );
        let refreshed = party.refresh(tokens.refresh()).await;
        assert_eq!(refreshed.error(), "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_mean_nothing_here_are_no_errors_whichever_way_they_come() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let claims = r#"{"userinfo":{"name":{"essential":true},"foobar":null},"id_token":{"auth_time":{"essential":true}}}"#;
    for wish in [
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "hologram"),
        ("ui_locales", "se"),
        ("ui_locales", "not a locale"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("login_hint", "buffy@example.com"),
        ("claims", claims),
        ("claims", "{}"),
        ("extra", "foobar"),
        ("max_age", "10000"),
        ("scope", "openid unheard-of"),
        ("code_challenge_method", "S256"),
    ] {
        let path = party.authorize_path(&[wish]);
        let page = browser.get(&path).await;
        let mut codes = vec![answered(&page)];
        let sent = fields(&party, &[wish, ("client_id", "web")]);
        let sent: Vec<(&str, &str)> = sent
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        codes.push(answered(&browser.post("/authorize", &sent).await));
        let uri = request_uri(&party.post("/par", &sent).await);
        let page = super::par::open(&mut browser, "web", &uri).await;
        codes.push(answered(&page));
        for answer in codes {
            assert!(answer.contains_key("code"), "{wish:?} {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_keeps_its_own_query_and_no_other_passes_for_it() {
    let registered = format!("{REDIRECT_URI}?foo=bar");
    let uri = registered.clone();
    let (t, mut browser, party) =
        setup_with(Engine::Sqlite, |_| {}, |new| new.redirect_uris = vec![uri]).await;
    let page = browser
        .get(&party.authorize_path(&[("redirect_uri", &registered)]))
        .await;
    let answer = answered(&page);
    assert_eq!((answer["foo"].as_str(), &answer["iss"]), ("bar", &t.url));
    let denied = [
        ("redirect_uri", registered.as_str()),
        ("scope", "unheard-of"),
    ];
    let page = browser.get(&party.authorize_path(&denied)).await;
    let answer = answered(&page);
    assert_eq!(
        (answer["foo"].as_str(), answer["error"].as_str()),
        ("bar", "invalid_scope")
    );
    for other in [
        REDIRECT_URI.to_owned(),
        format!("{REDIRECT_URI}?foo=bar&foo2=bar"),
        format!("{REDIRECT_URI}?bar=foo"),
        format!("{REDIRECT_URI}/?foo=bar"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("redirect_uri", &other)]))
            .await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, ""),
            "{other}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_holds_no_empty_member_and_every_address_in_it_answers() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.sessions.check_session_iframe = true;
    })
    .await;
    let document = get(format!("{}/.well-known/openid-configuration", t.url)).await;
    assert_eq!(document.header("content-type"), "application/json");
    for (name, value) in document.json.as_object().unwrap() {
        match value {
            Value::String(url) => {
                assert!(url.starts_with(&t.url), "{name} {url}");
                if name == "issuer" {
                    continue;
                }
                let got = get(url.clone()).await.status;
                let posted = Answer::of(http_client().post(url)).await.status;
                assert_ne!(
                    (got, posted),
                    (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
                );
                assert!(
                    !got.is_server_error() && !posted.is_server_error(),
                    "{name}"
                );
            }
            Value::Array(list) => {
                assert!(!list.is_empty(), "{name}");
                let words: BTreeSet<&str> =
                    list.iter().map(|word| word.as_str().unwrap()).collect();
                assert_eq!(words.len(), list.len(), "{name} says a word twice");
            }
            Value::Bool(_) => {}
            other => panic!("{name}: {other}"),
        }
    }
    // What every relying party may rely on (OpenID Connect Discovery 1.0 section 3, Core 1.0 section 15.1).
    for (name, word) in [
        ("scopes_supported", "openid"),
        ("response_types_supported", "code"),
        ("grant_types_supported", "authorization_code"),
        ("subject_types_supported", "public"),
        ("id_token_signing_alg_values_supported", "RS256"),
        (
            "token_endpoint_auth_methods_supported",
            "client_secret_basic",
        ),
        ("request_object_signing_alg_values_supported", "RS256"),
        ("claims_supported", "sub"),
    ] {
        let words = document.json[name].as_array().unwrap();
        assert!(words.contains(&word.into()), "{name} {word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_sign_ins_in_five_minutes_are_no_guesses() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |new| new.skip_consent = true).await;
    for n in 0..40 {
        let mut browser = Browser::new(&t);
        let page = browser
            .get(&party.authorize_path(&[("prompt", "login")]))
            .await;
        let form = browser.get(page.location()).await;
        let typed = [("identifier", "alice"), ("password", PASSWORD)];
        let page = browser.submit(&form, &typed).await;
        let page = browser.get(page.location()).await;
        let answer = answered(&page);
        let code = answer
            .get("code")
            .unwrap_or_else(|| panic!("sign-in {n}: {}", page.text));
        party.redeem(code).await.tokens();
        t.clock.advance(Seconds::new(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_answered_follows_the_host_header() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let id_token = party.tokens(&mut browser, &[]).await.id.unwrap();
    let cookies = browser.cookies.iter();
    let cookies: Vec<String> = cookies
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for (path, cookie) in [
        ("/.well-known/openid-configuration".to_owned(), false),
        ("/.well-known/oauth-authorization-server".to_owned(), false),
        ("/jwks".to_owned(), false),
        ("/login".to_owned(), false),
        (party.authorize_path(&[]), false),
        (party.authorize_path(&[]), true),
        (
            party.authorize_path(&[("response_mode", "form_post")]),
            true,
        ),
        ("/authorize?client_id=nobody".to_owned(), false),
        (format!("/logout?id_token_hint={id_token}"), true),
    ] {
        let mut request = http_client()
            .get(format!("{}{path}", t.url))
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("accept", "text/html,application/json");
        if cookie {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = Answer::of(request).await;
        let told = format!("{:?} {}", answer.headers, answer.json);
        assert!(!told.contains("evil.example"), "{path} {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confidential_client_without_pkce_has_its_nonce_and_needs_none() {
    let (_t, mut browser, party) =
        setup_with(Engine::Sqlite, |_| {}, |new| new.require_pkce = Some(false)).await;
    for nonce in ["once", ""] {
        let plain = [
            ("code_challenge", ""),
            ("code_challenge_method", ""),
            ("nonce", nonce),
        ];
        let code = party.code(&mut browser, &plain).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
        ];
        let tokens = party.token(&form).await.tokens();
        let id = claims(tokens.id.as_deref().unwrap());
        assert_eq!(id["nonce"].as_str().unwrap_or_default(), nonce);
    }
    // With a challenge it is bound as everybody else is.
    let code = party.code(&mut browser, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    assert_eq!(party.token(&form).await.error(), "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refreshed_id_token_is_the_same_sign_in_at_another_time() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let tokens = party.tokens(&mut browser, &[]).await;
    let first = claims(tokens.id.as_deref().unwrap());
    t.clock.advance(Seconds::new(1));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
        ("scope", "openid profile email offline_access"),
    ];
    let refreshed = party.token(&form).await.tokens();
    assert_ne!(refreshed.access, tokens.access);
    let second = claims(refreshed.id.as_deref().unwrap());
    for name in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(first[name], second[name], "{name}");
    }
    assert_ne!(first["iat"], second["iat"]);
    assert_eq!((second.get("azp"), second.get("nonce")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_sent_back_holds_nothing_but_an_error() {
    let (_t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |config| config.sessions.check_session_iframe = true,
        |_| {},
    )
    .await;
    for change in [
        ("response_type", ""),
        ("response_type", "token"),
        ("scope", "unheard-of"),
        ("prompt", "none login"),
    ] {
        let page = browser.get(&party.authorize_path(&[change])).await;
        let answer = answered(&page);
        let names: Vec<&str> = answer.keys().map(String::as_str).collect();
        assert_eq!(names, ["error", "error_description", "iss", "state"]);
        // RFC 6749 section 4.1.2.1: printable ASCII without quotes and backslashes.
        let allowed = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
        assert!(
            answer["error_description"].chars().all(allowed),
            "{answer:?}"
        );
    }
}
