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
    let errors = parse(&format!("model\n  schema 1.1\n{body}")).unwrap_err();
    let error = &errors.faults()[0];
    assert_eq!((error.line, error.column), place, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    refuses(
        "typ user",
        (3, 1),
        "expected `type` or `condition`, found `typ`",
    );
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
    let errors = parse("model\n  schema 1.0\n").unwrap_err();
    let error = &errors.faults()[0];
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
        "condition c(x: list<list>) { true }",
        (3, 21),
        "`list` is no type",
    );
    refuses(
        "condition c(x: list<list<int>) { true }",
        (3, 30),
        "expected `>`, found `)`",
    );
    refuses(
        "condition c(x: map<map<map<map<map<map<int>>>>>>) { true }",
        (3, 36),
        "more than 5 lists and maps",
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

#[test]
fn lists_and_maps_may_stand_in_one_another_in_both_forms() {
    use crate::policy::engine::json;
    let text = "model\n  schema 1.1\n\ntype user\n\ncondition c(x: list<list<int>>, y: map<list<map<any>>>) {\n  \
                x == [[1]]\n}\n";
    let model = parse(text).unwrap();
    assert_eq!(print(&model), text);
    let form = json::emit(&model);
    assert_eq!(json::parse(&form).unwrap(), model);
    assert_eq!(form.to_string().matches("TYPE_NAME_LIST").count(), 3);
}

#[test]
fn a_restriction_may_take_conditions_that_stand_in_tuples() {
    let text = "model\n  schema 1.1\n\ntype user\n\ntype doc\n  relations\n    define viewer: [user, user:* with \
                $expression, doc#viewer with $expression]\n";
    let model = parse(text).unwrap();
    assert_eq!(print(&model), text);
    for (wrong, place) in [
        ("$ expression", (6, 26)),
        ("$express", (6, 26)),
        ("$", (6, 26)),
        ("expression$", (6, 36)),
    ] {
        let body = format!("type user\ntype doc\n  relations\n    define v: [user with {wrong}]");
        refuses(&body, place, "expected");
    }
    refuses("type $expression", (3, 6), "the type's name");
}

/// All faults, as `line:column message`.
#[track_caller]
fn faults(text: &str) -> Vec<String> {
    let errors = parse(text).unwrap_err();
    let faults = errors.faults().iter();
    faults
        .map(|fault| format!("{}:{} {}", fault.line, fault.column, fault.message))
        .collect()
}

const FAULTY: &str = "model
  schema 1.1
type user
type doc
  relations
    define a: [user
    define b: user]
    define bb: [user]
    defne c: [user]
    define d [user]
    define e: [user]
    define e: [user]
    define f: ((user)
    define g: [user] or
type
  relations
    define h: [user, ]
type folder
  define i: [user]
  define j: i from
  define jj: [user]
typ team
  relations
    define k: a but b
condition c(x: text) { true }
condition d() { true }
extend type doc
  relations
    define l: a and b or a
condition e(x: int) {}
type last more
  relations now
    define m: [user] [user]
";

#[test]
fn every_fault_is_told_with_its_place() {
    let found = faults(FAULTY);
    let expected = [
        "7:5 expected `]`, found `define`",
        "7:19 expected the end of the line, found `]`",
        "9:5 expected `define`, `type` or `condition`, found `defne`",
        "10:14 expected `:`, found `[`",
        "12:12 relation `e` is defined twice",
        "14:5 expected `)`, found `define`",
        "14:24 expected a relation's name, `[` with a list of types, or `(`, found the end of the line",
        "15:5 expected the type's name, found the end of the line",
        "17:22 expected a type: `user`, `user:*` or `group#member`, found `]`",
        "19:3 expected `relations` on a line of its own",
        "20:19 expected the relation that leads to the other objects, found the end of the line",
        "22:1 expected `define`, `type` or `condition`, found `typ`",
        "24:21 expected `not` after `but`",
        "25:16 `text` is no type here",
        "26:13 expected a parameter's name",
        "27:1 `extend` belongs to modular models",
        "29:23 `or`, `and` and `but not` are not mixed",
        "30:21 the expression of condition `e` is empty",
        "31:11 expected the end of the line, found `more`",
        "32:13 expected the end of the line, found `now`",
        "33:22 expected the end of the line, found `[`",
    ];
    for (at, expected) in expected.iter().enumerate() {
        let found = found.get(at).map_or("nothing", String::as_str);
        assert!(found.starts_with(expected), "{found:?} for {expected:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    // What stands between the faults is sound: without them nothing is left to say.
    assert!(faults("model\n  schema 1.1\ntype a b\n").len() == 1);
}

#[test]
fn a_faulty_head_hides_nothing_below_it() {
    for (head, first) in [
        ("", "1:1 expected `model`, found `type`"),
        ("model\n", "2:1 expected `schema`, found `type`"),
        (
            "model\n  schema 1.0\n",
            "2:10 schema `1.0` is not supported",
        ),
        ("model\n  schema\n", "2:9 expected a schema version"),
        (
            "model\n  schema 1.1 1.2\n",
            "2:14 expected the end of the line",
        ),
        ("module m\n", "1:1 `module` belongs to modular models"),
    ] {
        let found = faults(&format!(
            "{head}type user\n  relations\n    define a: [user"
        ));
        assert!(found[0].starts_with(first), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}

#[test]
fn however_many_faults_there_are_few_are_told() {
    let text = "type a b\n".repeat(10_000);
    let errors = parse(&format!("model\n  schema 1.1\n{text}")).unwrap_err();
    assert_eq!(errors.faults().len(), FAULTS);
    assert!(
        errors.to_string().contains("; line 4, column 8: "),
        "{errors}"
    );
}
