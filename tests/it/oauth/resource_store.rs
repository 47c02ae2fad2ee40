//! Resource servers, their opaque tokens, types of authorization details and agreements, on both databases.

use serde_json::json;
use tessera::base::id::{GrantId, ResourceServerId, UserId};
use tessera::base::secret::TokenHash;
use tessera::base::time::{Seconds, Timestamp};
use tessera::oauth::client::{self, NewClient};
use tessera::oauth::detail_type::{self, DetailTypeError, NewDetailType};
use tessera::oauth::protocol::claims::{AccessClaims, new_jti};
use tessera::oauth::resource_server::{self, NewResourceServer, ResourceServerError};
use tessera::store::{
    access_tokens, agreed_details, authorization_details_types, q, resource_servers,
};

use crate::harness::database::{START, TestDb};
use crate::on_each_database;

fn at(seconds: i64) -> Timestamp {
    START.plus(Seconds::new(seconds))
}

/// A person, the client `web`, and a grant.
async fn arrange(t: &TestDb) -> (UserId, GrantId) {
    let (user, grant) = (UserId::new(START), GrantId::new(START));
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
    tx.exec(
        q("INSERT INTO grants (id, client_id, user_id, session_id, scope, auth_time, amr, created_at, details) \
           VALUES ($1, 'web', $2, 's', 'openid', 0, 'pwd', 0, '{}')")
            .bind(grant.as_str())
            .bind(user.as_str()),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    (user, grant)
}

fn access_claims(grant: Option<&GrantId>) -> AccessClaims {
    let claims = json!({
        "iss": "https://id.example", "sub": "usr", "aud": ["urn:a", "urn:b"], "client_id": "web",
        "iat": START.seconds(), "exp": at(60).seconds(), "jti": new_jti(grant), "scope": "api",
        "cnf": {"jkt": "thumbprint"}, "authorization_details": [{"type": "files", "x": 1}],
    });
    serde_json::from_value(claims).unwrap()
}

on_each_database!(
    an_opaque_token_stands_for_its_claims_until_it_expires,
    |t| {
        let (_, grant) = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        let (of_grant, own) = (access_claims(Some(&grant)), access_claims(None));
        let (a, b) = (TokenHash::of("a"), TokenHash::of("b"));
        access_tokens::insert(&mut tx, &a, &of_grant).await.unwrap();
        access_tokens::insert(&mut tx, &b, &own).await.unwrap();
        for (hash, now, expect) in [
            (&a, at(59), Some(&of_grant)),
            (&b, at(59), Some(&own)),
            (&a, at(60), None),
            (&TokenHash::of("c"), at(0), None),
        ] {
            let found = access_tokens::find(&mut tx, hash, now).await.unwrap();
            assert_eq!(found.as_ref(), expect);
        }
        tx.exec(q("DELETE FROM grants")).await.unwrap();
        let gone = access_tokens::find(&mut tx, &a, START).await.unwrap();
        assert_eq!(gone, None, "it goes with its grant");
        for (seconds, expect) in [(59, 0), (60, 1), (60, 0)] {
            let rows = access_tokens::delete_expired(&mut tx, at(seconds), 9).await;
            assert_eq!(rows.unwrap(), expect);
        }
    }
);

on_each_database!(
    a_resource_server_is_kept_whole_and_its_identifier_is_its_own,
    |t| {
        let mut tx = t.db.write().await.unwrap();
        let full = NewResourceServer {
            identifier: "https://api.example/".to_owned(),
            name: Some("Ledger".to_owned()),
            access_token_format: Some("jwt".to_owned()),
            scope: Some("read write".to_owned()),
            access_token_ttl_seconds: Some(60),
            access_token_signing_alg: Some("ES256".to_owned()),
            introspection_clients: vec!["web".to_owned()],
        };
        let bare = NewResourceServer {
            identifier: "urn:bare".to_owned(),
            ..NewResourceServer::default()
        };
        let row = resource_server::register(&mut tx, &full, START)
            .await
            .unwrap();
        let other = resource_server::register(&mut tx, &bare, START)
            .await
            .unwrap();
        for kept in [&row, &other] {
            let identifier = kept.server.identifier.as_str();
            let found = resource_servers::find_named(&mut tx, identifier)
                .await
                .unwrap();
            assert_eq!(found.as_ref(), Some(kept));
            let found = resource_servers::find(&mut tx, &kept.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(kept));
        }
        let twice = resource_server::register(&mut tx, &bare, START).await;
        assert!(matches!(twice, Err(ResourceServerError::Taken(_))));
        let same = resource_server::update(&mut tx, (&row.id, &full), at(1)).await;
        assert!(!same.unwrap(), "nothing changed");
        let moved = resource_server::update(&mut tx, (&row.id, &bare), at(1)).await;
        assert!(matches!(moved, Err(ResourceServerError::Fixed(_))));
        let opaque = NewResourceServer {
            access_token_format: Some("opaque".to_owned()),
            ..bare
        };
        let changed = resource_server::update(&mut tx, (&other.id, &opaque), at(1)).await;
        assert!(changed.unwrap());
        let found = resource_servers::find(&mut tx, &other.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.server, opaque.check().unwrap());
        assert_eq!((found.created_at, found.updated_at), (START, at(1)));
        let all = resource_servers::list_after(&mut tx, None, 9)
            .await
            .unwrap();
        assert_eq!(all.len(), 2);
        let last = all.last().unwrap();
        let rest = resource_servers::list_after(&mut tx, Some(&last.id), 9).await;
        assert!(rest.unwrap().is_empty());
        resource_server::delete(&mut tx, &row.id, START)
            .await
            .unwrap();
        let again = resource_server::delete(&mut tx, &row.id, START).await;
        assert!(matches!(again, Err(ResourceServerError::NotFound(_))));
        let unknown = ResourceServerId::new(START);
        let unknown = resource_server::update(&mut tx, (&unknown, &full), START).await;
        assert!(matches!(unknown, Err(ResourceServerError::NotFound(_))));
        let wanted: i64 = tx
            .one(q(
                "SELECT COUNT(*) FROM wanted_signing_algorithms WHERE algorithm = 'ES256'",
            ))
            .await
            .unwrap();
        assert_eq!(wanted, 1, "its key is made ahead");
    }
);

on_each_database!(
    a_type_of_details_is_kept_whole_and_its_name_is_its_own,
    |t| {
        let mut tx = t.db.write().await.unwrap();
        let schema = json!({"required": ["amount"]});
        let new = NewDetailType {
            type_name: "payment".to_owned(),
            name: Some("Payment".to_owned()),
            schema: schema.as_object().unwrap().clone(),
        };
        let row = detail_type::register(&mut tx, &new, START).await.unwrap();
        let found = authorization_details_types::find_named(&mut tx, "payment").await;
        assert_eq!(found.unwrap().as_ref(), Some(&row));
        let twice = detail_type::register(&mut tx, &new, START).await;
        assert!(matches!(twice, Err(DetailTypeError::Taken(_))));
        let same = detail_type::update(&mut tx, (&row.id, &new), at(1)).await;
        assert!(!same.unwrap(), "nothing changed");
        let renamed = NewDetailType {
            name: Some("Pay".to_owned()),
            ..new.clone()
        };
        let changed = detail_type::update(&mut tx, (&row.id, &renamed), at(1)).await;
        assert!(changed.unwrap());
        let moved = NewDetailType {
            type_name: "other".to_owned(),
            ..new
        };
        let moved = detail_type::update(&mut tx, (&row.id, &moved), at(1)).await;
        assert!(matches!(moved, Err(DetailTypeError::Fixed(_))));
        let all = authorization_details_types::list_after(&mut tx, None, 9)
            .await
            .unwrap();
        assert_eq!(all[0].declared.name, "Pay");
        let names = authorization_details_types::names(&mut tx, 9)
            .await
            .unwrap();
        assert_eq!(names, ["payment"]);
        detail_type::delete(&mut tx, &row.id, START).await.unwrap();
        let gone = detail_type::get(&mut tx, &row.id).await;
        assert!(matches!(gone, Err(DetailTypeError::NotFound(_))));
    }
);

on_each_database!(
    an_agreement_is_remembered_for_its_person_client_and_details,
    |t| {
        let (user, _) = arrange(&t).await;
        let mut tx = t.db.write().await.unwrap();
        for now in [START, at(10)] {
            agreed_details::add(&mut tx, &user, ("web", "a"), now)
                .await
                .unwrap();
        }
        let other = UserId::new(START);
        for (who, client, digest, since, expect) in [
            (&user, "web", "a", at(10), true),
            (&user, "web", "a", at(11), false),
            (&user, "web", "b", START, false),
            (&user, "tv", "a", START, false),
            (&other, "web", "a", START, false),
        ] {
            let found = agreed_details::contains(&mut tx, who, (client, digest), since).await;
            assert_eq!(found.unwrap(), expect, "{client} {digest}");
        }
        for (before, expect) in [(at(10), 0), (at(11), 1), (at(11), 0)] {
            let rows = agreed_details::delete_old(&mut tx, before, 9)
                .await
                .unwrap();
            assert_eq!(rows, expect);
        }
    }
);
