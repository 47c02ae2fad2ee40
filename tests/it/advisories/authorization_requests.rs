//! Rows of the catalogue about request objects, pushed requests and what an answer carries.

use http::StatusCode;
use serde_json::json;
use tessera::base::encoding::base64url;
use tessera::base::secret::TokenKind;
use tessera::base::time::Seconds;

use crate::harness::browser::{Browser, Page};
use crate::harness::database::{Engine, engines};
use crate::harness::jws::ClientKey;
use crate::oauth::par::push;
use crate::oauth::party::{Party, answered, claims, setup, setup_with};
use crate::oauth::request_objects::{object_claims, open, setup_key, with};

fn is_refused_here(page: &Page) -> bool {
    page.status == StatusCode::BAD_REQUEST && page.location().is_empty()
}

/// Rows 7 and 17: a pushed request is for its client, whole, in time, at this endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_worth_nothing_to_another_client_or_in_another_form() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let other = Party::register(&t, "other", |new| new.skip_consent = true).await;
        let public = Party::register(&t, "public", |new| {
            Party::public(new);
            new.skip_consent = true;
        })
        .await;
        let pushed = push(&party, &[]).await;
        let uri = pushed.json["request_uri"].as_str().unwrap().to_owned();
        let mut use_as = async |client_id: &str, uri: &str| {
            open(
                &mut browser,
                &[("client_id", client_id), ("request_uri", uri)],
            )
            .await
        };
        for client_id in [&other.client_id, &public.client_id] {
            assert!(
                is_refused_here(&use_as(client_id, &uri).await),
                "{client_id}"
            );
        }
        let flipped = {
            let last = if uri.ends_with('A') { "B" } else { "A" };
            format!("{}{last}", &uri[..uri.len() - 1])
        };
        let start = "urn:ietf:params:oauth:request_uri:".len();
        for wrong in [
            flipped.as_str(),
            &uri[..uri.len() - 1],
            &uri[..start + 10],
            &uri[..start],
            &format!("{uri}="),
            &format!("{uri}#x"),
        ] {
            assert!(is_refused_here(&use_as("web", wrong).await), "{wrong}");
        }
        let secret = &uri[start..];
        for text in [secret, uri.as_str()] {
            assert_eq!(party.redeem(text).await.error(), "invalid_grant");
            assert_eq!(party.refresh(text).await.error(), "invalid_grant");
            assert_eq!(party.userinfo(text).await.error(), "invalid_token");
            assert!(!party.is_active(text).await);
        }
        // Nobody who tried has used it up.
        assert!(answered(&use_as("web", &uri).await).contains_key("code"));

        let pushed = push(&party, &[]).await;
        let uri = pushed.json["request_uri"].as_str().unwrap().to_owned();
        t.clock.advance(Seconds::new(90));
        assert!(is_refused_here(&use_as("web", &uri).await), "expired");
    }
}

/// Row 8: what is a secret of another kind names no pushed request.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_another_kind_names_a_pushed_request() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let code = party.code(&mut browser, &[]).await;
    let mut secrets = vec![code];
    for kind in [
        TokenKind::RefreshToken,
        TokenKind::FlowBinding,
        TokenKind::PushedRequest,
    ] {
        secrets.push(kind.generate().expose().clone());
    }
    for secret in secrets {
        let uri = format!("urn:ietf:params:oauth:request_uri:{secret}");
        let page = open(&mut browser, &[("client_id", "web"), ("request_uri", &uri)]).await;
        assert!(is_refused_here(&page), "{secret}");
    }
}

/// Row 12, R67, R68, R69: an object is what a key of the client signed, with an algorithm that fits, as an object.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_object_passes_unsigned_encrypted_or_by_another_key() {
    let key = ClientKey::generate("ES256");
    let stranger = ClientKey::generate("ES256");
    let (t, mut browser, party) = setup_key(&key, |new| {
        new.request_object_signing_alg = Some("ES256".to_owned());
    })
    .await;
    let claims = object_claims(&t);
    let part = |value: &serde_json::Value| base64url(value.to_string().as_bytes());
    let header = |extra: serde_json::Value| {
        with(
            json!({"alg": "ES256", "kid": "k", "typ": "oauth-authz-req+jwt"}),
            &extra,
        )
    };
    let good = key.sign(&header(json!({})), &claims);
    let mut bad = vec![
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims)),
        format!(
            "{}.{}.",
            part(&header(json!({"alg": "none"}))),
            part(&claims)
        ),
        // The public key as a shared secret.
        ClientKey::generate("ES256").sign(&header(json!({"alg": "HS256"})), &claims),
        stranger.sign(&header(json!({})), &claims),
        stranger.sign(&header(json!({"jwk": stranger.jwk()})), &claims),
        stranger.sign(
            &header(json!({"jku": "https://evil.example/jwks"})),
            &claims,
        ),
        key.sign(&header(json!({"alg": "RS256"})), &claims),
        key.sign(&header(json!({"alg": "EdDSA"})), &claims),
        key.sign(&header(json!({"kid": "other"})), &claims),
        key.sign(&header(json!({"crit": ["exp"]})), &claims),
        key.sign(&header(json!({"typ": "at+jwt"})), &claims),
        key.sign(
            &header(json!({"typ": "client-authentication+jwt"})),
            &claims,
        ),
        // Five parts: encrypted.
        format!(
            "{}.a.b.c.d",
            part(&json!({"alg": "RSA-OAEP", "enc": "A256GCM"}))
        ),
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}x"),
        good[..good.len() - 2].to_owned(),
    ];
    let other = ClientKey::generate("EdDSA");
    bad.push(other.sign(&header(json!({"alg": "EdDSA"})), &claims));
    for object in bad {
        let page = browser
            .get(&party.authorize_path(&[("request", &object)]))
            .await;
        assert_eq!(
            answered(&page)["error"],
            "invalid_request_object",
            "{object}"
        );
        let answer = party.post("/par", &[("request", &object)]).await;
        assert_eq!(answer.error(), "invalid_request_object", "{object}");
    }
    let page = browser
        .get(&party.authorize_path(&[("request", &good)]))
        .await;
    assert!(answered(&page).contains_key("code"));
    let both = [
        ("request", good.as_str()),
        ("request_uri", "https://app.example/r"),
    ];
    let page = browser.get(&party.authorize_path(&both)).await;
    assert_eq!(answered(&page)["error"], "invalid_request");
}

