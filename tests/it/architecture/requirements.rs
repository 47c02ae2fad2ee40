//! The table of what the specifications demand (`tests/it/conformance/requirements.tsv`): every row names a file that does it and a test
//! that shows it, and both exist; the test is compiled and runs every time. What of a specification does not bind this server stands in
//! `not_ours.tsv` beside it, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use super::source::root;

const TABLE: &str = "tests/it/conformance/requirements.tsv";
const NOT_OURS: &str = "tests/it/conformance/not_ours.tsv";
const HEAD: &str = "specification\tsection\trequirement\tfile\ttest";

/// The specifications that have rows.
const SPECIFICATIONS: &[&str] = &[
    "RFC 6749",
    "RFC 6750",
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
fn has_test(source: &str, name: &str) -> bool {
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

/// Whether a test's attributes leave it out of ordinary runs.
fn is_left_out(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let signature = format!("fn {name}()");
    let at = lines.iter().position(|line| line.contains(&signature));
    let above = lines[..at.unwrap_or(0)].iter().rev();
    let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.any(|line| line.starts_with("#[ignore"))
}

/// The tests of this binary that an ordinary run takes: all of them, less those that are ignored.
fn compiled() -> BTreeSet<String> {
    let list = |more: &[&str]| -> BTreeSet<String> {
        let me = std::env::current_exe().unwrap();
        let listed = Command::new(me).arg("--list").args(more).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let names = listed
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        names.map(str::to_owned).collect()
    };
    &list(&[]) - &list(&["--ignored"])
}

/// The name under which a test of `tests/it` is compiled: `tests/it/a/mod.rs` and `b` make `a::b`.
fn compiled_name(path: &str, name: &str) -> Option<String> {
    let module = path.strip_prefix("tests/it/")?.strip_suffix(".rs")?;
    let module = module.strip_suffix("/mod").unwrap_or(module);
    Some(format!("{}::{name}", module.replace('/', "::")))
}

#[test]
fn every_test_that_shows_a_requirement_is_compiled_and_runs_every_time() {
    let compiled = compiled();
    assert!(compiled.len() > 500, "{}", compiled.len());
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    let mut wrong = Vec::new();
    for test in table
        .lines()
        .skip(1)
        .filter_map(|line| line.rsplit('\t').next())
    {
        let (path, name) = test.split_once("::").unwrap_or((test, ""));
        let source = fs::read_to_string(root().join(path)).unwrap_or_default();
        let runs = match compiled_name(path, name) {
            Some(name) => compiled.contains(&name),
            None => !is_left_out(&source, name),
        };
        if !runs {
            wrong.push(format!("does not run: {test}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_ours_says_of_which_specification_and_why() {
    let table = fs::read_to_string(root().join(NOT_OURS)).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("specification\tsection\twhy"));
    let mut rows = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let [specification, section, why] = cells[..] else {
            panic!("not three cells: {line}");
        };
        assert!(SPECIFICATIONS.contains(&specification), "{line}");
        assert!(!section.is_empty() && why.len() > 10, "{line}");
        assert_eq!(rows.insert((specification, section), why), None, "{line}");
    }
}

#[test]
fn a_test_that_is_ignored_shows_nothing() {
    let source = "#[test]\n#[ignore = \"slow\"]\n// Why.\nfn a() {}\n#[test]\nfn b() {}\n";
    assert!(is_left_out(source, "a") && !is_left_out(source, "b"));
    let named = |path, name| compiled_name(path, name).unwrap();
    assert_eq!(named("tests/it/a/b.rs", "c"), "a::b::c");
    assert_eq!(named("tests/it/a/mod.rs", "c"), "a::c");
    assert_eq!(compiled_name("src/a.rs", "c"), None);
}

/// What is wrong with a row whatever its table: an empty cell, a file or a test that does not exist.
pub(super) fn faults_of_row(cells: &[&str], file: &str, test: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if cells.iter().any(|cell| cell.trim().is_empty()) {
        wrong.push(format!("an empty cell: {}", cells.join("\t")));
    }
    if !root().join(file).is_file() {
        wrong.push(format!("no such file: {file}"));
    }
    let (path, name) = test.split_once("::").unwrap_or((test, ""));
    let source = fs::read_to_string(root().join(path)).unwrap_or_default();
    if !has_test(&source, name) {
        wrong.push(format!("no such test: {test}"));
    }
    wrong
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
        if !rows.insert((specification, section, requirement)) {
            wrong.push(format!("twice: {line}"));
        }
        found.insert(specification);
        wrong.extend(faults_of_row(&cells, file, test));
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
