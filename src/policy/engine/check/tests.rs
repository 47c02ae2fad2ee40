//! Bounds, cycles and errors; that the answers are right is shown by `oracle`.

use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::base::time::Timestamp;
use crate::policy::engine::condition::INLINE;
use crate::policy::engine::dsl;
use crate::policy::engine::relationship::{Context, Limits, Relationship, TupleCondition};
use crate::policy::engine::tuple::Tuple;

const GROUPS: &str = "model
  schema 1.1
type user
type group
  relations
define member: [user, group#member]
type folder
  relations
define parent: [folder]
define viewer: [user] or viewer from parent
type doc
  relations
define viewer: [user, user:*, group#member]
define banned: [user]
define reader: viewer but not banned
";

struct World(Program, Graph);

fn world(model: &str, tuples: &[String]) -> World {
    let mut graph = Graph::default();
    let model = Arc::new(dsl::parse(model).unwrap());
    let program = Program::compile(&model, graph.symbols()).unwrap();
    for text in tuples {
        graph.insert(&tuple(text).into()).unwrap();
    }
    World(program, graph)
}

fn tuple(text: &str) -> Tuple {
    let (object, rest) = text.split_once('#').unwrap();
    let (relation, user) = rest.split_once('@').unwrap();
    Tuple::parse(object, relation, user).unwrap()
}

fn ask(world: &World, question: &str) -> Result<Decision, CheckError> {
    let asked = tuple(question);
    check(
        &world.0,
        &world.1,
        Question {
            object: &asked.object,
            relation: &asked.relation,
            subject: &asked.subject,
        },
        now(&Context::new()),
    )
}

fn now(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, Timestamp::from_ms(1_000))
}

fn allowed(world: &World, question: &str) -> bool {
    ask(world, question).unwrap().allowed
}

/// `group:0` contains `group:1` contains .. `group:n`, which contains `user:anne`.
fn chain(last: u32) -> Vec<String> {
    (0..last)
        .map(|n| format!("group:{n}#member@group:{}#member", n + 1))
        .chain([format!("group:{last}#member@user:anne")])
        .collect()
}

#[test]
fn past_the_depth_is_an_error_and_no_decision() {
    // SECURITY row 62.
    assert!(allowed(
        &world(GROUPS, &chain(24)),
        "group:0#member@user:anne"
    ));
    let deep = world(GROUPS, &chain(25));
    assert_eq!(
        ask(&deep, "group:0#member@user:anne"),
        Err(CheckError::TooDeep)
    );
    assert_eq!(
        ask(&deep, "group:0#member@user:bob"),
        Err(CheckError::TooDeep)
    );
    assert!(allowed(&deep, "group:1#member@user:anne"));
    let folders: Vec<String> = (0..30)
        .map(|n| format!("folder:{n}#parent@folder:{}", n + 1))
        .collect();
    let folders = world(GROUPS, &folders);
    assert_eq!(
        ask(&folders, "folder:0#viewer@user:anne"),
        Err(CheckError::TooDeep)
    );
}

/// A type whose relations are computed from one another: `r1` from `r0`, and so on.
fn computed(last: u32) -> String {
    let mut computed = String::new();
    for n in 1..=last {
        let below = n - 1;
        writeln!(computed, "define r{n}: r{below} or r0 or r{below}").unwrap();
    }
    format!("model\n  schema 1.1\ntype user\ntype doc\n  relations\ndefine r0: [user]\n{computed}")
}

#[test]
fn relations_computed_from_one_another_do_not_exhaust_the_stack() {
    let tuples = ["doc:1#r0@user:anne".to_owned()];
    let small_stack = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let asked = small_stack.spawn(move || {
        let model = computed(4_900);
        let world = world(&model, &tuples);
        assert!(allowed(&world, "doc:1#r100@user:anne"));
        // Who is in `r0` is found on the way; that nobody else is cannot be told.
        assert!(allowed(&world, "doc:1#r4900@user:anne"));
        let bob = ask(&world, "doc:1#r4900@user:bob");
        assert_eq!(bob, Err(CheckError::TooDeep));
    });
    asked.unwrap().join().unwrap();
}

#[test]
fn an_answer_found_elsewhere_wins_over_an_error() {
    let mut tuples = chain(30);
    tuples.push("doc:1#viewer@group:0#member".to_owned());
    tuples.push("doc:1#viewer@group:30#member".to_owned());
    tuples.push("doc:2#viewer@group:0#member".to_owned());
    tuples.push("doc:2#banned@user:anne".to_owned());
    let world = world(GROUPS, &tuples);
    assert!(allowed(&world, "doc:1#viewer@user:anne"), "any true wins");
    assert_eq!(
        ask(&world, "doc:2#viewer@user:anne"),
        Err(CheckError::TooDeep)
    );
    assert!(
        !allowed(&world, "doc:2#reader@user:anne"),
        "a true subtract wins"
    );
}

#[test]
fn cycles_end_and_cost_little() {
    // Twenty groups, each in each: the number of paths is astronomical, the number of questions is not.
    let mut tuples: Vec<String> = Vec::new();
    for a in 0..20 {
        for b in (0..20).filter(|b| *b != a) {
            tuples.push(format!("group:{a}#member@group:{b}#member"));
        }
    }
    let knot = world(GROUPS, &tuples);
    let denied = ask(&knot, "group:0#member@user:anne").unwrap();
    assert!(!denied.allowed);
    assert!(denied.steps < 2_000, "{}", denied.steps);
    tuples.push("group:19#member@user:anne".to_owned());
    assert!(allowed(&world(GROUPS, &tuples), "group:0#member@user:anne"));
}

#[test]
fn what_a_cycle_hid_is_found_by_the_next_pass() {
    // `y` is asked inside `z` first, where it leads back to `z`; then for itself.
    let model = "model
  schema 1.1
type user
type group
  relations
    define first: [group]
    define second: [group]
    define member: member from first or member from second or [user]
type doc
  relations
    define a: [group]
    define b: [group]
    define both: member from a and member from b
";
    let tuples = [
        "doc:1#a@group:z",
        "doc:1#b@group:y",
        "group:z#first@group:y",
        "group:z#second@group:w",
        "group:y#first@group:z",
        "group:w#member@user:anne",
    ];
    let world = world(model, &tuples.map(str::to_owned));
    assert!(allowed(&world, "doc:1#both@user:anne"));
    assert!(!allowed(&world, "doc:1#both@user:bob"));
}

#[test]
fn a_lattice_of_groups_is_visited_once() {
    // Twenty layers of four: 4^20 paths.
    let mut tuples = Vec::new();
    for layer in 0..20 {
        for a in 0..4 {
            for b in 0..4 {
                tuples.push(format!(
                    "group:{layer}.{a}#member@group:{}.{b}#member",
                    layer + 1
                ));
            }
        }
    }
    let lattice = world(GROUPS, &tuples);
    let denied = ask(&lattice, "group:0.0#member@user:anne").unwrap();
    assert!(!denied.allowed && denied.steps < 1_000, "{denied:?}");
    // The same lattice past the depth: an error, as cheaply.
    for a in 0..4 {
        tuples.extend((20..30).flat_map(|layer| {
            (0..4).map(move |b| format!("group:{layer}.{a}#member@group:{}.{b}#member", layer + 1))
        }));
    }
    let deep = world(GROUPS, &tuples);
    assert_eq!(
        ask(&deep, "group:0.0#member@user:anne"),
        Err(CheckError::TooDeep)
    );
}

#[test]
fn conditions_that_stand_in_tuples_count_as_many_steps() {
    let model = "model
  schema 1.1
type user
type group
  relations
define owner: [user]
define member: [user] or owner
type doc
  relations
define viewer: [group#member with $expression]
";
    let limits = Limits {
        condition: Some(TupleCondition {
            name: INLINE.to_owned(),
            context: Context::from_iter([("expression".to_owned(), "true".into())]),
        }),
        ..Limits::default()
    };
    for (groups, expected) in [(5_000, Ok(false)), (12_000, Err(CheckError::Exhausted))] {
        let mut world = world(model, &[]);
        for n in 0..groups {
            let relationship = Relationship {
                tuple: tuple(&format!("doc:1#viewer@group:{n}#member")),
                limits: limits.clone(),
            };
            world.1.insert(&relationship).unwrap();
        }
        let answer = ask(&world, "doc:1#viewer@user:anne");
        assert_eq!(
            answer.map(|decision| decision.allowed),
            expected,
            "{groups}"
        );
    }
}

#[test]
fn large_fan_outs_are_complete_and_bounded() {
    // SECURITY rows 60 and 62.
    for size in [65_537_u32, 200_000] {
        let mut tuples: Vec<String> = (0..size)
            .map(|n| format!("doc:1#viewer@group:{n}#member"))
            .collect();
        tuples.push(format!("group:{}#member@group:x#member", size - 1));
        tuples.push("group:x#member@user:anne".to_owned());
        let world = world(GROUPS, &tuples);
        assert!(allowed(&world, "doc:1#viewer@user:anne"), "{size}");
        assert!(!allowed(&world, "doc:1#viewer@user:bob"), "{size}");
    }
    let flood: Vec<String> = (0..=STEPS)
        .map(|n| format!("doc:1#viewer@group:{n}#member"))
        .collect();
    let flood = world(GROUPS, &flood);
    assert_eq!(
        ask(&flood, "doc:1#viewer@user:anne"),
        Err(CheckError::Exhausted)
    );
}

#[test]
fn what_conditions_cost_counts_as_steps() {
    let model = "model
  schema 1.1
type user
type doc
  relations
define viewer: [user with known]
condition known(names: list<string>, name: string) {
  name in names
}
";
    let mut known = Relationship::from(tuple("doc:1#viewer@user:anne"));
    known.limits = Limits {
        condition: Some(TupleCondition {
            name: "known".to_owned(),
            context: Context::new(),
        }),
        expires_at: None,
    };
    let mut world = world(model, &[]);
    world.1.insert(&known).unwrap();
    let steps = |names: usize| {
        let context = serde_json::json!({"names": vec!["anne"; names], "name": "bob"});
        let context = context.as_object().unwrap();
        let asked = known.tuple.clone();
        let question = Question {
            object: &asked.object,
            relation: &asked.relation,
            subject: &asked.subject,
        };
        check(&world.0, &world.1, question, now(context)).map(|decision| decision.steps)
    };
    let (few, many) = (steps(10).unwrap(), steps(60).unwrap());
    // Fifty more values to read, and fifty more to compare with.
    assert_eq!(many - few, 100);
    let too_many = usize::try_from(STEPS).unwrap();
    assert_eq!(steps(too_many), Err(CheckError::Exhausted));
}

#[test]
fn many_flat_groups_are_decided_from_the_subject() {
    let model = GROUPS.replace("[user, group#member]", "[user, user:*]");
    let mut tuples: Vec<String> = (0..10_000)
        .map(|n| format!("doc:1#viewer@group:{n}#member"))
        .collect();
    tuples.push("group:77#member@user:anne".to_owned());
    tuples.push("group:other#member@user:bob".to_owned());
    let flat = world(&model, &tuples);
    let yes = ask(&flat, "doc:1#viewer@user:anne").unwrap();
    let no = ask(&flat, "doc:1#viewer@user:bob").unwrap();
    assert!(yes.allowed && yes.steps < 10, "{yes:?}");
    assert!(!no.allowed && no.steps < 10, "{no:?}");
    tuples.push("group:5#member@user:*".to_owned());
    assert!(
        allowed(&world(&model, &tuples), "doc:1#viewer@user:bob"),
        "through the wildcard"
    );
}

#[test]
fn names_that_the_model_lacks_are_errors() {
    let world = world(GROUPS, &[]);
    assert_eq!(
        ask(&world, "file:1#viewer@user:a"),
        Err(CheckError::UnknownType("file".to_owned()))
    );
    assert_eq!(
        ask(&world, "doc:1#viewer@robot:a"),
        Err(CheckError::UnknownType("robot".to_owned()))
    );
    assert!(matches!(
        ask(&world, "doc:1#owner@user:a"),
        Err(CheckError::UnknownRelation { .. })
    ));
    assert!(matches!(
        ask(&world, "doc:1#viewer@group:a#owner"),
        Err(CheckError::UnknownRelation { .. })
    ));
}

#[test]
fn contextual_tuples_are_gone_after_the_request() {
    let world = world(GROUPS, &[]);
    let contextual = [
        tuple("doc:1#viewer@group:a#member").into(),
        tuple("group:a#member@user:anne").into(),
    ];
    let context = Context::new();
    let asked = tuple("doc:1#viewer@user:anne");
    let question = Question {
        object: &asked.object,
        relation: &asked.relation,
        subject: &asked.subject,
    };
    assert!(
        check_with(&world.0, &world.1, &contextual, question, now(&context))
            .unwrap()
            .allowed
    );
    assert!(
        !check(&world.0, &world.1, question, now(&context))
            .unwrap()
            .allowed
    );
    assert!(world.1.is_empty());
}

#[test]
fn a_tuple_counts_until_the_instant_it_expires_at() {
    let mut world = world(GROUPS, &[]);
    for (text, at) in [
        ("doc:1#viewer@user:anne", 1_000),
        ("doc:2#viewer@user:anne", 1_001),
        ("doc:3#viewer@user:*", 1_000),
        ("doc:4#viewer@group:a#member", 1_000),
        ("doc:5#viewer@group:b#member", 1_001),
        ("group:b#member@user:anne", 2_000),
    ] {
        let limits = Limits {
            expires_at: Some(Timestamp::from_ms(at)),
            ..Limits::default()
        };
        let relationship = Relationship {
            tuple: tuple(text),
            limits,
        };
        world.1.insert(&relationship).unwrap();
    }
    world
        .1
        .insert(&tuple("group:a#member@user:anne").into())
        .unwrap();
    let seen: Vec<bool> = (1..=5)
        .map(|n| allowed(&world, &format!("doc:{n}#viewer@user:anne")))
        .collect();
    assert_eq!(seen, [false, true, false, false, true]);
    // Written again without an end, it counts always.
    world
        .1
        .insert(&tuple("doc:1#viewer@user:anne").into())
        .unwrap();
    assert!(allowed(&world, "doc:1#viewer@user:anne"));
}

#[test]
fn a_tuple_that_fixes_what_its_condition_does_not_declare_any_more_does_not_count() {
    let model = "model
  schema 1.1
type user
type doc
  relations
define viewer: [user with sober]
condition sober(is_sober: bool) {
  is_sober
}
";
    let mut world = world(model, &[]);
    for (object, fixed) in [
        ("doc:now", vec!["is_sober"]),
        ("doc:before", vec!["is_sober", "is_awake"]),
    ] {
        let mut relationship = Relationship::from(tuple(&format!("{object}#viewer@user:anne")));
        relationship.limits.condition = Some(TupleCondition {
            name: "sober".to_owned(),
            context: fixed
                .iter()
                .map(|name| ((*name).to_owned(), true.into()))
                .collect(),
        });
        world.1.insert(&relationship).unwrap();
    }
    assert!(ask(&world, "doc:now#viewer@user:anne").unwrap().allowed);
    assert!(!ask(&world, "doc:before#viewer@user:anne").unwrap().allowed);
}
