//! Lists in pages: tuples and the change log.

use serde_json::{Value, json};

use super::{Api, DOCS, Reply, keys};
use crate::harness::database::engines;

const OWNER: (&str, &str, &str) = ("user:alice", "owner", "doc:plan");

#[tokio::test]
async fn tuples_are_read_by_object_by_user_and_in_pages() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        let tuples: Vec<(String, &str, String)> = (0..25)
            .map(|n| (format!("user:{}", n % 5), "viewer", format!("doc:{n}")))
            .collect();
        let tuples: Vec<(&str, &str, &str)> = tuples
            .iter()
            .map(|(user, relation, object)| (user.as_str(), *relation, object.as_str()))
            .collect();
        api.write(&store, &tuples).await;
        let read = format!("{store}/read");
        let found = |reply: Reply| reply.body["tuples"].as_array().unwrap().len();
        assert_eq!(found(api.post(&read, json!({})).await), 25);
        assert_eq!(
            found(
                api.post(
                    &read,
                    json!({"tuple_key": {"object": "doc:", "user": "user:1"}})
                )
                .await
            ),
            5
        );
        assert_eq!(
            found(
                api.post(
                    &read,
                    json!({"tuple_key": {"object": "doc:1", "relation": "viewer"}})
                )
                .await
            ),
            1
        );
        assert_eq!(
            found(
                api.post(
                    &read,
                    json!({"tuple_key": {"object": "doc:1", "relation": "owner"}})
                )
                .await
            ),
            0
        );
        let all = api.post(&read, json!({"page_size": 25})).await.body;
        assert_eq!(all["continuation_token"], "");
        assert_eq!(all["tuples"][0]["key"]["condition"], Value::Null);
        for size in [1, 7, 24] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let page = api
                    .post(
                        &read,
                        json!({"page_size": size, "continuation_token": token}),
                    )
                    .await
                    .body;
                seen.extend(page["tuples"].as_array().unwrap().clone());
                token = page["continuation_token"].as_str().unwrap().to_owned();
                if token.is_empty() {
                    break;
                }
            }
            assert_eq!(json!(seen), all["tuples"], "pages of {size}");
        }
        let other = json!({"tuple_key": {"object": "doc:", "user": "user:2"}, "continuation_token": api.post(&read, json!({"page_size": 1})).await.body["continuation_token"]});
        api.post(&read, other)
            .await
            .is_error(400, "invalid_continuation_token");
    }
}

#[tokio::test]
async fn the_change_log_is_read_in_pages_and_its_token_stays_at_the_end() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        api.write(
            &store,
            &[
                OWNER,
                ("user:bob", "viewer", "doc:plan"),
                ("user:bob", "viewer", "doc:2"),
            ],
        )
        .await;
        api.post(
            &format!("{store}/write"),
            json!({"deletes": {"tuple_keys": keys(&[OWNER])}}),
        )
        .await;
        let changes = format!("{store}/changes");
        let all = api.get(&changes).await.body["changes"].clone();
        assert_eq!(all.as_array().unwrap().len(), 4);
        assert_eq!(all[3]["operation"], "TUPLE_OPERATION_DELETE");
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = api
                .get(&format!("{changes}?page_size=1&continuation_token={token}"))
                .await
                .body;
            let next = page["continuation_token"].as_str().unwrap().to_owned();
            if page["changes"].as_array().unwrap().is_empty() {
                assert_eq!(next, token, "the same token when there is nothing new");
                break;
            }
            seen.extend(page["changes"].as_array().unwrap().clone());
            token = next;
        }
        assert_eq!(json!(seen), all);
        api.get(&format!("{changes}?type=doc&continuation_token={token}"))
            .await
            .is_error(400, "query_string_type_continuation_token_mismatch");
        assert_eq!(
            api.get(&format!("{changes}?type=user")).await.body["changes"],
            json!([])
        );
        api.write(&store, &[OWNER]).await;
        let page = api
            .get(&format!("{changes}?continuation_token={token}"))
            .await
            .body;
        assert_eq!(page["changes"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn changes_arrive_on_a_live_stream_that_can_be_taken_up_again() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(DOCS).await;
        api.write(&store, &[OWNER]).await;
        let path = format!("{store}/changes");
        let mut stream = api.watch(&path, None).await;
        let (first, id) = next_event(&mut stream).await;
        assert_eq!(first["tuple_key"]["user"], "user:alice");
        assert!(!id.is_empty());
        // What is written while the stream is open.
        api.write(&store, &[("user:bob", "viewer", "doc:plan")])
            .await;
        let (second, _) = next_event(&mut stream).await;
        assert_eq!(second["tuple_key"]["user"], "user:bob");
        assert_eq!(second["operation"], "TUPLE_OPERATION_WRITE");
        drop(stream);
        let mut again = api.watch(&path, Some(&id)).await;
        let (missed, _) = next_event(&mut again).await;
        assert_eq!(missed, second);
        // The server stops without waiting for its readers.
        let stopping = api.t.app.stopping.clone();
        stopping.cancel();
        let rest = async { while again.chunk().await.unwrap().is_some() {} };
        tokio::time::timeout(std::time::Duration::from_secs(5), rest)
            .await
            .expect("the stream ends");
    }
}

/// The data and the id of the next event.
async fn next_event(stream: &mut reqwest::Response) -> (Value, String) {
    let mut text = String::new();
    loop {
        let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        if let Some(data) = line("data:").filter(|_| text.ends_with("\n\n")) {
            let id = line("id:").unwrap_or_default().trim().to_owned();
            return (serde_json::from_str(data.trim()).unwrap(), id);
        }
    }
}
