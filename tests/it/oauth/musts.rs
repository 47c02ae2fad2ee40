//! What the specifications demand and no other file shows: one test a demand, named in `tests/it/conformance/requirements.tsv`.

use http::{Method, StatusCode};
use serde_json::json;
use tessera::oauth::client::NewClient;

use super::par::push;
use super::party::{Answer, Party, REDIRECT_URI, answered, setup, setup_with};
use super::request_objects::{object_claims, open, setup_key, with};
use crate::harness::browser::Browser;
use crate::harness::database::Engine;
use crate::harness::jws::ClientKey;
use crate::harness::server::client as http_client;
use crate::web::PASSWORD;

const SECOND: &str = "https://app.example/second";

/// RFC 6749 section 3.1.2.3.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_redirect_uris_a_request_names_one() {
    let several = |new: &mut NewClient| new.redirect_uris.push(SECOND.to_owned());
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, several).await;
    let none = [("redirect_uri", ""), ("scope", "api")];
    let page = browser.get(&party.authorize_path(&none)).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
    for uri in [REDIRECT_URI, SECOND] {
        let page = browser
            .get(&party.authorize_path(&[("redirect_uri", uri)]))
            .await;
        assert!(page.location().starts_with(uri), "{}", page.location());
    }
}

/// RFC 6749 section 4.1.3: the one of the request, although both are registered.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_one_redirect_uri_is_not_redeemed_with_another_of_the_client() {
    let several = |new: &mut NewClient| new.redirect_uris.push(SECOND.to_owned());
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, several).await;
    for (asked, shown, expect) in [
        (REDIRECT_URI, SECOND, "invalid_grant"),
        (SECOND, REDIRECT_URI, "invalid_grant"),
        (SECOND, SECOND, "ok"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("redirect_uri", asked)]))
            .await;
        let url = url::Url::parse(page.location()).unwrap();
        let code = url.query_pairs().find(|(name, _)| name == "code").unwrap();
        let code = code.1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", shown),
            ("code_verifier", super::party::VERIFIER),
        ];
        assert_eq!(party.token(&form).await.error(), expect, "{asked} {shown}");
    }
}

/// RFC 6749 section 4.1.2.1: `state` comes back exactly where it was sent; section 4.1.1: it may be left out.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_a_state_exactly_where_the_request_had_one() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let strange = "a b&c=d#e%20\u{e4}\"<";
    for (state, scope) in [
        ("", "openid"),
        ("", "nonsense"),
        (strange, "openid"),
        (strange, "nonsense"),
    ] {
        let page = browser
            .get(&party.authorize_path(&[("state", state), ("scope", scope)]))
            .await;
        let answer = answered(&page);
        let expect = (!state.is_empty()).then_some(state);
        assert_eq!(answer.get("state").map(String::as_str), expect, "{scope}");
        assert_eq!(answer.contains_key("error"), scope == "nonsense");
    }
}

/// RFC 6749 section 5.1: `token_type` and `access_token` always, `scope` whenever it is not what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_the_scope_that_it_got() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for asked in ["openid email", "", "openid unknown email"] {
        let code = party.code(&mut browser, &[("scope", asked)]).await;
        let answer = party.redeem(&code).await;
        assert_eq!(answer.status, StatusCode::OK);
        for name in ["access_token", "token_type"] {
            assert!(answer.json[name].is_string(), "{answer:?}");
        }
        assert!(answer.json["expires_in"].is_number());
        let told = answer.json["scope"].as_str().unwrap_or(asked);
        let claimed = super::party::claims(answer.json["access_token"].as_str().unwrap());
        assert_eq!(claimed["scope"], told, "{asked}");
    }
}

/// RFC 6750 section 3: a challenge with the scheme and a parameter; a code only where a token was sent (section 3.1).
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_the_scheme_and_why_only_if_there_was_a_token() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let own = party
        .token(&[("grant_type", "client_credentials"), ("scope", "api")])
        .await;
    let own = own.tokens().access;
    for path in ["/userinfo", "/admin/api/users", "/stores"] {
        let get = || http_client().get(format!("{}{path}", t.url));
        for (request, status, error) in [
            (get(), 401, None),
            (get().bearer_auth("x"), 401, Some("invalid_token")),
            (get().bearer_auth(&own), 403, Some("insufficient_scope")),
        ] {
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, status, "{path} {answer:?}");
            let challenge = answer.header("www-authenticate");
            // A client without a role lacks a right and no scope: no token of its own would have it.
            if status == 403 && path != "/userinfo" {
                continue;
            }
            assert!(
                challenge.starts_with("Bearer realm=\""),
                "{path} {challenge}"
            );
            let told = error.map(|error| challenge.contains(&format!("error=\"{error}\"")));
            assert!(
                told.unwrap_or(!challenge.contains("error")),
                "{path} {challenge}"
            );
        }
    }
}

