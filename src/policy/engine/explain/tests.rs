//! What explanations say; that they are right is shown by `oracle`.

use std::sync::Arc;

use super::draw::draw;
use super::*;
use crate::policy::engine::dsl;
use crate::policy::engine::relationship::{Context, Relationship, TupleCondition};
use crate::policy::engine::what_if::{Difference, Hypothesis, what_if};

const DOCS: &str = "model
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
define banned: [user]
define signed: [user]
define viewer: [user, user:*, group#member] or viewer from parent
define reader: viewer but not banned
define signer: viewer and signed
define loop: [doc#loop]
";

struct World(Program, Graph);

fn world(tuples: &[&str]) -> World {
    let mut graph = Graph::default();
    let model = Arc::new(dsl::parse(DOCS).unwrap());
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

fn question(tuple: &Tuple) -> Question<'_> {
    Question {
        object: &tuple.object,
        relation: &tuple.relation,
        subject: &tuple.subject,
    }
}

fn now(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, Timestamp::from_ms(1_000))
}

fn tell(world: &World, asked: &str) -> Result<Explanation, CheckError> {
    let asked = tuple(asked);
    explain(&world.0, &world.1, question(&asked), now(&Context::new()))
}

#[track_caller]
fn drawn(world: &World, asked: &str, expected: &str) {
    let text = draw(&tell(world, asked).unwrap());
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn an_allow_is_told_by_its_shortest_derivation() {
    let world = world(&[
        "doc:1#viewer@group:eng#member",
        "group:eng#member@group:core#member",
        "group:core#member@user:anne",
        "doc:1#parent@folder:a",
        "folder:a#viewer@user:anne",
    ]);
    drawn(
        &world,
        "doc:1#reader@user:anne",
        "allowed
└─ ✓ doc:1#reader
   └─ ✓ but not
      ├─ ✓ doc:1#viewer
      │  └─ ✓ from parent
      │     └─ ✓ tuple doc:1#parent@folder:a
      │        └─ ✓ folder:a#viewer
      │           └─ ✓ direct
      │              └─ ✓ tuple folder:a#viewer@user:anne
      └─ ✗ doc:1#banned
",
    );
    let told = tell(&world, "doc:1#reader@user:anne").unwrap();
    let used: Vec<String> = told.tuples.iter().map(ToString::to_string).collect();
    assert_eq!(used, ["doc:1#parent@folder:a", "folder:a#viewer@user:anne"]);
}

#[test]
fn both_sides_of_an_and_are_told() {
    let world = world(&["doc:1#viewer@user:*", "doc:1#signed@user:anne"]);
    drawn(
        &world,
        "doc:1#signer@user:anne",
        "allowed
└─ ✓ doc:1#signer
   └─ ✓ and
      ├─ ✓ doc:1#viewer
      │  └─ ✓ direct
      │     └─ ✓ tuple doc:1#viewer@user:*
      └─ ✓ doc:1#signed
         └─ ✓ direct
            └─ ✓ tuple doc:1#signed@user:anne
",
    );
}

#[test]
fn a_deny_tells_every_branch_and_what_would_have_allowed_it() {
    let world = world(&[
        "doc:1#viewer@group:eng#member",
        "doc:1#viewer@group:ops#member",
        "group:ops#member@group:eng#member",
        "doc:1#parent@folder:a",
    ]);
    let told = tell(&world, "doc:1#viewer@user:carl").unwrap();
    let text = draw(&told);
    for line in [
        "✗ tuple doc:1#viewer@group:ops#member",
        "✗ tuple group:ops#member@group:eng#member",
        "✗ group:eng#member: no tuple",
        "✗ tuple doc:1#parent@folder:a",
        "✗ from parent: no tuple",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Of two tuples on one relation either may be looked at first.
    let list: Vec<String> = told.would_allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        (list.len(), list[0].as_str()),
        (4, "doc:1#viewer@user:carl")
    );
    for tuple in [
        "group:eng#member@user:carl",
        "group:ops#member@user:carl",
        "folder:a#viewer@user:carl",
    ] {
        assert!(list.iter().any(|one| one == tuple), "{list:?}");
    }
}

#[test]
fn what_excludes_is_named() {
    let world = world(&["doc:1#viewer@user:bob", "doc:1#banned@user:bob"]);
    drawn(
        &world,
        "doc:1#reader@user:bob",
        "denied
└─ ✗ doc:1#reader: excluded by doc:1#banned
   └─ ✗ but not: excluded by doc:1#banned
      ├─ ✓ doc:1#viewer
      │  └─ ✓ direct
      │     └─ ✓ tuple doc:1#viewer@user:bob
      └─ ✓ doc:1#banned
         └─ ✓ direct
            └─ ✓ tuple doc:1#banned@user:bob
",
    );
    let told = tell(&world, "doc:1#reader@user:bob").unwrap();
    assert!(
        told.tuples.is_empty() && told.would_allow.is_empty(),
        "no single tuple lifts a ban"
    );
    let json = told.to_json();
    assert_eq!(json["tree"]["reason"], "excluded");
    assert_eq!(json["tree"]["message"], "excluded by doc:1#banned");
    assert_eq!(
        json["tree"]["children"][0]["children"][1]["children"][0]["children"][0]["tuple_key"],
        serde_json::json!({"user": "user:bob", "relation": "banned", "object": "doc:1"})
    );
}

#[test]
fn cycles_are_named_and_what_the_model_rules_out_is_not_looked_into() {
    let world = world(&["doc:1#loop@doc:2#loop", "doc:2#loop@doc:1#loop"]);
    drawn(
        &world,
        "doc:1#loop@doc:9#loop",
        "denied
└─ ✗ doc:1#loop
   └─ ✗ direct
      └─ ✗ tuple doc:1#loop@doc:2#loop
         └─ ✗ doc:2#loop
            └─ ✗ direct
               └─ ✗ tuple doc:2#loop@doc:1#loop
                  └─ ✗ doc:1#loop: leads back to itself
any one of these tuples would allow it:
  doc:1#loop@doc:9#loop
  doc:2#loop@doc:9#loop
",
    );
    drawn(
        &world,
        "doc:1#loop@user:anne",
        "denied\n└─ ✗ doc:1#loop: not reachable by type\n",
    );
}

#[test]
fn an_expired_tuple_says_when_and_renewing_it_is_suggested() {
    let mut world = world(&[]);
    let mut lapsed = Relationship::from(tuple("doc:1#viewer@user:anne"));
    lapsed.limits.expires_at = Some(Timestamp::from_ms(500));
    world.1.insert(&lapsed).unwrap();
    let told = tell(&world, "doc:1#viewer@user:anne").unwrap();
    assert!(
        draw(&told).contains("✗ tuple doc:1#viewer@user:anne: expired at 1970-01-01T00:00:00"),
        "{}",
        draw(&told)
    );
    assert_eq!(told.would_allow, [lapsed.tuple]);
}

#[test]
fn conditions_that_end_a_branch_are_named() {
    let model = "model
  schema 1.1
type user
type doc
  relations
define banned: [user with limit]
define viewer: [user, user with limit]
define reader: viewer but not banned
condition limit(used: int) {
  used < 5
}
";
    let model = Arc::new(dsl::parse(model).unwrap());
    let mut graph = Graph::default();
    let program = Program::compile(&model, graph.symbols()).unwrap();
    for text in ["doc:1#viewer@user:anne", "doc:2#banned@user:anne"] {
        let mut limited = Relationship::from(tuple(text));
        limited.limits.condition = Some(TupleCondition {
            name: "limit".to_owned(),
            context: Context::new(),
        });
        graph.insert(&limited).unwrap();
    }
    graph
        .insert(&tuple("doc:2#viewer@user:anne").into())
        .unwrap();
    let tell = |asked: &str, used: Option<i64>| {
        let context: Context = used
            .map(|used| ("used".to_owned(), used.into()))
            .into_iter()
            .collect();
        let asked = tuple(asked);
        explain(&program, &graph, question(&asked), now(&context))
    };
    let met = tell("doc:1#reader@user:anne", Some(1)).unwrap();
    assert_eq!(met.tuples, [tuple("doc:1#viewer@user:anne")]);
    let unmet = tell("doc:1#reader@user:anne", Some(7)).unwrap();
    assert!(
        draw(&unmet).contains("✗ tuple doc:1#viewer@user:anne: condition `limit` not met"),
        "{}",
        draw(&unmet)
    );
    assert_eq!(
        unmet.would_allow,
        [tuple("doc:1#viewer@user:anne")],
        "without the condition"
    );
    assert!(matches!(
        tell("doc:1#reader@user:anne", None),
        Err(CheckError::Condition(_))
    ));
    // A condition that cannot be evaluated loses to an answer found elsewhere, and is told all the same.
    assert!(tell("doc:2#viewer@user:anne", None).unwrap().allowed);
    let excluded = tell("doc:2#reader@user:anne", Some(1)).unwrap();
    assert!(!excluded.allowed);
    assert_eq!(
        excluded.root.outcome,
        Outcome::Fails(Reason::Excluded("doc:2#banned".to_owned()))
    );
    assert!(tell("doc:2#reader@user:anne", Some(7)).unwrap().allowed);
}

#[test]
fn what_has_no_answer_has_no_explanation() {
    let mut tuples: Vec<String> = (0..30)
        .map(|n| format!("group:{n}#member@group:{}#member", n + 1))
        .collect();
    tuples.push("doc:1#viewer@group:0#member".to_owned());
    let list: Vec<&str> = tuples.iter().map(String::as_str).collect();
    let deep = world(&list);
    assert_eq!(
        tell(&deep, "doc:1#viewer@user:anne"),
        Err(CheckError::TooDeep)
    );
    assert!(matches!(
        tell(&deep, "doc:1#nothing@user:anne"),
        Err(CheckError::UnknownRelation { .. })
    ));
}

#[test]
fn a_large_denial_is_cut_and_says_so() {
    let tuples: Vec<String> = (0..2_000)
        .map(|n| format!("doc:1#viewer@group:{n}#member"))
        .collect();
    let list: Vec<&str> = tuples.iter().map(String::as_str).collect();
    let told = tell(&world(&list), "doc:1#viewer@user:anne").unwrap();
    let text = draw(&told);
    assert!(
        text.contains("left out") && text.lines().count() < 600,
        "{text}"
    );
    assert_eq!(told.would_allow.len(), SUGGESTIONS);
}

#[test]
fn what_if_tells_only_the_answers_that_change() {
    let world = world(&["doc:1#viewer@user:anne", "doc:1#viewer@user:bob"]);
    let context = Context::new();
    let asked = [
        "doc:1#reader@user:anne",
        "doc:1#reader@user:bob",
        "doc:1#reader@user:carl",
    ]
    .map(tuple);
    let questions = asked.each_ref().map(|one| (question(one), now(&context)));
    let writes = [Relationship::from(tuple("doc:1#viewer@user:carl"))];
    let deletes = [
        tuple("doc:1#viewer@user:anne"),
        tuple("doc:7#viewer@user:x"),
    ];
    let hypothesis = Hypothesis {
        writes: &writes,
        deletes: &deletes,
    };
    let found = what_if(&world.0, &world.1, hypothesis, &questions).unwrap();
    let expected =
        [(0, true, false), (2, false, true)].map(|(question, before, after)| Difference {
            question,
            before,
            after,
        });
    assert_eq!(found, expected);
    assert_eq!(world.1.len(), 2, "nothing was written");
    let unknown = tuple("doc:1#nothing@user:anne");
    let error = what_if(
        &world.0,
        &world.1,
        hypothesis,
        &[(question(&unknown), now(&context))],
    );
    assert!(matches!(error, Err(CheckError::UnknownRelation { .. })));
}
