//! How fresh answers are: on the node that wrote, on another node, after history was rewritten.

use std::sync::Arc;

use serde_json::json;
use tessera::policy::engine::dsl;
use tessera::policy::engine::relationship::Context;
use tessera::policy::engine::tuple::Tuple;
use tessera::policy::{Changes, CheckRequest, Consistency, Policy, PolicyError};
use tessera::store::q;

use super::{Api, DOCS, LIMITS, key};
use crate::harness::database::{Engine, START, TestDb, engines};
use crate::on_each_database;

/// Another node of the same database.
async fn node(t: &TestDb) -> Policy {
    Policy::open(t.db.clone(), &t.sealer, LIMITS, START)
        .await
        .unwrap()
}

fn tuple(user: &str) -> Tuple {
    Tuple::parse("doc:plan", "viewer", user).unwrap()
}

fn writes(user: &str) -> Changes {
    Changes {
        writes: vec![tuple(user).into()],
        ..Changes::default()
    }
}

async fn ask(
    policy: &Policy,
    store: &str,
    user: &str,
    consistency: Consistency,
) -> Result<bool, PolicyError> {
    let asked = tuple(user);
    let request = CheckRequest {
        model_id: "",
        object: &asked.object,
        relation: &asked.relation,
        subject: &asked.subject,
        contextual: &[],
        context: &Context::new(),
    };
    policy
        .check(store, &request, &consistency, START)
        .await
        .map(|answer| answer.allowed)
}

async fn store_on(policy: &Policy) -> String {
    let store = policy.create_store("docs", START).await.unwrap();
    policy
        .write_model(&store.id, &dsl::parse(DOCS).unwrap(), START)
        .await
        .unwrap();
    store.id
}

on_each_database!(a_node_reads_its_own_writes_at_once, |t| {
    let policy = node(&t).await;
    let store = store_on(&policy).await;
    assert!(
        !ask(&policy, &store, "user:0", Consistency::MinimizeLatency)
            .await
            .unwrap()
    );
    for n in 0..20 {
        let user = format!("user:{n}");
        policy
            .write(&store, "", &writes(&user), START)
            .await
            .unwrap();
        assert!(
            ask(&policy, &store, &user, Consistency::MinimizeLatency)
                .await
                .unwrap(),
            "{n}"
        );
    }
    let deletes = Changes {
        deletes: vec![tuple("user:3")],
        ..Changes::default()
    };
    policy.write(&store, "", &deletes, START).await.unwrap();
    assert!(
        !ask(&policy, &store, "user:3", Consistency::MinimizeLatency)
            .await
            .unwrap()
    );
});

