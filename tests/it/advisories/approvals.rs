//! Rows of the catalogue about approvals away from the client: device codes and CIBA.

use http::StatusCode;
use tessera::base::time::Seconds;

use crate::harness::browser::Browser;
use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;
use crate::oauth::Party;
use crate::oauth::backchannel::{ask, ask_for, at_a_till, poll as poll_ciba};
use crate::oauth::device::{begin, bob, decide, enter, poll, setup};
use crate::oauth::party::signed_in;
use crate::web::alice;

/// Row 35: a code belongs to the sign-in that opened it; the same person in another browser is another sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_pending_device_code_is_approved_by_the_session_that_opened_it_only() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        let codes = begin(&tv).await;
        let opened = enter(&mut browser, &codes.user).await;
        assert!(opened.text.contains("Living room"), "{}", opened.text);
        let fields = opened.hidden_fields();
        let request = fields.iter().find(|(name, _)| name == "request").unwrap();
        let mut elsewhere = signed_in(&t).await;
        for other in [&mut bob(&t).await, &mut elsewhere] {
            let page = enter(other, &codes.user).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
            // A form token of the right kind, from a request of their own.
            let own = enter(other, &begin(&tv).await.user).await;
            let csrf = own
                .hidden_fields()
                .into_iter()
                .find(|(name, _)| name == "csrf");
            let csrf = csrf.unwrap().1;
            let stolen = [
                ("csrf", csrf.as_str()),
                ("request", request.1.as_str()),
                ("decision", "allow"),
            ];
            let page = other.post("/device/decision", &stolen).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.text);
        }
        let nobody = Browser::new(&t)
            .post("/device/decision", &[("decision", "allow")])
            .await;
        assert_eq!(nobody.status, StatusCode::FORBIDDEN);
        assert_eq!(
            poll(&tv, &codes.device).await.error(),
            "authorization_pending"
        );
        browser.submit(&opened, &[("decision", "allow")]).await;
        poll(&tv, &codes.device).await.tokens();
    }
}

/// Row 35: five wrong codes, then nothing is looked up for a while, not even the right code; the next sign-in of the same
/// network waits too. Right codes are no failures.
#[tokio::test(flavor = "multi_thread")]
async fn user_codes_cannot_be_guessed() {
    for engine in engines() {
        let (t, mut browser, tv) = setup(engine).await;
        for _ in 0..8 {
            decide(&mut browser, &begin(&tv).await.user, "deny").await;
        }
        let codes = begin(&tv).await;
        let expired = begin(&tv).await;
        t.clock.advance(Seconds::new(599));
        let fresh = begin(&tv).await;
        t.clock.advance(Seconds::new(1));
        let mut answers = Vec::new();
        for guess in [
            &codes.user,
            &expired.user,
            "BBBB-BBBB",
            "CCCC-CCCC",
            "DDDD-DDDD",
        ] {
            let page = enter(&mut browser, guess).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{guess}");
            let csrf = page.hidden_fields()[0].1.clone();
            answers.push(page.text.replace(guess, "CODE").replace(&csrf, ""));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "one answer for unknown and expired codes");
        for browser in [&mut browser, &mut bob(&t).await] {
            let page = enter(browser, &fresh.user).await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(page.header("retry-after"), "301");
            assert!(!page.text.contains("Living room"));
        }
        t.clock.advance(Seconds::new(301));
        let page = enter(&mut browser, &fresh.user).await;
        assert!(page.text.contains("Living room"), "{}", page.text);
    }
}

/// Row 35: what is tried at the same time is counted at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_of_user_codes_do_not_pass_the_limit() {
    for engine in engines() {
        let (t, mut browser, _) = setup(engine).await;
        let page = browser.get("/device").await;
        let csrf = page.hidden_fields()[0].1.clone();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let mut twin = Browser::new(&t);
            twin.cookies.clone_from(&browser.cookies);
            let csrf = csrf.clone();
            tasks.spawn(async move {
                let fields = [("csrf", csrf.as_str()), ("user_code", "BBBB-BBBB")];
                twin.post("/device", &fields).await.status.as_u16()
            });
        }
        let statuses = tasks.join_all().await;
        let looked_up = statuses.iter().filter(|status| **status == 422).count();
        assert_eq!(looked_up, 5, "{engine:?} {statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 422 | 429)));
    }
}

