//! A short slice of the fuzzing, on every run of the tests: the corpus of each target, and seeded mutations of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[path = "../../fuzz/src/lib.rs"]
pub mod bodies;

use bodies::TARGETS;
use bodies::mutate::Mutations;

/// Mutations of each target; compiling conditions is the slowest, about a millisecond each.
const MUTATIONS: usize = 2_000;
/// Mutations of each target of the OAuth endpoints (SECURITY row 16).
const OAUTH_MUTATIONS: usize = 10_000;

fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    bodies::corpus(&root.join("fuzz/corpus").join(target))
}

fn run(target: &str) {
    run_times(target, MUTATIONS);
}

fn run_times(target: &str, mutations: usize) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(target);
    for (name, data) in &corpus {
        println!("{target}/{name}");
        body(data);
    }
    let entries: Vec<Vec<u8>> = corpus.into_values().collect();
    for (at, data) in Mutations::new(&entries, 0x7e55_e4a0)
        .take(mutations)
        .enumerate()
    {
        println!(
            "{target}, mutation {at}: {:?}",
            String::from_utf8_lossy(&data)
        );
        body(&data);
    }
}

#[test]
fn model_texts_keep_their_meaning() {
    run("dsl");
}

#[test]
fn json_models_keep_their_meaning() {
    run("model_json");
}

#[test]
fn tuples_parse_as_they_print() {
    run("tuple");
}

#[test]
fn conditions_end_within_their_cost() {
    run("condition");
}

#[test]
fn tokens_open_only_for_whom_they_were_sealed() {
    run("continuation_token");
}

#[test]
fn forms_of_clients_are_read_or_refused() {
    run_times("oauth_form", OAUTH_MUTATIONS);
}

#[test]
fn tokens_of_clients_are_refused_without_a_key() {
    run_times("oauth_jwt", OAUTH_MUTATIONS);
}

#[test]
fn documents_of_clients_are_read_or_refused() {
    run_times("oauth_json", OAUTH_MUTATIONS);
}

#[test]
fn every_target_has_a_small_corpus() {
    for (target, _) in TARGETS {
        let corpus = corpus(target);
        assert!(
            (5..100).contains(&corpus.len()),
            "{target}: {} files",
            corpus.len()
        );
        for (name, data) in corpus {
            assert!(
                data.len() <= 16 * 1024,
                "{target}/{name}: {} bytes",
                data.len()
            );
        }
    }
}

#[test]
fn the_corpus_gets_past_the_parsers() {
    // A corpus that is refused at the first byte would make every property hold.
    let parsed = |target: &str, parses: fn(&str) -> bool| {
        let corpus = corpus(target);
        let texts = corpus
            .values()
            .filter_map(|data| std::str::from_utf8(data).ok());
        (texts.filter(|text| parses(text)).count(), corpus.len())
    };
    let (models, of) = parsed("dsl", |text| {
        tessera::policy::engine::dsl::parse(text).is_ok()
    });
    assert!(models * 2 >= of, "{models} of {of}");
    let (models, of) = parsed("model_json", |text| {
        let value = serde_json::from_str(text);
        value.is_ok_and(|value| tessera::policy::engine::json::parse(&value).is_ok())
    });
    assert!(models * 2 >= of, "{models} of {of}");
}
