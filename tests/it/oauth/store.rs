//! The tables of this room, on both databases: what a conditional statement does and does not change.

use tessera::base::id::{FlowId, GrantId, SessionId, UserId};
use tessera::base::secret::TokenHash;
use tessera::base::time::{Seconds, Timestamp};
use tessera::config::Config;
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::protocol::authorize::AuthorizeRequest;
use tessera::oauth::protocol::confirmation::Confirmation;
use tessera::oauth::protocol::dpop::Thumbprint;
use tessera::oauth::protocol::grant::GrantDetails;
use tessera::oauth::protocol::scope::ScopeSet;
use tessera::oauth::sweep;
use tessera::store::authorization_codes::{self, Code};
use tessera::store::authorization_flows::{self, FlowRow};
use tessera::store::grants::{self, Grant, Standing};
use tessera::store::refresh_families::{self, NewHead};
use tessera::store::sessions::{self, SessionRow};
use tessera::store::{Tx, consents, dpop_proofs, q, revoked_access_tokens};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn at(seconds: i64) -> Timestamp {
    START.plus(Seconds::new(seconds))
}

fn scope(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

/// A person and the client `web`.
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
    let new = NewClient {
        client_id: Some("web".to_owned()),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        ..NewClient::default()
    };
    client::register(&mut tx, &t.sealer, &new, START)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    user
}

fn grant(user: &UserId, scopes: &str) -> Grant {
    Grant {
        id: GrantId::new(START),
        client_id: "web".to_owned(),
        user_id: user.clone(),
        session_id: SessionId::new(START),
        scope: scope(scopes),
        auth_time: START,
        amr: vec!["pwd".to_owned()],
        details: GrantDetails {
            refresh_bound_to: Some(Confirmation {
                jkt: Some("thumbprint".to_owned()),
                x5t_s256: None,
            }),
            ..GrantDetails::default()
        },
        created_at: START,
    }
}

/// The sign-in that a grant was given in.
pub async fn sign_in(tx: &mut Tx, grant: &Grant, expires_at: Timestamp) {
    let row = SessionRow {
        session_id: grant.session_id.clone(),
        user_id: grant.user_id.clone(),
        data: "{}".to_owned(),
        auth_time: START,
        last_seen_at: START,
        expires_at,
    };
    let id = TokenHash::of(grant.session_id.as_str());
    sessions::insert(tx, &id, &row).await.unwrap();
}

/// Keeps a grant with its sign-in.
async fn keep(tx: &mut Tx, grant: &Grant) {
    sign_in(tx, grant, at(1)).await;
    assert!(grants::insert(tx, grant).await.unwrap());
}

async fn standing(tx: &mut Tx, grant: &Grant) -> Standing {
    grants::find(tx, &grant.id, START)
        .await
        .unwrap()
        .unwrap()
        .standing
}

on_each_database!(a_grant_stands_as_long_as_everything_under_it_does, |t| {
    let user = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let offline = grant(&user, "openid offline_access");
    let online = grant(&user, "openid");
    for grant in [&offline, &online] {
        keep(&mut tx, grant).await;
        let found = grants::find(&mut tx, &grant.id, START).await.unwrap();
        assert_eq!(&found.unwrap().grant, grant);
    }
    tx.exec(q("DELETE FROM sessions")).await.unwrap();
    assert_eq!(standing(&mut tx, &offline).await, Standing::Live);
    assert_eq!(standing(&mut tx, &online).await, Standing::SessionEnded);
    sign_in(&mut tx, &online, at(1)).await;
    assert_eq!(standing(&mut tx, &online).await, Standing::Live);
    for (change, undo, expect) in [
        (
            "UPDATE users SET state = 'locked'",
            "UPDATE users SET state = 'active'",
            Standing::UserVoided,
        ),
        (
            "UPDATE users SET tokens_valid_from = 1735689600001",
            "UPDATE users SET tokens_valid_from = 1735689600000",
            Standing::UserVoided,
        ),
        (
            "UPDATE clients SET state = 'disabled'",
            "UPDATE clients SET state = 'active'",
            Standing::ClientDisabled,
        ),
    ] {
        tx.exec(q(change)).await.unwrap();
        assert_eq!(standing(&mut tx, &offline).await, expect, "{change}");
        let another = grant(&user, "openid");
        sign_in(&mut tx, &another, at(1)).await;
        assert!(
            !grants::insert(&mut tx, &another).await.unwrap(),
            "{change}"
        );
        tx.exec(q(undo)).await.unwrap();
        assert_eq!(standing(&mut tx, &offline).await, Standing::Live, "{undo}");
    }
    assert!(
        grants::revoke(&mut tx, &offline.id, "test", START)
            .await
            .unwrap()
    );
    assert!(
        !grants::revoke(&mut tx, &offline.id, "test", START)
            .await
            .unwrap()
    );
    assert_eq!(standing(&mut tx, &offline).await, Standing::Revoked);
});

