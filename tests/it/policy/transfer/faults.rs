//! What cannot be imported, and what is in the store afterwards.

use serde_json::json;

use super::{Api, MODEL, NDJSON, ends, export, import, send, users};
use crate::harness::database::{Engine, engines};

#[tokio::test]
async fn a_bad_line_is_named_and_everything_before_it_or_nothing_is_written() {
    let bad = [
        ("nonsense\n", "validation_error"),
        // A misspelt end, and a condition of its own that is not switched on.
        (
            "{\"user\":\"user:a\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"expiresat\":\"2040-01-01T00:00:00Z\"}\n",
            "validation_error",
        ),
        (
            "{\"user\":\"user:a\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"condition\":{\"name\":\"$expression\"}}\n",
            "validation_error",
        ),
        (
            "{\"user\":\"user:a\",\"relation\":\"owner\",\"object\":\"doc:plan\"}\n",
            "validation_error",
        ),
        (
            "{\"user\":\"user:u3\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"expires_at\":\"2040-01-01T00:00:00Z\"}\n",
            "Aborted",
        ),
    ];
    for engine in engines() {
        let api = Api::start(engine).await;
        for (line, code) in bad {
            let store = api.store(MODEL).await;
            // More than one batch before the fault, and a batch cut by it.
            let body = format!("{}{line}{}", users(0..1_200), users(1_200..1_300));
            let error = json!({"code": code, "line": 1_201});
            let lines = import(&api, &store, "mode=all_or_nothing", (NDJSON, body.clone())).await;
            let read = lines.last().unwrap()["lines"].clone();
            ends(
                &lines,
                &json!({"error": error, "lines": read, "written": 0, "unchanged": 0, "position": 1}),
            );
            assert_eq!(
                export(&api, &store, "ndjson").await,
                "",
                "{engine:?} {line}"
            );
            let lines = import(&api, &store, "", (NDJSON, body.clone())).await;
            let read = lines.last().unwrap()["lines"].clone();
            ends(
                &lines,
                &json!({"error": error, "lines": read, "written": 1_200, "unchanged": 0, "position": 1_201}),
            );
            let text = export(&api, &store, "ndjson").await;
            assert_eq!(text.lines().count(), 1_200, "{engine:?} {line}");
            let lines = import(&api, &store, "from_line=1202", (NDJSON, body)).await;
            ends(
                &lines,
                &json!({"done": true, "lines": 1_301, "written": 100, "unchanged": 0, "position": 1_302}),
            );
        }
    }
}

#[tokio::test]
async fn a_tuple_that_is_there_is_left_alone_or_refused_as_asked() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        import(&api, &store, "", (NDJSON, users(600..601))).await;
        let body = users(0..700);
        for mode in ["all_or_nothing", "up_to_fault"] {
            let query = format!("on_duplicate=error&mode={mode}");
            let lines = import(&api, &store, &query, (NDJSON, body.clone())).await;
            let last = lines.last().unwrap();
            assert_eq!(last["error"]["line"], 601, "{last}");
            assert_eq!(last["error"]["code"], "write_failed_due_to_invalid_input");
            assert_eq!(last["written"], if mode == "up_to_fault" { 600 } else { 0 });
        }
        let lines = import(&api, &store, "", (NDJSON, body)).await;
        ends(
            &lines,
            &json!({"done": true, "lines": 700, "written": 99, "unchanged": 601, "position": 701}),
        );
        // The same line twice, in one batch.
        let twice = users(900..901).repeat(2);
        let lines = import(&api, &store, "on_duplicate=error", (NDJSON, twice.clone())).await;
        assert_eq!(lines.last().unwrap()["error"]["line"], 2, "{lines:?}");
        let lines = import(&api, &store, "", (NDJSON, twice)).await;
        ends(
            &lines,
            &json!({"done": true, "lines": 2, "written": 0, "unchanged": 2, "position": 3}),
        );
    }
}

#[tokio::test]
async fn an_expired_tuple_is_not_exported_and_is_written_anew() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let at = api
            .t
            .clock
            .now()
            .plus(tessera::base::time::Seconds::new(60))
            .rfc3339();
        let ending = (0..70)
            .map(|n| format!("{{\"user\":\"user:u{n}\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"expires_at\":\"{at}\"}}\n"))
            .collect::<Vec<String>>()
            .concat();
        import(&api, &store, "", (NDJSON, ending.clone())).await;
        assert_eq!(export(&api, &store, "ndjson").await.lines().count(), 70);
        api.t.clock.advance(tessera::base::time::Seconds::new(60));
        assert_eq!(export(&api, &store, "ndjson").await, "", "{engine:?}");
        let query = "on_duplicate=error&mode=all_or_nothing";
        let lines = import(&api, &store, query, (NDJSON, users(0..70))).await;
        assert_eq!(lines.last().unwrap()["written"], 70, "{lines:?}");
        assert!(
            api.allowed(&store, ("user:u69", "viewer", "doc:plan"))
                .await
        );
    }
}

