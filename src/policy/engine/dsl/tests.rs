//! What the text form reads, prints and refuses.

use super::super::model::ParameterType;
use super::super::validate::{REWRITE_LEVELS, validate};
use super::*;

const DRIVE: &str = "model
  schema 1.1

type user

type group
  relations
    define member: [user, user:*, group#member]

type doc
  relations
    define allowed: (viewer and (member from group)) or (owner but not blocked)
    define blocked: [user]
    define group: [group]
    define owner: [user]
    define viewer: [user, group#member] or owner
";

#[test]
fn printing_is_stable() {
    let model = parse(DRIVE).unwrap();
    let printed = print(&model);
    assert_eq!(parse(&printed).unwrap(), model);
    assert_eq!(print(&parse(&printed).unwrap()), printed);
    assert!(
        printed
            .contains("define allowed: (viewer and member from group) or (owner but not blocked)"),
        "{printed}"
    );
}

#[test]
fn comments_and_lists_over_several_lines_are_read() {
    let text = "# a model\r\nmodel # of\n  schema 1.2 # newer\ntype user\n\ntype doc # docs\n  relations\n    define viewer: [ # who\n      user,\n      doc#viewer\n    ] or (\n      editor )\n    define editor: [user]";
    let model = parse(text).unwrap();
    let viewer = model.find_relation("doc", "viewer").unwrap();
    assert_eq!(viewer.restrictions.len(), 2);
    assert_eq!(
        viewer.rewrite,
        Rewrite::Union(vec![Rewrite::This, Rewrite::Computed("editor".to_owned())])
    );
}

#[track_caller]
fn refuses(body: &str, place: (usize, usize), message: &str) {
    let error = parse(&format!("model\n  schema 1.1\n{body}")).unwrap_err();
    assert_eq!((error.line, error.column), place, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    refuses("typ user", (3, 1), "expected `type`, found `typ`");
    refuses("type", (3, 5), "expected the type's name");
    refuses("type a b", (3, 8), "expected the end of the line");
    refuses(
        "type a\n  relations\n    define x [a]",
        (5, 14),
        "expected `:`, found `[`",
    );
    refuses("type a\n  relations\ntype b", (5, 1), "expected `define");
    refuses(
        "type a\n  relations\n    define x: [a:b]",
        (5, 18),
        "expected `*`",
    );
    refuses(
        "type a\n  relations\n    define x: [a",
        (5, 17),
        "expected `]`, found the end of the text",
    );
    refuses(
        "type a\n  relations\n    define x: a or b and c",
        (5, 22),
        "put brackets",
    );
    refuses(
        "type a\n  relations\n    define x: a but not b but not c",
        (5, 31),
        "put brackets",
    );
    refuses(
        "type a\n  relations\n    define x: a but b",
        (5, 21),
        "expected `not`",
    );
    refuses(
        "type a\n  relations\n    define x: [a] or [b]",
        (5, 22),
        "one list",
    );
    refuses(
        "type a\n  relations\n    define x: [a]\n    define x: [a]",
        (6, 12),
        "twice",
    );
    refuses(
        "type a\n  relations\n    define x: [a with]",
        (5, 22),
        "a condition's name after `with`",
    );
    refuses("extend type a", (3, 1), "modular");
    let deep = format!("type a\n  relations\n    define x: {}b", "(".repeat(40));
    refuses(&deep, (5, 15 + NESTED_BRACKETS), "brackets in one another");
    let error = parse("model\n  schema 1.0\n").unwrap_err();
    assert_eq!((error.line, error.column), (2, 10));
    assert!(parse("").is_err());
}

#[test]
fn the_deepest_valid_model_prints_to_text_that_parses() {
    let mut rewrite = Rewrite::Computed("a".to_owned());
    for _ in 1..REWRITE_LEVELS {
        rewrite = Rewrite::Union(vec![rewrite, Rewrite::Computed("a".to_owned())]);
    }
    let mut model =
        parse("model\n  schema 1.1\ntype user\n  relations\n    define a: [user]\n    define b: a")
            .unwrap();
    model.types[0].relations.get_mut("b").unwrap().rewrite = rewrite;
    assert_eq!(validate(&model), Ok(()));
    assert_eq!(parse(&print(&model)), Ok(model));
}

const CONDITIONS: &str = r#"model
  schema 1.1

type user

type doc
  relations
    define viewer: [user, user with in_office, user:* with open, doc#viewer with open]

condition in_office(ip: ipaddress, ranges: list<string>, tags: map<int>) {
  ranges.exists(r, ip.in_cidr(r)) && {"a}": 1}["a}"] == 1
    && tags["x # y"] > 0 // don't stop at }
}

condition open(now: timestamp) {
  now < timestamp("2030-01-01T00:00:00Z")
}
"#;

#[test]
fn conditions_print_as_they_were_read() {
    let model = parse(CONDITIONS).unwrap();
    assert_eq!(print(&model), CONDITIONS);
    let condition = &model.conditions["in_office"];
    assert_eq!(
        condition.parameters["ranges"],
        ParameterType::List(Box::new(ParameterType::String))
    );
    assert!(
        condition.expression.ends_with("// don't stop at }"),
        "{}",
        condition.expression
    );
    let viewer = model.find_relation("doc", "viewer").unwrap();
    let conditions: Vec<_> = viewer
        .restrictions
        .iter()
        .map(|restriction| restriction.condition.as_deref())
        .collect();
    assert_eq!(
        conditions,
        [None, Some("in_office"), Some("open"), Some("open")]
    );
}

#[test]
fn a_condition_may_stand_on_one_line_and_before_types() {
    let text = "model\n  schema 1.1\ncondition c(\n  x: int,\n  y: string\n)\n{ x > 1 && y != '}' } # c\ntype user";
    let model = parse(text).unwrap();
    assert_eq!(model.conditions["c"].expression, "x > 1 && y != '}'");
    assert_eq!(model.types.len(), 1);
}

#[test]
fn faults_of_conditions_say_where() {
    refuses(
        "condition (x: int) { true }",
        (3, 11),
        "the condition's name",
    );
    refuses("condition c(x int) { true }", (3, 15), "expected `:`");
    refuses(
        "condition c(x: text) { true }",
        (3, 16),
        "`text` is no type",
    );
    refuses(
        "condition c(x: list) { true }",
        (3, 16),
        "`list` is no type",
    );
    refuses(
        "condition c(x: int<int>) { true }",
        (3, 16),
        "`int` is no type",
    );
    refuses(
        "condition c(x: list<list<int>>) { true }",
        (3, 21),
        "cannot hold",
    );
    refuses("condition c(x: int, x: int) { true }", (3, 21), "twice");
    refuses("condition c(x: int) true", (3, 21), "expression in braces");
    refuses("condition c(x: int) { x > 1", (3, 21), "closed by `}`");
    refuses("condition c(x: int) { '}", (3, 21), "closed by `}`");
    refuses("condition c(x: int) {  }", (3, 21), "is empty");
    refuses("condition c() { true }", (3, 13), "a parameter's name");
    refuses(
        "condition c(x: int) { true }\ncondition c(x: int) { true }",
        (4, 11),
        "defined twice",
    );
}
