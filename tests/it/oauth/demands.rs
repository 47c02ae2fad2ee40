//! What specifications demand of every endpoint that clients call, and of every name and number that they are given: held for all at once.

use http::StatusCode;
use tessera::base::encoding::from_base64url;
use tessera::oauth::client::NewClient;
use tessera::oauth::protocol::client::GrantType;

use super::backchannel::ask_for;
use super::device::begin;
use super::pairwise::pairwise;
use super::party::{Answer, Party, claims, setup_with, signed_in};
use crate::harness::database::{Engine, engines};
use crate::harness::server::{TestApp, client as http_client};

/// Endpoints that clients call with a form, each with one that is good.
const FORMS: [(&str, &[(&str, &str)]); 6] = [
    ("/token", &[("grant_type", "client_credentials")]),
    ("/revoke", &[("token", "x")]),
    ("/introspect", &[("token", "x")]),
    ("/device_authorization", &[("scope", "openid")]),
    (
        "/bc-authorize",
        &[("scope", "openid"), ("login_hint", "alice")],
    ),
    (
        "/par",
        &[
            ("response_type", "code"),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", "openid"),
            (
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ),
            ("code_challenge_method", "S256"),
        ],
    ),
];

fn every_grant(new: &mut NewClient) {
    let grants = [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:openid:params:grant-type:ciba",
    ];
    new.grant_types = Some(grants.map(str::to_owned).to_vec());
}

