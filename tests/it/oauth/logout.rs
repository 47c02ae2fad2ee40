//! `/logout`: who is asked, who is not, and where the browser goes.

use http::StatusCode;
use tessera::base::time::Seconds;

use super::party::{Party, claims, setup, setup_with, signed_in};
use crate::harness::database::{Engine, engines};

const BYE: &str = "https://app.example/bye";

fn path(params: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    format!("/logout?{query}")
}

async fn is_signed_in(browser: &mut crate::harness::browser::Browser) -> bool {
    browser.get("/").await.text.contains("Hello")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_id_token_of_this_sign_in_it_ends_at_once() {
    for engine in engines() {
        let (t, mut browser, party) = setup(engine).await;
        let id = party.tokens(&mut browser, &[]).await.id.unwrap();
        t.clock.advance(Seconds::new(1_000));
        let request = path(&[
            ("id_token_hint", &id),
            ("post_logout_redirect_uri", BYE),
            ("state", "a&b"),
        ]);
        let page = browser.get(&request).await;
        assert_eq!(
            page.status,
            StatusCode::SEE_OTHER,
            "expired, but it names the sign-in"
        );
        assert_eq!(page.location(), "https://app.example/bye?state=a%26b");
        assert!(!is_signed_in(&mut browser).await);
        let silent = party.authorize_path(&[("prompt", "none")]);
        assert!(
            browser
                .get(&silent)
                .await
                .location()
                .contains("login_required")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hint_of_this_sign_in_the_person_is_asked() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    let earlier = party.tokens(&mut browser, &[]).await.id.unwrap();
    let mut other = signed_in(&t).await;
    for params in [
        vec![],
        vec![("client_id", "web"), ("post_logout_redirect_uri", BYE)],
        vec![("id_token_hint", earlier.as_str())],
        vec![("id_token_hint", "nonsense")],
        vec![("confirmation", "nonsense")],
    ] {
        let page = other.get(&path(&params)).await;
        assert_eq!(page.status, StatusCode::OK, "{params:?}");
        assert!(page.text.contains("Sign out?"));
        assert!(is_signed_in(&mut other).await);
    }
    let page = other
        .get(&path(&[
            ("client_id", "web"),
            ("post_logout_redirect_uri", BYE),
        ]))
        .await;
    assert!(
        page.header("content-security-policy")
            .contains("form-action 'self' https://app.example;")
    );
    let confirmation = page.attribute("<button", "value").unwrap();
    let bye = other
        .submit(&page, &[("confirmation", &confirmation)])
        .await;
    assert_eq!(bye.location(), BYE);
    assert!(!is_signed_in(&mut other).await);
    assert!(is_signed_in(&mut browser).await, "the other browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_of_another_session_confirms_nothing() {
    let (t, mut browser, _party) = setup(Engine::Sqlite).await;
    let mut attacker = signed_in(&t).await;
    let page = attacker.get("/logout").await;
    let confirmation = page.attribute("<button", "value").unwrap();
    let page = browser
        .post("/logout", &[("confirmation", &confirmation)])
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(is_signed_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_goes_on_only_to_a_registered_uri() {
    let (t, mut browser, party) = setup(Engine::Sqlite).await;
    Party::register(&t, "other", |new| new.post_logout_redirect_uris.clear()).await;
    let id = party.tokens(&mut browser, &[]).await.id.unwrap();
    for params in [
        vec![
            ("id_token_hint", id.as_str()),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ],
        vec![
            ("id_token_hint", id.as_str()),
            ("post_logout_redirect_uri", "https://app.example/BYE"),
        ],
        vec![
            ("id_token_hint", id.as_str()),
            ("client_id", "other"),
            ("post_logout_redirect_uri", BYE),
        ],
        vec![("client_id", "other"), ("post_logout_redirect_uri", BYE)],
        vec![("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
        vec![("post_logout_redirect_uri", BYE)],
        vec![
            ("id_token_hint", "nonsense"),
            ("post_logout_redirect_uri", BYE),
        ],
        vec![("state", "a"), ("state", "b")],
    ] {
        let page = browser.get(&path(&params)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{params:?}");
        assert_eq!(page.location(), "");
        assert!(is_signed_in(&mut browser).await, "{params:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signed_in_is_no_error() {
    let (t, _browser, _party) = setup(Engine::Sqlite).await;
    let mut stranger = crate::harness::browser::Browser::new(&t);
    let page = stranger.get("/logout").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("signed out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_came_without_the_session_is_asked_again_as_a_link() {
    let (t, _browser, _party) = setup(Engine::Sqlite).await;
    // As from the client's own site: `SameSite=Lax` keeps the cookie back.
    let mut without_cookie = crate::harness::browser::Browser::new(&t);
    let fields = [
        ("client_id", "web"),
        ("post_logout_redirect_uri", BYE),
        ("state", "a b"),
        ("logout_hint", "alice"),
    ];
    let page = without_cookie.post("/logout", &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(
        page.location(),
        "/logout?client_id=web&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=a+b"
    );
    let page = without_cookie.get(page.location()).await;
    assert_eq!(page.location(), "https://app.example/bye?state=a+b");
    let fields = [
        ("client_id", "web"),
        ("post_logout_redirect_uri", "https://evil.example/"),
    ];
    let page = without_cookie.post("/logout", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

fn framed(new: &mut tessera::oauth::client::NewClient) {
    new.frontchannel_logout_uri = Some("https://app.example/out?x=1".to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_after_holds_a_frame_for_each_client_that_wants_one() {
    for engine in engines() {
        let (t, mut browser, party) = setup_with(engine, |_| {}, framed).await;
        let mut others = Vec::new();
        for (id, uri) in [
            ("other", "https://other.example:8443/cb"),
            ("idle", "https://idle.example/cb"),
        ] {
            let party = Party::register(&t, id, |new| {
                new.skip_consent = true;
                new.redirect_uris.push(uri.to_owned());
                new.frontchannel_logout_uri = Some(uri.replace("/cb", "/out"));
            })
            .await;
            others.push(party);
        }
        let id = party.tokens(&mut browser, &[]).await.id.unwrap();
        others[0].code(&mut browser, &[]).await;
        let page = browser
            .get(&path(&[
                ("id_token_hint", &id),
                ("post_logout_redirect_uri", BYE),
            ]))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let sid = claims(&id)["sid"].as_str().unwrap().to_owned();
        let issuer = t.url.replace(':', "%3A").replace('/', "%2F");
        let expect = format!("https://other.example:8443/out?iss={issuer}&sid={sid}");
        assert_eq!(page.attribute("<iframe", "src").unwrap(), expect);
        assert!(page.text.contains(&format!(
            "https://app.example/out?x=1&amp;iss={issuer}&amp;sid={sid}"
        )));
        assert_eq!(page.text.matches("<iframe").count(), 2);
        assert_eq!(
            page.attribute("<a class=\"button\" id=\"go\"", "href")
                .unwrap(),
            BYE
        );
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains(" frame-src https://app.example https://other.example:8443; "),
            "{policy}"
        );
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_home_shows_the_frames_too() {
    let (_t, mut browser, party) = setup_with(Engine::Sqlite, |_| {}, framed).await;
    party.code(&mut browser, &[]).await;
    let home = browser.get("/").await;
    let page = browser.submit(&home, &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text
            .contains("<iframe src=\"https://app.example/out?x=1&amp;iss=")
    );
    assert_eq!(
        page.attribute("<a class=\"button\" id=\"go\"", "href")
            .unwrap(),
        "/"
    );
    assert!(!is_signed_in(&mut browser).await);
    assert!(!browser.cookies.contains_key("tessera"));
}