/// Row 38: one count however the person is called and whichever client asks; what was wanted does not count, and signing in
/// is not touched.
#[tokio::test(flavor = "multi_thread")]
async fn requests_to_one_person_are_bounded_over_all_names_and_clients() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let till = Party::register(&t, "till", at_a_till).await;
        let kiosk = Party::register(&t, "kiosk", at_a_till).await;
        let mut browser = signed_in(&t).await;
        for _ in 0..3 {
            ask_for(&till, "alice").await;
            let page = browser.get("/approvals").await;
            browser.submit(&page, &[("decision", "allow")]).await;
        }
        for n in 0..20 {
            let party = if n % 2 == 0 { &till } else { &kiosk };
            let name = ["alice", "ALICE", "alice@example.com"][n % 3];
            ask_for(party, name).await;
        }
        for party in [&till, &kiosk] {
            for name in ["alice", "Alice@Example.com"] {
                let answer = ask(party, &[("login_hint", name)]).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
                assert_eq!(answer.error(), "access_denied");
                assert_eq!(answer.header("retry-after"), "301");
            }
        }
        signed_in(&t).await;
        t.clock.advance(Seconds::new(601));
        ask_for(&till, "alice").await;
    }
}

/// Row 39: a client does not learn who has an account: the same answer, the same bound, the same end.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_does_not_learn_who_has_an_account() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        alice(&t).await;
        let till = Party::register(&t, "till", at_a_till).await;
        let mut ends = Vec::new();
        for name in ["alice", "nobody"] {
            let first = ask(&till, &[("login_hint", name)]).await;
            let mut shape = first.json.clone();
            let id = shape["auth_req_id"].take().as_str().unwrap().to_owned();
            let mut seen = vec![(first.status, shape.to_string(), id.len().to_string())];
            for _ in 0..20 {
                let next = ask(&till, &[("login_hint", name)]).await;
                let kind = next.error().to_owned();
                seen.push((next.status, kind, next.header("retry-after").to_owned()));
            }
            let pending = poll_ciba(&till, &id).await;
            seen.push((pending.status, pending.json.to_string(), String::new()));
            ends.push((id, seen));
        }
        assert_eq!(ends[0].1, ends[1].1);
        t.clock.advance(Seconds::new(300));
        let one = poll_ciba(&till, &ends[0].0).await;
        let two = poll_ciba(&till, &ends[1].0).await;
        assert_eq!((one.status, &one.json), (two.status, &two.json));
        assert_eq!(one.error(), "expired_token");
    }
}

/// Row 8: what a device or a client polls with is of one kind each.
#[tokio::test(flavor = "multi_thread")]
async fn device_codes_and_auth_req_ids_are_not_each_other() {
    let (t, mut browser, _) = setup(Engine::Sqlite).await;
    let both = Party::register(&t, "both", |new| {
        at_a_till(new);
        new.grant_types = Some(
            [
                "urn:openid:params:grant-type:ciba",
                "urn:ietf:params:oauth:grant-type:device_code",
            ]
            .map(str::to_owned)
            .to_vec(),
        );
        new.scope = Some("openid profile offline_access".to_owned());
    })
    .await;
    let codes = begin(&both).await;
    decide(&mut browser, &codes.user, "allow").await;
    let auth_req_id = ask_for(&both, "alice").await;
    let page = browser.get("/approvals").await;
    browser.submit(&page, &[("decision", "allow")]).await;
    assert_eq!(poll(&both, &auth_req_id).await.error(), "invalid_grant");
    assert_eq!(
        poll_ciba(&both, &codes.device).await.error(),
        "invalid_grant"
    );
    poll(&both, &codes.device).await.tokens();
    poll_ciba(&both, &auth_req_id).await.tokens();
    drop(t);
}
