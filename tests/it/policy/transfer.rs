//! Whole stores in and out: streams of tuples, faults in them, who may, and what is left when one breaks off.

mod faults;
mod streams;

use serde_json::Value;

use super::Api;
use super::rights::{becomes, give, right};
use crate::harness::database::{Engine, engines};
use crate::harness::server::client;

const MODEL: &str = "
model
  schema 1.1
type user
type group
  relations
    define member: [user]
type folder
  relations
    define viewer: [user]
type doc
  relations
    define viewer: [user, user:*, group#member, user with office]
condition office(hours: int, note: string) {
  hours > 7 && note != \"\"
}
";
const NDJSON: &str = "application/x-ndjson";

/// Sends a stream; the lines of the answer.
async fn import(
    api: &Api,
    store: &str,
    query: &str,
    (media_type, body): (&str, impl Into<reqwest::Body>),
) -> Vec<Value> {
    let (status, text) = send(api, &format!("{store}/import?{query}"), media_type, body).await;
    assert_eq!(status, 200, "{text}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn send(
    api: &Api,
    path: &str,
    media_type: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, String) {
    let response = client()
        .post(format!("{}{path}", api.t.url))
        .bearer_auth(&api.token)
        .header("content-type", media_type)
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn export(api: &Api, store: &str, format: &str) -> String {
    let path = format!("{store}/export?format={format}");
    let reply = api.get(&path).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.header("tessera-revision").is_empty());
    match reply.body {
        Value::String(text) => text,
        // A single line of NDJSON is JSON.
        one => format!("{one}\n"),
    }
}

/// Tuples of users on one document, as NDJSON.
fn users(numbers: std::ops::Range<usize>) -> String {
    let line =
        |n| format!("{{\"user\":\"user:u{n}\",\"relation\":\"viewer\",\"object\":\"doc:plan\"}}\n");
    numbers.map(line).collect()
}

#[track_caller]
fn ends(lines: &[Value], expected: &Value) {
    let mut last = lines.last().unwrap().clone();
    last.as_object_mut().unwrap().remove("revision");
    if let Some(error) = last.get_mut("error") {
        error.as_object_mut().unwrap().remove("message");
    }
    assert_eq!(&last, expected, "{lines:?}");
}

#[tokio::test]
async fn each_right_to_write_lets_in_the_types_it_is_for() {
    use tessera::policy::system::StoreRight;
    for engine in engines() {
        let mut api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let docs = right("client:docs", StoreRight::TupleWriter, Some("doc"));
        give(&api, &store, &docs).await;
        becomes(&mut api, "docs").await;
        let folder = "{\"user\":\"user:anne\",\"relation\":\"viewer\",\"object\":\"folder:top\"}\n";
        let mixed = format!("{}{folder}{}", users(0..2), users(2..4));
        for mode in ["all_or_nothing", "up_to_fault"] {
            let lines = import(
                &api,
                &store,
                &format!("mode={mode}"),
                (NDJSON, mixed.clone()),
            )
            .await;
            let error = &lines.last().unwrap()["error"];
            assert_eq!(
                (&error["code"], &error["line"]),
                (&"forbidden".into(), &3.into()),
                "{lines:?}"
            );
            let written = if mode == "up_to_fault" { 2 } else { 0 };
            assert_eq!(lines.last().unwrap()["written"], written, "{mode}");
        }
        let lines = import(&api, &store, "from_line=4", (NDJSON, mixed.clone())).await;
        assert_eq!(lines.last().unwrap()["done"], true);
        // The first line decides who may begin; nobody else learns what is wrong with it.
        for body in [folder, "nonsense", "", "\n\n"] {
            let path = format!("{store}/import");
            let (status, _) = send(&api, &path, NDJSON, body.to_owned()).await;
            assert_eq!(status, 403, "{body}");
        }
        api.get(&format!("{store}/export"))
            .await
            .is_error(403, "forbidden");
    }
}

#[tokio::test]
async fn the_system_store_is_exported_but_never_imported_into() {
    let api = Api::start(Engine::Sqlite).await;
    let store = format!("/stores/{}", api.t.app.policy.system_store());
    let myself =
        "{\"user\":\"client:policy\",\"relation\":\"admin\",\"object\":\"system:tessera\"}";
    let path = format!("{store}/import");
    let (status, text) = send(&api, &path, NDJSON, myself).await;
    assert_eq!(status, 403, "{text}");
    let text = export(&api, &store, "ndjson").await;
    assert!(
        text.contains("policy_manager") && !text.contains("\"admin\""),
        "{text}"
    );
}
