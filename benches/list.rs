//! What a list takes among a million tuples, and a check in a large model: `cargo bench --bench list`.
//!
//! Prints beside the times how many relations and tuples were looked at: a list's cost follows its own length.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark fails by panicking and prints what it measured"
)]

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use divan::{Bencher, black_box};
use tessera::base::time::Timestamp;
use tessera::policy::engine::check::{Question, check};
use tessera::policy::engine::dsl;
use tessera::policy::engine::graph::Graph;
use tessera::policy::engine::list::{
    ObjectsQuestion, UsersFilter, UsersQuestion, Window, list_objects, list_users,
};
use tessera::policy::engine::program::Program;
use tessera::policy::engine::relationship::{Circumstances, Context};
use tessera::policy::engine::tuple::{Object, Subject, Tuple};

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
    define banned: [user]
    define viewer: [user, group#member] or owner or viewer from parent
    define reader: viewer but not banned
";
const ALL: Window<'static> = Window {
    after: None,
    limit: usize::MAX,
};

struct World {
    program: Program,
    graph: Graph,
}

fn main() {
    divan::main();
}

fn compiled(model: &str) -> World {
    let graph = Graph::default();
    let model = Arc::new(dsl::parse(model).unwrap());
    let program = Program::compile(&model, graph.symbols()).unwrap();
    World { program, graph }
}

fn at(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, Timestamp::from_ms(0))
}

impl World {
    fn add(&mut self, object: &str, relation: &str, user: &str) {
        let tuple = Tuple::parse(object, relation, user).unwrap();
        self.graph.insert(&tuple.into()).unwrap();
    }
}

/// 10,000 users in 1,000 groups; 900,000 documents in 9,000 folders, of which each group sees nine.
fn million() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut world = compiled(MODEL);
        for n in 0..900_000 {
            world.add(
                &format!("doc:{n}"),
                "parent",
                &format!("folder:{}", n % 9_000),
            );
        }
        for n in 0..9_000 {
            let group = format!("group:{}#member", n % 1_000);
            world.add(&format!("folder:{n}"), "viewer", &group);
        }
        for n in 0..100_000 {
            let user = format!("user:{}", n % 10_000);
            world.add(&format!("group:{}", n % 1_000), "member", &user);
            let owned = format!("doc:{}", (n * 7) % 900_000);
            world.add(&owned, "owner", &format!("user:{}", n % 9_973));
        }
        world
    })
}

fn objects(bencher: Bencher<'_, '_>, relation: &str, limit: usize) {
    let world = million();
    let subject = Subject::parse("user:77").unwrap();
    let context = Context::new();
    let circumstances = at(&context);
    let ask = || {
        let question = ObjectsQuestion {
            type_name: "doc",
            relation,
            subject: black_box(&subject),
            circumstances,
        };
        let window = Window { limit, ..ALL };
        list_objects(&world.program, &world.graph, &[], question, window).unwrap()
    };
    let listed = ask();
    println!(
        "  {} of {} tuples: {} objects, {} steps",
        relation,
        world.graph.len(),
        listed.entries.len(),
        listed.steps
    );
    bencher.bench_local(ask);
}

#[divan::bench]
fn objects_through_groups_and_folders(bencher: Bencher<'_, '_>) {
    objects(bencher, "viewer", usize::MAX);
}

#[divan::bench]
fn objects_each_verified(bencher: Bencher<'_, '_>) {
    objects(bencher, "reader", usize::MAX);
}

#[divan::bench]
fn a_page_of_twenty_objects(bencher: Bencher<'_, '_>) {
    objects(bencher, "reader", 20);
}

#[divan::bench]
fn users_of_a_document(bencher: Bencher<'_, '_>) {
    let world = million();
    let object = Object::parse("doc:77").unwrap();
    let context = Context::new();
    let circumstances = at(&context);
    bencher.bench_local(|| {
        let question = UsersQuestion {
            object: black_box(&object),
            relation: "viewer",
            filter: UsersFilter {
                type_name: "user",
                relation: None,
            },
            circumstances,
        };
        list_users(&world.program, &world.graph, &[], question, ALL).unwrap()
    });
}

/// Twenty types, each a level below the one before it; the check climbs ten of them.
#[divan::bench]
fn check_ten_levels_up_in_twenty_types(bencher: Bencher<'_, '_>) {
    let mut model = "model\n  schema 1.1\ntype user\ntype level0\n  relations\n    define admin: [user]\n    define viewer: [user] or admin\n".to_owned();
    for n in 1..20 {
        let above = n - 1;
        write!(
            model,
            "type level{n}\n  relations\n    define parent: [level{above}]\n    define admin: [user] or admin from parent\n    define viewer: [user] or admin or viewer from parent\n"
        )
        .unwrap();
    }
    let mut world = compiled(&model);
    for n in 1..20 {
        world.add(
            &format!("level{n}:1"),
            "parent",
            &format!("level{}:1", n - 1),
        );
    }
    world.add("level9:1", "viewer", "user:anne");
    let object = Object::parse("level19:1").unwrap();
    let subject = Subject::parse("user:anne").unwrap();
    let context = Context::new();
    let circumstances = at(&context);
    let ask = || {
        let question = Question {
            object: black_box(&object),
            relation: "viewer",
            subject: black_box(&subject),
        };
        check(&world.program, &world.graph, question, circumstances).unwrap()
    };
    let decision = ask();
    assert!(decision.allowed);
    println!("  {} steps", decision.steps);
    bencher.bench_local(ask);
}