/// RFC 6749 section 3.2, RFC 7009 section 2.1, RFC 7662 section 2.1, RFC 8628 section 3.1, CIBA Core 1.0 section 7.1, RFC 9126 section 2.1.
#[tokio::test(flavor = "multi_thread")]
async fn what_clients_post_to_takes_nothing_but_a_post() {
    let (t, _browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    for (path, form) in FORMS {
        let posted = party.post(path, form).await;
        assert_eq!(posted.error(), "ok", "{path} {posted:?}");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let http = http_client();
        let url = format!("{}{path}?{query}", t.url);
        let secret = party.secret.as_deref();
        for request in [http.get(&url), http.put(&url), http.delete(&url)] {
            let answer = Answer::of(request.basic_auth("web", secret)).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert!(answer.header("allow").contains("POST"), "{answer:?}");
        }
        // What stands in the query of a post counts for nothing.
        let bare = Answer::of(http.post(&url).basic_auth("web", secret)).await;
        assert!(!bare.status.is_success(), "{path} {bare:?}");
    }
}

/// RFC 6749 section 3.2.1, RFC 7009 section 2.1, RFC 7662 section 2.1, RFC 8628 section 3.1, CIBA Core 1.0 section 7.1, RFC 9126 section 2.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_calls_for_a_client_without_its_secret() {
    let (t, _browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    for (path, form) in FORMS {
        for secret in [None, Some("wrong")] {
            let mut impostor = party.at(&t.url);
            impostor.secret = secret.map(str::to_owned);
            let answer = impostor.post(path, form).await;
            assert_eq!(answer.error(), "invalid_client", "{path} {secret:?}");
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        let http = http_client();
        let nobody = http.post(format!("{}{path}", t.url)).form(form);
        let answer = Answer::of(nobody).await;
        assert!(!answer.status.is_success(), "{path} {answer:?}");
    }
}

/// RFC 6749 section 3.2, for every endpoint that takes its rules over.
#[tokio::test(flavor = "multi_thread")]
async fn empty_is_left_out_unknown_is_ignored_and_twice_is_refused_at_every_endpoint() {
    let (_t, _browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    let harmless = [
        ("x-vendor", "1"),
        ("resource", ""),
        ("token_type_hint", ""),
        ("binding_message", ""),
        ("authorization_details", ""),
        ("prompt", ""),
    ];
    for (path, form) in FORMS {
        for more in harmless {
            let answer = party.post(path, &[form, &[more]].concat()).await;
            assert_eq!(answer.error(), "ok", "{path} {more:?} {answer:?}");
        }
        for twice in form {
            let answer = party.post(path, &[form, &[*twice]].concat()).await;
            assert_eq!(answer.error(), "invalid_request", "{path} {twice:?}");
            let without: Vec<(&str, &str)> =
                form.iter().filter(|it| *it != twice).copied().collect();
            let empty = party
                .post(path, &[&without[..], &[(twice.0, "")]].concat())
                .await;
            let left_out = party.post(path, &without).await;
            assert_eq!(empty.error(), left_out.error(), "{path} {twice:?}");
        }
    }
}

/// OpenID Connect Core 1.0 section 2: at most 255 ASCII characters, never another person's, the same at every sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_short_ascii_and_the_same_at_every_sign_in() {
    for engine in engines() {
        let (t, _, web) = setup_with(engine, |_| {}, |_| {}).await;
        let pair = Party::register(&t, "pair", |new| {
            pairwise(new);
            new.skip_consent = true;
        })
        .await;
        for party in [&web, &pair] {
            let mut subjects = Vec::new();
            for _ in 0..2 {
                let mut browser = signed_in(&t).await;
                let tokens = party.tokens(&mut browser, &[("scope", "openid")]).await;
                let sub = claims(&tokens.id.unwrap())["sub"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                assert!(sub.is_ascii() && (1..=255).contains(&sub.len()), "{sub}");
                subjects.push(sub);
            }
            assert_eq!(subjects[0], subjects[1], "{engine:?}");
        }
    }
}

/// CIBA Core 1.0 section 7.3 (alphabet, 128 bits) and RFC 8628 section 5.2.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_polled_with_cannot_be_guessed_and_has_the_alphabet_of_its_specification() {
    let (_t, _browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..8 {
        for text in [ask_for(&party, "alice").await, begin(&party).await.device] {
            let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            assert!(text.chars().all(allowed), "{text}");
            let random = text.get(7..).and_then(from_base64url).unwrap();
            assert_eq!(random.len(), 32, "{text}");
            assert!(seen.insert(text));
        }
    }
}

/// SECURITY R41; RFC 6749 section 5.2, RFC 9700 sections 2.1.2 and 2.4.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_uses_the_grants_that_it_registered_and_nobody_uses_those_that_are_gone() {
    let (t, _browser, party) = setup_with(Engine::Sqlite, |_| {}, every_grant).await;
    let plain = Party::register(&t, "plain", |new| {
        new.grant_types = Some(vec!["authorization_code".to_owned()]);
    })
    .await;
    for grant_type in GrantType::ALL {
        let form = [("grant_type", grant_type.as_str())];
        let expect = match grant_type {
            GrantType::AuthorizationCode => "invalid_request",
            _ => "unauthorized_client",
        };
        let answer = plain.token(&form).await;
        assert_eq!(answer.error(), expect, "{grant_type:?}");
    }
    for gone in [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    ] {
        let form = [
            ("grant_type", gone),
            ("username", "alice"),
            ("password", crate::web::PASSWORD),
        ];
        assert_eq!(
            party.token(&form).await.error(),
            "unsupported_grant_type",
            "{gone}"
        );
    }
}

/// Back-Channel Logout 1.0 section 2.1, Front-Channel Logout 1.0 section 3, RP-Initiated Logout 1.0 section 2.1.
#[tokio::test(flavor = "multi_thread")]
async fn discovery_says_how_sessions_end() {
    let t = TestApp::start(Engine::Sqlite).await;
    let url = format!("{}/.well-known/openid-configuration", t.url);
    let document = Answer::of(http_client().get(url)).await.json;
    for member in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
    ] {
        assert_eq!(document[member], true, "{member}");
    }
    assert_eq!(
        document["end_session_endpoint"],
        format!("{}/logout", t.url)
    );
}
