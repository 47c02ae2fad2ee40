//! What one check takes: `cargo bench --bench check`.
//!
//! Names are looked up, the graph holds 200,000 other tuples, nothing is remembered between two checks.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark fails by panicking"
)]

use std::sync::Arc;

use divan::{Bencher, black_box};
use tessera::base::time::Timestamp;
use tessera::policy::engine::check::{Decision, Question, check};
use tessera::policy::engine::dsl;
use tessera::policy::engine::graph::Graph;
use tessera::policy::engine::program::Program;
use tessera::policy::engine::relationship::{Circumstances, Context};
use tessera::policy::engine::tuple::Tuple;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define parent: [folder]
    define owner: [user]
    define editor: [user] or owner
    define a: [user]
    define b: [user]
    define c: [user]
    define d: [user]
    define e: [user]
    define viewer: [user, group#member] or editor or viewer from parent
    define wide: a or b or c or d or e or owner or editor or viewer or viewer from parent
";

struct World {
    program: Program,
    graph: Graph,
}

fn main() {
    divan::main();
}

fn tuple(object: &str, relation: &str, user: &str) -> Tuple {
    Tuple::parse(object, relation, user).unwrap()
}

fn world() -> World {
    let mut graph = Graph::default();
    let model = Arc::new(dsl::parse(MODEL).unwrap());
    let program = Program::compile(&model, graph.symbols()).unwrap();
    for n in 0..200_000 {
        let noise = tuple(
            &format!("doc:noise{}", n / 4),
            "viewer",
            &format!("user:noise{}", n % 50_000),
        );
        graph.insert(&noise.into()).unwrap();
    }
    for (object, relation, user) in [
        ("doc:1", "owner", "user:anne"),
        ("doc:1", "viewer", "group:1#member"),
        ("group:1", "member", "group:2#member"),
        ("group:2", "member", "user:three-hops"),
        ("doc:2", "parent", "folder:1"),
        ("folder:1", "parent", "folder:2"),
        ("folder:2", "viewer", "user:inherits"),
    ] {
        graph.insert(&tuple(object, relation, user).into()).unwrap();
    }
    for n in 0..1_000 {
        let group = format!("group:wide{n}#member");
        graph
            .insert(&tuple("doc:wide", "viewer", &group).into())
            .unwrap();
    }
    let member = tuple("group:wide777", "member", "user:somewhere");
    graph.insert(&member.into()).unwrap();
    World { program, graph }
}

fn measure(bencher: Bencher<'_, '_>, expected: bool, object: &str, relation: &str, user: &str) {
    let world = world();
    let asked = tuple(object, relation, user);
    let context = Context::new();
    let circumstances = Circumstances::at(&context, Timestamp::from_ms(0));
    let ask = || -> Decision {
        let question = Question {
            object: black_box(&asked.object),
            relation: black_box(&asked.relation),
            subject: black_box(&asked.subject),
        };
        check(&world.program, &world.graph, question, circumstances).unwrap()
    };
    assert_eq!(ask().allowed, expected);
    bencher.bench_local(ask);
}

#[divan::bench]
fn direct(bencher: Bencher<'_, '_>) {
    measure(bencher, true, "doc:1", "owner", "user:anne");
}

#[divan::bench]
fn direct_denied(bencher: Bencher<'_, '_>) {
    measure(bencher, false, "doc:1", "owner", "user:noise7");
}

#[divan::bench]
fn three_hops_through_groups(bencher: Bencher<'_, '_>) {
    measure(bencher, true, "doc:1", "viewer", "user:three-hops");
}

#[divan::bench]
fn three_hops_denied(bencher: Bencher<'_, '_>) {
    measure(bencher, false, "doc:1", "viewer", "user:noise7");
}

#[divan::bench]
fn inherited_from_a_folder(bencher: Bencher<'_, '_>) {
    measure(bencher, true, "doc:2", "viewer", "user:inherits");
}

#[divan::bench]
fn wide_union(bencher: Bencher<'_, '_>) {
    measure(bencher, true, "doc:2", "wide", "user:inherits");
}

#[divan::bench]
fn a_thousand_groups_on_one_document(bencher: Bencher<'_, '_>) {
    measure(bencher, true, "doc:wide", "viewer", "user:somewhere");
}

#[divan::bench]
fn a_thousand_groups_denied(bencher: Bencher<'_, '_>) {
    measure(bencher, false, "doc:wide", "viewer", "user:noise7");
}
