//! Documents name real files, and every decision an operator can make has a documented key.

use std::fs;

use tessera::config::keys::KEYS;
use tessera::config::reference::reference;
use tessera::config::{Config, Sources, load};

use super::source::{files, root, sources};

/// Directories whose paths, in backticks, are promises.
const PROMISED: &[&str] = &[
    "src/",
    "tests/",
    "policies/",
    "migrations/",
    "docs/",
    "benches/",
    "examples/",
    "fuzz/",
];

/// The promised paths in a text: in backticks, without placeholders.
fn paths(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| PROMISED.iter().any(|directory| word.starts_with(directory)))
        .filter(|word| !word.contains(['<', '*', '{', ' ', '\n', '$']))
        .collect()
}

#[test]
fn documents_name_files_that_exist() {
    let mut documents: Vec<(String, String)> = files("docs", ".md")
        .into_iter()
        .chain([root().join("README.md"), root().join("CHANGELOG.md")])
        .filter_map(|path| Some((path.display().to_string(), fs::read_to_string(path).ok()?)))
        .collect();
    for source in sources() {
        let text: String = source
            .text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        documents.push((source.path, text));
    }
    let mut wrong = Vec::new();
    for (name, text) in &documents {
        for path in paths(text) {
            if !root().join(path).exists() {
                wrong.push(format!("{name} names `{path}`, which does not exist"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn promised_paths_are_found() {
    assert_eq!(
        paths("see `src/lib.rs`, `cargo run`, `src/oauth/token/<grant>.rs` and `tests/it/`"),
        ["src/lib.rs", "tests/it/"]
    );
}

#[test]
fn every_field_of_the_configuration_has_a_key_and_every_key_a_row_in_the_reference() {
    let reference = reference();
    for key in KEYS {
        let (table, word) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        assert!(reference.contains(&format!("\n# {word}")), "{}", key.name);
        assert!(table.is_empty() || reference.contains(&format!("\n[{table}]\n")));
        assert!(reference.contains(&key.variable()), "{}", key.name);
        assert!(key.meaning.ends_with('.'), "{}", key.name);
    }
    // The fields, by the names that `Debug` gives them; a few are spelled otherwise for people.
    let shown = format!("{:#?}", Config::default());
    let mut fields = 0;
    for line in shown.lines() {
        let Some((field, value)) = line.trim().split_once(": ") else {
            continue;
        };
        let word = match field {
            "path" => "database.url",
            "data_dir" => "data",
            "policy_max_staleness_seconds" => "max_staleness_seconds",
            "policy_decision_timeout_ms" => "decision_timeout_ms",
            "policy_default_store" => "default_store",
            "policy_inline_expressions" => "inline_expressions",
            "tls" => "tls.cert",
            "asked" => "tls.client_certificates",
            "header" => "tls.client_certificate_header",
            "authorities" => "tls.client_ca",
            field => field,
        };
        // A struct's own line opens its fields, which follow.
        if value.ends_with('{') {
            continue;
        }
        fields += 1;
        assert!(
            KEYS.iter()
                .any(|key| key.name == word || key.name.ends_with(&format!(".{word}"))),
            "no key for `{field}`"
        );
    }
    assert!(fields >= 20, "{shown}");
}

#[test]
fn the_defaults_of_the_keys_are_the_defaults_of_the_configuration() {
    let loaded = load(&Sources::default()).unwrap().config;
    assert_eq!(format!("{loaded:?}"), format!("{:?}", Config::default()));
}

#[test]
fn every_migration_is_compiled_in() {
    let list = fs::read_to_string(root().join("src/store/migrate.rs")).unwrap();
    let migrations = files("migrations", ".sql");
    assert!(!migrations.is_empty());
    for path in migrations {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(list.contains(&name), "{name} is not in store/migrate.rs");
    }
}
