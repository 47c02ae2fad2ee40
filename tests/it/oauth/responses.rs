//! What the authorization endpoint answers with, and how it travels.

use http::StatusCode;
use serde_json::Value;
use tessera::base::encoding::base64url;
use tessera::base::secret::sha256;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::claims::TokenType;

use super::party::{Party, answered, claims, header, setup, setup_with, signed_in};
use crate::harness::browser::Page;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::web::alice;

const EVERY_TYPE: [&str; 5] = [
    "code",
    "code id_token",
    "code token",
    "code id_token token",
    "id_token",
];

fn hybrid(new: &mut NewClient) {
    new.response_types = EVERY_TYPE.map(str::to_owned).to_vec();
}

fn half_hash(text: &str) -> String {
    base64url(&sha256(text.as_bytes()).as_ref()[..16])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_answer_comes_in_the_fragment_and_its_parts_are_bound_together() {
    for engine in engines() {
        let (t, mut browser, party) = setup_with(engine, |_| {}, hybrid).await;
        for response_type in &EVERY_TYPE[1..] {
            let path = party.authorize_path(&[("response_type", response_type)]);
            let page = browser.get(&path).await;
            assert!(page.location().starts_with("https://app.example/cb#"));
            let answer = answered(&page);
            assert_eq!((answer["state"].as_str(), &answer["iss"]), ("st", &t.url));
            let words: Vec<&str> = response_type.split(' ').collect();
            for (word, name) in [
                ("code", "code"),
                ("token", "access_token"),
                ("id_token", "id_token"),
            ] {
                let expect = words.contains(&word);
                assert_eq!(answer.contains_key(name), expect, "{response_type} {name}");
            }
            if let Some(id_token) = answer.get("id_token") {
                let id = claims(id_token);
                assert_eq!((&id["nonce"], &id["aud"]), (&"no".into(), &"web".into()));
                assert_eq!(id["s_hash"], half_hash("st"));
                let hash_of = |name: &str| answer.get(name).map(|text| half_hash(text));
                assert_eq!(id["c_hash"].as_str(), hash_of("code").as_deref());
                assert_eq!(id["at_hash"].as_str(), hash_of("access_token").as_deref());
                // Only an ID token that comes alone carries the claims of the scopes.
                let alone = *response_type == "id_token";
                assert_eq!(id.get("email").is_some(), alone, "{response_type}");
            }
            if let Some(token) = answer.get("access_token") {
                assert_eq!(answer["token_type"], "Bearer");
                assert_eq!(answer["expires_in"], "300");
                assert_eq!(party.userinfo(token).await.error(), "ok");
            }
            if let Some(code) = answer.get("code") {
                let tokens = party.redeem(code).await.tokens();
                let id = claims(tokens.id.as_deref().unwrap());
                if let Some(front) = answer.get("id_token") {
                    let front = claims(front);
                    for same in ["iss", "sub", "sid", "auth_time"] {
                        assert_eq!(id[same], front[same], "{response_type} {same}");
                    }
                }
                assert_eq!(
                    (&id["nonce"], &id["sub"].is_string()),
                    (&"no".into(), &true)
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_used_again_takes_the_front_channels_token_with_it() {
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, hybrid).await;
    let path = party.authorize_path(&[("response_type", "code token")]);
    let answer = answered(&browser.get(&path).await);
    let token = &answer["access_token"];
    party.redeem(&answer["code"]).await.tokens();
    assert!(party.is_active(token).await);
    assert_eq!(party.redeem(&answer["code"]).await.error(), "invalid_grant");
    assert!(!party.is_active(token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn hybrid_answers_are_off_unless_the_client_registered_them() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    for response_type in &EVERY_TYPE[1..] {
        let path = party.authorize_path(&[("response_type", response_type)]);
        let page = browser.get(&path).await;
        assert!(page.location().contains("#error="), "{}", page.location());
        assert_eq!(answered(&page)["error"], "unsupported_response_type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_needed_exactly_where_an_id_token_comes_from_the_authorization_endpoint() {
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, hybrid).await;
    for (response_type, needed) in [
        ("code", false),
        ("code token", false),
        ("code id_token", true),
        ("code id_token token", true),
        ("id_token", true),
    ] {
        let changes = [("response_type", response_type), ("nonce", "")];
        let page = browser.get(&party.authorize_path(&changes)).await;
        let error = answered(&page).get("error").cloned();
        let expect = needed.then(|| "invalid_request".to_owned());
        assert_eq!(error, expect, "{response_type}");
    }
}

fn fields(page: &Page) -> std::collections::BTreeMap<String, String> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.location());
    let action = page.attribute("<form", "action").unwrap();
    assert_eq!(action, "https://app.example/cb");
    page.hidden_fields().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_post_answer_is_a_page_that_needs_no_script_and_that_no_cache_keeps() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let form = ("response_mode", "form_post");
    let page = browser.get(&party.authorize_path(&[form])).await;
    let answer = fields(&page);
    assert_eq!((answer["state"].as_str(), &answer["iss"]), ("st", &t.url));
    assert_eq!(party.redeem(&answer["code"]).await.error(), "ok");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://app.example;"),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert!(page.text.contains("<button"));
    let script = "document.forms[0].submit()";
    assert!(page.text.contains(&format!("<script>{script}</script>")));

    let refused = browser
        .get(&party.authorize_path(&[form, ("scope", "nonsense"), ("state", "<b>\"")]))
        .await;
    let answer = fields(&refused);
    assert_eq!(answer["error"], "invalid_scope");
    assert!(!refused.text.contains("<b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_on_the_consent_page_travels_as_the_request_asked() {
    let t = TestApp::start(Engine::Sqlite).await;
    alice(&t).await;
    let party = Party::register(&t, "web", |_| {}).await;
    let mut browser = signed_in(&t).await;
    let path = party.authorize_path(&[("response_mode", "form_post")]);
    let page = browser.get(&path).await;
    let page = browser.get(page.location()).await;
    let page = browser.submit(&page, &[("decision", "deny")]).await;
    assert_eq!(fields(&page)["error"], "access_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_answer_carries_everything_in_one_jwt_errors_too() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, hybrid).await;
    for (mode, response_type, mark) in [
        ("jwt", "code", "?"),
        ("query.jwt", "code", "?"),
        ("fragment.jwt", "code", "#"),
        ("jwt", "code id_token", "#"),
        ("form_post.jwt", "code", ""),
    ] {
        for scope in ["openid", "nonsense"] {
            let changes = [
                ("response_mode", mode),
                ("response_type", response_type),
                ("scope", scope),
            ];
            let page = browser.get(&party.authorize_path(&changes)).await;
            let answer = if mark.is_empty() {
                fields(&page)
            } else {
                let start = format!("https://app.example/cb{mark}response=");
                assert!(page.location().starts_with(&start), "{}", page.location());
                answered(&page)
            };
            assert_eq!(answer.len(), 1, "nothing stands beside the JWT: {answer:?}");
            let jwt = &answer["response"];
            assert_eq!(header(jwt)["typ"], "oauth-authz-resp+jwt");
            let now = t.clock.now();
            let kind = TokenType::AuthorizationResponse;
            let signed: Option<Value> = t.app.keys.verify(kind, jwt, now).await.unwrap();
            let signed = signed.expect("our signature");
            assert_eq!(
                (&signed["iss"], &signed["aud"]),
                (&t.url.as_str().into(), &"web".into())
            );
            assert_eq!(signed["exp"], now.seconds() + 300);
            assert_eq!(signed["state"], "st");
            if scope == "openid" {
                let code = signed["code"].as_str().unwrap();
                assert_eq!(party.redeem(code).await.error(), "ok");
            } else {
                assert_eq!(signed["error"], "invalid_scope");
                assert_eq!(signed.get("code"), None);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_do_not_travel_in_a_query_and_only_registered_modes_are_used() {
    let (t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, hybrid).await;
    for mode in ["query", "query.jwt"] {
        let changes = [("response_type", "code id_token"), ("response_mode", mode)];
        let page = browser.get(&party.authorize_path(&changes)).await;
        assert!(page.location().contains("#error=invalid_request"), "{mode}");
    }
    let strict = Party::register(&t, "strict", |new| {
        new.skip_consent = true;
        new.response_modes = vec!["form_post".to_owned()];
    })
    .await;
    for (mode, allowed) in [
        ("", false),
        ("query", false),
        ("jwt", false),
        ("form_post", true),
    ] {
        let page = browser
            .get(&strict.authorize_path(&[("response_mode", mode)]))
            .await;
        assert_eq!(page.text.contains("name=\"code\""), allowed, "{mode}");
    }
}
