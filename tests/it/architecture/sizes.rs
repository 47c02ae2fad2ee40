//! Sizes a reader can hold: files and handlers. Functions and parameters are clippy's (`clippy.toml`).

use std::fs;

use super::source::{files, root, sources};

const FILE_LINES: usize = 500;
const HANDLER_LINES: usize = 40;

#[test]
fn no_file_is_longer_than_500_lines() {
    let mut wrong = Vec::new();
    for directory in ["src", "tests", "benches", "examples"] {
        for path in files(directory, ".rs") {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > FILE_LINES {
                let path = path.strip_prefix(root()).unwrap();
                wrong.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_handler_is_longer_than_40_lines() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, lines) in handlers(&source.code()) {
            if lines > HANDLER_LINES {
                wrong.push(format!("{}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Async functions that take `State(..)`, with the number of lines of their bodies. Relies on rustfmt's layout: a function
/// ends at the first `}` that is indented like its `fn`.
fn handlers(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, after)) = line.split_once("async fn ") else {
            continue;
        };
        let indent = before.len() - before.trim_start().len();
        let end_of_head = lines[start..].iter().position(|line| line.ends_with('{'));
        let end_of_body = lines[start..]
            .iter()
            .position(|line| *line == format!("{}}}", " ".repeat(indent)));
        if let (Some(head), Some(body)) = (end_of_head, end_of_body)
            && lines[start..=start + head]
                .iter()
                .any(|line| line.contains("State("))
        {
            let name = after.split(['(', '<']).next().unwrap().to_owned();
            found.push((name, body - head - 1));
        }
    }
    found
}

#[test]
fn handlers_are_found_and_measured() {
    let code = "pub async fn a(\n    State(app): State<App>,\n) -> R {\n    one();\n    two()\n}\nasync fn b(x: u8) -> R {\n    x\n}\n";
    assert_eq!(handlers(code), [("a".to_owned(), 2)]);
    let total: usize = sources()
        .iter()
        .map(|source| handlers(&source.code()).len())
        .sum();
    assert!(total >= 2, "the handlers of http/health.rs at least");
}