#[tokio::test]
async fn all_or_nothing_is_one_change_for_readers_and_one_transaction() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let node = api.t.second_node().await;
        let store = api.store(MODEL).await;
        // A contradiction within the stream, which only writing it can find.
        let contradiction = "{\"user\":\"user:u3\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"expires_at\":\"2040-01-01T00:00:00Z\"}\n";
        let body = format!("{}{contradiction}", users(0..1_100));
        let lines = import(&api, &store, "mode=all_or_nothing", (NDJSON, body)).await;
        assert_eq!(lines.last().unwrap()["error"]["line"], 1_101, "{lines:?}");
        assert_eq!(export(&api, &store, "ndjson").await, "");
        let before = api.get(&format!("{store}/changes")).await;
        assert_eq!(before.body["changes"], json!([]), "{engine:?}");
        // More than one entry of the change log; both nodes know them all.
        assert!(!api.allowed(&store, ("user:u0", "viewer", "doc:plan")).await);
        let lines = import(
            &api,
            &store,
            "mode=all_or_nothing",
            (NDJSON, users(0..1_100)),
        )
        .await;
        let revision = lines.last().unwrap()["revision"].as_str().unwrap();
        let asked = json!({"tuple_key": super::super::key(("user:u1099", "viewer", "doc:plan"))});
        for url in [&api.t.url, &node.url] {
            let reply = super::client()
                .post(format!("{url}{store}/check"))
                .bearer_auth(&api.token)
                .header("tessera-at-least", revision)
                .json(&asked)
                .send()
                .await
                .unwrap();
            let reply: serde_json::Value = reply.json().await.unwrap();
            assert_eq!(reply["allowed"], true, "{engine:?} {reply}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_for_one_transaction_says_what_it_wrote_before_a_contradiction() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let contradiction = "{\"user\":\"user:u3\",\"relation\":\"viewer\",\"object\":\"doc:plan\",\"expires_at\":\"2040-01-01T00:00:00Z\"}\n";
    let padding = format!("{}\n", " ".repeat(100_000)).repeat(170);
    let body = format!("{}{padding}{contradiction}", users(0..600));
    let lines = import(&api, &store, "mode=all_or_nothing", (NDJSON, body)).await;
    let error = json!({"code": "Aborted", "line": 771});
    ends(
        &lines,
        &json!({"error": error, "lines": 771, "written": 600, "unchanged": 0, "position": 771}),
    );
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_before_anything_is_read() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    for (query, media_type, status, expected) in [
        ("", "application/json", 415, "Content-Type: must be "),
        ("mode=some", NDJSON, 400, "mode: `some` is not one of"),
        (
            "on_duplicate=x",
            NDJSON,
            400,
            "on_duplicate: `x` is not one of",
        ),
        (
            "from_line=0",
            NDJSON,
            400,
            "from_line: lines are counted from 1",
        ),
    ] {
        let path = format!("{store}/import?{query}");
        let (found, text) = send(&api, &path, media_type, users(0..1)).await;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let bare = api.post("/stores", json!({"name": "bare"})).await;
    let bare = format!("/stores/{}/import", bare.body["id"].as_str().unwrap());
    let (status, text) = send(&api, &bare, NDJSON, users(0..1)).await;
    assert!(
        status == 400 && text.contains("latest_authorization_model_not_found"),
        "{text}"
    );
    let absent = "/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/import";
    let (status, text) = send(&api, absent, NDJSON, users(0..1)).await;
    assert!(
        status == 404 && text.contains("store_id_not_found"),
        "{text}"
    );
    api.get(&format!("{store}/export?format=xml"))
        .await
        .is_error(400, "validation_error");
    api.get("/stores/01ARZ3NDEKTSV4RRFFQ69G5FAV/export")
        .await
        .is_error(404, "store_id_not_found");
    let line = "x".repeat(200_000);
    let lines = import(&api, &store, "", (NDJSON, line)).await;
    let error = json!({"code": "validation_error", "line": 1});
    ends(
        &lines,
        &json!({"error": error, "lines": 0, "written": 0, "unchanged": 0, "position": 1}),
    );
}