on_each_database!(a_code_is_redeemed_by_its_client_once_and_in_time, |t| {
    let user = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let grant = grant(&user, "openid");
    keep(&mut tx, &grant).await;
    let code = Code {
        grant_id: grant.id.clone(),
        client_id: "web".to_owned(),
        redirect_uri: "https://app.example/cb".to_owned(),
        redirect_uri_sent: true,
        code_challenge: None,
        nonce: Some("n".to_owned()),
        dpop_jkt: Some(Thumbprint::parse(&"A".repeat(43)).unwrap()),
    };
    let hash = TokenHash::of("code");
    authorization_codes::insert(&mut tx, &hash, &code, START, at(60))
        .await
        .unwrap();
    for (client, seconds, expect) in [
        ("other", 1, None),
        ("web", 60, None),
        ("web", 59, Some(code.clone())),
        ("web", 59, None),
    ] {
        let redeemed = authorization_codes::redeem(&mut tx, &hash, client, at(seconds))
            .await
            .unwrap();
        assert_eq!(redeemed, expect, "{client} {seconds}");
    }
    for (client, expect) in [("other", None), ("web", Some(grant.id))] {
        let found = authorization_codes::find_redeemed(&mut tx, &hash, client)
            .await
            .unwrap();
        assert_eq!(found, expect);
    }
});

on_each_database!(a_proof_is_noted_once_and_forgotten_when_it_expired, |t| {
    let mut tx = t.db.write().await.unwrap();
    for (hash, expect) in [("a", true), ("b", true), ("a", false)] {
        let is_new = dpop_proofs::insert(&mut tx, hash, at(60)).await.unwrap();
        assert_eq!(is_new, expect, "{hash}");
    }
    for (seconds, limit, expect) in [(59, 9, 0), (60, 1, 1), (60, 9, 1), (60, 9, 0)] {
        let rows = dpop_proofs::delete_expired(&mut tx, at(seconds), limit)
            .await
            .unwrap();
        assert_eq!(rows, expect, "{seconds} {limit}");
    }
    assert!(dpop_proofs::insert(&mut tx, "a", at(60)).await.unwrap());
});

on_each_database!(a_grant_learns_its_key_unless_it_is_revoked, |t| {
    let user = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let mut grant = grant(&user, "openid");
    keep(&mut tx, &grant).await;
    grant.details.refresh_bound_to = Some(Confirmation {
        jkt: Some("other".to_owned()),
        x5t_s256: None,
    });
    assert!(grants::set_details(&mut tx, &grant).await.unwrap());
    let found = grants::find(&mut tx, &grant.id, START).await.unwrap();
    assert_eq!(found.unwrap().grant.details, grant.details);
    grants::revoke(&mut tx, &grant.id, "test", START)
        .await
        .unwrap();
    assert!(!grants::set_details(&mut tx, &grant).await.unwrap());
});

