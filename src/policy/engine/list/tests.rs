//! Bounds, errors and costs; that the lists are right is shown by `oracle`.

use std::sync::Arc;

use super::*;
use crate::base::time::Timestamp;
use crate::policy::engine::dsl;
use crate::policy::engine::graph::Graph;
use crate::policy::engine::program::Program;
use crate::policy::engine::relationship::{Circumstances, Context, Relationship, TupleCondition};
use crate::policy::engine::tuple::{Object, Subject, Tuple};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
define member: [user, group#member]
type doc
  relations
define viewer: [user, user:*, group#member]
define banned: [user]
define reader: viewer but not banned
";

const fn at(context: &Context) -> Circumstances<'_> {
    Circumstances::at(context, Timestamp::from_ms(0))
}

const ALL: Window<'static> = Window {
    after: None,
    limit: usize::MAX,
};

struct World(Program, Graph);

fn world(tuples: impl Iterator<Item = String>) -> World {
    let mut graph = Graph::default();
    let model = Arc::new(dsl::parse(MODEL).unwrap());
    let program = Program::compile(&model, graph.symbols()).unwrap();
    for text in tuples {
        let (object, rest) = text.split_once('#').unwrap();
        let (relation, user) = rest.split_once('@').unwrap();
        graph
            .insert(&Tuple::parse(object, relation, user).unwrap().into())
            .unwrap();
    }
    World(program, graph)
}

fn of(tuples: &[&str]) -> World {
    world(tuples.iter().map(|text| (*text).to_owned()))
}

fn objects(
    world: &World,
    type_name: &str,
    relation: &str,
    user: &str,
) -> Result<Listed<Object>, CheckError> {
    let context = Context::new();
    let question = ObjectsQuestion {
        type_name,
        relation,
        subject: &Subject::parse(user).unwrap(),
        circumstances: at(&context),
    };
    list_objects(&world.0, &world.1, &[], question, ALL)
}

fn users(
    world: &World,
    object: &str,
    relation: &str,
    filter: UsersFilter<'_>,
) -> Result<Listed<Subject>, CheckError> {
    let context = Context::new();
    let question = UsersQuestion {
        object: &Object::parse(object).unwrap(),
        relation,
        filter,
        circumstances: at(&context),
    };
    list_users(&world.0, &world.1, &[], question, ALL)
}

const USERS: UsersFilter<'static> = UsersFilter {
    type_name: "user",
    relation: None,
};

fn texts<T: ToString>(listed: Result<Listed<T>, CheckError>) -> Vec<String> {
    let listed = listed.unwrap();
    listed.entries.iter().map(ToString::to_string).collect()
}

/// `group:0` contains `group:1` contains .. `group:n`, which contains `user:anne`.
fn chain(last: u32) -> World {
    world(
        (0..last)
            .map(|n| format!("group:{n}#member@group:{}#member", n + 1))
            .chain([format!("group:{last}#member@user:anne")]),
    )
}

#[test]
fn past_the_depth_a_list_is_an_error_like_the_check() {
    assert_eq!(
        texts(objects(&chain(24), "group", "member", "user:anne")).len(),
        25
    );
    assert_eq!(
        texts(users(&chain(24), "group:0", "member", USERS)),
        ["user:anne"]
    );
    assert_eq!(
        objects(&chain(25), "group", "member", "user:anne"),
        Err(CheckError::TooDeep)
    );
    assert_eq!(
        users(&chain(25), "group:0", "member", USERS),
        Err(CheckError::TooDeep)
    );
}

#[test]
fn past_the_steps_a_list_is_an_error_and_never_shorter() {
    let last = super::super::check::STEPS;
    let world = world((0..=last).map(|n| format!("doc:{n}#viewer@user:anne")));
    assert_eq!(
        objects(&world, "doc", "viewer", "user:anne"),
        Err(CheckError::Exhausted)
    );
    let world = self::world((0..=last).map(|n| format!("doc:1#viewer@user:{n}")));
    assert_eq!(
        users(&world, "doc:1", "viewer", USERS),
        Err(CheckError::Exhausted)
    );
}

#[test]
fn checks_of_candidates_count_as_steps_too() {
    let half = super::super::check::STEPS / 4;
    let world = world((0..=half).map(|n| format!("doc:{n}#viewer@user:anne")));
    assert!(objects(&world, "doc", "viewer", "user:anne").is_ok());
    assert_eq!(
        objects(&world, "doc", "reader", "user:anne"),
        Err(CheckError::Exhausted)
    );
}

