//! `/livez`, `/readyz`, `/metrics`.

use serde_json::Value;
use tessera::base::time::Seconds;

use crate::harness::database::engines;
use crate::harness::server::{TestApp, client};

async fn get(t: &TestApp, path: &str) -> (u16, String) {
    let response = client()
        .get(format!("{}{path}", t.url))
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_alive_and_ready_and_tells_its_version() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        assert_eq!(get(&t, "/livez").await, (200, "ok\n".to_owned()));
        let (status, body) = get(&t, "/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["status"]),
            (200, &Value::from("ready")),
            "{body}"
        );
        assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
        for check in ["database", "keys", "policy"] {
            assert_eq!(body["checks"][check], "ok", "{body}");
        }
        assert!(body["revision"].is_i64(), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_server_is_alive_but_not_ready() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        t.app.db.close().await;
        assert_eq!(get(&t, "/livez").await.0, 200);
        let (status, body) = get(&t, "/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["status"]),
            (503, &Value::from("not ready")),
            "{body}"
        );
        assert_eq!(body["checks"]["database"], "failed");
        assert_eq!(body["checks"]["keys"], "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_data_that_nobody_can_freshen_make_a_server_not_ready() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        assert_eq!(get(&t, "/readyz").await.0, 200);
        t.app.db.close().await;
        let staleness = t.app.config.policy_max_staleness_seconds;
        t.clock.advance(Seconds::new(staleness.get() + 1));
        let (status, body) = get(&t, "/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 503, "{body}");
        assert_eq!(body["checks"]["policy"], "failed", "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_by_route_and_never_by_path() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        get(&t, "/livez?secret=tsr_ac_canary").await;
        get(&t, "/no-such-path/tsr_ac_canary").await;
        let (status, text) = get(&t, "/metrics").await;
        assert_eq!(status, 200);
        for line in [
            r#"tessera_http_requests_total{method="GET",route="/livez",status="200"} 1"#,
            r#"tessera_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
            "tessera_resident_memory_bytes ",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains(&format!("database=\"{}\"", t.app.db.engine())));
        assert!(!text.contains("canary"));
    }
}