on_each_database!(
    a_family_changes_only_from_the_head_that_was_looked_at,
    |t| {
        let user = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        let grant = grant(&user, "openid");
        keep(&mut tx, &grant).await;
        let hashes: Vec<TokenHash> = (0..4).map(|n: i32| TokenHash::of(&n.to_string())).collect();
        let head = |n: usize| NewHead {
            generation: i64::try_from(n).unwrap(),
            hash: &hashes[n],
            sealed: "sealed",
        };
        refresh_families::insert(&mut tx, &grant.id, (0, &hashes[0]), START, at(100))
            .await
            .unwrap();
        let first = refresh_families::find(&mut tx, &grant.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(first.family.previous, None);
        assert!(
            refresh_families::rotate(&mut tx, &grant.id, &first.family, head(1), at(1))
                .await
                .unwrap()
        );
        assert!(
            !refresh_families::rotate(&mut tx, &grant.id, &first.family, head(2), at(1))
                .await
                .unwrap()
        );
        let second = refresh_families::find(&mut tx, &grant.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(second.family.head_hash, hashes[1]);
        assert_eq!(second.family.previous.as_ref().unwrap().hash, hashes[0]);
        assert!(
            !refresh_families::recover(&mut tx, &grant.id, &first.family, head(2), at(2))
                .await
                .unwrap()
        );
        assert!(
            refresh_families::recover(&mut tx, &grant.id, &second.family, head(2), at(2))
                .await
                .unwrap()
        );
        let third = refresh_families::find(&mut tx, &grant.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (third.family.recoveries, third.family.head_generation),
            (1, 2)
        );
        assert_eq!(
            third.family.previous, second.family.previous,
            "the window starts at the first use"
        );
        assert!(
            !refresh_families::note_presented(&mut tx, &grant.id, &second.family)
                .await
                .unwrap()
        );
        assert!(
            refresh_families::note_presented(&mut tx, &grant.id, &third.family)
                .await
                .unwrap()
        );
        assert!(
            !refresh_families::recover(&mut tx, &grant.id, &third.family, head(3), at(3))
                .await
                .unwrap(),
            "it arrived"
        );
    }
);

on_each_database!(consents_only_ever_add_up, |t| {
    let user = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    for scopes in ["openid email", "openid profile", "openid email"] {
        consents::add(&mut tx, &user, "web", &scope(scopes), START)
            .await
            .unwrap();
    }
    let agreed = consents::scopes(&mut tx, &user, "web").await.unwrap();
    assert_eq!(agreed.to_string(), "email openid profile");
    let other = consents::scopes(&mut tx, &user, "other").await.unwrap();
    assert!(other.is_empty());
});

fn flow(user: Option<UserId>) -> FlowRow {
    FlowRow {
        id: FlowId::new(START),
        binding_hash: TokenHash::of("cookie"),
        request: AuthorizeRequest {
            client_id: "web".to_owned(),
            redirect_uri: "https://app.example/cb".to_owned(),
            redirect_uri_sent: true,
            state: Some("s".to_owned()),
            scope: scope("openid"),
            max_age: Some(1),
            ..AuthorizeRequest::default()
        },
        hinted_subject: Some("usr".to_owned()),
        consented_by: user,
        created_at: START,
        expires_at: at(60),
    }
}

on_each_database!(a_flow_is_read_back_until_it_expires_and_ends_once, |t| {
    let user = arrange(&t).await;
    let mut tx = t.db.write().await.unwrap();
    let row = flow(None);
    authorization_flows::insert(&mut tx, &row).await.unwrap();
    let found = authorization_flows::find_live(&mut tx, &row.id, at(59))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.request, found.hinted_subject),
        (row.request, row.hinted_subject)
    );
    assert!(
        authorization_flows::find_live(&mut tx, &row.id, at(60))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        !authorization_flows::set_consented(&mut tx, &row.id, &user, at(60))
            .await
            .unwrap()
    );
    assert!(
        authorization_flows::set_consented(&mut tx, &row.id, &user, at(1))
            .await
            .unwrap()
    );
    let found = authorization_flows::find_live(&mut tx, &row.id, at(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.consented_by, Some(user));
    assert!(authorization_flows::delete(&mut tx, &row.id).await.unwrap());
    assert!(!authorization_flows::delete(&mut tx, &row.id).await.unwrap());
});

on_each_database!(a_sweep_takes_what_has_served_and_leaves_the_rest, |t| {
    let user = arrange(&t).await;
    let tokens = Config::default().tokens;
    let mut tx = t.db.write().await.unwrap();
    authorization_flows::insert(&mut tx, &flow(None))
        .await
        .unwrap();
    revoked_access_tokens::insert(&mut tx, "j", at(60))
        .await
        .unwrap();
    let with_family = grant(&user, "openid");
    let without = grant(&user, "openid");
    for grant in [&with_family, &without] {
        keep(&mut tx, grant).await;
    }
    let hash = TokenHash::of("head");
    let month = at(30 * 86_400);
    refresh_families::insert(&mut tx, &with_family.id, (1, &hash), START, month)
        .await
        .unwrap();
    tx.exec(q("DELETE FROM sessions")).await.unwrap();
    tx.commit().await.unwrap();
    for (seconds, expect) in [
        (59, 0),
        (60, 2),
        (86_400, 0),
        (3 * 86_400, 1),
        (31 * 86_400, 1),
        (32 * 86_400, 0),
    ] {
        let rows = sweep::sweep(&t.db, &tokens, at(seconds)).await.unwrap();
        assert_eq!(rows, expect, "after {seconds} s");
    }
});
