//! Streams that are long, that break off, that are stopped, and that come back as they went in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tessera::base::time::Seconds;
use tessera::policy::system::{self, Role};
use tessera::store::q;
use tokio::sync::mpsc;

use super::{Api, MODEL, NDJSON, client, ends, export, import, send, users};
use crate::harness::database::{Engine, engines};

/// Ids that formats trip over, the same ones on every run.
fn odd_tuples() -> String {
    let letters: Vec<char> = "\",;\\'|{}%\u{feff}é中=+-@<>/".chars().collect();
    let mut state = 7_usize;
    let mut id = |n: usize| {
        let mut id = n.to_string();
        for _ in 0..6 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            id.insert(0, letters[(state >> 33) % letters.len()]);
        }
        id
    };
    (0..300)
        .map(|n| {
            let (user, object) = (id(n), id(n));
            let mut key = json!({"relation": "viewer", "object": format!("doc:{object}")});
            key["user"] = json!(match n % 3 {
                0 => format!("user:{user}"),
                1 => format!("group:{user}#member"),
                _ => "user:*".to_owned(),
            });
            if n % 3 == 0 {
                key["condition"] = json!({"name": "office", "context": {"note": format!("a \"{user}\",\r\n b"), "hours": n}});
            }
            if n % 5 == 0 {
                key["expires_at"] = json!("2040-01-01T00:00:00.125Z");
            }
            format!("{key}\n")
        })
        .collect::<Vec<String>>()
        .concat()
}

#[tokio::test]
async fn what_was_exported_is_imported_as_the_same_store() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let first = api.store(MODEL).await;
        let lines = import(&api, &first, "", (NDJSON, odd_tuples())).await;
        ends(
            &lines,
            &json!({"done": true, "lines": 300, "written": 300, "unchanged": 0, "position": 301}),
        );
        let whole = export(&api, &first, "ndjson").await;
        assert_eq!(whole.lines().count(), 300);
        for (format, media_type) in [("csv", "text/csv; charset=utf-8"), ("ndjson", NDJSON)] {
            let second = api.store(MODEL).await;
            let text = export(&api, &first, format).await;
            let lines = import(&api, &second, "on_duplicate=error", (media_type, text)).await;
            assert_eq!(
                lines.last().unwrap()["written"],
                300,
                "{engine:?} {lines:?}"
            );
            assert_eq!(
                export(&api, &second, "ndjson").await,
                whole,
                "{engine:?} {format}"
            );
        }
    }
}

#[tokio::test]
async fn an_import_is_longer_than_other_bodies_and_says_how_far_it_is() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let body = users(0..12_000);
    assert!(body.len() > tessera::base::limit::BODY_BYTES);
    let (status, _) = send(
        &api,
        &format!("{store}/write"),
        "application/json",
        body.clone(),
    )
    .await;
    assert_eq!(status, 413);
    let lines = import(&api, &store, "", (NDJSON, body)).await;
    ends(
        &lines,
        &json!({"done": true, "lines": 12_000, "written": 12_000, "unchanged": 0, "position": 12_001}),
    );
    let on_the_way = &lines[0];
    assert_eq!(on_the_way["written"], on_the_way["lines"], "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

/// A body that is sent as the test likes; dropping the sender without an end breaks it off.
fn live() -> (mpsc::Sender<Result<String, std::io::Error>>, reqwest::Body) {
    let (sender, receiver) = mpsc::channel(4);
    let stream = futures_util::stream::unfold(receiver, |mut receiver: mpsc::Receiver<_>| async {
        Some((receiver.recv().await?, receiver))
    });
    (sender, reqwest::Body::wrap_stream(stream))
}

/// Begins an import and waits for what it writes first.
async fn begun(api: &Api, store: &str, body: reqwest::Body) -> reqwest::Response {
    client()
        .post(format!("{}{store}/import", api.t.url))
        .bearer_auth(&api.token)
        .header("content-type", NDJSON)
        .body(body)
        .send()
        .await
        .unwrap()
}

async fn last_line(response: reqwest::Response) -> Value {
    let text = response.text().await.unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_that_is_cut_off_finds_its_whole_lines_and_goes_on() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let (sender, body) = live();
        let response = begun(&api, &store, body).await;
        let text = users(0..700);
        // The last line is not whole.
        sender
            .send(Ok(text[..text.len() - 9].to_owned()))
            .await
            .unwrap();
        while export(&api, &store, "ndjson").await.lines().count() < 500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sender
            .send(Err(std::io::Error::other("gone")))
            .await
            .unwrap();
        assert!(response.text().await.is_err());
        while export(&api, &store, "ndjson").await.lines().count() < 699 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let lines = import(&api, &store, "from_line=600", (NDJSON, text)).await;
        ends(
            &lines,
            &json!({"done": true, "lines": 700, "written": 1, "unchanged": 100, "position": 701}),
        );
    }
}