/// Row 4: an object that holds a parameter twice, as a list, is refused as a repeated parameter is.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_stands_twice_in_a_request_object() {
    let key = ClientKey::generate("ES256");
    let (t, mut browser, _party) = setup_key(&key, |_| {}).await;
    for name in [
        "scope",
        "state",
        "nonce",
        "response_type",
        "code_challenge",
        "prompt",
    ] {
        let twice = with(object_claims(&t), &json!({name: ["openid", "openid"]}));
        let object = key.jwt("oauth-authz-req+jwt", &twice);
        let page = open(&mut browser, &[("client_id", "web"), ("request", &object)]).await;
        assert_eq!(answered(&page)["error"], "invalid_request", "{name}");
    }
}

/// Row 47: an address in a request is fetched only when the client registered it, and never from inside.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_the_server_fetch_from_inside() {
    let key = ClientKey::generate("ES256");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let inside = format!("http://{}/r", listener.local_addr().unwrap());
    let uris = [
        inside.as_str(),
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/r",
        "https://[::1]/r",
    ];
    let (_t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| {
            new.jwks = Some(key.jwks());
            new.request_uris = uris.map(str::to_owned).to_vec();
        },
    )
    .await;
    for uri in uris {
        let page = browser
            .get(&party.authorize_path(&[("request_uri", uri)]))
            .await;
        assert_eq!(answered(&page)["error"], "invalid_request_uri", "{uri}");
    }
    assert!(listener.accept().is_err(), "nobody called");
}

/// Row 34: what was sent to bind an answer to its request comes back in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_and_a_state_that_were_sent_come_back_in_every_part() {
    let (_t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| new.response_types = vec!["code id_token".to_owned()],
    )
    .await;
    let changes = [
        ("response_type", "code id_token"),
        ("nonce", "n-1"),
        ("state", "s-1"),
    ];
    let answer = answered(&browser.get(&party.authorize_path(&changes)).await);
    assert_eq!(answer["state"], "s-1");
    let front = claims(&answer["id_token"]);
    assert_eq!(front["nonce"], "n-1");
    assert!(front["s_hash"].is_string() && front["c_hash"].is_string());
    let tokens = party.redeem(&answer["code"]).await.tokens();
    let back = claims(tokens.id.as_deref().unwrap());
    assert_eq!(
        (&back["nonce"], &back["sub"]),
        (&front["nonce"], &front["sub"])
    );
}

/// Row 9: an answer that the registration does not allow any more is not given.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_type_that_was_taken_away_is_not_answered() {
    use tessera::oauth::client::{self, NewClient};
    use tessera::oauth::protocol::client::ClientId;

    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| new.response_types = vec!["code id_token".to_owned()],
    )
    .await;
    let changes = [("response_type", "code id_token"), ("prompt", "consent")];
    let page = browser.get(&party.authorize_path(&changes)).await;
    let flow = page.location().split_once('=').unwrap().1.to_owned();
    let new = NewClient {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    };
    let id = ClientId::parse("web").unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::update(&mut tx, &t.app.sealer, (&id, &new), t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let page = browser
        .get(&format!("/authorize/continue?flow={flow}"))
        .await;
    assert!(is_refused_here(&page));
}

/// R52, R54, R55: an answer in a form is as guarded as every page.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_a_form_cannot_be_framed_read_across_origins_or_kept() {
    let (_t, mut browser, party) = setup(Engine::Sqlite).await;
    let page: Page = browser
        .get(&party.authorize_path(&[("response_mode", "form_post")]))
        .await;
    for (name, expect) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(page.header(name), expect, "{name}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

/// R60: whoever may only push cannot be made to take parameters from a URL.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_must_push_is_answered_nothing_else() {
    let (t, mut browser, party) = setup_with(
        Engine::Sqlite,
        |_| {},
        |new| new.require_pushed_authorization_requests = true,
    )
    .await;
    for changes in [
        &[][..],
        &[("prompt", "none")],
        &[("request_uri", "https://app.example/r")],
    ] {
        let page = browser.get(&party.authorize_path(changes)).await;
        assert_eq!(answered(&page)["error"], "invalid_request", "{changes:?}");
    }
    let page = open(&mut Browser::new(&t), &[("client_id", "web")]).await;
    assert!(is_refused_here(&page));
}
