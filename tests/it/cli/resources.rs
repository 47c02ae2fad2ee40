//! Resource servers and types of authorization details in setup files.

use std::path::Path;

use serde_json::json;
use tessera::cli::setup::{Mode, SetupError, apply_text};
use tessera::store::{authorization_details_types, resource_servers};

use crate::harness::database::{Engine, engines};
use crate::harness::server::TestApp;

const FILE: &str = r#"
[[resource_servers]]
identifier = "https://ledger.example/"
name = "Ledger"
access_token_format = "opaque"
scope = "read write"

[[authorization_details_types]]
type = "payment"
name = "Payment"

[authorization_details_types.schema]
required = ["amount"]
properties.amount.type = "string"
"#;

async fn apply(t: &TestApp, text: &str) -> Result<Vec<String>, String> {
    let how = (Mode::Commit, t.clock.now());
    match apply_text(&t.app, text, Path::new("."), how).await {
        Ok(report) => Ok(report.changes),
        Err(SetupError::Faults(faults)) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Err(lines.join("\n"))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_file_says_what_tokens_are_for() {
    for engine in engines() {
        let t = TestApp::start(engine).await;
        assert_eq!(
            apply(&t, FILE).await.unwrap(),
            [
                "+ resource server https://ledger.example/",
                "+ authorization details type payment"
            ]
        );
        assert!(apply(&t, FILE).await.unwrap().is_empty(), "{engine:?}");
        let changed = FILE
            .replace("read write", "read")
            .replace("name = \"Payment\"\n", "");
        assert_eq!(
            apply(&t, &changed).await.unwrap(),
            [
                "~ resource server https://ledger.example/",
                "~ authorization details type payment"
            ]
        );
        let mut conn = t.app.db.read().await.unwrap();
        let server = resource_servers::find_named(&mut conn, "https://ledger.example/").await;
        assert_eq!(
            server.unwrap().unwrap().server.scope.unwrap().to_string(),
            "read"
        );
        let payment = authorization_details_types::find_named(&mut conn, "payment").await;
        let payment = payment.unwrap().unwrap().declared;
        assert_eq!(payment.name, "payment");
        assert_eq!(
            payment.schema["properties"],
            json!({"amount": {"type": "string"}})
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_line() {
    let t = TestApp::start(Engine::Sqlite).await;
    let text = FILE
        .replace("\"opaque\"", "\"xml\"")
        .replace("\"string\"", "\"nonsense\"");
    let said = apply(&t, &text).await.unwrap_err();
    assert!(
        said.contains("line 5: resource_servers[0].access_token_format: "),
        "{said}"
    );
    assert!(
        said.contains("authorization_details_types[0].schema: is no JSON schema"),
        "{said}"
    );
    let twice = format!("{FILE}{FILE}");
    let said = apply(&t, &twice).await.unwrap_err();
    assert!(
        said.contains("identifier `https://ledger.example/` stands on line 3 already"),
        "{said}"
    );
    assert!(said.contains("type `payment` stands on line"), "{said}");
    let said = apply(&t, "[[resource_servers]]\nname = \"x\"\n")
        .await
        .unwrap_err();
    assert!(
        said.contains("resource_servers[0].identifier: is missing"),
        "{said}"
    );
}