#[tokio::test]
async fn a_stop_ends_a_stream_with_the_line_to_go_on_from() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let (sender, body) = live();
    let response = begun(&api, &store, body).await;
    sender.send(Ok(users(0..600))).await.unwrap();
    while export(&api, &store, "ndjson").await.lines().count() < 500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    api.t.app.stopping.cancel();
    let last = last_line(response).await;
    assert_eq!(last["error"]["code"], "unavailable", "{last}");
    assert_eq!(
        (&last["written"], &last["position"]),
        (&json!(600), &json!(601))
    );
    // An export that is stopped does not look whole.
    let url = format!("{}{store}/export", api.t.url);
    let response = client()
        .get(url)
        .bearer_auth(&api.token)
        .send()
        .await
        .unwrap();
    assert!(response.status() == 200 && response.text().await.is_err());
}

#[tokio::test]
async fn a_right_that_is_taken_ends_an_import() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let (sender, body) = live();
        let response = begun(&api, &store, body).await;
        sender.send(Ok(users(0..500))).await.unwrap();
        while export(&api, &store, "ndjson").await.lines().count() < 500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (app, now) = (&api.t.app, api.t.clock.now());
        let mut tx = app.db.write().await.unwrap();
        system::remove_role(&mut tx, "client:policy", Role::PolicyManager, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        api.t.clock.advance(Seconds::new(15));
        sender.send(Ok(users(500..502))).await.unwrap();
        let last = last_line(response).await;
        assert_eq!(last["error"]["code"], "forbidden", "{engine:?} {last}");
        assert_eq!(
            (&last["error"]["line"], &last["written"]),
            (&json!(501), &json!(500))
        );
    }
}

#[tokio::test]
async fn only_so_many_are_under_way_at_once() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let app = &api.t.app;
    let all = |places: &Arc<tokio::sync::Semaphore>| {
        let count = u32::try_from(places.available_permits()).unwrap();
        Arc::clone(places).try_acquire_many_owned(count).unwrap()
    };
    let held = (all(&app.imports), all(&app.exports));
    let path = format!("{store}/import");
    let (status, text) = send(&api, &path, NDJSON, users(0..1)).await;
    assert!(
        status == 429 && text.contains("resource_exhausted"),
        "{text}"
    );
    let path = format!("{store}/export");
    api.get(&path).await.is_error(429, "resource_exhausted");
    drop(held);
    import(&api, &store, "", (NDJSON, users(0..1))).await;
    export(&api, &store, "csv").await;
    // Each gives its place back.
    while app.imports.available_permits() < 4 || app.exports.available_permits() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_export_shows_one_revision_whatever_is_written_meanwhile() {
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.store(MODEL).await;
        let lines = import(&api, &store, "", (NDJSON, users(0..1_500))).await;
        let app = &api.t.app;
        let id = store.trim_start_matches("/stores/");
        let mut export = app.policy.export(id, api.t.clock.now()).await.unwrap();
        let revision = app.policy.tokens().revision(export.revision());
        assert_eq!(lines.last().unwrap()["revision"], json!(revision));
        let mut found = export.next_page().await.unwrap().unwrap().len();
        import(&api, &store, "", (NDJSON, users(1_500..1_700))).await;
        while let Some(page) = export.next_page().await.unwrap() {
            found += page.len();
        }
        assert_eq!(found, 1_500, "{engine:?}");
    }
}

#[tokio::test]
async fn a_database_that_fails_leaves_the_position_before_what_was_not_written() {
    let api = Api::start(Engine::Sqlite).await;
    let store = api.store(MODEL).await;
    let (sender, body) = live();
    let response = begun(&api, &store, body).await;
    sender.send(Ok(users(0..500))).await.unwrap();
    while export(&api, &store, "ndjson").await.lines().count() < 500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut tx = api.t.app.db.write().await.unwrap();
    let broken = q("ALTER TABLE policy_tuples RENAME COLUMN subject TO elsewhere");
    tx.exec(broken).await.unwrap();
    tx.commit().await.unwrap();
    sender.send(Ok(users(500..1_300))).await.unwrap();
    let last = last_line(response).await;
    assert_eq!(last["error"]["code"], "internal_error", "{last}");
    assert_eq!(
        (&last["written"], &last["position"]),
        (&json!(500), &json!(501))
    );
}
