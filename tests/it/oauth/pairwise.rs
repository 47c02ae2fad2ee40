//! Pairwise subjects (OpenID Connect Core 1.0 section 8): one name a sector, the same everywhere a client sees it.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tessera::base::id::UserId;
use tessera::base::time::Seconds;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::sector;
use tessera::policy::system::{self, Role};
use tessera::serve::outbox::deliver_due;
use tessera::store::pairwise_subjects;

use super::backchannel::{ask, decide as decide_ciba, poll as poll_ciba};
use super::device::{begin, decide as decide_device, poll as poll_device};
use super::party::{Party, answered, claims, setup_with, signed_in};
use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::receiver::Receiver;
use crate::harness::server::{TestApp, client as http_client};
use crate::on_each_database;
use crate::web::{PASSWORD, alice, person};

pub fn pairwise(new: &mut NewClient) {
    new.skip_consent = true;
    new.subject_type = Some("pairwise".to_owned());
}

fn at(host: &'static str) -> impl FnOnce(&mut NewClient) {
    move |new| {
        pairwise(new);
        new.redirect_uris = vec![format!("https://{host}/cb")];
    }
}

async fn sub(browser: &mut Browser, party: &Party, redirect_uri: &str) -> String {
    let page = browser
        .get(&party.authorize_path(&[
            ("response_type", "code id_token"),
            ("redirect_uri", redirect_uri),
        ]))
        .await;
    let location = page.location().to_owned();
    let (_, id) = location
        .split_once("id_token=")
        .unwrap_or_else(|| panic!("{location}"));
    let id = id.split('&').next().unwrap();
    claims(id)["sub"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_sector_know_a_person_by_one_name_that_no_other_sector_knows() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        person(&t, "bob", "Bob").await;
        let hybrid = |host| {
            let change = at(host);
            move |new: &mut NewClient| {
                change(new);
                new.response_types = vec!["code".to_owned(), "code id_token".to_owned()];
            }
        };
        let one = Party::register(&t, "one", hybrid("shop.example")).await;
        let two = Party::register(&t, "two", hybrid("shop.example")).await;
        let far = Party::register(&t, "far", hybrid("far.example")).await;
        let mut browser = signed_in(&t).await;
        let here = sub(&mut browser, &one, "https://shop.example/cb").await;
        assert_eq!(
            here,
            sub(&mut browser, &two, "https://shop.example/cb").await
        );
        let there = sub(&mut browser, &far, "https://far.example/cb").await;
        assert_ne!(here, there);
        let mut bob = Browser::new(&t);
        bob.sign_in("bob", PASSWORD).await;
        assert_ne!(here, sub(&mut bob, &one, "https://shop.example/cb").await);
        assert!(here.starts_with("sub_") && here.len() == 47 && !here.contains(user.as_str()));
        // The same on another node, and after a restart.
        let node = t.second_node().await;
        let mut elsewhere = Browser::at(&node.url);
        elsewhere.sign_in("alice", PASSWORD).await;
        assert_eq!(
            here,
            sub(&mut elsewhere, &one, "https://shop.example/cb").await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_client_is_told_names_the_person_alike() {
    for engine in engines() {
        let receiver = Receiver::start().await;
        let (t, mut browser, web) = setup_with(
            engine,
            |config| config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()],
            |new| {
                pairwise(new);
                new.backchannel_logout_uri = Some(receiver.url.clone());
                new.frontchannel_logout_uri = Some("https://app.example/out".to_owned());
            },
        )
        .await;
        let plain = Party::register(&t, "plain", |new| new.skip_consent = true).await;
        let known = plain.tokens(&mut browser, &[]).await.id.unwrap();
        let tokens = web.tokens(&mut browser, &[]).await;
        let id = tokens.id.clone().unwrap();
        let sub = claims(&id)["sub"].as_str().unwrap().to_owned();
        assert!(sub.starts_with("sub_"), "{sub}");
        let sid = claims(&id)["sid"].as_str().unwrap().to_owned();
        assert_ne!(
            claims(&known)["sid"],
            sid.as_str(),
            "nor do two compare sign-ins"
        );
        assert_eq!(claims(&tokens.access)["sid"], sid.as_str());
        assert_eq!(claims(&tokens.access)["sub"], sub.as_str());
        assert_eq!(web.userinfo(&tokens.access).await.json["sub"], sub.as_str());
        assert_eq!(web.introspect(&tokens.access).await["sub"], sub.as_str());
        assert_eq!(web.introspect(tokens.refresh()).await["sub"], sub.as_str());
        t.clock.advance(Seconds::new(20));
        let refreshed = web.refresh(tokens.refresh()).await.tokens();
        assert_eq!(claims(&refreshed.id.unwrap())["sub"], sub.as_str());
        // The client says it back.
        let silent = [("prompt", "none"), ("id_token_hint", id.as_str())];
        let page = browser.get(&web.authorize_path(&silent)).await;
        assert!(answered(&page).contains_key("code"), "{}", page.location());
        let named = format!(r#"{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}"#);
        let silent = [("prompt", "none"), ("claims", named.as_str())];
        let page = browser.get(&web.authorize_path(&silent)).await;
        assert!(answered(&page).contains_key("code"), "{}", page.location());
        let page = browser.get(&format!("/logout?id_token_hint={id}")).await;
        assert!(page.text.contains(&format!("sid={sid}")), "{}", page.text);
        assert!(
            !page.text.contains("Sign out?"),
            "the hint names who is here"
        );
        deliver_due(Arc::clone(&t.app)).await.unwrap();
        let got = receiver.got();
        let told = got[0].strip_prefix("logout_token=").unwrap();
        assert_eq!(claims(told)["sub"], sub.as_str(), "{engine:?}");
        assert_eq!(claims(told)["sid"], sid.as_str(), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_and_tills_get_the_same_name_and_may_ask_for_it() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        let user = alice(&t).await;
        let mut browser = signed_in(&t).await;
        let grants = [
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:openid:params:grant-type:ciba",
        ];
        let both = Party::register(&t, "both", |new| {
            pairwise(new);
            new.grant_types = Some(grants.map(str::to_owned).to_vec());
        })
        .await;
        let codes = begin(&both).await;
        decide_device(&mut browser, &codes.user, "allow").await;
        let device = poll_device(&both, &codes.device).await.tokens().id.unwrap();
        let answer = ask(&both, &[("id_token_hint", &device)]).await;
        decide_ciba(&mut browser, "allow").await;
        let till = poll_ciba(&both, answer.json["auth_req_id"].as_str().unwrap()).await;
        let till = till.tokens().id.unwrap();
        assert_eq!(claims(&device)["sub"], claims(&till)["sub"]);
        assert!(!device.contains(user.as_str()), "{engine:?}");
        let sub = claims(&device)["sub"].as_str().unwrap().to_owned();
        let mut conn = t.app.db.read().await.unwrap();
        let found = pairwise_subjects::find(&mut conn, &sub).await.unwrap();
        assert_eq!(found, Some(user));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_apis_still_know_the_person() {
    let (t, mut browser, web) = setup_with(Engine::Sqlite, |_| {}, pairwise).await;
    let mut tx = t.app.db.write().await.unwrap();
    let users = tessera::store::users::list(&mut tx, None, 10)
        .await
        .unwrap();
    system::assign_role(
        &mut tx,
        &format!("user:{}", users[0].id),
        Role::Admin,
        t.clock.now(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let tokens = web
        .tokens(&mut browser, &[("scope", "openid tessera:admin")])
        .await;
    let url = format!("{}/admin/api/users", t.url);
    let answer = http_client()
        .get(url)
        .bearer_auth(&tokens.access)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_keeps_its_name_when_the_registration_changes() {
    let (t, mut browser, web) = setup_with(Engine::Sqlite, |_| {}, pairwise).await;
    let tokens = web.tokens(&mut browser, &[]).await;
    let sub = claims(&tokens.id.unwrap())["sub"].clone();
    let mut tx = t.app.db.write().await.unwrap();
    let id = tessera::oauth::protocol::client::ClientId::parse("web").unwrap();
    let new = NewClient {
        redirect_uris: vec![super::party::REDIRECT_URI.to_owned()],
        grant_types: Some(
            ["authorization_code", "refresh_token"]
                .map(str::to_owned)
                .to_vec(),
        ),
        scope: Some("openid profile email offline_access".to_owned()),
        skip_consent: true,
        ..NewClient::default()
    };
    client::update(&mut tx, &t.app.sealer, (&id, &new), t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    t.clock.advance(Seconds::new(20));
    let refreshed = web
        .refresh(tokens.refresh.as_deref().unwrap())
        .await
        .tokens();
    assert_eq!(claims(&refreshed.id.unwrap())["sub"], sub);
    assert_eq!(web.userinfo(&refreshed.access).await.json["sub"], sub);
    let new = web.tokens(&mut browser, &[]).await;
    assert_ne!(claims(&new.id.unwrap())["sub"], sub);
}

/// A server with a sector document.
async fn sector_server(document: Value) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sector.json", listener.local_addr().unwrap());
    let router = Router::new().route(
        "/sector.json",
        get(move || async move { axum::Json(document) }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sector_is_claimed_only_by_clients_that_its_document_lists() {
    let t = TestApp::start_with(Engine::Sqlite, |config| {
        config.outbound_allowed = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let (a, b) = ("https://a.example/cb", "https://b.example/cb");
    let listed = sector_server(json!([b, a, "https://c.example/cb"])).await;
    let unlisted = sector_server(json!([a])).await;
    let absent = listed.replace("sector.json", "absent.json");
    let new = |uri: &str| NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec![a.to_owned(), b.to_owned()],
        subject_type: Some("pairwise".to_owned()),
        sector_identifier_uri: Some(uri.to_owned()),
        ..NewClient::default()
    };
    for (uri, says) in [
        (unlisted.as_str(), "lists every redirect URI"),
        (&absent, "the answer was 404"),
        ("https://10.0.0.1/sector.json", "not a public address"),
    ] {
        let refused = sector::verify(&t.app, Some("web"), &mut new(uri)).await;
        let message = refused.unwrap_err().to_string();
        assert!(
            message.starts_with("sector_identifier_uri: ") && message.contains(says),
            "{message}"
        );
    }
    // Whoever forgets to verify is refused, not believed.
    let mut tx = t.app.db.write().await.unwrap();
    let refused = client::register(&mut tx, &t.app.sealer, &new(&listed), t.clock.now()).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("was not verified")
    );
    drop(tx);
    let mut verified = new(&listed);
    sector::verify(&t.app, Some("web"), &mut verified)
        .await
        .unwrap();
    let mut tx = t.app.db.write().await.unwrap();
    client::register(&mut tx, &t.app.sealer, &verified, t.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // What is registered is not fetched again, what is added is.
    let mut same = new(&listed);
    same.redirect_uris.pop();
    sector::verify(&t.app, Some("web"), &mut same)
        .await
        .unwrap();
    let mut more = new(&listed);
    more.redirect_uris.push("https://d.example/cb".to_owned());
    assert!(
        sector::verify(&t.app, Some("web"), &mut more)
            .await
            .is_err()
    );
}

on_each_database!(a_subject_leads_back_to_its_person, |t| {
    let user = crate::identity::create(&t, &crate::identity::new_user("alice", None)).await;
    let other = UserId::new(crate::harness::database::START);
    let mut tx = t.db.write().await.unwrap();
    pairwise_subjects::insert(&mut tx, "sub_x", &user)
        .await
        .unwrap();
    pairwise_subjects::insert(&mut tx, "sub_x", &user)
        .await
        .unwrap();
    let found = pairwise_subjects::find(&mut tx, "sub_x").await.unwrap();
    assert_eq!(found, Some(user));
    assert_ne!(found, Some(other));
    assert_eq!(
        pairwise_subjects::find(&mut tx, "sub_y").await.unwrap(),
        None
    );
});
