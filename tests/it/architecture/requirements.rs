//! The table of what the specifications demand (`tests/it/conformance/requirements.tsv`): every row names a file that does it and a test
//! that shows it, and both exist.

use std::collections::BTreeSet;
use std::fs;

use super::source::root;

const TABLE: &str = "tests/it/conformance/requirements.tsv";
const HEAD: &str = "specification\tsection\trequirement\tfile\ttest";

/// The specifications that have rows.
const SPECIFICATIONS: &[&str] = &[
    "RFC 6749",
    "RFC 7636",
    "RFC 9207",
    "RFC 9126",
    "RFC 9101",
    "RFC 9449",
    "RFC 8705",
    "RFC 8628",
    "RFC 7591",
    "RFC 7592",
    "RFC 8693",
    "RFC 9068",
    "RFC 9700",
    "RFC 7009",
    "RFC 7662",
    "RFC 9701",
    "RFC 8414",
    "RFC 8707",
    "RFC 9396",
    "RFC 9470",
    "RFC 9728",
    "JARM",
    "OpenID Connect Discovery 1.0",
    "OpenID Connect RP-Initiated Logout 1.0",
    "OpenID Connect Back-Channel Logout 1.0",
    "OpenID Connect Front-Channel Logout 1.0",
    "OpenID Connect CIBA Core 1.0",
    "OpenID Connect Core 1.0",
];

/// Whether a source holds a test of this name: a function under a test attribute, or a test of `on_each_database`.
pub(super) fn has_test(source: &str, name: &str) -> bool {
    let signatures = [format!("fn {name}()"), format!("fn {name}() {{")];
    let mut is_marked = false;
    for (at, line) in source.lines().enumerate() {
        let line = line.trim();
        if is_marked && signatures.iter().any(|signature| line.contains(signature)) {
            return true;
        }
        is_marked = line.starts_with("#[test]")
            || line.starts_with("#[tokio::test")
            || (is_marked && (line.starts_with("#[") || line.starts_with("//")));
        let names_it =
            line == format!("{name},") || line.starts_with(&format!("on_each_database!({name},"));
        let of_macro = line.starts_with("on_each_database!")
            || source
                .lines()
                .nth(at.saturating_sub(1))
                .is_some_and(|before| before.trim() == "on_each_database!(");
        if names_it && of_macro {
            return true;
        }
    }
    false
}

#[test]
fn every_requirement_names_a_file_and_a_test_that_exist() {
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some(HEAD));
    let (mut wrong, mut found, mut rows) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let [specification, section, requirement, file, test] = cells[..] else {
            wrong.push(format!("not five cells: {line}"));
            continue;
        };
        if cells.iter().any(|cell| cell.trim().is_empty()) {
            wrong.push(format!("an empty cell: {line}"));
        }
        if !rows.insert((specification, section, requirement)) {
            wrong.push(format!("twice: {line}"));
        }
        found.insert(specification);
        if !root().join(file).is_file() {
            wrong.push(format!("no such file: {file}"));
        }
        let (path, name) = test.split_once("::").unwrap_or((test, ""));
        let source = fs::read_to_string(root().join(path)).unwrap_or_default();
        if !has_test(&source, name) {
            wrong.push(format!("no such test: {test}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let expected: BTreeSet<&str> = SPECIFICATIONS.iter().copied().collect();
    assert_eq!(found, expected);
    assert!(rows.len() > 120, "{}", rows.len());
}

#[test]
fn a_test_is_a_function_under_its_attribute() {
    let source = "#[test]\nfn a() {}\nfn b() {}\non_each_database!(c, |t| {});\non_each_database!(\n    d,\n    |t| {}\n);\n\
                  #[tokio::test(flavor = \"multi_thread\")]\n#[ignore = \"slow\"]\nasync fn e() {\n";
    for (name, expect) in [
        ("a", true),
        ("b", false),
        ("c", true),
        ("d", true),
        ("e", true),
        ("f", false),
    ] {
        assert_eq!(has_test(source, name), expect, "{name}");
    }
}
