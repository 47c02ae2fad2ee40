//! The tables that clients poll, on both databases: what each conditional statement does and does not change.

use tessera::base::id::{BackchannelId, DeviceId, SessionId, UserId};
use tessera::base::secret::TokenHash;
use tessera::base::time::{Seconds, Timestamp};
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::authorization_details::AuthorizationDetails;
use tessera::oauth::protocol::polling::{Decision, State};
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::store::backchannel_requests::{self, NewRequest};
use tessera::store::device_authorizations::{self, NewDevice};
use tessera::store::polled::Decider;
use tessera::store::q;

use super::device::on_a_device;
use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn at(seconds: i64) -> Timestamp {
    START.plus(Seconds::new(seconds))
}

fn scope() -> ScopeSet {
    ScopeSet::parse("api openid").unwrap()
}

fn details() -> AuthorizationDetails {
    AuthorizationDetails::parse(r#"[{"type":"files","actions":["read"]}]"#).unwrap()
}

/// A person and the client `tv`.
async fn arrange(t: &TestDb) -> UserId {
    let user = UserId::new(START);
    let mut tx = t.db.write().await.unwrap();
    tx.exec(
        q("INSERT INTO users (id, username, email_verified, state, tokens_valid_from, created_at, updated_at) \
           VALUES ($1, 'alice', FALSE, 'active', 0, 0, 0)")
            .bind(user.as_str()),
    )
    .await
    .unwrap();
    let mut new = NewClient {
        client_id: Some("tv".to_owned()),
        ..NewClient::default()
    };
    on_a_device(&mut new);
    client::register(&mut tx, &t.sealer, &new, START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    user
}

fn decider(user_id: &UserId) -> Decider {
    Decider {
        user_id: user_id.clone(),
        session_id: SessionId::new(START),
        auth_time: START,
        amr: vec!["pwd", "otp"],
    }
}

fn device(mac: &str) -> NewDevice {
    NewDevice {
        id: DeviceId::new(START),
        device_code_hash: TokenHash::of(mac),
        user_code_mac: mac.to_owned(),
        client_id: "tv".to_owned(),
        scope: scope(),
        authorization_details: details(),
        address: "192.0.2.7".to_owned(),
        network: "192.0.2.0/24".to_owned(),
        created_at: START,
        expires_at: at(600),
    }
}

on_each_database!(
    a_device_code_is_opened_by_one_sign_in_and_decided_in_it,
    |t| {
        let user = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        let new = device("a");
        assert!(
            device_authorizations::insert(&mut tx, &new, 2)
                .await
                .unwrap()
        );
        assert!(
            !device_authorizations::insert(&mut tx, &device("a"), 2)
                .await
                .unwrap(),
            "taken"
        );
        assert!(
            device_authorizations::insert(&mut tx, &device("b"), 2)
                .await
                .unwrap()
        );
        assert!(
            !device_authorizations::insert(&mut tx, &device("c"), 2)
                .await
                .unwrap(),
            "full"
        );
        let (mine, yours) = (decider(&user), decider(&user));
        let decide = Decision::Approve;
        let unopened = device_authorizations::decide(&mut tx, &new.id, decide, &mine, START).await;
        assert_eq!(unopened.unwrap(), None);
        let claim = async |tx: &mut _, who: &Decider, now| {
            device_authorizations::claim(tx, "a", &who.session_id, now)
                .await
                .unwrap()
        };
        tx.exec(q("UPDATE clients SET state = 'disabled'"))
            .await
            .unwrap();
        assert_eq!(
            claim(&mut tx, &mine, START).await,
            None,
            "the client is disabled"
        );
        tx.exec(q("UPDATE clients SET state = 'active'"))
            .await
            .unwrap();
        assert_eq!(claim(&mut tx, &mine, at(600)).await, None, "expired");
        let opened = claim(&mut tx, &mine, START).await.unwrap();
        assert_eq!(
            (&opened.id, &opened.scope, opened.address.as_str()),
            (&new.id, &scope(), "192.0.2.7")
        );
        assert_eq!(opened.authorization_details, details());
        assert_eq!(
            claim(&mut tx, &mine, at(1)).await,
            Some(opened),
            "the same again"
        );
        assert_eq!(claim(&mut tx, &yours, at(1)).await, None, "another sign-in");
        let theirs = device_authorizations::decide(&mut tx, &new.id, decide, &yours, at(1)).await;
        assert_eq!(theirs.unwrap(), None);
        let late = device_authorizations::decide(&mut tx, &new.id, decide, &mine, at(600)).await;
        assert_eq!(late.unwrap(), None);
        let decided = device_authorizations::decide(&mut tx, &new.id, decide, &mine, at(1)).await;
        assert_eq!(decided.unwrap().unwrap().client_id, "tv");
        let again =
            device_authorizations::decide(&mut tx, &new.id, Decision::Deny, &mine, at(1)).await;
        assert_eq!(again.unwrap(), None);
        assert_eq!(claim(&mut tx, &mine, at(1)).await, None, "decided");
        let id = new.id.as_str();
        assert_eq!(
            device_authorizations::redeem(&mut tx, id, at(600))
                .await
                .unwrap(),
            None
        );
        let approval = device_authorizations::redeem(&mut tx, id, at(1))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (approval.user_id, approval.session_id),
            (user, mine.session_id)
        );
        assert_eq!(
            (approval.scope, approval.amr),
            (scope(), vec!["pwd".to_owned(), "otp".to_owned()])
        );
        assert_eq!(
            device_authorizations::redeem(&mut tx, id, at(1))
                .await
                .unwrap(),
            None
        );
    }
);

on_each_database!(
    polls_of_the_client_are_noted_and_lengthen_the_interval_up_to_a_bound,
    |t| {
        let user = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        let new = device("a");
        device_authorizations::insert(&mut tx, &new, 2)
            .await
            .unwrap();
        let hash = TokenHash::of("auth_req_id");
        let request = NewRequest {
            id: BackchannelId::new(START),
            auth_req_id_hash: hash.clone(),
            client_id: "tv".to_owned(),
            user_id: Some(user),
            scope: scope(),
            authorization_details: details(),
            binding_message: None,
            sealed_ping: None,
            created_at: START,
            expires_at: at(600),
        };
        backchannel_requests::insert(&mut tx, &request)
            .await
            .unwrap();
        for (second, too_soon) in [
            (0, false),
            (4, false),
            (7, true),
            (16, false),
            (24, true),
            (37, true),
            (56, false),
        ] {
            let one =
                device_authorizations::poll(&mut tx, &new.device_code_hash, "tv", at(second)).await;
            let two = backchannel_requests::poll(&mut tx, &hash, "tv", at(second)).await;
            for polled in [one.unwrap().unwrap(), two.unwrap().unwrap()] {
                assert_eq!(polled.poll.too_soon, too_soon, "{second}");
                assert_eq!(polled.poll.state, State::Pending);
                assert_eq!(polled.poll.expires_at, at(600));
            }
        }
        for _ in 0..100 {
            device_authorizations::poll(&mut tx, &new.device_code_hash, "tv", at(60))
                .await
                .unwrap();
            backchannel_requests::poll(&mut tx, &hash, "tv", at(60))
                .await
                .unwrap();
        }
        for sql in [
            "SELECT interval_seconds FROM device_authorizations",
            "SELECT interval_seconds FROM backchannel_requests",
        ] {
            let interval: i64 = tx.one(q(sql)).await.unwrap();
            assert_eq!(interval, 60);
        }
        let other =
            device_authorizations::poll(&mut tx, &new.device_code_hash, "web", at(60)).await;
        assert!(other.unwrap().is_none());
        let other = backchannel_requests::poll(&mut tx, &hash, "web", at(60)).await;
        assert!(other.unwrap().is_none());
    }
);

on_each_database!(
    a_backchannel_request_waits_for_one_person_and_is_decided_once,
    |t| {
        let user = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        let new = |user_id: Option<UserId>, name: &str| NewRequest {
            id: BackchannelId::new(START),
            auth_req_id_hash: TokenHash::of(name),
            client_id: "tv".to_owned(),
            user_id,
            scope: scope(),
            authorization_details: details(),
            binding_message: Some("W4SCT".to_owned()),
            sealed_ping: Some("sealed".to_owned()),
            created_at: START,
            expires_at: at(300),
        };
        let (hers, nobodys) = (new(Some(user.clone()), "a"), new(None, "b"));
        for request in [&hers, &nobodys] {
            backchannel_requests::insert(&mut tx, request)
                .await
                .unwrap();
        }
        let waiting = backchannel_requests::list_waiting(&mut tx, &user, START, 10)
            .await
            .unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(
            (&waiting[0].id, waiting[0].client_name.as_str()),
            (&hers.id, "Living room")
        );
        assert_eq!(waiting[0].binding_message.as_deref(), Some("W4SCT"));
        assert_eq!(waiting[0].authorization_details, details());
        let expired = backchannel_requests::list_waiting(&mut tx, &user, at(300), 10)
            .await
            .unwrap();
        assert!(expired.is_empty());
        let (she, another) = (decider(&user), decider(&UserId::new(START)));
        let decide = Decision::Approve;
        for (id, who, now) in [
            (&hers.id, &another, START),
            (&nobodys.id, &she, START),
            (&hers.id, &she, at(300)),
        ] {
            let refused = backchannel_requests::decide(&mut tx, id, decide, who, now)
                .await
                .unwrap();
            assert_eq!(refused, None);
        }
        let decided = backchannel_requests::decide(&mut tx, &hers.id, decide, &she, START)
            .await
            .unwrap();
        assert_eq!(decided.unwrap().sealed_ping.as_deref(), Some("sealed"));
        let again =
            backchannel_requests::decide(&mut tx, &hers.id, Decision::Deny, &she, START).await;
        assert_eq!(again.unwrap(), None);
        let id = hers.id.as_str();
        let approval = backchannel_requests::redeem(&mut tx, id, START)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(approval.user_id, user);
        assert_eq!(
            backchannel_requests::redeem(&mut tx, id, START)
                .await
                .unwrap(),
            None
        );
    }
);

on_each_database!(requests_are_forgotten_some_time_after_they_ended, |t| {
    arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    for name in ["a", "b"] {
        device_authorizations::insert(&mut tx, &device(name), 9)
            .await
            .unwrap();
        let request = NewRequest {
            id: BackchannelId::new(START),
            auth_req_id_hash: TokenHash::of(name),
            client_id: "tv".to_owned(),
            user_id: None,
            scope: scope(),
            authorization_details: details(),
            binding_message: None,
            sealed_ping: None,
            created_at: START,
            expires_at: at(600),
        };
        backchannel_requests::insert(&mut tx, &request)
            .await
            .unwrap();
    }
    for (before, limit, expect) in [
        (at(600), 9, 0),
        (at(601), 1, 1),
        (at(601), 9, 1),
        (at(601), 9, 0),
    ] {
        let devices = device_authorizations::delete_expired(&mut tx, before, limit)
            .await
            .unwrap();
        let requests = backchannel_requests::delete_expired(&mut tx, before, limit)
            .await
            .unwrap();
        assert_eq!((devices, requests), (expect, expect));
    }
});
