//! A modular model over HTTP: where its parts come from is kept.

use std::path::Path;

use serde_json::{Value, json};
use tessera::policy::engine::json::emit;
use tessera::policy::model_file;

use super::Api;
use crate::harness::database::engines;

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/policies/examples/modular/fga.mod"
);

#[tokio::test]
async fn modules_and_files_are_read_back_as_they_were_written() {
    let merged = emit(&model_file::read(Path::new(EXAMPLE)).unwrap());
    for engine in engines() {
        let api = Api::start(engine).await;
        let store = api.post("/stores", json!({"name": "modular"})).await;
        let path = format!(
            "/stores/{}/authorization-models",
            store.body["id"].as_str().unwrap()
        );
        let written = api.post(&path, merged.clone()).await;
        assert_eq!(written.status, 201, "{written:?}");
        let id = written.body["authorization_model_id"].as_str().unwrap();
        let read = api.get(&format!("{path}/{id}")).await;
        let model = &read.body["authorization_model"];
        for part in ["schema_version", "type_definitions", "conditions"] {
            assert_eq!(model[part], merged[part], "{part}");
        }
        assert_eq!(model["schema_version"], "1.2");
        let organization = find(model, "organization");
        assert_eq!(organization["module"], "core");
        assert_eq!(organization["source_info"], json!({"file": "core.fga"}));
        let relations = &organization["relations"];
        for (name, module) in [
            ("can_create_project", "issues"),
            ("can_create_space", "wiki"),
        ] {
            assert_eq!(relations[name]["module"], module, "{name}");
            let file = json!({"file": format!("{module}.fga")});
            assert_eq!(relations[name]["source_info"], file, "{name}");
        }
        assert_eq!(relations["admin"]["module"], "");
        let condition = &model["conditions"]["in_shift"]["metadata"];
        assert_eq!(condition["module"], "core");
        assert_eq!(condition["source_info"], json!({"file": "core.fga"}));
    }
}

/// The metadata of a type.
fn find<'a>(model: &'a Value, name: &str) -> &'a Value {
    let types = model["type_definitions"].as_array().unwrap();
    let found = types.iter().find(|one| one["type"] == name).unwrap();
    &found["metadata"]
}