on_each_database!(another_node_answers_as_fresh_as_it_is_asked_to, |t| {
    let (writer, reader) = (node(&t).await, node(&t).await);
    let store = store_on(&writer).await;
    assert!(
        !ask(&reader, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
    let written = writer
        .write(&store, "", &writes("user:a"), START)
        .await
        .unwrap();
    // The new-enemy test (SECURITY row 63): the reader has not heard yet, and must not answer from what it had.
    assert!(
        !ask(&reader, &store, "user:a", Consistency::MinimizeLatency)
            .await
            .unwrap()
    );
    assert!(
        ask(
            &reader,
            &store,
            "user:a",
            Consistency::AtLeast(written.revision())
        )
        .await
        .unwrap()
    );
    assert!(
        ask(&reader, &store, "user:a", Consistency::MinimizeLatency)
            .await
            .unwrap()
    );
    let deletes = Changes {
        deletes: vec![tuple("user:a")],
        ..Changes::default()
    };
    writer.write(&store, "", &deletes, START).await.unwrap();
    assert!(
        !ask(&reader, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
});

on_each_database!(
    a_revision_that_is_not_there_is_an_error_and_never_a_stale_answer,
    |t| {
        let policy = node(&t).await;
        let store = store_on(&policy).await;
        let written = policy
            .write(&store, "", &writes("user:a"), START)
            .await
            .unwrap();
        let mut future = written.revision();
        future.number += 1;
        let error = ask(&policy, &store, "user:a", Consistency::AtLeast(future))
            .await
            .unwrap_err();
        assert!(matches!(error, PolicyError::RevisionNotThere), "{error}");
        let mut other = written.revision();
        other.nonce = "another".to_owned();
        let error = ask(&policy, &store, "user:a", Consistency::AtLeast(other))
            .await
            .unwrap_err();
        assert!(matches!(error, PolicyError::RevisionNotThere), "{error}");
    }
);

on_each_database!(rewritten_history_is_noticed_by_its_nonce, |t| {
    let policy = node(&t).await;
    let store = store_on(&policy).await;
    policy
        .write(&store, "", &writes("user:a"), START)
        .await
        .unwrap();
    assert!(
        ask(&policy, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
    // A restored backup: the same revision number, other contents.
    let mut tx = t.db.write().await.unwrap();
    tx.exec(q("DELETE FROM policy_tuples WHERE store_id = $1").bind(&store))
        .await
        .unwrap();
    tx.exec(q("UPDATE policy_changes SET nonce = 'restored' WHERE store_id = $1").bind(&store))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        !ask(&policy, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
});

on_each_database!(a_gap_in_the_log_loads_the_store_afresh, |t| {
    let (writer, reader) = (node(&t).await, node(&t).await);
    let store = store_on(&writer).await;
    assert!(
        !ask(&reader, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
    let first = writer
        .write(&store, "", &writes("user:a"), START)
        .await
        .unwrap();
    writer
        .write(&store, "", &writes("user:b"), START)
        .await
        .unwrap();
    let mut tx = t.db.write().await.unwrap();
    tx.exec(
        q("DELETE FROM policy_changes WHERE store_id = $1 AND revision = $2")
            .bind(&store)
            .bind(first.revision),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert!(
        ask(&reader, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
    assert!(
        ask(&reader, &store, "user:b", Consistency::Full)
            .await
            .unwrap()
    );
});

on_each_database!(a_deleted_store_is_gone_on_every_node, |t| {
    let (writer, reader) = (node(&t).await, node(&t).await);
    let store = store_on(&writer).await;
    assert!(
        !ask(&reader, &store, "user:a", Consistency::Full)
            .await
            .unwrap()
    );
    writer.delete_store(&store, START).await.unwrap();
    let error = ask(&reader, &store, "user:a", Consistency::Full)
        .await
        .unwrap_err();
    assert!(matches!(error, PolicyError::StoreNotFound(_)), "{error}");
});

on_each_database!(revisions_of_many_writers_have_no_gaps, |t| {
    let nodes = [node(&t).await, node(&t).await];
    let store = store_on(&nodes[0]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..80 {
        let (policy, store) = (nodes[n % 2].clone(), store.clone());
        tasks.spawn(async move {
            let user = format!("user:{n}");
            let written = policy
                .write(&store, "", &writes(&user), START)
                .await
                .unwrap();
            // Whoever got the answer reads the write, on the node that took it and with the token on the other.
            assert!(
                ask(&policy, &store, &user, Consistency::MinimizeLatency)
                    .await
                    .unwrap(),
                "{user}"
            );
            (user, written)
        });
    }
    let mut revisions = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (user, written) = done.unwrap();
        for policy in &nodes {
            assert!(
                ask(
                    policy,
                    &store,
                    &user,
                    Consistency::AtLeast(written.revision())
                )
                .await
                .unwrap()
            );
        }
        revisions.push(written.revision);
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=81).collect::<Vec<i64>>());
});

#[tokio::test(flavor = "multi_thread")]
async fn the_poll_brings_another_nodes_writes_within_a_second() {
    for engine in engines() {
        let t = TestDb::open(engine).await;
        let (writer, reader) = (node(&t).await, node(&t).await);
        let store = store_on(&writer).await;
        assert!(
            !ask(&reader, &store, "user:a", Consistency::Full)
                .await
                .unwrap()
        );
        let clock = tessera::base::time::Clock::manual(START);
        let worker = tokio::spawn(reader.clone().follow(clock));
        writer
            .write(&store, "", &writes("user:a"), START)
            .await
            .unwrap();
        let mut tries = 0;
        while !ask(&reader, &store, "user:a", Consistency::MinimizeLatency)
            .await
            .unwrap()
        {
            tries += 1;
            assert!(tries < 100, "the poll did not bring it");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        worker.abort();
    }
}

#[tokio::test]
async fn headers_carry_revisions_there_and_back() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(DOCS).await;
    let owner = ("user:alice", "owner", "doc:plan");
    let written = api.write(&store, &[owner]).await;
    let token = written.header("tessera-revision").to_owned();
    assert!(!token.is_empty());
    let check = format!("{store}/check");
    let body = json!({"tuple_key": key(owner)});
    let reply = api
        .call_with("POST", &check, &body, &[("Tessera-At-Least", &token)])
        .await;
    assert_eq!(
        (
            reply.body["allowed"].as_bool(),
            reply.header("tessera-revision")
        ),
        (Some(true), token.as_str())
    );
    let altered = format!("A{}", &token[1..]);
    let altered = if altered == token {
        format!("B{}", &token[1..])
    } else {
        altered
    };
    api.call_with("POST", &check, &body, &[("Tessera-At-Least", &altered)])
        .await
        .is_error(400, "validation_error");
    let elsewhere = api.store(DOCS).await;
    let reply = api
        .call_with(
            "POST",
            &format!("{elsewhere}/check"),
            &body,
            &[("Tessera-At-Least", &token)],
        )
        .await;
    reply.is_error(400, "validation_error");
    let full = json!({"tuple_key": key(owner), "consistency": "HIGHER_CONSISTENCY"});
    assert_eq!(api.post(&check, full).await.body["allowed"], true);
}

on_each_database!(one_load_serves_however_many_wait, |t| {
    let policy = node(&t).await;
    let store = Arc::new(store_on(&policy).await);
    let reader = node(&t).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (reader, store) = (reader.clone(), Arc::clone(&store));
        tasks.spawn(async move { ask(&reader, &store, "user:a", Consistency::Full).await });
    }
    while let Some(done) = tasks.join_next().await {
        assert!(!done.unwrap().unwrap());
    }
});
