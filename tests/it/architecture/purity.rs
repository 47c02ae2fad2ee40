//! Rules and words are pure: no async, no I/O, no clock, no global. The clock has one room.

use super::source::{Source, sources};

/// Rooms whose files are functions of their arguments.
const PURE: &[&str] = &["oauth/protocol/", "policy/engine/", "base/"];
/// What a pure file does not name.
const IMPURE: &[&str] = &[
    "async ",
    ".await",
    "tokio::",
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "Instant::now",
    "static mut",
    "LazyLock",
    "OnceLock",
    "thread_local!",
];
/// Ways to read the system clock.
const CLOCKS: &[&str] = &["SystemTime::now", "now_utc()", "UNIX_EPOCH.elapsed"];

fn names<'w>(source: &Source, words: &'w [&str]) -> Vec<&'w str> {
    let code = source.code();
    words
        .iter()
        .copied()
        .filter(|word| code.contains(word))
        .collect()
}

#[test]
fn rules_and_words_are_pure() {
    for source in sources() {
        if PURE.iter().any(|room| source.path.starts_with(room)) {
            let found = names(&source, IMPURE);
            assert!(found.is_empty(), "{} is not pure: {found:?}", source.path);
        }
    }
}

#[test]
fn only_one_file_reads_the_system_clock() {
    for source in sources() {
        if source.path != "base/time.rs" {
            let found = names(&source, CLOCKS);
            assert!(
                found.is_empty(),
                "{}: {found:?}; take `now` as an argument",
                source.path
            );
        }
    }
}

/// SECURITY R73: its private keys can be read off its timing (RUSTSEC-2023-0071).
#[test]
fn the_crate_rsa_is_not_in_the_tree() {
    let lock = std::fs::read_to_string(super::source::root().join("Cargo.lock")).unwrap();
    assert!(
        lock.contains("name = \"aws-lc-rs\""),
        "the lock file is read"
    );
    assert!(!lock.contains("name = \"rsa\"\n"));
}