/// RFC 9101 section 5: one of `request` and `request_uri`, not both.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_object_comes_by_value_or_by_reference_and_not_both_ways() {
    let key = ClientKey::generate("ES256");
    let uri = "https://app.example/r";
    let (t, mut browser, party) = setup_key(&key, |new| {
        new.request_uris = vec![uri.to_owned()];
    })
    .await;
    let object = key.jwt("oauth-authz-req+jwt", &object_claims(&t));
    let both = [("request", object.as_str()), ("request_uri", uri)];
    let page = browser.get(&party.authorize_path(&both)).await;
    assert_eq!(answered(&page)["error"], "invalid_request");
}

/// RFC 9101 section 5: a `client_id` beside the object, the one in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_stands_beside_its_request_object_and_is_the_one_inside() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, _party) = setup_key(&key, |_| {}).await;
    Party::register(&t, "other", |new| new.jwks = Some(key.jwks())).await;
    let object = key.jwt("oauth-authz-req+jwt", &object_claims(&t));
    for params in [
        vec![("request", object.as_str())],
        vec![("client_id", "other"), ("request", object.as_str())],
    ] {
        let page = open(&mut browser, &params).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, ""),
            "{params:?}"
        );
    }
    let nameless = key.jwt(
        "oauth-authz-req+jwt",
        &with(object_claims(&t), &json!({"client_id": "other"})),
    );
    let page = open(
        &mut browser,
        &[("client_id", "web"), ("request", &nameless)],
    )
    .await;
    assert!(!answered(&page).contains_key("code"));
}

/// RFC 9126 sections 2.1 and 2.3: POST alone, a body of bounded length, an authenticated client.
#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_for_pushed_requests_refuses_as_its_rfc_says() {
    let (t, _browser, party) = setup(Engine::Sqlite).await;
    let url = format!("{}/par", t.url);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = Answer::of(http_client().request(method, &url)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    let long = "x".repeat(1 << 20);
    let answer = push(&party, &[("state", &long)]).await;
    let refused = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::BAD_REQUEST];
    assert!(refused.contains(&answer.status), "{answer:?}");
    let thief = Party::with(&t.url, "web", Some("tsr_cs_wrong".to_owned()));
    let answer = push(&thief, &[]).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client")
    );
    let answer = push(&party, &[]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(answer.json["request_uri"].is_string() && answer.json["expires_in"].as_i64() > Some(0));
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// RFC 9207 section 2: in every answer, however it travels; the issuer's identifier, letter by letter.
#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_stands_in_every_answer_however_it_travels() {
    let hybrid = |new: &mut NewClient| {
        new.response_types = ["code", "code id_token"].map(str::to_owned).to_vec();
    };
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, hybrid).await;
    let metadata = http_client().get(format!("{}/.well-known/oauth-authorization-server", t.url));
    let metadata = Answer::of(metadata).await.json;
    let issuer = metadata["issuer"].as_str().unwrap();
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
    for (response_type, mode) in [
        ("code", "query"),
        ("code", "fragment"),
        ("code", "form_post"),
        ("code id_token", "fragment"),
    ] {
        for scope in ["openid", "nonsense"] {
            let changes = [
                ("response_type", response_type),
                ("response_mode", mode),
                ("scope", scope),
            ];
            let page = browser.get(&party.authorize_path(&changes)).await;
            let told = if mode == "form_post" {
                page.hidden_fields()
                    .into_iter()
                    .find(|(name, _)| name == "iss")
                    .map(|(_, iss)| iss)
            } else {
                answered(&page).remove("iss")
            };
            assert_eq!(
                told.as_deref(),
                Some(issuer),
                "{response_type} {mode} {scope}"
            );
        }
    }
    // Refused by the person, too.
    let shy = Party::register(&t, "shy", |_| {}).await;
    let mut browser = Browser::new(&t);
    browser.sign_in("alice", PASSWORD).await;
    let page = browser.get(&shy.authorize_path(&[])).await;
    let page = browser.get(page.location()).await;
    let page = browser.submit(&page, &[("decision", "deny")]).await;
    let answer = answered(&page);
    assert_eq!(
        (answer["error"].as_str(), answer["iss"].as_str()),
        ("access_denied", issuer)
    );
}