#[test]
fn a_list_looks_at_what_the_subject_has_and_at_nothing_else() {
    let noise = (0..20_000).map(|n| format!("doc:{n}#viewer@user:noise{n}"));
    let own = [
        "doc:b#viewer@user:anne",
        "doc:a#viewer@group:1#member",
        "group:1#member@user:anne",
        "doc:a#banned@user:anne",
    ];
    let world = world(noise.chain(own.iter().map(|text| (*text).to_owned())));
    let listed = objects(&world, "doc", "viewer", "user:anne").unwrap();
    assert!(listed.steps < 20, "{listed:?}");
    assert_eq!(texts(Ok(listed)), ["doc:a", "doc:b"]);
    let listed = objects(&world, "doc", "reader", "user:anne").unwrap();
    assert!(listed.steps < 30, "{listed:?}");
    assert_eq!(texts(Ok(listed)), ["doc:b"]);
}

#[test]
fn a_userset_is_in_its_own_relation() {
    let world = of(&["group:1#member@group:2#member"]);
    assert_eq!(
        texts(objects(&world, "group", "member", "group:2#member")),
        ["group:1", "group:2"]
    );
    assert_eq!(
        texts(objects(&world, "group", "member", "group:none#member")),
        ["group:none"]
    );
    let filter = UsersFilter {
        type_name: "group",
        relation: Some("member"),
    };
    assert_eq!(
        texts(users(&world, "group:1", "member", filter)),
        ["group:1#member", "group:2#member"]
    );
    assert_eq!(
        texts(users(&world, "group:none", "member", filter)),
        ["group:none#member"]
    );
}

#[test]
fn the_wildcard_stands_for_itself() {
    let world = of(&[
        "doc:1#viewer@user:*",
        "doc:1#viewer@user:anne",
        "doc:1#banned@user:bob",
        "doc:2#viewer@user:bob",
    ]);
    assert_eq!(
        texts(users(&world, "doc:1", "reader", USERS)),
        ["user:*", "user:anne"]
    );
    assert_eq!(texts(users(&world, "doc:2", "reader", USERS)), ["user:bob"]);
    // Nobody has heard of this one, and yet.
    assert_eq!(
        texts(objects(&world, "doc", "reader", "user:new")),
        ["doc:1"]
    );
    assert_eq!(
        texts(objects(&world, "doc", "reader", "user:bob")),
        ["doc:2"]
    );
}

#[test]
fn names_that_the_model_lacks_are_errors() {
    let world = of(&[]);
    let unknown = |name: &str| CheckError::UnknownType(name.to_owned());
    let no_relation = |type_name: &str, relation: &str| CheckError::UnknownRelation {
        type_name: type_name.to_owned(),
        relation: relation.to_owned(),
    };
    let failure = |listed: Result<Listed<Object>, CheckError>| listed.unwrap_err();
    assert_eq!(
        failure(objects(&world, "file", "viewer", "user:anne")),
        unknown("file")
    );
    assert_eq!(
        failure(objects(&world, "doc", "boss", "user:anne")),
        no_relation("doc", "boss")
    );
    assert_eq!(
        failure(objects(&world, "doc", "viewer", "robot:anne")),
        unknown("robot")
    );
    assert_eq!(
        failure(objects(&world, "doc", "viewer", "group:1#boss")),
        no_relation("group", "boss")
    );
    let filter = |type_name, relation| UsersFilter {
        type_name,
        relation,
    };
    for (object, relation, filter, expected) in [
        ("file:1", "viewer", USERS, unknown("file")),
        ("doc:1", "boss", USERS, no_relation("doc", "boss")),
        ("doc:1", "viewer", filter("robot", None), unknown("robot")),
        (
            "doc:1",
            "viewer",
            filter("group", Some("boss")),
            no_relation("group", "boss"),
        ),
    ] {
        assert_eq!(
            users(&world, object, relation, filter).unwrap_err(),
            expected
        );
    }
}

#[test]
fn a_condition_that_cannot_be_evaluated_leaves_no_list_of_users() {
    let model = "model
  schema 1.1
type user
type folder
  relations
define viewer: [user]
type doc
  relations
define parent: [folder, folder with sober]
define viewer: viewer from parent
condition sober(is_sober: bool) {
  is_sober
}
";
    let mut graph = Graph::default();
    let model = Arc::new(dsl::parse(model).unwrap());
    let program = Program::compile(&model, graph.symbols()).unwrap();
    let tuple = |object, relation, user| Tuple::parse(object, relation, user).unwrap();
    let mut limited = Relationship::from(tuple("doc:1", "parent", "folder:a"));
    limited.limits.condition = Some(TupleCondition {
        name: "sober".to_owned(),
        context: Context::new(),
    });
    for relationship in [
        limited,
        tuple("doc:1", "parent", "folder:b").into(),
        tuple("folder:a", "viewer", "user:anne").into(),
        tuple("folder:b", "viewer", "user:anne").into(),
    ] {
        graph.insert(&relationship).unwrap();
    }
    let world = World(program, graph);
    // The check finds anne by the other folder.
    assert_eq!(
        texts(objects(&world, "doc", "viewer", "user:anne")),
        ["doc:1"]
    );
    assert!(matches!(
        users(&world, "doc:1", "viewer", USERS),
        Err(CheckError::Condition(_))
    ));
}
