//! Access tokens that are bound to keys (RFC 9449), where permissions are asked and written.

use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tokio::sync::mpsc;

use super::{Api, SECRET};
use crate::harness::database::Engine;
use crate::harness::server::client;
use crate::oauth::dpop::Key;

const MODEL: &str = "
model
  schema 1.1
type user
type client
type doc
  relations
    define owner: [user, client]
";

/// A token of the client `policy`, bound to the key.
async fn bound_token(api: &Api, key: &Key) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "policy"),
        ("client_secret", SECRET),
    ];
    let response = client()
        .post(format!("{}/token", api.t.url))
        .header("dpop", key.proof(&api.t))
        .form(&form)
        .send()
        .await
        .unwrap();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["token_type"], "DPoP", "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// A stolen token must not speak for its owner through a service that does not look for keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_a_subject_only_with_the_key_that_was_proved() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let written = api
        .write(&store, &[("client:policy", "owner", "doc:plan")])
        .await;
    assert_eq!(written.status, 200, "{written:?}");
    let key = Key::new();
    let token = bound_token(&api, &key).await;
    for (properties, expect) in [
        (json!({"cnf": {"jkt": key.jkt()}}), true),
        (json!({"cnf": {"jkt": Key::new().jkt()}}), false),
        (json!({"cnf": {"x5t#S256": key.jkt()}}), false),
        (json!({"cnf": {}}), false),
        (json!({"cnf": key.jkt()}), false),
        (json!({}), false),
    ] {
        let reply = api
            .post(
                &format!("{store}/access/v1/evaluation"),
                json!({
                    "subject": {"type": "access_token", "id": token, "properties": properties},
                    "action": {"name": "owner"},
                    "resource": {"type": "doc", "id": "plan"},
                }),
            )
            .await;
        assert_eq!(reply.body["decision"], expect, "{properties} {reply:?}");
    }
}

/// Two permissions are asked for one request: its proof is taken once, not refused as its own replay.
#[tokio::test(flavor = "multi_thread")]
async fn an_explained_check_needs_one_proof() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let key = Key::new();
    let token = bound_token(&api, &key).await;
    let path = format!("{store}/check");
    let proof = key.proof_of(&api.t, &format!("POST {path}"), &token);
    let check = || {
        client()
            .post(format!("{}{path}", api.t.url))
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", proof.clone())
            .json(&json!({
                "tuple_key": super::key(("user:a", "owner", "doc:plan")),
                "explain": true,
            }))
    };
    let answer = check().send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    assert_eq!(check().send().await.unwrap().status(), 401, "a replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_import_needs_one_proof() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let key = Key::new();
    let token = bound_token(&api, &key).await;
    let path = format!("{store}/import");
    let (sender, mut receiver) = mpsc::channel::<Result<String, std::io::Error>>(4);
    let body = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    let request = client()
        .post(format!("{}{path}", api.t.url))
        .header("authorization", format!("DPoP {token}"))
        .header(
            "dpop",
            key.proof_of(&api.t, &format!("POST {path}"), &token),
        )
        .header("content-type", "application/x-ndjson")
        .body(reqwest::Body::wrap_stream(body));
    let sending = tokio::spawn(request.send());
    let line = |n: i32| {
        format!(
            "{}\n",
            json!({"user": format!("user:{n}"), "relation": "owner", "object": "doc:plan"})
        )
    };
    sender.send(Ok((0..500).map(line).collect())).await.unwrap();
    while !api.allowed(&store, ("user:499", "owner", "doc:plan")).await {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Later than the proof is good for, and than the caller is asked again.
    api.t.clock.advance(Seconds::new(90));
    sender
        .send(Ok((500..502).map(line).collect()))
        .await
        .unwrap();
    drop(sender);
    let text = sending.await.unwrap().unwrap().text().await.unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["written"], 502, "{text}");
}
