//! What compiles and what is refused, with the words.

use super::{compile, condition};
use crate::policy::engine::condition::{CompiledCondition, ConditionFault};

#[test]
fn what_fits_compiles() {
    for (parameters, expression) in [
        ("x: int", "x < 100"),
        ("x: uint", "x < 100u"),
        ("x: double", "x < 1.5 && x / 2.0 > 0.1"),
        (
            "s: string",
            "s.startsWith('a') && s.matches('^a+$') && matches(s, 'b')",
        ),
        (
            "t: timestamp, d: duration",
            "t + d < timestamp('2023-10-11T10:00:00Z')",
        ),
        ("t: timestamp, u: timestamp", "t - u > duration('1h')"),
        ("ip: ipaddress, cidr: string", "ip.in_cidr(cidr)"),
        ("", "ipaddress('10.0.0.1').in_cidr('10.0.0.0/8')"),
        (
            "m: map<string>",
            "m.a == 'x' && m['b'] == 'y' && has(m.c) && 'd' in m",
        ),
        ("m: map<any>", "m.a == 1 && m.b == 'x'"),
        (
            "l: list<string>",
            "l.exists(x, x == 'a') && l.all(x, size(x) < 3) && l.size() > 0",
        ),
        (
            "l: list<int>",
            "l.map(x, x * 2).filter(y, y > 2).exists_one(z, z == 4)",
        ),
        ("l: list<bool>", "l.filter(x, x)[0]"),
        ("l: list<list<int>>", "l[0][1] == 2"),
        ("a: any", "a == 'x' || a > 3 || a.b.c"),
        ("x: int", "x in [1, 2, 3]"),
        ("x: bool", "x ? true : false"),
        ("x: bool", "!x"),
        (
            "x: string",
            "size([]) == 0 && {'a': 1}['a'] == 1 && string(1) == x",
        ),
        ("x: any", "dyn(x) == null"),
        (
            "t: timestamp",
            "t.getHours('+02:00') >= 8 && t.getDayOfWeek() != 0",
        ),
    ] {
        compile(parameters, expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
    }
}

#[track_caller]
fn refused(parameters: &str, expression: &str, reason: &str) {
    let fault = compile(parameters, expression).expect_err(expression);
    assert_eq!(
        fault.to_string(),
        format!("failed to compile expression on condition 'c' - {reason}"),
    );
}

#[test]
fn unknown_names_are_refused() {
    refused(
        "x: int",
        "invalid",
        "undeclared reference to 'invalid': declare it as a parameter",
    );
    refused(
        "x: int",
        "y < 1",
        "undeclared reference to 'y': declare it as a parameter",
    );
    refused(
        "x: int",
        "now() < x",
        "undeclared reference to 'now': there is no such function",
    );
    refused(
        "x: string",
        "x.upper() == 'A'",
        "undeclared reference to 'upper': there is no such function",
    );
    refused(
        "x: string",
        "startsWith(x, 'A')",
        "undeclared reference to 'startsWith': there is no such function",
    );
    refused(
        "x: int",
        "type(x) == int",
        "undeclared reference to 'type': there is no such function",
    );
    refused(
        "l: list<int>",
        "l.all(x, x > 0) && x == 1",
        "undeclared reference to 'x': declare it as a parameter",
    );
}

/// Parameters, an expression, and what has no overload.
const MISFITS: &[(&str, &str, &str)] = &[
    ("x: int", "x < 'a'", "'_<_' applied to '(int, string)'"),
    ("x: int", "x == 1.0", "'_==_' applied to '(int, double)'"),
    ("x: int", "x + 1u == x", "'_+_' applied to '(int, uint)'"),
    (
        "x: string",
        "x && true",
        "'_&&_' applied to '(string, bool)'",
    ),
    ("x: string", "!x", "'!_' applied to '(string)'"),
    ("x: string", "-x == x", "'-_' applied to '(string)'"),
    (
        "x: double",
        "x % 2.0 == 0.0",
        "'_%_' applied to '(double, double)'",
    ),
    (
        "x: string",
        "x in ['a', 'b'] && x in [1]",
        "'@in' applied to '(string, list(int))'",
    ),
    (
        "m: map<int>",
        "1 in m",
        "'@in' applied to '(int, map(string, int))'",
    ),
    ("x: int", "1 in x", "'@in' applied to '(int, int)'"),
    (
        "x: bool",
        "ipaddress(x).in_cidr('10.0.0.0/8')",
        "'ipaddress' applied to '(bool)'",
    ),
    (
        "x: string",
        "x.in_cidr('10.0.0.0/8')",
        "'in_cidr' applied to '(string, string)'",
    ),
    (
        "x: int",
        "x ? true : false",
        "'_?_:_' applied to '(int, bool, bool)'",
    ),
    (
        "x: bool",
        "x ? 1 : 'a'",
        "'_?_:_' applied to '(bool, int, string)'",
    ),
    (
        "l: list<int>",
        "l['a'] == 1",
        "'_[_]' applied to '(list(int), string)'",
    ),
    ("x: int", "x[0] == 1", "'_[_]' applied to '(int, int)'"),
    ("x: int", "size(x) == 1", "'size' applied to '(int)'"),
    (
        "t: timestamp",
        "t + t == t",
        "'_+_' applied to '(google.protobuf.Timestamp, google.protobuf.Timestamp)'",
    ),
    (
        "t: timestamp",
        "t < '2023'",
        "'_<_' applied to '(google.protobuf.Timestamp, string)'",
    ),
    (
        "l: list<int>",
        "l + ['a'] == l",
        "'_+_' applied to '(list(int), list(string))'",
    ),
    (
        "l: list<int>",
        "l + 1 == l",
        "'_+_' applied to '(list(int), int)'",
    ),
    (
        "l: list<int>",
        "l.all(x, x == 'a')",
        "'_==_' applied to '(int, string)'",
    ),
    (
        "i: ipaddress",
        "i == '10.0.0.1'",
        "'_==_' applied to '(IPAddress, string)'",
    ),
    (
        "s: string",
        "s == null",
        "'_==_' applied to '(string, null)'",
    ),
];

#[test]
fn operands_of_the_wrong_type_are_refused() {
    for (parameters, expression, applied) in MISFITS.iter().copied() {
        refused(
            parameters,
            expression,
            &format!("found no matching overload for {applied}"),
        );
    }
    refused(
        "x: string",
        "x.a == 1",
        "type 'string' does not support field selection of 'a'",
    );
    refused(
        "x: int",
        "x.all(y, true)",
        "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
    );
}

#[test]
fn what_gives_no_bool_is_refused() {
    for (parameters, expression, found) in [
        ("x: string", "x", "string"),
        ("x: int", "x + 1", "int"),
        ("x: any", "x", "dyn"),
        ("m: map<any>", "m.a", "dyn"),
        ("l: list<int>", "l.map(x, x > 1)", "list(bool)"),
        ("m: map<string>", "m", "map(string, string)"),
        ("", "null", "null"),
    ] {
        let reason = format!("expected a bool condition expression output, but got '{found}'");
        refused(parameters, expression, &reason);
    }
}

#[test]
fn parts_of_cel_that_are_left_out_are_refused() {
    refused("", "b'a' == b'a'", "bytes are not supported: use a string");
    refused(
        "",
        "google.type.Money{units: 1} == 1",
        "messages such as 'google.type.Money' are not supported",
    );
    refused(
        "",
        "{1.5: 'a'} == {}",
        "a map's key cannot be of type 'double'",
    );
    refused(
        "x: string",
        "x.matches('(')",
        "'(' is not a regular expression, or a too large one",
    );
}

#[test]
fn literals_that_fail_at_every_check_are_refused() {
    refused(
        "t: timestamp",
        "t < timestamp('yesterday')",
        "type conversion error from 'string' to 'timestamp'",
    );
    refused(
        "d: duration",
        "d < duration('1d')",
        "type conversion error from 'string' to 'duration'",
    );
}

#[test]
fn broken_text_is_refused() {
    for expression in [
        "",
        "x <",
        "x < 1)",
        "'a",
        "x === 1",
        "x < 1; true",
        "99999999999999999999 < x",
        "\u{0}",
        "x.?y",
        "\\",
    ] {
        let fault = compile("x: int", expression).expect_err(expression);
        assert!(
            matches!(fault, ConditionFault::Syntax { .. }),
            "{expression}: {fault}"
        );
    }
}

#[test]
fn limits_are_kept() {
    let exactly = format!("x == '{}'", "a".repeat(505));
    assert_eq!(exactly.len(), 512);
    compile("x: string", &exactly).expect("at the limit");
    refused(
        "x: string",
        &format!("{exactly} "),
        "the expression has 513 bytes; at most 512 are allowed",
    );

    let parameters = |count: usize| {
        let all: Vec<String> = (0..count).map(|i| format!("p{i}: bool")).collect();
        all.join(", ")
    };
    compile(&parameters(25), "p0").expect("at the limit");
    refused(
        &parameters(26),
        "p0",
        "it has 26 parameters; at most 25 are allowed",
    );

    compile("x: list<list<list<list<list<int>>>>>", "size(x) == 0").expect("at the limit");
    refused(
        "x: list<map<list<map<list<map<int>>>>>>",
        "size(x) == 0",
        "the type of parameter 'x' is nested deeper than 5 levels",
    );
}

#[test]
fn the_condition_is_named_in_its_faults() {
    let fault =
        CompiledCondition::compile("in_office", &condition("x: string", "x")).expect_err("no bool");
    assert_eq!(
        fault,
        ConditionFault::NotBool {
            condition: "in_office".to_owned(),
            found: "string".to_owned()
        }
    );
}
